import hmac
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from audit import chain

KEY = b"k" * 32
CONTENT = chain.Content(
    id=7,
    at="2026-11-24T09:30:00.000000Z",
    kind="decision",
    reference="D-7K3F-9QXM-4T2B",
    actor='user:"alice"',
    subject="bär\n",
    data='{"allowed":true}',
    previous_hash=chain.GENESIS,
)


def test_hash_is_the_hmac_of_the_canonical_json_of_every_column() -> None:
    columns = {
        "id": 7,
        "at": "2026-11-24T09:30:00.000000Z",
        "kind": "decision",
        "reference": "D-7K3F-9QXM-4T2B",
        "actor": 'user:"alice"',
        "subject": "bär\n",
        "data": {"allowed": True},
        "previous_hash": "0" * 64,
    }
    text = json.dumps(columns, sort_keys=True, separators=(",", ":"))
    assert chain.entry_hash(KEY, CONTENT) == hmac.new(KEY, text.encode(), "sha256").hexdigest()


@pytest.mark.parametrize(
    "change",
    [
        {"id": 8},
        {"at": "2026-11-24T09:30:00.000001Z"},
        {"kind": "decisions"},
        {"reference": "D-7K3F-9QXM-4T2C"},
        {"actor": "user:alice"},
        {"subject": "bar\n"},
        {"data": '{"allowed": true}'},
        {"previous_hash": "1" * 64},
    ],
)
def test_every_column_counts(change: dict[str, str]) -> None:
    assert chain.entry_hash(KEY, CONTENT._replace(**change)) != chain.entry_hash(KEY, CONTENT)
    assert chain.entry_hash(KEY, CONTENT._replace(**{name: getattr(CONTENT, name) for name in change})) == (
        chain.entry_hash(KEY, CONTENT)
    )


def test_text_moved_from_one_column_to_the_next_counts() -> None:
    joined = CONTENT._replace(actor="ab", subject="c")
    moved = CONTENT._replace(actor="a", subject="bc")
    assert chain.entry_hash(KEY, joined) != chain.entry_hash(KEY, moved)


def test_the_key_counts() -> None:
    assert chain.entry_hash(b"K" * 32, CONTENT) != chain.entry_hash(KEY, CONTENT)


def test_head_covers_id_hash_and_count() -> None:
    text = '{"count":3,"entry_id":3,"hash":"ab"}'
    assert (
        chain.head_mac(KEY, entry_id=3, entry_hash="ab", count=3) == hmac.new(KEY, text.encode(), "sha256").hexdigest()
    )


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 11, 24, 9, 30, tzinfo=UTC), "2026-11-24T09:30:00.000000Z"),
        (datetime(2026, 11, 24, 9, 30, 0, 5, tzinfo=UTC), "2026-11-24T09:30:00.000005Z"),
        (datetime(2026, 11, 24, 1, 0, tzinfo=timezone(timedelta(hours=2))), "2026-11-23T23:00:00.000000Z"),
    ],
)
def test_timestamp_is_utc_to_the_microsecond(at: datetime, text: str) -> None:
    assert chain.timestamp(at) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        ({"a": "é\u202e\x1b\0\ud800"}, r'{"a":"\u00e9\u202e\u001b\u0000\ud800"}'),
        ({"a": 1e22, "b": -0.0}, '{"a":1e+22,"b":-0.0}'),
    ],
)
def test_canonical_json_is_sorted_compact_and_ascii(value: object, text: str) -> None:
    assert chain.canonical(value) == text


def test_not_a_number_has_no_canonical_json() -> None:
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        chain.canonical({"a": float("nan")})
