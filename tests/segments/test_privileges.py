"""What a change of the policy may open to whoever makes it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Role, User
from segments import privileges, snapshot
from segments.models import Segment
from segments.policy.impact import World
from tests import factories
from tests.segments import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def finance() -> Segment:
    segment = rows.segment("finance")
    rows.web(segment, "app.example.test", "/finance", name="app-finance")
    return segment


def world(person: User) -> World:
    return World(snapshot.build(), tuple(one for one in snapshot.holders() if one.id == person.subject_id))


class TestOpenTo:
    def test_by_person_by_role_and_by_everybody(self, finance: Segment, carol: User) -> None:
        always = {"administration", "portal"}
        assert privileges.open_to(carol) == always
        for holder in (carol, Role.objects.get(slug="everybody"), Role.objects.get(slug="administrator")):
            grant = rows.grant(finance, holder)
            assert privileges.open_to(carol) == always | {"finance"}
            grant.delete()

    def test_later_counts_and_over_does_not(self, finance: Segment, carol: User) -> None:
        now, day = timezone.now(), timedelta(days=1)
        grant = rows.grant(finance, carol, not_before=now + day)
        assert "finance" in privileges.open_to(carol)
        grant.not_before, grant.expires_at = None, now - day
        grant.save()
        assert "finance" not in privileges.open_to(carol)

    def test_a_role_that_is_over_does_not_count(self, finance: Segment, carol: User) -> None:
        rows.grant(finance, factories.role("accountant"))
        held = factories.assignment(carol, factories.role("accountant"))
        assert "finance" in privileges.open_to(carol)
        held.revoked_at = timezone.now()
        held.save()
        assert "finance" not in privileges.open_to(carol)


class TestRefusalToOpen:
    def refusal(self, person: User, before: World) -> str:
        return privileges.refusal_to_open(person, before, world(person), timezone.now())

    def test_what_opens_to_others_alone_is_no_matter(self, finance: Segment, carol: User) -> None:
        before = world(carol)
        rows.grant(finance, factories.role("accountant"), actions=["read", "write"])
        assert self.refusal(carol, before) == ""

    def test_what_opens_to_the_one_who_does_it_is_refused(self, finance: Segment, carol: User, sam: User) -> None:
        before = world(carol)
        rows.grant(finance, Role.objects.get(slug="everybody"))
        assert (
            self.refusal(carol, before) == "This would open “app-finance” in “finance” to you as well. Ask a superuser."
        )
        assert self.refusal(sam, before) == ""

    def test_more_of_what_is_open_is_refused_less_is_not(self, finance: Segment, carol: User) -> None:
        grant = rows.grant(finance, Role.objects.get(slug="everybody"))
        before = world(carol)
        grant.actions = ["read", "write"]
        grant.save()
        assert self.refusal(carol, before) != ""
        grant.actions, grant.networks = ["read"], ["10.0.0.0/8"]
        grant.save()
        assert self.refusal(carol, before) == ""

    def test_a_weaker_factor_is_more(self, finance: Segment, carol: User) -> None:
        rows.grant(finance, carol)
        Segment.objects.filter(pk=finance.pk).update(assurance="phishing_resistant")
        before = world(carol)
        Segment.objects.filter(pk=finance.pk).update(assurance="mfa")
        assert self.refusal(carol, before) != ""

    def test_lifting_a_quarantine_gives_nothing_new(self, finance: Segment, carol: User) -> None:
        rows.grant(finance, carol)
        Segment.objects.filter(pk=finance.pk).update(state="quarantined")
        before = world(carol)
        Segment.objects.filter(pk=finance.pk).update(state="enforced")
        assert self.refusal(carol, before) == ""

    def test_a_path_that_falls_into_an_open_segment(self, finance: Segment, carol: User) -> None:
        wiki = rows.segment("wiki")
        rows.web(wiki, "app.example.test", name="app")
        rows.grant(wiki, Role.objects.get(slug="everybody"))
        before = world(carol)
        smaller = replace(
            before.policy, resources=tuple(one for one in before.policy.resources if one.id != "app-finance")
        )
        words = "“app-finance” would then lie where you may enter yourself. Ask a superuser."
        assert privileges.refusal_to_move(carol, before.policy, smaller) == words
        assert privileges.refusal_to_move(carol, smaller, before.policy) == ""
