"""The portal in people's words: segments, resources, requirements and ends, from what the engine says."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.text import get_text_list
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import RoleAssignment
from segments import access, snapshot
from segments.access import Reach
from segments.administrator import Ruling
from segments.explanations import words
from segments.models import Segment as SegmentRow
from segments.policy.model import (
    Assurance,
    Context,
    Factor,
    Hours,
    Policy,
    Reason,
    Segment,
    Subject,
    ViewResource,
    WebResource,
)

DAY_NAMES: Final = tuple(map(gettext_lazy, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")))
FACTOR_NAMES: Final = {
    Factor.TOTP: gettext_lazy("an authenticator app"),
    Factor.WEBAUTHN: gettext_lazy("a passkey"),
    Factor.RECOVERY: gettext_lazy("a recovery code"),
}
ACTION_NAMES: Final = {
    ("read",): gettext_lazy("Read"),
    ("write",): gettext_lazy("Write"),
    ("read", "write"): gettext_lazy("Read and write"),
}


@dataclass(frozen=True, slots=True)
class ResourceCard:
    """One resource on the portal."""

    name: str
    address: str
    access: str
    until: datetime | None
    open_url: str
    ready: bool
    action_label: str


@dataclass(frozen=True, slots=True)
class SegmentCard:
    """One segment on the portal, with what is within reach in it."""

    name: str
    slug: str
    url: str
    requirement: str
    requirement_level: str
    resources: tuple[ResourceCard, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """Who looks at the portal, under which policy, and when their roles end."""

    policy: Policy
    subject: Subject
    context: Context
    role_ends: dict[str, datetime | None]
    role_names: dict[str, str]

    @classmethod
    def by(cls, ruling: Ruling) -> "Asked":
        assert ruling.subject is not None  # the portal is open to the signed-in only
        held = _held_roles(ruling.subject, ruling.context.at)
        ends = {slug: end for slug, end, _name in held}
        names = {slug: name for slug, _end, name in held}
        return cls(snapshot.current(), ruling.subject, ruling.context, ends, names)


def my_access(ruling: Ruling) -> dict[str, Any]:
    """The context of the portal page."""
    asked = Asked.by(ruling)
    found = access.within_reach(asked.policy, asked.subject, asked.context)
    found.pop(SegmentRow.PORTAL, None)  # this page
    cards = [_segment_card(asked, asked.policy.segment(slug), reaches) for slug, reaches in sorted(found.items())]
    return {"segments": cards, "signed_in_with": _signed_in_with(asked)}


def my_segment(ruling: Ruling, row: SegmentRow) -> dict[str, Any]:
    """The context of a segment's own page."""
    asked = Asked.by(ruling)
    segment = asked.policy.segment(row.slug)
    reaches = access.within_reach(asked.policy, asked.subject, asked.context).get(row.slug, [])
    return {
        "segment": row,
        "requirements": requirements(segment),
        "resources": _segment_card(asked, segment, reaches).resources,
        "access": _access_words(asked, reaches[0]) if reaches else "",
        "until": access.until({grant for reach in reaches for grant in reach.grants}, asked.role_ends),
    }


