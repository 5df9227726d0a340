import pytest

from audit import ledger
from audit.models import Entry
from tests.audit.tampering import execute, fetch, undone, unprotected


@pytest.mark.django_db
def test_numbers_and_characters_come_back_as_they_were_written() -> None:
    ledger.record(kind="decision", data={"b": 1e22, "a": [-0.0, 1.0, "\0\ud800é"]})
    assert fetch("SELECT data FROM audit_entry") == r'{"a":[-0.0,1.0,"\u0000\ud800\u00e9"],"b":1e+22}'
    assert repr(Entry.objects.get().data) == r"{'a': [-0.0, 1.0, '\x00\ud800é'], 'b': 1e+22}"


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["{", "", "[" * 100_000])
def test_a_damaged_value_can_still_be_read(text: str) -> None:
    ledger.record(kind="decision", data={"a": 1})
    with undone(), unprotected():
        execute("UPDATE audit_entry SET data = %s", text)
        assert Entry.objects.get().data == text
    assert Entry.objects.get().data == {"a": 1}
