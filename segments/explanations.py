"""A reason in people's words: what stands in the way, and what helps. The code itself is there to be copied."""

from typing import Final, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from segments.policy.model import Reason


class Words(NamedTuple):
    """Why not, and what helps. `%(segment)s` is the segment's name."""

    why: str | Promise
    help: str | Promise


OWNERS: Final = _("Ask the owners of %(segment)s, and quote the reference.")
WORDS: Final[dict[Reason, Words]] = {
    Reason.GRANTED: Words(_("A grant opens %(segment)s for you."), ""),
    Reason.ANONYMOUS_RESOURCE: Words(_("Everybody may open this."), ""),
    Reason.MALFORMED_TARGET: Words(
        _("The address cannot be read in one safe way."), _("Type the address again, or start from your access page.")
    ),
    Reason.UNKNOWN_RESOURCE: Words(
        _("This belongs to no segment, and what belongs to no segment is closed."),
        _("If it should be open, ask an administrator to add it to a segment."),
    ),
    Reason.SEGMENT_QUARANTINED: Words(
        _("%(segment)s is quarantined: it is closed for everybody until the incident is over."), OWNERS
    ),
    Reason.SIGN_IN_REQUIRED: Words(_("You are not signed in."), _("Sign in, and you come back here.")),
    Reason.SUBJECT_DISABLED: Words(_("Your account is deactivated."), _("Ask an administrator if this is a mistake.")),
    Reason.SUBJECT_QUARANTINED: Words(
        _("Your account was cut off for safety."), _("Call an administrator: they can tell you why and open it again.")
    ),
    Reason.SESSION_ENDED: Words(_("Your session has ended."), _("Sign in again, and you come back here.")),
    Reason.SECOND_FACTOR_REQUIRED: Words(
        _("This session has no verified second factor."), _("Enter a code from your authenticator app.")
    ),
    Reason.ENROLMENT_REQUIRED: Words(_("You have no second factor yet."), _("Set up an authenticator app first.")),
    Reason.SERVICE_ACCOUNT_NOT_ALLOWED: Words(_("%(segment)s does not let service accounts in."), OWNERS),
    Reason.NOT_GRANTED: Words(_("None of your roles opens %(segment)s."), OWNERS),
    Reason.ACTION_NOT_GRANTED: Words(_("Your access to %(segment)s does not include this action."), OWNERS),
    Reason.OUTSIDE_GRANT_NETWORK: Words(
        _("Your access to %(segment)s does not hold from this network."),
        _("Connect from a network it names, or ask its owners."),
    ),
    Reason.OUTSIDE_GRANT_HOURS: Words(
        _("Your access to %(segment)s does not hold at this hour."), _("Come back within its hours, or ask its owners.")
    ),
    Reason.GRANT_NOT_YET_VALID: Words(
        _("Your access to %(segment)s has not begun yet."), _("Your access page says when it begins.")
    ),
    Reason.GRANT_EXPIRED: Words(_("Your access to %(segment)s has expired."), OWNERS),
    Reason.OUTSIDE_SEGMENT_NETWORK: Words(
        _("%(segment)s does not open to this network."), _("Connect from a network that it names.")
    ),
    Reason.OUTSIDE_SEGMENT_HOURS: Words(_("%(segment)s is closed at this hour."), _("Come back within its hours.")),
    Reason.STRONGER_FACTOR_REQUIRED: Words(
        _("%(segment)s asks for a passkey or a security key; a code from an app is not enough."), OWNERS
    ),
    Reason.REAUTHENTICATION_REQUIRED: Words(
        _("%(segment)s asks for a fresh second factor."), _("Verify again, and you come back here.")
    ),
    Reason.POLICY_ERROR: Words(
        _("The decision could not be taken, so the answer is no."),
        _("Try again in a moment; if it stays, quote the reference."),
    ),
}


def words(reason: Reason, segment_name: str = "") -> Words:
    """The words for a reason, with the segment named."""
    named = {"segment": segment_name or _("this segment")}
    found = WORDS[reason]
    return Words(str(found.why) % named, str(found.help) % named)
