"""Segments with their resources and grants in the admin."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Role, ServiceAccount, User
from audit.models import Entry
from segments.models import Grant, Resource, Segment
from tests import factories
from tests.page_forms import add_row, errors, open_form, save
from tests.segments import rows
from tests.staff_cast import signed_in

pytestmark = pytest.mark.django_db

LIST = "/admin/segments/segment/"


@pytest.fixture
def finance() -> Segment:
    segment = rows.segment("finance")
    rows.web(segment, "ledger.example.test", name="ledger")
    rows.grant(segment, factories.role("accountant"))
    return segment


def page(segment: Segment, what: str = "change") -> str:
    return reverse(f"admin:segments_segment_{what}", args=[segment.pk])


def entries(kind: str = "policy.changed") -> list[tuple[str, str, dict[str, Any]]]:
    return [(found.actor, found.subject, found.data) for found in Entry.objects.filter(kind=kind).order_by("pk")]


def act(client: Client, name: str, *segments: Segment) -> Any:
    chosen = [segment.pk for segment in segments]
    return client.post(LIST, {"action": name, "_selected_action": chosen, "confirmed": "yes", "reason": "INC-1"})


def words(answer: Any) -> list[str]:
    return [str(message) for message in answer.wsgi_request._messages]


WEB = {"kind": "web", "name": "wiki", "host": "wiki.example.test", "path": "/"}


class TestWhatIsShown:
    def test_the_list_counts_and_warns(self, superuser: Client, finance: Segment) -> None:
        rows.web(finance, "ledger.example.test", "/healthz", name="health", anonymous=True)
        Segment.objects.create(slug="legacy", name="Legacy", state="quarantined")
        text = superuser.get(LIST).content.decode()
        assert '<td class="field-resource_count">2</td><td class="field-grant_count">1</td>' in text
        assert '<td class="field-anonymous"><strong class="warning-word">anonymous</strong></td>' in text
        assert '<strong class="warning-word">quarantined</strong>' in text

    def test_an_anonymous_resource_is_marked_with_words(self, superuser: Client, finance: Segment) -> None:
        rows.web(finance, "ledger.example.test", "/healthz", name="health", anonymous=True)
        text = superuser.get(page(finance)).content.decode()
        warning = '<strong class="warning-word">Anonymous: everybody may call it, without signing in.</strong>'
        assert text.count(warning) == 1

    @pytest.mark.parametrize("query", ["q=finance", "q=ledger.example", "q=payroll"])
    def test_a_segment_is_found_by_what_is_in_it(self, auditor: Client, finance: Segment, query: str) -> None:
        rows.view(finance, "payroll:run")
        found = auditor.get(f"{LIST}?{query}").context["cl"].result_list
        assert [segment.slug for segment in found] == ["finance"]

    def test_names_are_text_and_never_markup(self, superuser: Client, finance: Segment) -> None:
        markup = "<img src=x onerror=1>"
        Segment.objects.update(name=markup, description=markup)
        Grant.objects.update(reason=markup)
        Role.objects.update(name=markup)
        for path in (LIST, page(finance), page(finance, "delete"), page(finance, "history"), "/admin/"):
            assert "<img src=x" not in superuser.get(path).content.decode(), path

    def test_an_auditor_sees_and_changes_nothing(self, auditor: Client, finance: Segment) -> None:
        answer = auditor.get(page(finance))
        assert (answer.status_code, answer.context["has_change_permission"]) == (200, False)
        assert "ledger.example.test" in answer.content.decode()
        before = list(Segment.objects.values())
        assert auditor.post(page(finance), {"name": "x"}).status_code == 403
        assert list(Segment.objects.values()) == before


class TestForms:
    def test_a_whole_segment_on_one_page(self, administrator: Client) -> None:
        path = f"{LIST}add/"
        data = open_form(administrator, path, "segment") | {
            "name": "Finance",
            "slug": "finance",
            "sensitivity": "high",
            "reauth_after": "15m",
            "networks": "10.0.0.0/8, 2001:db8::/32",
            "hours_days": ["fri", "mon"],
            "hours_from": "7:00",
            "hours_to": "24:00",
            "hours_tz": "Europe/Berlin",
        }
        data = add_row(data, "resources", **WEB, methods="get, head")
        data = add_row(
            data, "resources", kind="workload", name="db", cidrs="10.30.1.0/24", labels="app=db\ntier = back"
        )
        data = add_row(data, "resources", kind="view", view="payroll:*")
        role = factories.role("accountant")
        data = add_row(data, "grants-2", role=str(role.pk), actions_known=["read", "write"], actions_own="approve")
        answer = administrator.post(path, data)
        assert answer.status_code == 302, errors(answer)
        segment = Segment.objects.get(slug="finance")
        assert (segment.networks, segment.hours, segment.reauth_after) == (
            ["10.0.0.0/8", "2001:db8::/32"],
            {"days": ["mon", "fri"], "from": "07:00", "to": "24:00", "tz": "Europe/Berlin"},
            timedelta(minutes=15),
        )
        assert list(
            segment.resources.order_by("name").values_list("kind", "name", "host", "path", "methods", "labels")
        ) == [
            ("workload", "db", "", "", None, {"app": "db", "tier": "back"}),
            ("view", "payroll:*", "", "", None, {}),
            ("web", "wiki", "wiki.example.test", "/", ["GET", "HEAD"], {}),
        ]
        grant = segment.grants.get()
        assert (grant.role, grant.actions, grant.granted_by and grant.granted_by.username) == (
            role,
            ["read", "write", "approve"],
            "carol",
        )

    def test_a_page_saved_as_it_is_changes_nothing(self, superuser: Client, finance: Segment) -> None:
        finance.networks, finance.reauth_after = ["10.0.0.0/8"], timedelta(minutes=15)
        finance.hours = {"days": ["mon"], "from": "07:00", "to": "19:00", "tz": "UTC"}
        finance.save()
        finance.grants.update(hours=finance.hours, networks=["10.1.0.0/16"], actions=["read", "approve"])
        rows.web(finance, "*.example.test", name="any", methods=["GET"], upstream="https://10.0.0.1:8443")
        before = [list(model.objects.order_by("pk").values()) for model in (Segment, Resource, Grant)]
        answer = save(superuser, page(finance), "segment")
        assert answer.status_code == 302, errors(answer)
        assert [list(model.objects.order_by("pk").values()) for model in (Segment, Resource, Grant)] == before
        assert entries() == []
        assert LogEntry.objects.get().get_change_message() == "No fields changed."

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"networks": "10.0.0.1/8"}, ["“10.0.0.1/8” has host bits set: write 10.0.0.0/8."]),
            (
                {"hours_days": ["mon"], "hours_from": "7", "hours_to": "19:00"},
                ["“7” is not a time of day: write it as 07:00."],
            ),
            (
                {"hours_days": ["mon"], "hours_from": "19:00", "hours_to": "07:00", "hours_tz": "UTC"},
                ["The hours end (07:00) before they start (19:00): for a night, use two grants."],
            ),
            (
                {"hours_days": ["mon"], "hours_from": "07:00", "hours_to": "19:00", "hours_tz": "Berlin"},
                ["“Berlin” is not a time zone: use an IANA name such as Europe/Berlin."],
            ),
            (
                {"hours_from": "07:00", "hours_to": "19:00", "hours_tz": "UTC"},
                ["Name at least one day, and each day once."],
            ),
            ({"reauth_after": "0m"}, ["“Verify again after” must be longer than zero."]),
        ],
    )
    def test_a_segment_that_cannot_be(
        self, administrator: Client, finance: Segment, fields: dict[str, Any], words: list[str]
    ) -> None:
        answer = save(administrator, page(finance), "segment", **fields)
        assert errors(answer) == words
        text = answer.content.decode()
        assert all(
            f'value="{typed}"' in text or f">\n{typed}<" in text for typed in fields.values() if isinstance(typed, str)
        )

    @pytest.mark.parametrize(
        ("fields", "word"),
        [
            (WEB | {"path": "/finance/../public/"}, "path"),
            (WEB | {"host": "wiki_example.test"}, "host"),
            (WEB | {"host": "bücher example.test"}, "is not a host name"),
            (WEB | {"methods": "GET, TRACE"}, "“TRACE” is not a method that can be allowed: write it as GET."),
            (WEB | {"host": "ledger.example.test"}, "is already the resource “ledger” of segment “finance”"),
            (WEB | {"name": "ledger"}, "Resource with this Name already exists."),
            (WEB | {"upstream": "javascript:alert(1)"}, "does not start with `http://` or `https://`"),
            (WEB | {"upstream": "http://127.0.0.1:9001/app"}, "has a path or a query"),
            ({"kind": "view", "view": ""}, "A view needs a view name"),
            ({"kind": "workload", "name": "db", "labels": "app"}, "“app” is not a label: write it as app=db."),
        ],
    )
    def test_a_resource_that_cannot_be(
        self, administrator: Client, finance: Segment, fields: dict[str, Any], word: str
    ) -> None:
        data = add_row(open_form(administrator, page(finance), "segment"), "resources", **fields)
        answer = administrator.post(page(finance), data)
        assert any(word in text for text in errors(answer)), errors(answer)
        assert finance.resources.count() == 1

    def test_an_application_on_the_portals_host_is_refused(
        self, administrator: Client, finance: Segment, settings: Settings
    ) -> None:
        settings.ZT_PORTAL_URL = "http://wiki.example.test:8000"
        data = add_row(open_form(administrator, page(finance), "segment"), "resources", **WEB)
        answer = administrator.post(page(finance), data)
        assert any("Give the application a host of its own." in text for text in errors(answer)), errors(answer)
        assert finance.resources.count() == 1
        settings.ZT_PORTAL_URL = "http://portal.example.test:8000"
        assert administrator.post(page(finance), data).status_code == 302
        assert finance.resources.count() == 2

    def test_two_rows_of_one_page_are_compared(self, administrator: Client, finance: Segment) -> None:
        data = open_form(administrator, page(finance), "segment")
        for name in ("one", "two"):
            data = add_row(data, "resources", **WEB | {"name": name})
        answer = administrator.post(page(finance), data)
        assert "Another row of this page is for the same: change one of them." in errors(answer)
        assert finance.resources.count() == 1

    def test_only_the_fields_of_the_kind_are_stored(self, administrator: Client, finance: Segment) -> None:
        data = open_form(administrator, page(finance), "segment")
        data = add_row(data, "resources", **WEB | {"kind": "view", "view": "payroll:run", "name": ""})
        assert administrator.post(page(finance), data).status_code == 302
        stored = finance.resources.get(kind="view")
        assert (stored.name, stored.view, stored.host, stored.path) == ("payroll:run", "payroll:run", "", "")

    @pytest.mark.parametrize(
        ("fields", "word"),
        [
            ({}, "Choose exactly one: a role, a user or a service account."),
            ({"user": "alice", "role": "accountant"}, "Choose exactly one: a role, a user or a service account."),
            ({"user": "alice", "actions_known": []}, "Name at least one action, and each action once"),
            ({"user": "alice", "actions_own": "Approve!"}, "“Approve!” is not an action"),
            ({"user": "alice", "expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}, "This time is over"),
        ],
    )
    def test_a_grant_that_cannot_be(
        self, administrator: Client, finance: Segment, fields: dict[str, Any], word: str
    ) -> None:
        known = {"alice": factories.alice().pk, "accountant": factories.role("accountant").pk}
        filled = {name: known.get(value, value) if isinstance(value, str) else value for name, value in fields.items()}
        data = open_form(administrator, page(finance), "segment")
        data = add_row(data, "grants-2", reason="x", **{"actions_known": ["read"]} | filled)
        answer = administrator.post(page(finance), data)
        assert any(word in text for text in errors(answer)), errors(answer)
        assert finance.grants.count() == 1

    def test_the_holder_of_a_grant_stays(self, superuser: Client, finance: Segment, sam: User) -> None:
        """A grant for somebody else is another grant: re-owning one would hide whom it was for."""
        forged = {"grants__0__user": str(sam.pk), "grants__0__role": "", "grants__0__reason": "mine"}
        assert save(superuser, page(finance), "segment", **forged).status_code == 302
        grant = finance.grants.get()
        assert (grant.user, grant.role and grant.role.slug, grant.reason) == (None, "accountant", "mine")


class TestLedger:
    def test_before_and_after_with_what_is_in_it(self, administrator: Client, finance: Segment) -> None:
        grant = finance.grants.get()
        data = open_form(administrator, page(finance), "segment") | {"sensitivity": "high", "grants-0-reason": "INC-1"}
        batch = ServiceAccount.objects.create(name="billing-batch")
        data = add_row(data, "grants-2", service_account=str(batch.pk), actions_known=["read"])
        assert administrator.post(page(finance), data).status_code == 302
        new = finance.grants.get(service_account=batch)
        (actor, subject, found) = entries()[0]
        assert (actor, subject, len(entries())) == ("user:carol", "segment:finance", 1)
        old_row = {
            "role": "role:accountant", "user": None, "service_account": None, "actions": ["read"],
            "networks": [], "hours": None,
            "not_before": None, "expires_at": None, "reason": "", "granted_by": None,
            "granted_at": grant.granted_at.isoformat(),
        }  # fmt: skip
        new_row = old_row | {
            "role": None, "service_account": "service:billing-batch", "granted_by": "user:carol",
            "granted_at": new.granted_at.isoformat(),
        }  # fmt: skip
        assert found == {
            "before": {"sensitivity": "moderate", f"grants:{grant.pk}": old_row},
            "after": {
                "sensitivity": "high",
                f"grants:{grant.pk}": old_row | {"reason": "INC-1"},
                f"grants:{new.pk}": new_row,
            },
        }

    def test_owners_by_name(self, administrator: Client, finance: Segment) -> None:
        alice = factories.alice()
        assert save(administrator, page(finance), "segment", owners=[str(alice.pk)]).status_code == 302
        assert entries()[0][2]["after"] == {"owners": ["user:alice"]}

    def test_what_falls_with_a_segment(self, superuser: Client, finance: Segment) -> None:
        assert superuser.post(page(finance, "delete"), {"post": "yes"}).status_code == 302
        (actor, subject, found) = entries()[0]
        assert (actor, subject, found["after"]) == ("user:sam", "segment:finance", {})
        fallen = {name.partition(":")[0] for name in found["before"] if ":" in name}
        assert fallen == {"resource", "grant"}
        assert found["before"]["slug"] == "finance"

    def test_the_second_of_two_who_edit_is_told(
        self, administrator: Client, superuser: Client, finance: Segment
    ) -> None:
        mine = open_form(administrator, page(finance), "segment") | {"description": "mine"}
        assert save(superuser, page(finance), "segment", grants__0__reason="theirs").status_code == 302
        answer = administrator.post(page(finance), mine)
        assert errors(answer)[0].startswith("Somebody else changed this after you opened the page")
        assert "mine</textarea>" in answer.content.decode()
        assert finance.grants.get().reason == "theirs"

    def test_also_when_a_file_or_plain_sql_changed_it(self, administrator: Client, finance: Segment) -> None:
        mine = open_form(administrator, page(finance), "segment")
        Resource.objects.filter(segment=finance).update(path="/books")
        assert errors(administrator.post(page(finance), mine))[0].startswith("Somebody else changed this")

    def test_a_page_too_big_for_one_entry_is_written_in_parts(self, superuser: Client, finance: Segment) -> None:
        for number in range(120):
            rows.grant(finance, factories.role(f"role-{number}"), reason="r" * 240)
        assert superuser.post(page(finance, "delete"), {"post": "yes"}).status_code == 302
        found = [data for _actor, _subject, data in entries()]
        assert [data["part"] for data in found] == [f"{number} of {len(found)}" for number in range(1, len(found) + 1)]
        assert sum(name.startswith("grant:") for data in found for name in data["before"]) == 121


class TestActs:
    def test_quarantine_closes_at_once_and_lifting_opens(self, administrator: Client, finance: Segment) -> None:
        hers = signed_in(factories.alice(roles=("accountant",)))
        assert hers.get("/segments/finance/").status_code == 200
        assert words(act(administrator, "quarantine", finance)) == ["Done for 1: Finance."]
        assert hers.get("/segments/finance/").status_code == 403
        act(administrator, "lift_quarantine", finance)
        assert hers.get("/segments/finance/").status_code == 200
        common = {"reason": "INC-1"}
        enforced, quarantined = {"state": "enforced"}, {"state": "quarantined"}
        assert entries() == [
            ("user:carol", "segment:finance", common | {"before": enforced, "after": quarantined}),
            ("user:carol", "segment:finance", common | {"before": quarantined, "after": enforced}),
        ]

    def test_not_the_administration(self, superuser: Client) -> None:
        segment = Segment.objects.get(slug=Segment.ADMINISTRATION)
        assert (
            "In quarantine it could not be opened again from here."
            in act(superuser, "quarantine", segment).content.decode()
        )
        segment.refresh_from_db()
        assert segment.state == "enforced"

    def test_what_is_built_in_is_a_superusers(self, administrator: Client, superuser: Client) -> None:
        portal = Segment.objects.get(slug=Segment.PORTAL)
        assert (
            "It is built in: only a superuser changes it." in act(administrator, "quarantine", portal).content.decode()
        )
        assert act(superuser, "quarantine", portal).status_code == 302

    def test_not_without_the_permission(self, auditor: Client, finance: Segment) -> None:
        act(auditor, "quarantine", finance)
        finance.refresh_from_db()
        assert finance.state == "enforced"


class TestBuiltIn:
    def test_stays_and_keeps_its_slug(self, superuser: Client) -> None:
        for segment in Segment.objects.filter(built_in=True):
            assert save(superuser, page(segment), "segment", slug="other", description="d").status_code == 302
            assert superuser.post(page(segment, "delete"), {"post": "yes"}).status_code == 403
        assert set(Segment.objects.values_list("slug", "description")) == {("portal", "d"), ("administration", "d")}

    def test_only_superusers_change_it(self, administrator: Client) -> None:
        for segment in Segment.objects.filter(built_in=True):
            assert administrator.get(page(segment)).context["has_change_permission"] is False
            assert administrator.post(page(segment), {"name": "x"}).status_code == 403

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"networks": "192.0.2.0/24"}, "outside_segment_network"),
            ({"assurance": "phishing_resistant"}, "stronger_factor_required"),
            ({"grants__0__DELETE": "on"}, "not_granted"),
            ({"grants__0__actions_known": ["read"]}, "action_not_granted"),
        ],
    )
    def test_nobody_locks_themselves_out(self, superuser: Client, change: dict[str, Any], reason: str) -> None:
        administration = Segment.objects.get(slug=Segment.ADMINISTRATION)
        answer = save(superuser, page(administration), "segment", **change)
        assert errors(answer) == [
            f"You could not come back here to undo it: the administration would be closed to you ({reason})."
        ]
        assert superuser.get(page(administration)).status_code == 200
        assert entries() == []


class TestNobodyOpensToThemselves:
    def grant(self, client: Client, segment: Segment, **holder: str) -> Any:
        data = open_form(client, page(segment), "segment")
        return client.post(page(segment), add_row(data, "grants-2", actions_known=["read"], **holder))

    def test_no_grant_to_oneself(self, administrator: Client, superuser: Client, finance: Segment) -> None:
        for client, who in ((administrator, "carol"), (superuser, "sam")):
            answer = self.grant(client, finance, user=str(User.objects.get(username=who).pk))
            assert errors(answer) == ["Nobody grants anything to themselves: ask another administrator."]
        assert self.grant(administrator, finance, user=str(factories.bob().pk)).status_code == 302

    @pytest.mark.parametrize("slug", ["administrator", "everybody"])
    def test_no_grant_to_a_role_one_holds(
        self, administrator: Client, superuser: Client, finance: Segment, slug: str
    ) -> None:
        role = Role.objects.get(slug=slug)
        answer = self.grant(administrator, finance, role=str(role.pk))
        assert errors(answer) == ["This would open “ledger” in “finance” to you as well. Ask a superuser."]
        assert self.grant(superuser, finance, role=str(role.pk)).status_code == 302

    def test_nor_to_a_role_one_will_hold(self, administrator: Client, finance: Segment, carol: User) -> None:
        later = timezone.now() + timedelta(days=1)
        factories.assignment(carol, factories.role("auditor"), not_before=later)
        answer = self.grant(administrator, finance, role=str(factories.role("auditor").pk))
        assert errors(answer) == ["This would open “ledger” in “finance” to you as well. Ask a superuser."]

    def test_no_widening_of_a_grant_one_has(self, administrator: Client, finance: Segment, carol: User) -> None:
        rows.grant(finance, carol)
        rows.grant(finance, factories.bob())
        place = {grant.user: number for number, grant in enumerate(finance.grants.order_by("pk"))}
        wider = {f"grants__{place[carol]}__actions_known": ["read", "write"]}
        answer = save(administrator, page(finance), "segment", **wider)
        assert errors(answer) == ["Nobody grants anything to themselves: ask another administrator."]
        other = {
            f"grants__{number}__actions_known": ["read", "write"]
            for user, number in place.items()
            if user and user != carol
        }
        assert save(administrator, page(finance), "segment", **other).status_code == 302

    def test_a_grant_one_has_may_be_removed(self, administrator: Client, finance: Segment, carol: User) -> None:
        rows.grant(finance, carol)
        assert save(administrator, page(finance), "segment", grants__1__DELETE="on").status_code == 302
        assert not finance.grants.filter(user=carol).exists()

    def test_no_resource_into_a_segment_one_may_enter(
        self, administrator: Client, superuser: Client, finance: Segment, carol: User
    ) -> None:
        rows.grant(finance, carol)
        for client, expected in ((administrator, 200), (superuser, 302)):
            answer = client.post(
                page(finance), add_row(open_form(client, page(finance), "segment"), "resources", **WEB)
            )
            assert answer.status_code == expected
            if expected == 200:
                assert errors(answer) == [
                    "You may enter this segment yourself: what is put into it opens to you. Ask a superuser."
                ]

    def test_no_other_upstream_there(self, administrator: Client, finance: Segment, carol: User) -> None:
        rows.grant(finance, carol)
        answer = save(administrator, page(finance), "segment", resources__0__upstream="https://10.0.0.9/")
        assert "You may enter this segment yourself: what is put into it opens to you. Ask a superuser." in errors(
            answer
        )

    def test_no_anonymous_resource(self, administrator: Client, superuser: Client, finance: Segment) -> None:
        word = "An anonymous resource opens to everybody, signed in or not: only a superuser does this."
        answer = save(administrator, page(finance), "segment", resources__0__anonymous="on")
        assert errors(answer) == [word]
        assert save(superuser, page(finance), "segment", resources__0__anonymous="on").status_code == 302
        answer = save(administrator, page(finance), "segment", resources__0__path="/public")
        assert errors(answer) == [word]

    @pytest.mark.parametrize("change", [{"resources__0__DELETE": "on"}, {"resources__0__path": "/elsewhere"}])
    def test_nothing_falls_from_a_closed_segment_into_an_open_one(
        self, administrator: Client, superuser: Client, finance: Segment, change: dict[str, str]
    ) -> None:
        """Without its own resource, /finance lies under / of a segment that is open to everybody."""
        closed = rows.segment("closed")
        rows.web(closed, "app.example.test", "/finance", name="app-finance")
        wiki = rows.segment("wiki")
        rows.web(wiki, "app.example.test", "/", name="app")
        answer = save(administrator, page(closed), "segment", **change)
        assert answer.status_code == 302  # nobody may enter it yet
        Resource.objects.filter(segment=closed).delete()
        rows.web(closed, "app.example.test", "/finance", name="app-finance")
        rows.grant(wiki, Role.objects.get(slug=Role.EVERYBODY))
        answer = save(administrator, page(closed), "segment", **change)
        assert errors(answer) == ["“app-finance” would then lie where you may enter yourself. Ask a superuser."]
        assert Resource.objects.filter(name="app-finance", path="/finance").exists()
        assert save(superuser, page(closed), "segment", **change).status_code == 302

    @pytest.mark.parametrize("view", ["admin:segments_segment_change", "accounts:account"])
    def test_no_view_is_taken_out_of_what_is_built_in(
        self, administrator: Client, superuser: Client, finance: Segment, view: str
    ) -> None:
        data = add_row(open_form(administrator, page(finance), "segment"), "resources", kind="view", view=view)
        answer = administrator.post(page(finance), data)
        assert errors(answer) == [f"“{view}” lies in what is built in: only a superuser takes it out."]
        assert not Resource.objects.filter(view=view).exists()
        assert superuser.post(page(finance), data).status_code == 302

    @pytest.mark.parametrize(
        "forged", [{"resources-0-segment": "999"}, {"grants-0-id": "999"}, {"grants-0-id": ""}], ids=str
    )
    def test_a_page_that_names_a_row_of_another_segment_is_refused(
        self, superuser: Client, finance: Segment, forged: dict[str, str]
    ) -> None:
        data = open_form(superuser, page(finance), "segment")
        changed = {"resources-0-path": "/other", "grants-0-reason": "other"}
        answer = superuser.post(page(finance), data | changed | forged)
        assert (answer.status_code, answer.context["title"]) == (200, "Change segment")
        assert finance.resources.get().path == "/"


class TestForgedRequests:
    def test_view_permission_adds_no_rows(self, auditor: Client, finance: Segment) -> None:
        before = list(Grant.objects.values())
        data = {"grants-2-TOTAL_FORMS": "1", "grants-2-INITIAL_FORMS": "0", "grants-2-0-user": "1"}
        assert auditor.post(page(finance), data).status_code == 403
        assert list(Grant.objects.values()) == before

    def test_a_part_without_its_permission_adds_and_changes_no_rows(self, finance: Segment, carol: User) -> None:
        """Somebody who may change segments but not grants: neither is lost, neither is written."""
        group = carol.groups.get()
        group.permissions.remove(*group.permissions.filter(codename__in=["add_grant", "change_grant", "delete_grant"]))
        client = signed_in(carol)
        data = open_form(client, page(finance), "segment") | {"description": "d"}
        grant = finance.grants.get()
        bob = factories.bob()
        for prefix in ("grants", "grants-2"):
            data |= {f"{prefix}-TOTAL_FORMS": "2", f"{prefix}-INITIAL_FORMS": "1", f"{prefix}-MAX_NUM_FORMS": "1000"}
            data |= {
                f"{prefix}-0-id": str(grant.pk),
                f"{prefix}-0-DELETE": "on",
                f"{prefix}-0-actions_known": ["write"],
            }
            data |= {f"{prefix}-1-user": str(bob.pk), f"{prefix}-1-actions_known": ["read"]}
        assert client.post(page(finance), data).status_code == 302
        assert list(finance.grants.values_list("pk", "actions")) == [(grant.pk, ["read"])]
        finance.refresh_from_db()
        assert finance.description == "d"

    def test_only_declared_fields_are_written(self, administrator: Client, finance: Segment) -> None:
        forged = {"built_in": "on", "state": "quarantined", "id": "1", "grants__0__granted_by": "1"}
        assert save(administrator, page(finance), "segment", **forged).status_code == 302
        stored = Segment.objects.get(pk=finance.pk)
        assert (stored.built_in, stored.state, stored.grants.get().granted_by) == (False, "enforced", None)

    def test_a_row_of_another_segment_is_not_reached(self, administrator: Client, finance: Segment) -> None:
        other = rows.segment("people")
        theirs = rows.grant(other, factories.role("hr"))
        data = open_form(administrator, page(finance), "segment")
        data |= {"grants-0-id": str(theirs.pk), "grants-0-DELETE": "on"}
        administrator.post(page(finance), data)
        assert Grant.objects.filter(pk=theirs.pk, segment=other).exists()

    @pytest.mark.parametrize(
        "query", ["grants__user__password__startswith=a", "_connector=OR", "owners__password__gt=a"]
    )
    def test_other_look_ups_are_refused(self, superuser: Client, query: str) -> None:
        assert superuser.get(f"{LIST}?{query}").status_code == 400


class TestUnreadablePolicy:
    def test_what_would_break_every_decision_is_refused(
        self, superuser: Client, finance: Segment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Rows are checked one by one; should two pass that do not fit together, the whole policy is read as well."""
        Resource.objects.create(segment=finance, kind="web", name="odd", host="odd.example.test", path="/a/../b")
        with pytest.raises(ValueError, match="path"):
            Resource.objects.get(name="odd").value()
        assert superuser.get(page(finance)).status_code == 403  # nothing opens while the policy cannot be read


