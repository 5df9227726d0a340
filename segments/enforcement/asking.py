"""Who is asking: the subject behind a Django request, as of now."""

from collections.abc import Iterable
from datetime import datetime

from django_otp import user_has_device

from accounts.applications import Visitor
from accounts.models import User
from accounts.sessions import SessionRequest, verifications
from accounts.sessions import Verification as Proof
from segments import snapshot
from segments.policy.model import Factor, Subject, Verification


def subject_asking(request: SessionRequest, at: datetime) -> Subject | None:
    """The person whose session this request carries, or None. An ended session is somebody whose session is over."""
    session = request.session
    if request.user.is_authenticated:
        return _signed_in(request, request.user, at)
    user = session.owner()  # a session whose person may not come in any more, or that has ended
    if user is None:
        return None
    return snapshot.subject_of(user, at, session_active=False)


def _signed_in(request: SessionRequest, user: User, at: datetime) -> Subject:
    return _subject(user, at, verifications(request), session_active=True)


def subject_visiting(visitor: Visitor, at: datetime) -> Subject:
    """The person whose session an application's cookie belongs to. A session that is over is said to be so."""
    return _subject(visitor.user, at, visitor.verifications, session_active=visitor.session_active)


def _subject(user: User, at: datetime, proved: Iterable[Proof], *, session_active: bool) -> Subject:
    verified = tuple(Verification(Factor(factor), moment) for factor, moment in proved)
    enrolled = bool(verified) or user_has_device(user)
    return snapshot.subject_of(user, at, verifications=verified, enrolled=enrolled, session_active=session_active)
