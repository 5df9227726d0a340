"""People, systems, roles and sessions, as rows."""

from accounts.authenticators.recovery import RecoveryCodeDevice
from accounts.authenticators.totp import TOTPDevice
from accounts.models.people import (
    PasswordThrottle,
    Role,
    RoleAssignment,
    ServiceAccount,
    User,
    UserManager,
    validate_username,
)
from accounts.models.sessions import ApplicationSession, ApplicationTicket, Session
from accounts.models.tokens import ServiceToken

__all__ = [
    "ApplicationSession",
    "ApplicationTicket",
    "PasswordThrottle",
    "RecoveryCodeDevice",
    "Role",
    "RoleAssignment",
    "ServiceAccount",
    "ServiceToken",
    "Session",
    "TOTPDevice",
    "User",
    "UserManager",
    "validate_username",
]
