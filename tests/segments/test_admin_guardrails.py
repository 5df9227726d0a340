"""Guardrails and flows in the admin, and what guardrails say to every other change made there."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, RoleAssignment, User
from audit.models import Entry
from segments.models import Flow, Grant, Guardrail, Segment
from tests import factories
from tests.page_forms import add_row, errors, open_form, save
from tests.segments import rows

pytestmark = pytest.mark.django_db

GUARDRAILS = "/admin/segments/guardrail/"
FLOWS = "/admin/segments/flow/"


@pytest.fixture
def finance() -> Segment:
    segment = rows.segment("finance")
    rows.web(segment, "ledger.example.test", name="ledger")
    rows.grant(segment, factories.role("accountant"))
    factories.role("contractor")
    return segment


@pytest.fixture
def no_contractor(finance: Segment) -> Guardrail:
    question = {"role": "contractor", "segment": "finance"}
    return Guardrail.objects.create(name="no contractor in finance", expect="deny", question=question)


def page(row: Any, what: str = "change") -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{what}", args=[row.pk])


def entries(kind: str = "policy.changed") -> list[tuple[str, str, dict[str, Any]]]:
    return [(found.actor, found.subject, found.data) for found in Entry.objects.filter(kind=kind).order_by("pk")]


class TestGuardrails:
    def test_the_question_is_written_as_in_the_policy_file(self, administrator: Client, finance: Segment) -> None:
        form = {"name": "closed", "expect": "deny", "question": "role: contractor\nsegment: finance\nmethod: POST"}
        assert save(administrator, f"{GUARDRAILS}add/", "guardrail", **form).status_code == 302
        stored = Guardrail.objects.get()
        assert stored.question == {"role": "contractor", "segment": "finance", "method": "POST"}
        after = {"name": "closed", "expect": "deny", "question": stored.question}
        assert entries() == [("user:carol", "guardrail:closed", {"before": {}, "after": after})]
        text = open_form(administrator, page(stored), "guardrail")["question"]
        assert set(text.split("\n")[:3]) == {"role: contractor", "segment: finance", "method: POST"}

    @pytest.mark.parametrize(
        ("question", "words"),
        [
            ("role: contractor\nsegmnt: finance", ["Line 2: unknown key `segmnt`: did you mean `segment`?."]),
            ("role: visitor\nsegment: finance", ["There is no role “visitor”."]),
            ("role: contractor\nsegment: fin", ["There is no segment “fin”."]),
            ("user: nobody\nsegment: finance", ["There is no user “nobody”."]),
            ("segment: finance", ["Line 1: expected exactly one of role, user, any_user, found none."]),
        ],
    )
    def test_what_is_no_question_is_refused(
        self, administrator: Client, finance: Segment, question: str, words: list[str]
    ) -> None:
        answer = save(administrator, f"{GUARDRAILS}add/", "guardrail", name="x", expect="deny", question=question)
        found = [text for text in errors(answer) if not text.startswith("Line 1: expected exactly one of segment")]
        assert found in (words, [*words, "Line 1: expected exactly one of segment, url, view, found none."])
        assert question in answer.content.decode()
        assert not Guardrail.objects.exists()

    def test_one_that_does_not_hold_is_refused_with_the_counterexample(
        self, administrator: Client, finance: Segment
    ) -> None:
        form = {"name": "closed", "expect": "deny", "question": "role: accountant\nsegment: finance"}
        answer = save(administrator, f"{GUARDRAILS}add/", "guardrail", **form)
        (words,) = errors(answer)
        assert words.startswith("guardrail `closed` is broken: ")
        assert "is allowed to GET ledger.example.test/" in words
        assert not Guardrail.objects.exists()

    def test_access_administrators_do_not_delete_one(
        self, administrator: Client, superuser: Client, no_contractor: Guardrail
    ) -> None:
        assert administrator.post(page(no_contractor, "delete"), {"post": "yes"}).status_code == 403
        assert superuser.post(page(no_contractor, "delete"), {"post": "yes"}).status_code == 302
        assert entries()[0][:2] == ("user:sam", "guardrail:no contractor in finance")


class TestEveryOtherChange:
    def test_a_grant_that_breaks_one_is_refused(
        self, administrator: Client, finance: Segment, no_contractor: Guardrail
    ) -> None:
        data = open_form(administrator, page(finance), "segment")
        contractor = str(Role.objects.get(slug="contractor").pk)
        data = add_row(data, "grants-2", role=contractor, actions_known=["read"], reason="typed")
        answer = administrator.post(page(finance), data)
        (words,) = errors(answer)
        assert words.startswith("guardrail `no contractor in finance` is broken: ")
        assert 'value="typed"' in answer.content.decode()
        assert finance.grants.count() == 1
        assert entries() == []
        no_contractor.delete()
        assert administrator.post(page(finance), data).status_code == 302

    def test_a_role_that_breaks_one_is_refused(
        self, administrator: Client, finance: Segment, no_contractor: Guardrail
    ) -> None:
        """A contractor who is made accountant would enter."""
        bob = factories.bob(roles=("contractor",))
        data = {"role": Role.objects.get(slug="accountant").pk, "user": bob.pk}
        answer = administrator.post("/admin/accounts/roleassignment/add/", data)
        (words,) = errors(answer)
        assert words.startswith("guardrail `no contractor in finance` is broken: ")
        assert not RoleAssignment.objects.filter(role__slug="accountant").exists()
        assert entries("role.granted") == []
        alice = factories.alice()
        assert administrator.post("/admin/accounts/roleassignment/add/", data | {"user": alice.pk}).status_code == 302

    def test_removing_what_one_asks_for_is_refused(self, superuser: Client, finance: Segment) -> None:
        question = {"role": "accountant", "url": "https://ledger.example.test/", "factor": "totp"}
        Guardrail.objects.create(name="accountants read", expect="allow", question=question)
        answer = save(superuser, page(finance), "segment", grants__0__DELETE="on")
        assert errors(answer)[0].startswith("guardrail `accountants read` is broken: ")
        answer = superuser.post(page(finance, "delete"), {"post": "yes"})
        assert (answer.status_code, answer["Location"]) == (302, page(finance, "delete"))
        assert [str(found)[:39] for found in answer.wsgi_request._messages] == [
            "guardrail `accountants read` is broken:"
        ]
        assert Segment.objects.filter(slug="finance").exists()

    def test_one_that_is_broken_already_does_not_stand_in_the_way(self, superuser: Client, finance: Segment) -> None:
        question = {"role": "accountant", "segment": "finance"}
        Guardrail.objects.create(name="long broken", expect="deny", question=question)
        assert save(superuser, page(finance), "segment", description="d").status_code == 302

    def test_a_quarantine_is_never_in_the_way(self, administrator: Client, finance: Segment) -> None:
        question = {"role": "accountant", "url": "https://ledger.example.test/"}
        Guardrail.objects.create(name="accountants read", expect="allow", question=question)
        data = {"action": "quarantine", "_selected_action": finance.pk, "confirmed": "yes", "reason": "x"}
        assert administrator.post("/admin/segments/segment/", data).status_code == 302
        finance.refresh_from_db()
        assert finance.state == "quarantined"


class TestFlows:
    def test_ports_a_line_each(self, administrator: Client, finance: Segment) -> None:
        web = rows.segment("web")
        form = {"source": str(web.pk), "target": str(finance.pk), "ports": "TCP/5432\nudp/4000-4010"}
        assert save(administrator, f"{FLOWS}add/", "flow", **form).status_code == 302
        assert Flow.objects.get().ports == ["tcp/5432", "udp/4000-4010"]
        after = {"source": "segment:web", "target": "segment:finance", "ports": ["tcp/5432", "udp/4000-4010"]}
        data = {"before": {}, "after": after | {"description": ""}}
        assert entries() == [("user:carol", "flow:web → finance", data)]

    def test_what_is_no_port_is_said_and_stays_typed(self, administrator: Client, finance: Segment) -> None:
        form = {"source": str(finance.pk), "target": str(finance.pk), "ports": "tcp/5432\nhttps"}
        answer = save(administrator, f"{FLOWS}add/", "flow", **form)
        assert errors(answer) == ["“https” is not a port: write it as tcp/5432 or udp/4000-4010."]
        assert "tcp/5432\nhttps</textarea>" in answer.content.decode()

    def test_once_a_pair(self, administrator: Client, finance: Segment) -> None:
        Flow.objects.create(source=finance, target=finance, ports=["tcp/1"])
        form = {"source": str(finance.pk), "target": str(finance.pk), "ports": "tcp/2"}
        answer = save(administrator, f"{FLOWS}add/", "flow", **form)
        assert errors(answer) == ["There is already a flow between these segments: add the ports to it."]

    def test_deleted_with_its_state_in_the_ledger(self, administrator: Client, finance: Segment, carol: User) -> None:
        flow = Flow.objects.create(source=finance, target=finance, ports=["tcp/1"], description="d")
        assert administrator.post(page(flow, "delete"), {"post": "yes"}).status_code == 302
        assert entries()[0][2]["before"]["ports"] == ["tcp/1"]
        assert Grant.objects.filter(segment=finance).exists()
