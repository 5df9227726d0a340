from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, assume, given, reject
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audit import chain, ledger
from audit.models import Entry, Head
from audit.querysets import COLUMNS, PAGE
from audit.verification import Fault, Verification, verify
from tests.audit.tampering import execute, fetch, undone, unprotected


@pytest.mark.django_db
class TestWhole:
    def test_empty_ledger(self) -> None:
        assert verify() == Verification(0, chain.GENESIS)
        assert verify().ok is True

    def test_five_entries(self, five: list[Entry]) -> None:
        assert verify() == Verification(5, five[4].hash)

    def test_more_than_one_page(self) -> None:
        last = [ledger.record(kind="decision") for _ in range(PAGE + 1)][-1]
        assert verify() == Verification(PAGE + 1, last.hash)

    @pytest.mark.parametrize("number", range(5))
    def test_every_noted_head_is_found_again(self, number: int, five: list[Entry]) -> None:
        assert verify(noted=five[number].hash) == Verification(5, five[4].hash)

    def test_first_head_is_found_again(self, five: list[Entry]) -> None:
        assert verify(noted=chain.GENESIS) == Verification(5, five[4].hash)


def remove(number: int) -> Callable[[], None]:
    return lambda: execute("DELETE FROM audit_entry WHERE id = %s", number)


def insert(number: int) -> None:
    execute(
        "INSERT INTO audit_entry (id, reference, at, kind, actor, subject, data, previous_hash, hash)"
        " SELECT %s, 'D-new', at, kind, actor, subject, data, previous_hash, hash FROM audit_entry WHERE id = 5",
        number,
    )


def swap(one: int, other: int) -> None:
    for old, new in ((one, 99), (other, one), (99, other)):
        execute("UPDATE audit_entry SET id = %s WHERE id = %s", new, old)


def cut_off_with_forged_head() -> None:
    """Everything but the hash of the head, for which the key is needed."""
    remove(5)()
    execute("UPDATE audit_head SET entry_id = 4, count = 4, hash = (SELECT hash FROM audit_entry WHERE id = 4)")


def close_the_gap() -> None:
    remove(3)()
    execute("UPDATE audit_entry SET id = 3 WHERE id = 4")
    execute("UPDATE audit_entry SET id = 4 WHERE id = 5")


def link_anew() -> None:
    remove(3)()
    execute("UPDATE audit_entry SET id = 3, previous_hash = (SELECT hash FROM audit_entry WHERE id = 2) WHERE id = 4")