class TestInWords:
    def test_who_may_only_look_reads_words_and_no_json(self, auditor: Client, finance: Segment) -> None:
        finance.networks, finance.reauth_after = ["10.0.0.0/8", "192.0.2.0/24"], timedelta(minutes=90)
        finance.hours = {"days": ["mon", "fri"], "from": "07:00", "to": "24:00", "tz": "Europe/Berlin"}
        finance.save()
        rows.web(finance, "api.example.test", name="api", methods=["GET", "HEAD"])
        labels = {"app": "db", "tier": "back"}
        Resource.objects.create(segment=finance, kind="workload", name="db", cidrs=["10.30.1.0/24"], labels=labels)
        text = auditor.get(page(finance)).content.decode()
        for words in (
            "10.0.0.0/8, 192.0.2.0/24",
            "Mon, Fri 07:00–24:00 (Europe/Berlin)",
            "1h30m",
            "GET, HEAD",
            "app=db, tier=back",
        ):
            assert f'<div class="readonly">{words}</div>' in text
        assert "[&quot;" not in text

    def test_so_does_who_may_not_change_this_one(self, administrator: Client) -> None:
        portal = Segment.objects.get(slug=Segment.PORTAL)
        text = administrator.get(page(portal)).content.decode()
        assert '<div class="readonly">read, write</div>' in text
        assert "[&quot;" not in text
