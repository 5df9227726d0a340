"""What was never on a page and is sent all the same, in place of rows that staff choose: an error of the form."""

import re
from collections.abc import Callable
from typing import Any, Final

import pytest
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteMixin
from django.contrib.auth.models import Group
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import Role, RoleAssignment, ServiceAccount, User
from audit.choices import RowSelect, RowsField, RowsSelect
from audit.models import Entry
from segments.models import Flow, Guardrail, Segment
from tests import factories
from tests.page_forms import PageForm, errors
from tests.segments import rows

pytestmark = pytest.mark.django_db

FORGED: Final[dict[str, Any]] = {
    "word": "x",
    "negative": "-1",
    "beyond every integer": "9" * 30,
    "beyond 64 bits by one": str(2**63),
    "of 5000 digits": "9" * 5000,
    "nul": "\0",
    "fraction": "1.5",
    "several": ["x", "9" * 30],
    "not in UTF-8": b"\xed\xa0\x80",
}


def finance() -> Segment:
    segment = rows.segment("finance")
    rows.web(segment, "a.example.test")
    rows.grant(segment, factories.role("accountant"))
    return segment


def batch() -> ServiceAccount:
    account = ServiceAccount.objects.create(name="batch")
    factories.assignment(account, factories.role("accountant"))
    return account


def bob() -> User:
    person = factories.bob()
    factories.assignment(person, factories.role("accountant"))
    return person


def flow() -> Flow:
    segment = finance()
    return Flow.objects.create(source=segment, target=segment, ports=["tcp/1"])


CHANGED: Final[dict[str, Callable[[], Any]]] = {
    "segment": finance,
    "role": lambda: factories.role("accountant"),
    "user": bob,
    "serviceaccount": batch,
    "flow": flow,
    "group": lambda: Group.objects.get(name="Auditors"),
}
ADDED: Final = {"segment": Segment, "role": Role, "roleassignment": RoleAssignment, "flow": Flow, "group": Group}
PAGES: Final = [*(("change", name) for name in CHANGED), *(("add", name) for name in ADDED)]


def address(what: str, name: str) -> str:
    if what == "add":
        return reverse(f"admin:{ADDED[name]._meta.app_label}_{name}_add")
    row = CHANGED[name]()
    return reverse(f"admin:{row._meta.app_label}_{name}_change", args=[row.pk])


def with_a_row_each(data: dict[str, Any]) -> dict[str, Any]:
    """The data with one more row in every form set of the page."""
    counts = {name: int(value) for name, value in data.items() if name.endswith("-TOTAL_FORMS")}
    filled = {}
    for name, value in data.items():
        prefix, blank, field = name.partition("-__prefix__-")
        if blank:
            filled[f"{prefix}-{counts[f'{prefix}-TOTAL_FORMS']}-{field}"] = value
    return data | filled | {name: str(count + 1) for name, count in counts.items()}


def choices(page: str, data: dict[str, Any]) -> set[str]:
    """The fields of the page that name rows: every select, and the hidden keys of its form sets."""
    selects = set(re.findall(r'<select[^>]* name="([^"]+)"', page))
    filled = set()
    for name in selects:
        prefix, blank, field = name.partition("-__prefix__-")
        filled.add(f"{prefix}-{int(data[f'{prefix}-TOTAL_FORMS']) - 1}-{field}" if blank else name)
    return filled | {name for name in data if re.search(r"-\d+-(id|segment|role|user|service_account)$", name)}


@pytest.mark.slow
@pytest.mark.parametrize(("what", "name"), PAGES, ids=lambda value: value)
def test_every_choice_of_every_page_takes_what_names_no_row(superuser: Client, what: str, name: str) -> None:
    path = address(what, name)
    page = superuser.get(path).content.decode()
    data = with_a_row_each(PageForm(page, f"{name}_form").data)
    chosen = choices(page, data)
    assert chosen
    for forged in FORGED.values():
        answer = superuser.post(path, data | dict.fromkeys(chosen, forged))
        assert (answer.status_code, "errornote" in answer.content.decode()) == (200, True)


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_an_owner_who_is_nobody(superuser: Client, forged: Any) -> None:
    path = address("change", "segment")
    data = PageForm(superuser.get(path).content.decode(), "segment_form").data
    answer = superuser.post(path, data | {"owners": forged, "name": "Money"})
    assert len(errors(answer)) == 1
    assert Segment.objects.get(slug="finance").name != "Money"
    own = User.objects.get(username="sam").pk
    assert superuser.post(path, data | {"owners": [own], "name": "Money"}).status_code == 302
    assert list(Segment.objects.get(slug="finance").owners.values_list("pk", flat=True)) == [own]


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.model_name)
@pytest.mark.parametrize("action", ["delete_selected", "quarantine", "revoke", "end_sign_ins"])
def test_an_action_on_what_is_no_row(superuser: Client, model: Any, action: str) -> None:
    path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    count = model._default_manager.count()
    for forged in FORGED.values():
        answer = superuser.post(path, {"action": action, "_selected_action": forged, "post": "yes"})
        assert answer.status_code in {200, 302, 403}
    assert model is Entry or model._default_manager.count() == count  # being asked is an entry


def test_an_action_on_what_is_no_row_says_so(superuser: Client) -> None:
    path = reverse("admin:accounts_role_changelist")
    answer = superuser.post(path, {"action": "delete_selected", "_selected_action": "x"}, follow=True)
    assert "What was chosen is not in this list: choose again." in answer.content.decode()
    role = factories.role("accountant")
    answer = superuser.post(path, {"action": "delete_selected", "_selected_action": role.pk})
    assert "accountant" in answer.content.decode().lower()


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.model_name)
def test_every_field_that_chooses_rows_is_ours(rf: RequestFactory, sam: User, model: Any) -> None:
    """A new page or part that forgets the mix-in fails here."""
    request = rf.get("/")
    request.user = sam
    page = admin.site._registry[model]
    for part in (page, *(inline(model, admin.site) for inline in page.inlines)):
        for field in (*part.opts.many_to_many, *(one for one in part.opts.fields if one.is_relation)):
            formfield = part.formfield_for_dbfield(field, request)
            if formfield is None:
                continue
            widget = getattr(formfield.widget, "widget", formfield.widget)
            assert not isinstance(widget, AutocompleteMixin) or isinstance(widget, RowSelect | RowsSelect), field
            assert not field.many_to_many or isinstance(formfield, RowsField), field


def test_guardrails_choose_no_rows() -> None:
    assert [field.name for field in Guardrail._meta.get_fields() if field.is_relation] == []
