"""What is not wrong with a policy, but worth a look."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import Role, RoleAssignment
from segments import guardrails, snapshot, url_configuration
from segments.models import Grant, Resource, Segment
from segments.policy.circumstances import Circumstances
from segments.policy.engine import Target
from segments.policy.guardrails import Guardrail
from segments.policy.model import ViewTarget
from segments.policy.questions import web_target

UNMAPPED_VIEW: Final = "unmapped-view"
UNKNOWN_VIEW: Final = "unknown-view"
ENDLESS_GRANT: Final = "endless-grant"
UNUSED_GRANT: Final = "unused-grant"
NO_OWNER: Final = "no-owner"
IDLE_ROLE: Final = "idle-role"
EMPTY_GUARDRAIL: Final = "empty-guardrail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing worth a look: a stable code, what it is about, and why."""

    code: str
    about: str
    message: str


def findings(now: datetime) -> tuple[Finding, ...]:
    """Everything worth a look, in a stable order."""
    return (
        *_unmapped_views(),
        *_unknown_views(),
        *_endless_grants(),
        *_unused_grants(now),
        *_segments_without_owner(),
        *_idle_roles(now),
        *_empty_guardrails(now),
    )


def _unmapped_views() -> Iterator[Finding]:
    for view in url_configuration.unmapped():
        yield Finding(UNMAPPED_VIEW, view, _("no segment has a resource for this view, so it is closed to everybody"))


def _unknown_views() -> Iterator[Finding]:
    known = url_configuration.views()
    for row in Resource.objects.filter(kind=Resource.Kind.VIEW).select_related("segment"):
        if not url_configuration.has(row.view, known):
            message = _("segment %s has this view, but the URL configuration does not") % row.segment.slug
            yield Finding(UNKNOWN_VIEW, row.view, message)


def _endless_grants() -> Iterator[Finding]:
    endless = Grant.objects.filter(expires_at=None, segment__sensitivity=Segment.Sensitivity.HIGH)
    for row in endless.select_related("segment", "role", "user", "service_account"):
        yield Finding(ENDLESS_GRANT, _named(row), _("the segment is highly sensitive, and the grant never expires"))


def _unused_grants(now: datetime) -> Iterator[Finding]:
    held = _held_roles(now)
    for row in Grant.objects.select_related("segment", "role", "user", "service_account"):
        if row.expires_at is not None and row.expires_at <= now:
            yield Finding(UNUSED_GRANT, _named(row), _("it has expired"))
        elif row.role is not None and row.role.pk not in held:
            yield Finding(UNUSED_GRANT, _named(row), _("nobody has the role"))


def _segments_without_owner() -> Iterator[Finding]:
    for row in Segment.objects.filter(built_in=False, owners=None):
        yield Finding(NO_OWNER, row.slug, _("the segment has no owner, so nobody knows whom to ask"))


def _idle_roles(now: datetime) -> Iterator[Finding]:
    for row in Role.objects.exclude(pk__in=_held_roles(now)):
        yield Finding(IDLE_ROLE, row.slug, _("nobody has this role"))


def _empty_guardrails(now: datetime) -> Iterator[Finding]:
    """A guardrail about what belongs to no segment holds whatever the policy says: most likely a typing error."""
    around = Circumstances(snapshot.build())
    known = {segment.slug for segment in around.policy.segments}
    for guardrail in guardrails.stored():
        if guardrail.segment is None and not around.segments_of(_target(guardrail), now):
            yield Finding(EMPTY_GUARDRAIL, guardrail.name, _("what it asks for belongs to no segment"))
        if guardrail.segment is not None and guardrail.segment not in known:
            yield Finding(EMPTY_GUARDRAIL, guardrail.name, _("there is no segment %s") % guardrail.segment)


def _target(guardrail: Guardrail) -> Target:
    method = guardrail.method or "GET"
    return web_target(guardrail.url, method) if guardrail.url else ViewTarget(guardrail.view or "", method)


def _held_roles(now: datetime) -> set[int]:
    """Roles that somebody has or will have; `everybody` is had by every person."""
    unexpired = RoleAssignment.objects.unrevoked().filter(Q(expires_at=None) | Q(expires_at__gt=now))
    return {
        *unexpired.values_list("role", flat=True),
        *Role.objects.filter(slug=Role.EVERYBODY).values_list("pk", flat=True),
    }


def _named(row: Grant) -> str:
    holder = row.role.slug if row.role else getattr(row.holder, "subject_id", "")
    return f"{holder} → {row.segment.slug}"
