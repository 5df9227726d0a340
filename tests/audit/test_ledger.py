import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone as clock
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audit import chain, ledger
from audit.ledger import LedgerError, record
from audit.models import Entry, Head
from audit.redaction import redacted
from audit.verification import Verification
from tests.audit.tampering import execute, undone, unprotected

AT = datetime(2026, 11, 24, 9, 30, 0, 123456, tzinfo=UTC)
REFERENCE = re.compile(r"D(-[0-9A-HJKMNP-TV-Z]{4}){3}")


def rows() -> list[dict[str, Any]]:
    return list(Entry.objects.order_by("id").values())


class TestReference:
    def test_has_three_groups_of_crockford_letters(self) -> None:
        assert REFERENCE.fullmatch(ledger.new_reference())

    def test_prefix_can_be_chosen(self) -> None:
        assert REFERENCE.fullmatch(ledger.new_reference("S").replace("S", "D", 1))

    def test_does_not_come_twice(self) -> None:
        assert len({ledger.new_reference() for _ in range(10_000)}) == 10_000


@pytest.mark.django_db
class TestRecord:
    def test_writes_every_column(self) -> None:
        entry = record(
            kind="sign_in.failed",
            actor="user:alice",
            subject="user:bob",
            data={"b": [1], "a": "é"},
            reference="D-1",
            at=AT,
        )
        content = chain.Content(
            *(1, "2026-11-24T09:30:00.123456Z", "sign_in.failed", "D-1", "user:alice", "user:bob"),
            *('{"a":"\\u00e9","b":[1]}', chain.GENESIS),
        )
        assert rows() == [
            {
                "id": 1,
                "at": AT,
                "kind": "sign_in.failed",
                "reference": "D-1",
                "actor": "user:alice",
                "subject": "user:bob",
                "data": {"a": "é", "b": [1]},
                "previous_hash": chain.GENESIS,
                "hash": chain.entry_hash(settings.ZT_LEDGER_KEY, content),
            }
        ]
        stored = Entry.objects.get()
        names = [field.attname for field in Entry._meta.concrete_fields]
        assert [getattr(entry, name) for name in names] == [getattr(stored, name) for name in names]

    def test_what_is_left_out_is_empty_and_the_reference_generated(self) -> None:
        before = clock.now()
        entry = record(kind="sign_out")
        assert (entry.actor, entry.subject, entry.data) == ("", "", {})
        assert REFERENCE.fullmatch(entry.reference.replace("E", "D", 1))
        assert before <= entry.at <= clock.now()

    def test_each_entry_follows_the_one_before(self, five: list[Entry]) -> None:
        assert [row["id"] for row in rows()] == [1, 2, 3, 4, 5]
        assert [row["previous_hash"] for row in rows()] == [chain.GENESIS, *(entry.hash for entry in five[:4])]
        head = Head.objects.get()
        assert (head.entry_id, head.hash, head.count) == (5, five[4].hash, 5)

    def test_time_of_another_zone_is_the_same_moment(self) -> None:
        entry = record(kind="decision", at=AT.astimezone(timezone(timedelta(hours=5))))
        assert entry.at == AT
        assert Entry.objects.get().at == AT
        assert ledger.verify() == Verification(1, entry.hash)

    def test_takes_three_queries(self) -> None:
        record(kind="decision")
        with CaptureQueriesContext(connection) as queries:
            record(kind="decision")
        assert [query["sql"].split()[0] for query in queries] == ["SELECT", "INSERT", "UPDATE"]

    def test_control_characters_are_kept(self) -> None:
        record(kind="decision", subject="x\r\n2026-01-01 allow root /finance\x1b[2J", data={"path": "\0\r\n"})
        assert Entry.objects.values_list("subject", "data").get() == (
            "x\r\n2026-01-01 allow root /finance\x1b[2J",
            {"path": "\0\r\n"},
        )

    def test_what_no_database_can_store_becomes_an_escape(self) -> None:
        record(kind="decision", actor="a\0b", subject="\ud800", data={"lone": "\ud800"})
        assert Entry.objects.values_list("actor", "subject", "data").get() == (
            r"a\x00b",
            r"\ud800",
            {"lone": "\ud800"},
        )

    def test_secrets_are_left_out(self) -> None:
        entry = record(kind="sign_in.failed", data={"query": "password=hunter2&page=2"})
        assert entry.data == {"query": "password=[redacted]&page=2"}
        assert Entry.objects.get().data == entry.data


