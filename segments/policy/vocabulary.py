"""The closed sets of words a policy and its decisions are made of. Their values are stable."""

from enum import StrEnum
from typing import Final

EVERYBODY: Final = "everybody"


class Reason(StrEnum):
    """Why a decision fell as it did. Stable: the only text an enforcement point compares."""

    MALFORMED_TARGET = "malformed_target"
    UNKNOWN_RESOURCE = "unknown_resource"
    SEGMENT_QUARANTINED = "segment_quarantined"
    ANONYMOUS_RESOURCE = "anonymous_resource"
    SIGN_IN_REQUIRED = "sign_in_required"
    SUBJECT_DISABLED = "subject_disabled"
    SUBJECT_QUARANTINED = "subject_quarantined"
    SESSION_ENDED = "session_ended"
    SECOND_FACTOR_REQUIRED = "second_factor_required"
    ENROLMENT_REQUIRED = "enrolment_required"
    SERVICE_ACCOUNT_NOT_ALLOWED = "service_account_not_allowed"
    NOT_GRANTED = "not_granted"
    ACTION_NOT_GRANTED = "action_not_granted"
    OUTSIDE_GRANT_NETWORK = "outside_grant_network"
    OUTSIDE_GRANT_HOURS = "outside_grant_hours"
    GRANT_NOT_YET_VALID = "grant_not_yet_valid"
    GRANT_EXPIRED = "grant_expired"
    OUTSIDE_SEGMENT_NETWORK = "outside_segment_network"
    OUTSIDE_SEGMENT_HOURS = "outside_segment_hours"
    STRONGER_FACTOR_REQUIRED = "stronger_factor_required"
    REAUTHENTICATION_REQUIRED = "reauthentication_required"
    GRANTED = "granted"
    POLICY_ERROR = "policy_error"


class Obligation(StrEnum):
    """What the subject can do about a denial."""

    SIGN_IN = "sign_in"
    VERIFY_SECOND_FACTOR = "verify_second_factor"
    ENROL = "enrol"
    ENROL_STRONGER = "enrol_stronger"
    STRONGER_FACTOR = "stronger_factor"
    REAUTHENTICATE = "reauthenticate"


class Factor(StrEnum):
    """A kind of second factor. A recovery code stands in for one; it never resists phishing."""

    TOTP = "totp"
    WEBAUTHN = "webauthn"
    RECOVERY = "recovery"


class Assurance(StrEnum):
    """How strong a second factor a segment asks for."""

    MFA = "mfa"
    PHISHING_RESISTANT = "phishing_resistant"


class Sensitivity(StrEnum):
    """Potential impact (FIPS 199). Drives defaults and guardrails, never a decision."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"


class SubjectKind(StrEnum):
    """A person, or a system with nobody behind it."""

    USER = "user"
    SERVICE = "service"
