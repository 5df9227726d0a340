"""Fields for what segments and grants are made of: to the page and back, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from accounts.form_fields import LinesField, NetworksField
from segments.form_fields import (
    ActionsField,
    DurationField,
    HoursField,
    LabelsField,
    MethodsField,
    PortsField,
    QuestionField,
)
from tests.page_forms import PageForm

HOURS = {"days": ["mon", "fri"], "from": "07:00", "to": "19:00", "tz": "Europe/Berlin"}
STORED: list[tuple[type[forms.Field], Any]] = [
    (LinesField, []),
    (LinesField, ["a", "b"]),
    (NetworksField, ["10.0.0.0/8", "2001:db8::/32"]),
    (MethodsField, None),
    (MethodsField, ["GET", "HEAD"]),
    (PortsField, ["tcp/5432", "udp/4000-4010"]),
    (LabelsField, {}),
    (LabelsField, {"app": "db", "tier": "back"}),
    (HoursField, None),
    (HoursField, HOURS),
    (ActionsField, ["read"]),
    (ActionsField, ["read", "write"]),
    (ActionsField, ["write", "approve"]),
    (ActionsField, ["approve"]),
    (DurationField, None),
    (DurationField, timedelta(minutes=15)),
    (DurationField, timedelta(hours=1, minutes=30)),
    (QuestionField, {"role": "contractor", "segment": "finance"}),
    (QuestionField, {"any_user": True, "url": "https://ledger.example.test/", "method": "POST", "factor": "totp"}),
]


def form_with(field: type[forms.Field], data: QueryDict | None = None, initial: Any = None) -> forms.Form:
    form = type("OneField", (forms.Form,), {"value": field()})
    return form(data, initial={"value": initial})


def shown(field: type[forms.Field], stored: Any) -> QueryDict:
    """What the page would send back if nobody changed anything."""
    page = f'<form id="f">{form_with(field, initial=stored)["value"]}</form>'
    sent = QueryDict(mutable=True)
    for name, values in PageForm(page, "f").data.items():
        sent.setlist(name, values if isinstance(values, list) else [values])
    return sent


@pytest.mark.parametrize(("field", "stored"), STORED)
def test_what_is_stored_comes_back_from_the_page_unchanged(field: type[forms.Field], stored: Any) -> None:
    form = form_with(field, shown(field, stored), initial=stored)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["value"] == stored
    assert form.has_changed() is False


@pytest.mark.parametrize(("field", "stored"), STORED)
def test_another_value_is_a_change(field: type[forms.Field], stored: Any) -> None:
    others = [value for other, value in STORED if other is field and value != stored]
    for other in others:
        assert form_with(field, shown(field, other), initial=stored).has_changed() is True


def test_each_action_has_its_own_place() -> None:
    assert dict(shown(ActionsField, ["write", "approve", "read"]).lists()) == {
        "value_known": ["read", "write"],
        "value_own": ["approve"],
    }


@pytest.mark.parametrize(
    ("field", "typed", "stored"),
    [
        (NetworksField(), "10.0.0.0/8, 10.0.0.0/8\n\n 192.0.2.1 ", ["10.0.0.0/8", "192.0.2.1/32"]),
        (NetworksField(), "2001:0DB8:0::/32", ["2001:db8::/32"]),
        (MethodsField(), "get, Head,GET", ["GET", "HEAD"]),
        (MethodsField(), " ", None),
        (PortsField(), "TCP/5432, udp/53", ["tcp/5432", "udp/53"]),
        (LabelsField(), "app = db\nrun=x=y", {"app": "db", "run": "x=y"}),
        (
            HoursField(),
            [["fri", "mon"], "7:00", " 24:00", "UTC"],
            {"days": ["mon", "fri"], "from": "07:00", "to": "24:00", "tz": "UTC"},
        ),
        (ActionsField(), [["read"], " approve ,read,, export"], ["read", "approve", "export"]),
        (DurationField(), " 1h 30m ", timedelta(minutes=90)),
        (QuestionField(), "segment: x\nrole: y\nfactor_age: 90s", {"segment": "x", "role": "y", "factor_age": "1m30s"}),
    ],
)
def test_what_people_type_is_stored_in_one_spelling(field: forms.Field, typed: Any, stored: Any) -> None:
    assert field.clean(typed) == stored


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        (PortsField(), "", ["This field is required."]),
        (PortsField(), "5432", ["“5432” is not a port: write it as tcp/5432 or udp/4000-4010."]),
        (PortsField(), "tcp/70000", ["“tcp/70000” is not a port: write it as tcp/5432 or udp/4000-4010."]),
        (LabelsField(), "app=", ["“app=” is not a label: write it as app=db."]),
        (LabelsField(), "app=a\napp=b", ["The label “app” is there twice."]),
        (HoursField(), [["mon"], "", "", ""], ["“” is not a time of day: write it as 07:00."]),
        (
            HoursField(),
            [["mon", "moon"], "07:00", "19:00", "UTC"],
            ["“moon” is not a day: use mon, tue, wed, thu, fri, sat, sun."],
        ),
        (
            HoursField(),
            [["mon"], "07:00", "19:00", "../../etc/passwd"],
            ["“../../etc/passwd” is not a time zone: use an IANA name such as Europe/Berlin."],
        ),
        (DurationField(), "15", ["“15” is not a length of time: write it as 15m."]),
        (QuestionField(), "", ["This field is required."]),
        (
            QuestionField(),
            "role: x\nsegment: y\nmethd: GET",
            ["Line 3: unknown key `methd`: did you mean `method`?."],
        ),
        (
            QuestionField(),
            "role: x",
            ["Line 1: expected exactly one of segment, url, view, found none."],
        ),
        (
            QuestionField(),
            "a: &a [1]\nb: *a",
            ["Line 1: `a` is an anchor or alias: write the value out where it is needed."],
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(field: forms.Field, typed: Any, words: list[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        field.clean(typed)
    assert refused.value.messages == words
