"""Lists as people write them."""

import pytest
from django import forms

from accounts.form_fields import LinesField, NetworksField
from segments.form_fields import LabelsField, MethodsField


@pytest.mark.parametrize(
    "field", [LinesField(), NetworksField(), MethodsField(), LabelsField()], ids=lambda field: type(field).__name__
)
@pytest.mark.parametrize("initial", [None, [], {}])
def test_what_was_empty_and_stays_empty_did_not_change(field: forms.Field, initial: object) -> None:
    assert not field.has_changed(initial, "")
    assert not field.has_changed(initial, None)


def test_what_is_filled_in_or_emptied_changed() -> None:
    assert MethodsField().has_changed(None, "GET")
    assert MethodsField().has_changed(["GET"], "")
    assert not MethodsField().has_changed(["GET"], "GET")
    assert NetworksField().has_changed(["10.0.0.0/8"], "")
    assert NetworksField().has_changed([], "no network")