@pytest.mark.django_db
class TestBroken:
    @pytest.mark.parametrize(
        ("tamper", "count", "fault", "broken_id", "reference"),
        [
            (remove(1), 0, Fault.MISSING, 1, ""),
            (remove(3), 2, Fault.MISSING, 3, ""),
            (remove(5), 4, Fault.MISSING, 5, ""),
            (lambda: execute("DELETE FROM audit_entry"), 0, Fault.MISSING, 1, ""),
            (cut_off_with_forged_head, 4, Fault.HEAD_CHANGED, None, ""),
            (close_the_gap, 2, Fault.CONTENT, 3, "D-4"),
            (link_anew, 2, Fault.CONTENT, 3, "D-4"),
            (lambda: insert(6), 5, Fault.CONTENT, 6, "D-new"),
            (lambda: insert(7), 5, Fault.MISSING, 6, ""),
            (lambda: insert(0), 0, Fault.UNEXPECTED, 0, "D-new"),
            (lambda: insert(-9), 0, Fault.UNEXPECTED, -9, "D-new"),
            (lambda: swap(2, 4), 1, Fault.CONTENT, 2, "D-4"),
            (lambda: swap(1, 5), 0, Fault.CONTENT, 1, "D-5"),
            (lambda: execute("DELETE FROM audit_head"), 5, Fault.HEAD_MISSING, None, ""),
            (lambda: execute("UPDATE audit_head SET count = 6"), 5, Fault.HEAD_CHANGED, None, ""),
            (lambda: execute("UPDATE audit_head SET entry_id = 4"), 5, Fault.HEAD_CHANGED, None, ""),
            (lambda: execute("UPDATE audit_head SET hash = %s", chain.GENESIS), 5, Fault.HEAD_CHANGED, None, ""),
            (lambda: execute("UPDATE audit_head SET mac = %s", chain.GENESIS), 5, Fault.HEAD_CHANGED, None, ""),
        ],
    )
    def test_what_was_done_to_it_is_found(
        self,
        five: list[Entry],
        tamper: Callable[[], None],
        count: int,
        fault: Fault,
        broken_id: int | None,
        reference: str,
    ) -> None:
        head = five[count - 1].hash if count else chain.GENESIS
        with undone(), unprotected():
            tamper()
            assert verify() == Verification(count, head, fault, broken_id, reference)
            assert verify().ok is False
        assert verify() == Verification(5, five[4].hash)

    @pytest.mark.usefixtures("five")
    def test_an_entry_of_another_branch_is_found(self) -> None:
        """Written with the right key, by a copy of this database that went its own way."""
        with undone():
            ledger.record(kind="decision", reference="D-6")
            ledger.record(kind="decision", reference="D-7")
            content, entry_hash = next(Entry.objects.filter(id=7).stored())
        six = ledger.record(kind="decision", reference="D-6")
        at = connection.ops.adapt_datetimefield_value(datetime.fromisoformat(content.at))
        execute(
            f"INSERT INTO audit_entry (id, {', '.join(COLUMNS)}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            *(7, at, *content[2:], entry_hash),
        )
        assert verify() == Verification(6, six.hash, Fault.LINK, 7, "D-7")

    def test_a_head_put_back_without_its_tail_is_found_only_by_the_noted_hash(self, five: list[Entry]) -> None:
        """What `noted` is for: an earlier state as a whole was a whole ledger."""
        with undone(), unprotected():
            earlier = Head.objects.values_list("entry_id", "hash", "count", "mac").get()
            later = ledger.record(kind="decision")
            remove(6)()
            execute("UPDATE audit_head SET entry_id = %s, hash = %s, count = %s, mac = %s", *earlier)
            assert verify() == Verification(5, five[4].hash)
            assert verify(noted=five[4].hash) == Verification(5, five[4].hash)
            assert verify(noted=later.hash) == Verification(5, five[4].hash, Fault.NOTED_HASH_UNKNOWN)

    @pytest.mark.usefixtures("five")
    def test_an_earlier_head_put_back_before_its_tail_is_found(self) -> None:
        earlier = Head.objects.values_list("entry_id", "hash", "count", "mac").get()
        six = ledger.record(kind="decision")
        with undone():
            execute("UPDATE audit_head SET entry_id = %s, hash = %s, count = %s, mac = %s", *earlier)
            assert verify() == Verification(6, six.hash, Fault.HEAD_CHANGED)
        assert verify() == Verification(6, six.hash)

    def test_another_key_finds_the_first_entry_broken(self, five: list[Entry], settings: LazySettings) -> None:
        assert verify() == Verification(5, five[4].hash)
        settings.ZT_LEDGER_KEY = b"another key, of thirty-two bytes"
        assert verify() == Verification(0, chain.GENESIS, Fault.CONTENT, 1, "D-1")

    @pytest.mark.sqlite
    @pytest.mark.parametrize("column", COLUMNS)
    def test_bytes_that_are_no_text_are_found(self, column: str, five: list[Entry]) -> None:
        with undone(), unprotected():
            execute(f"UPDATE audit_entry SET {column} = CAST(x'ff00fe' AS TEXT) WHERE id = 3")
            reference = "\udcff\0\udcfe" if column == "reference" else "D-3"
            assert verify() == Verification(2, five[1].hash, Fault.CONTENT, 3, reference)

    @pytest.mark.sqlite
    @pytest.mark.parametrize("column", ["entry_id", "hash", "count", "mac"])
    def test_bytes_in_the_head_that_are_no_text_are_found(self, column: str, five: list[Entry]) -> None:
        with undone(), unprotected():
            execute(f"UPDATE audit_head SET {column} = x'ff00fe'")
            assert verify() == Verification(5, five[4].hash, Fault.HEAD_CHANGED)

    @pytest.mark.sqlite
    @pytest.mark.parametrize(
        "at",
        ["2026-11-24T12:03:00.003003", "2026-11-24 12:03:00.003003+00:00", "2026-11-24 12:03:00.0030030", "2026-11-24"],
    )
    def test_the_same_time_written_another_way_is_found(self, at: str, five: list[Entry]) -> None:
        with undone(), unprotected():
            execute("UPDATE audit_entry SET at = %s WHERE id = 3", at)
            assert verify() == Verification(2, five[1].hash, Fault.CONTENT, 3, "D-3")
            execute("UPDATE audit_entry SET at = '2026-11-24 12:03:00.003003' WHERE id = 3")
            assert verify() == Verification(5, five[4].hash)


def flipped(value: Any, position: int, bit: int) -> Any:
    """The value with one bit of one of its characters the other way round."""
    if isinstance(value, int):
        return value ^ 1 << bit
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1 << bit)
    position %= len(value)
    changed = chr(ord(value[position]) ^ 1 << bit)
    assume(changed != "\0")
    return value[:position] + changed + value[position + 1 :]


@pytest.mark.django_db
@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    number=st.integers(1, 5),
    column=st.sampled_from(("id", *COLUMNS)),
    position=st.integers(0, 200),
    bit=st.integers(0, 6),
)
def test_every_flipped_bit_of_an_entry_is_found(
    five: list[Entry], number: int, column: str, position: int, bit: int
) -> None:
    stored = "CAST(at AS TEXT)" if column == "at" and connection.vendor == "sqlite" else column
    with undone(), unprotected():
        value = flipped(fetch(f"SELECT {stored} FROM audit_entry WHERE id = %s", number), position, bit)
        try:
            with transaction.atomic():
                execute(f"UPDATE audit_entry SET {column} = %s WHERE id = %s", value, number)
        except IntegrityError:
            reject()
        head = five[number - 2].hash if number > 1 else chain.GENESIS
        if column == "id":
            assert verify().fault in {Fault.MISSING, Fault.UNEXPECTED}
        else:
            reference = value if column == "reference" else f"D-{number}"
            assert verify() == Verification(number - 1, head, Fault.CONTENT, number, reference)
