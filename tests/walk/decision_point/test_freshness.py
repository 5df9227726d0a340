"""What opens nothing any more opens nothing on the very next request, whichever worker gets it."""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import pytest
from django.utils import timezone

from accounts import sessions
from accounts.authenticators.totp import TOTPDevice
from accounts.models import RoleAssignment, Session, User
from segments.enforcement.proxies import Family
from segments.models import Grant, Resource, Segment
from tests import factories
from tests.segments import rows
from tests.walk.decision_point.applications import HOST, SCRIPT, Cast, Proxies

pytestmark = pytest.mark.slow

REQUESTS = 4  # over connections of their own, which the workers share between them


class Visitor(NamedTuple):
    """Somebody of their own, with a segment of their own, and a way in that is new."""

    person: User
    session: Session
    segment: Segment
    cookie: str

    def statuses(self, proxies: Proxies) -> set[int]:
        cookie = ("Cookie", f"__Host-zt-app={self.cookie}")
        path = f"/{self.segment.slug}/x"
        return {proxies.ask(Family.TRAEFIK, *SCRIPT, cookie, path=path).status for _ in range(REQUESTS)}


@pytest.fixture
def visitor(workers: Proxies, cast: Cast, request: pytest.FixtureRequest) -> Visitor:
    name = f"eve{Segment.objects.count()}"
    person = factories.user(name, enrolled=False, roles=(f"{name}-role",))
    segment = rows.segment(name)
    rows.web(segment, HOST, f"/{name}")
    rows.grant(segment, factories.role(f"{name}-role"))
    session = factories.session(person)
    return Visitor(person, session, segment, factories.application_cookie(session))


def past() -> dict[str, object]:
    return {"expires_at": timezone.now() - timedelta(seconds=1)}


Change = Callable[[Visitor], object]
CHANGES: dict[str, tuple[Change, int]] = {
    "nothing": (lambda _: None, 200),
    "role taken": (lambda eve: RoleAssignment.objects.filter(user=eve.person).delete(), 403),
    "role revoked": (lambda eve: RoleAssignment.objects.filter(user=eve.person).update(revoked_at=timezone.now()), 403),
    "role expired": (lambda eve: RoleAssignment.objects.filter(user=eve.person).update(**past()), 403),
    "grant deleted": (lambda eve: Grant.objects.filter(segment=eve.segment).delete(), 403),
    "grant expired": (lambda eve: Grant.objects.filter(segment=eve.segment).update(**past()), 403),
    "grant narrowed": (lambda eve: Grant.objects.filter(segment=eve.segment).update(actions=["write"]), 403),
    "segment quarantined": (lambda eve: Segment.objects.filter(pk=eve.segment.pk).update(state="quarantined"), 403),
    "resource deleted": (lambda eve: Resource.objects.filter(segment=eve.segment).delete(), 403),
    "disabled": (lambda eve: User.objects.filter(pk=eve.person.pk).update(is_active=False), 403),
    "quarantined": (lambda eve: User.objects.filter(pk=eve.person.pk).update(quarantined_at=timezone.now()), 403),
    "password changed": (lambda eve: User.objects.filter(pk=eve.person.pk).update(password="!"), 401),
    "session ended": (lambda eve: sessions.end(Session.objects.filter(pk=eve.session.pk)), 401),
    "session idle": (
        lambda eve: Session.objects.filter(pk=eve.session.pk).update(last_seen_at=timezone.now() - timedelta(days=1)),
        401,
    ),
    "factor deleted": (lambda eve: TOTPDevice.objects.filter(user=eve.person).delete(), 401),
    "factor taken back": (lambda eve: TOTPDevice.objects.filter(user=eve.person).update(confirmed=False), 401),
}


@pytest.mark.parametrize(("change", "status"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_effective_on_the_very_next_request(
    workers: Proxies, visitor: Visitor, change: Change, status: int
) -> None:
    assert visitor.statuses(workers) == {200}
    change(visitor)
    assert visitor.statuses(workers) == {status}


def test_what_is_opened_is_open_on_the_very_next_request(workers: Proxies, visitor: Visitor) -> None:
    grant = Grant.objects.get(segment=visitor.segment)
    grant.delete()
    assert visitor.statuses(workers) == {403}
    rows.grant(visitor.segment, factories.role(f"{visitor.person.username}-role"))
    assert visitor.statuses(workers) == {200}
