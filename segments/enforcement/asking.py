"""Who is asking: the subject behind a Django request, as of now."""

from datetime import datetime

from django_otp import user_has_device

from accounts.models import User
from accounts.sessions import SessionRequest, verifications
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
    verified = tuple(Verification(Factor(factor), moment) for factor, moment in verifications(request))
    enrolled = bool(verified) or user_has_device(user)
    return snapshot.subject_of(user, at, verifications=verified, enrolled=enrolled)
