"""Keys that sign: one at a time, published before and after, gone at once when they have to be."""

import base64
import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.sealing import SealError
from audit.models import Entry
from segments import assertion_keys
from segments.assertion_keys import ASSERTION_KEYS, current_key, jwks, jwks_document, reseal, rotate
from segments.models import AssertionKey
from tests import factories
from tests.at_once import at_once

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
TEN = 10 * MINUTE


@pytest.fixture(autouse=True)
def nothing_open() -> None:
    assertion_keys._private_key.cache_clear()


def published(at: datetime) -> list[str]:
    return [key["kid"] for key in jwks(at)["keys"]]


def private_parts() -> set[str]:
    return set(AssertionKey.objects.exclude(private_key_sealed=b"").values_list("kid", flat=True))


@pytest.mark.django_db
def test_first_key_is_made_when_somebody_needs_one_and_signs_at_once() -> None:
    key = current_key(AT)
    assert current_key(AT + 365 * 24 * 60 * MINUTE).kid == key.kid
    assert published(AT) == [key.kid]
    entry = Entry.objects.get(kind="assertion_key.made")
    assert (entry.actor, entry.subject, entry.data) == ("", key.kid, {"signs_from": AT.isoformat()})


@pytest.mark.django_db
def test_key_set_that_is_read_first_makes_the_key_that_signs_later() -> None:
    (kid,) = published(AT)
    assert current_key(AT).kid == kid


@pytest.mark.django_db(transaction=True)
def test_of_many_that_start_together_one_makes_the_first_key() -> None:
    kids = at_once([lambda: current_key(AT).kid for _ in range(8)] + [lambda: published(AT)[0] for _ in range(8)])
    assert len(set(kids)) == 1
    assert AssertionKey.objects.count() == Entry.objects.filter(kind="assertion_key.made").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_rotations_at_once_each_leaves_exactly_one_key_that_is_not_replaced() -> None:
    current_key(AT)
    made = at_once([lambda: rotate(AT).kid for _ in range(4)])
    assert len(set(made)) == 4
    assert AssertionKey.objects.filter(published_until=None).count() == 1


@pytest.mark.django_db
def test_key_set_is_as_the_standards_say_and_holds_nothing_private() -> None:
    key = current_key(AT)
    (found,) = jwks(AT)["keys"]
    assert (found["kty"], found["crv"], found["alg"], found["use"]) == ("EC", "P-256", "ES256", "sig")
    assert set(found) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert all(len(base64.urlsafe_b64decode(found[name] + "=")) == 32 for name in "xy")
    members = f'{{"crv":"P-256","kty":"EC","x":"{found["x"]}","y":"{found["y"]}"}}'
    assert found["kid"] == base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).decode().rstrip("=")
    signed = jwt.encode({"sub": "alice"}, key.private_key, algorithm="ES256")
    assert jwt.decode(signed, jwt.PyJWK(found), algorithms=["ES256"]) == {"sub": "alice"}
    assert json.loads(jwks_document(AT)) == jwks(AT)


@pytest.mark.django_db
def test_rotation_publishes_ahead_and_keeps_the_old_key_for_an_hour() -> None:
    old = current_key(AT).kid
    new = rotate(AT).kid
    for after, signs, shown in (
        (0 * MINUTE, old, [new, old]),
        (TEN - SECOND, old, [new, old]),
        (TEN, new, [new, old]),
        (TEN + 60 * MINUTE - SECOND, new, [new, old]),
        (TEN + 60 * MINUTE, new, [new]),
    ):
        assert (current_key(AT + after).kid, published(AT + after)) == (signs, shown), after


@pytest.mark.django_db
def test_second_rotation_within_ten_minutes_lets_each_key_sign_in_its_time() -> None:
    first = current_key(AT).kid
    second, third = rotate(AT).kid, rotate(AT + 2 * MINUTE).kid
    times = (AT + 9 * MINUTE, AT + 11 * MINUTE, AT + 12 * MINUTE)
    assert [current_key(at).kid for at in times] == [first, second, third]
    assert published(AT + 71 * MINUTE) == [third, second]
    assert published(AT + 72 * MINUTE) == [third]


@pytest.mark.django_db
def test_rotation_without_a_key_signs_at_once() -> None:
    new = rotate(AT).kid
    assert (current_key(AT).kid, published(AT)) == (new, [new])