@pytest.mark.django_db
class TestRefusal:
    @pytest.mark.parametrize(
        ("wrong", "right", "message"),
        [
            ({"kind": "Decision"}, {"kind": "decision"}, "bad kind `Decision`"),
            ({"kind": ""}, {"kind": "a"}, "bad kind ``"),
            ({"kind": "sign_in."}, {"kind": "sign_in.failed"}, "bad kind `sign_in.`"),
            ({"kind": "decision\n"}, {"kind": "decision"}, "bad kind `decision\n`"),
            ({"kind": "d" * 51}, {"kind": "d" * 50}, f"bad kind `{'d' * 51}`"),
            ({"reference": "D 1"}, {"reference": "D-1"}, "bad reference `D 1`"),
            ({"reference": "D" * 41}, {"reference": "D" * 40}, f"bad reference `{'D' * 41}`"),
            ({"actor": "a" * 151}, {"actor": "a" * 150}, "actor of 151 characters"),
            ({"subject": "é" * 151}, {"subject": "é" * 150}, "subject of 151 characters"),
            ({"actor": "a" * 149 + "\0"}, {"actor": "a" * 146 + "\0"}, "actor of 153 characters"),
            ({"data": {"a": "x" * 65529}}, {"data": {"a": "x" * 65528}}, "data of 65537 bytes"),
            ({"data": {"a": float("inf")}}, {"data": {"a": 1.5}}, "data in ledger entry is not JSON: Out of range"),
            ({"data": {"a": AT}}, {"data": {"a": AT.isoformat()}}, "data in ledger entry is not JSON: Object of type"),
            ({"data": {"a": {1, 2}}}, {"data": {"a": [1, 2]}}, "data in ledger entry is not JSON: Object of type set"),
            ({"at": AT.replace(tzinfo=None)}, {"at": AT}, "bad time `2026-11-24 09:30:00.123456`"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, wrong: dict[str, Any], right: dict[str, Any], message: str) -> None:
        with pytest.raises(LedgerError, match="^" + re.escape(message)):
            record(**{"kind": "decision"} | wrong)
        assert rows() == []
        record(**{"kind": "decision"} | right)
        assert len(rows()) == 1

    def test_a_reference_comes_once(self) -> None:
        record(kind="decision", reference="D-1")
        with pytest.raises(LedgerError, match="the ledger cannot be written"), transaction.atomic():
            record(kind="decision", reference="D-1")
        record(kind="decision", reference="D-2")
        assert [row["reference"] for row in rows()] == ["D-1", "D-2"]

    @pytest.mark.usefixtures("five")
    @pytest.mark.parametrize("column", ["entry_id", "count"])
    def test_nothing_is_written_after_a_changed_head(self, column: str) -> None:
        """Otherwise the next entry would make a cut tail whole again."""
        with undone():
            execute(f"UPDATE audit_head SET {column} = 4")
            with pytest.raises(LedgerError, match="the head of the ledger was changed"):
                record(kind="decision")
        record(kind="decision")
        assert ledger.verify().count == 6

    def test_nothing_is_written_without_a_head(self) -> None:
        with undone(), unprotected():
            execute("DELETE FROM audit_head")
            with pytest.raises(LedgerError, match="the ledger has no head"), transaction.atomic():
                record(kind="decision")
        record(kind="decision")
        assert len(rows()) == 1

    def test_an_entry_is_not_written_by_hand(self) -> None:
        entry = record(kind="decision")
        with pytest.raises(TypeError, match=r"written by `audit\.ledger\.record` alone"):
            entry.save()
        with pytest.raises(TypeError, match="never deleted"):
            entry.delete()
        assert ledger.verify() == Verification(1, entry.hash)


@pytest.mark.django_db(transaction=True)
class TestTransaction:
    def test_joins_an_open_transaction(self) -> None:
        kept = record(kind="role.granted")
        with transaction.atomic():
            record(kind="role.granted")
            transaction.set_rollback(True)
        assert ledger.verify() == Verification(1, kept.hash)

    def test_a_refused_entry_takes_the_change_with_it(self) -> None:
        """Even where the caller swallows the error: no record, no change."""
        record(kind="decision", reference="D-1")
        with transaction.atomic():
            record(kind="decision", reference="D-2")
            with pytest.raises(LedgerError):
                record(kind="decision", reference="D-1")
        assert [row["reference"] for row in rows()] == ["D-1"]

    def test_four_threads_write_one_chain_without_a_gap(self) -> None:
        def write(thread: int) -> None:
            try:
                for number in range(50):
                    record(kind="decision", actor=f"user:{thread}", data={"number": number})
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(write, range(4)))
        assert [row["id"] for row in rows()] == list(range(1, 201))
        assert ledger.verify() == Verification(200, Head.objects.get().hash)
        for thread in range(4):
            data = Entry.objects.filter(actor=f"user:{thread}").order_by("id").values_list("data", flat=True)
            assert list(data) == [{"number": number} for number in range(50)]


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.django_db
@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    actor=ANY_TEXT,
    subject=ANY_TEXT,
    data=st.dictionaries(ANY_TEXT, JSON, max_size=5),
    at=st.datetimes(timezones=st.just(UTC)),
)
def test_whatever_is_recorded_verifies_and_reads_back(
    actor: str, subject: str, data: dict[str, Any], at: datetime
) -> None:
    with undone():
        entry = record(kind="decision", actor=actor, subject=subject, data=data, at=at)
        assert ledger.verify() == Verification(1, entry.hash)
        stored = Entry.objects.get()
        assert (stored.at, chain.canonical(stored.data)) == (at, redacted(chain.canonical(data)))
        assert (stored.actor, stored.subject) == (entry.actor, entry.subject)