def requirements(segment: Segment) -> list[tuple[str, str]]:
    """What a segment asks of whoever enters, as (label, text)."""
    factor = (
        _("a passkey or security key")
        if segment.assurance is Assurance.PHISHING_RESISTANT
        else _("an authenticator app or a passkey")
    )
    rows = [(_("Second factor"), factor)]
    if segment.reauth_after:
        minutes = int(segment.reauth_after.total_seconds() // 60)
        rows.append((_("Verified"), ngettext("at most %d minute ago", "at most %d minutes ago", minutes) % minutes))
    if segment.networks:
        rows.append((_("From"), ", ".join(str(network) for network in segment.networks)))
    if segment.hours:
        rows.append((_("Hours"), hours_words(segment.hours)))
    return rows


def hours_words(hours: Hours) -> str:
    """Such as: Mon, Tue 07:00–19:00 (Europe/Berlin)."""
    days = ", ".join(str(DAY_NAMES[day]) for day in sorted(hours.days))
    end = f"{hours.end:%H:%M}" if hours.end != time(0) else "24:00"
    return f"{days} {hours.start:%H:%M}–{end} ({hours.zone.key})"


def _segment_card(asked: Asked, segment: Segment, reaches: list[Reach]) -> SegmentCard:
    page = snapshot.page_of(segment.slug)
    own = next((reach for reach in reaches if reach.resource.id == page), None)
    requirement, level = _requirement(segment, own or reaches[0]) if reaches else ("", "")
    return SegmentCard(
        name=segment.name or segment.slug,
        slug=segment.slug,
        url=reverse("segments:segment", kwargs={"slug": segment.slug}) if own and _can_be_opened(own) else "",
        requirement=requirement,
        requirement_level=level,
        resources=tuple(_resource_card(asked, reach) for reach in reaches if reach is not own),
    )


def _requirement(segment: Segment, reach: Reach) -> tuple[str, str]:
    """What a person still needs for a segment, as a badge."""
    badges = {
        Reason.STRONGER_FACTOR_REQUIRED: (_("needs a passkey"), "warn"),
        Reason.REAUTHENTICATION_REQUIRED: (_("asks to verify again"), "warn"),
        Reason.GRANT_NOT_YET_VALID: (_("not begun yet"), "warn"),
        Reason.OUTSIDE_GRANT_HOURS: (_("closed at this hour"), "warn"),
        Reason.OUTSIDE_SEGMENT_HOURS: (_("closed at this hour"), "warn"),
        Reason.OUTSIDE_GRANT_NETWORK: (_("not from this network"), "warn"),
        Reason.OUTSIDE_SEGMENT_NETWORK: (_("not from this network"), "warn"),
    }
    return badges.get(reach.nearest.reason, ("", ""))


def _resource_card(asked: Asked, reach: Reach) -> ResourceCard:
    ready = reach.nearest.allowed
    url = _url(reach.resource)
    return ResourceCard(
        name=reach.resource.id,
        address=_address(reach.resource),
        access=_access_words(asked, reach),
        until=access.until(reach.grants, asked.role_ends),
        open_url=url if _can_be_opened(reach) else "",
        ready=ready,
        action_label=_("Open") if ready else _("Verify to open"),
    )


def _can_be_opened(reach: Reach) -> bool:
    """Whether following the link leads in, if need be through a fresh second factor."""
    return reach.nearest.allowed or reach.nearest.reason is Reason.REAUTHENTICATION_REQUIRED


def _access_words(asked: Asked, reach: Reach) -> str:
    """Such as: Read and write, as Accountant. Says why not where it is not open now."""
    roles = sorted({asked.role_names[grant.role] for grant in reach.grants if grant.role in asked.role_names})
    actions = ACTION_NAMES.get(reach.actions, "")
    named = (
        _("%(actions)s, as %(roles)s") % {"actions": actions, "roles": get_text_list(roles, _("or"))}
        if roles
        else str(actions)
    )
    if reach.nearest.allowed:
        return named
    segment = asked.policy.segment(reach.resource.segment)
    return f"{named}. {words(reach.nearest.reason, segment.name or segment.slug).why}"


def _address(resource: ViewResource | WebResource) -> str:
    if isinstance(resource, WebResource):
        return f"{resource.host}{resource.path if resource.path != '/' else ''}"
    return _url(resource) or _("in this portal")


def _url(resource: ViewResource | WebResource) -> str:
    """Where the resource is opened; empty where that needs more than its name."""
    if isinstance(resource, WebResource):
        return "" if resource.host.startswith("*.") else f"{_origin(resource.host)}{resource.path}"
    try:
        return reverse(resource.view.replace(":*", ":index"))
    except NoReverseMatch:
        return ""


def _origin(host: str) -> str:
    """What browsers know an application by: the proxy in front of it listens on one port for all."""
    usual = {"https": 443, "http": 80}[settings.SCHEME]
    port = "" if usual == settings.ZT_APPLICATION_PORT else f":{settings.ZT_APPLICATION_PORT}"
    return f"{settings.SCHEME}://{host}{port}"


def _signed_in_with(asked: Asked) -> str:
    newest = asked.subject.verifications[-1]
    factor = FACTOR_NAMES[newest.factor]
    if asked.context.at - newest.at < timedelta(minutes=1):
        return _("Signed in with a password and %(factor)s, verified just now.") % {"factor": factor}
    ago = timesince(newest.at, asked.context.at, depth=1)
    return _("Signed in with a password and %(factor)s, verified %(ago)s ago.") % {"factor": factor, "ago": ago}


def _held_roles(subject: Subject, at: datetime) -> list[tuple[str, datetime | None, str]]:
    """The roles given to the subject that hold at `at`: slug, when the role ends (None: it does not), name."""
    held = RoleAssignment.objects.active(at).filter(user__username=subject.id.removeprefix("user:"))
    return list(held.values_list("role__slug", "expires_at", "role__name"))