@pytest.mark.django_db
def test_old_key_loses_its_private_part_when_it_stops_signing_and_goes_when_it_is_published_no_more() -> None:
    old, new = current_key(AT).kid, rotate(AT).kid
    current_key(AT + TEN - SECOND)
    assert private_parts() == {old, new}
    current_key(AT + TEN)
    assert private_parts() == {new}
    assert published(AT + TEN) == [new, old]
    newest = rotate(AT + TEN + 60 * MINUTE).kid
    assert set(AssertionKey.objects.values_list("kid", flat=True)) == {new, newest}


@pytest.mark.django_db
def test_process_whose_clock_is_behind_signs_with_the_new_key_once_the_old_one_is_empty() -> None:
    current_key(AT)
    new = rotate(AT).kid
    current_key(AT + TEN)
    assert current_key(AT + TEN - 30 * SECOND).kid == new


@pytest.mark.django_db
def test_compromise_withdraws_every_older_key_at_once_also_one_that_is_open_in_memory() -> None:
    withdrawn = {current_key(AT).kid, rotate(AT).kid}
    new = rotate(AT + MINUTE, at_once=True).kid
    assert current_key(AT + MINUTE).kid == new
    assert current_key(AT).kid == new  # a request that began before, and signs after
    assert published(AT + MINUTE) == [new]
    assert not AssertionKey.objects.filter(kid__in=withdrawn).exists()


@pytest.mark.django_db
def test_rotation_is_recorded() -> None:
    sam = factories.sam(enrolled=False)
    old = current_key(AT).kid
    second = rotate(AT, by=sam).kid
    third = rotate(AT + MINUTE, at_once=True).kid
    found = Entry.objects.filter(kind="assertion_key.rotated").order_by("pk").values_list("actor", "subject", "data")
    assert list(found) == [
        ("user:sam", second, {"replaced": [old], "signs_from": (AT + TEN).isoformat()}),
        ("", third, {"withdrawn": [old, second], "signs_from": (AT + MINUTE).isoformat()}),
    ]


@pytest.mark.django_db
def test_signing_costs_one_query_once_the_key_is_open() -> None:
    current_key(AT)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        current_key(AT)
    assert len(queries) == 1


@pytest.mark.django_db
def test_private_key_is_sealed_for_its_id(settings: Settings) -> None:
    one, other = current_key(AT).kid, rotate(AT).kid
    row = AssertionKey.objects.get(pk=one)
    assert load_der_private_key(
        ASSERTION_KEYS.unseal(bytes(row.private_key_sealed), owner=f"assertion:{one}"), password=None
    )
    AssertionKey.objects.filter(pk=other).update(private_key_sealed=row.private_key_sealed)
    with pytest.raises(SealError, match="the secret was changed or belongs to another owner"):
        current_key(AT + TEN)
    settings.ZT_ASSERTION_KEYS = [secrets.token_bytes(32)]
    assertion_keys._private_key.cache_clear()
    with pytest.raises(SealError, match="no key of ZT_ASSERTION_KEYS opens this secret"):
        current_key(AT)


@pytest.mark.django_db
def test_rotation_at_once_helps_where_the_sealing_key_is_lost(settings: Settings) -> None:
    current_key(AT)
    settings.ZT_ASSERTION_KEYS = [secrets.token_bytes(32)]
    assertion_keys._private_key.cache_clear()
    new = rotate(AT, at_once=True).kid
    assert current_key(AT).kid == new


@pytest.mark.django_db
def test_resealing_frees_the_old_sealing_key(settings: Settings) -> None:
    kid, new = current_key(AT).kid, secrets.token_bytes(32)
    settings.ZT_ASSERTION_KEYS = [new, *settings.ZT_ASSERTION_KEYS]
    assert reseal() == ()
    stored = bytes(AssertionKey.objects.get(pk=kid).private_key_sealed)
    assert reseal() == ()
    assert bytes(AssertionKey.objects.get(pk=kid).private_key_sealed) == stored
    settings.ZT_ASSERTION_KEYS = [new]
    assertion_keys._private_key.cache_clear()
    assert current_key(AT).kid == kid


@pytest.mark.django_db
def test_resealing_names_what_nothing_opens_and_leaves_out_what_is_empty(settings: Settings) -> None:
    current_key(AT)
    pending = rotate(AT).kid
    current_key(AT + TEN)
    settings.ZT_ASSERTION_KEYS = [secrets.token_bytes(32)]
    assert reseal() == (pending,)
