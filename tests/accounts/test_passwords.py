"""What a password must be, and how many wrong ones are checked."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from pytest_django import Settings

from accounts import passwords
from accounts.addresses import parse_address
from accounts.models import PasswordThrottle, User
from accounts.passwords import ContextValidator, LengthValidator
from accounts.waiting import ThrottledError

NOW = datetime(2026, 11, 24, 12, 0, 10, tzinfo=UTC)
HERE, NEXT_DOOR, ELSEWHERE = map(parse_address, ("203.0.113.7", "203.0.113.99", "198.51.100.1"))


def codes(password: str, validator: LengthValidator | ContextValidator, username: str = "alice") -> list[str]:
    try:
        validator.validate(password, User(username=username))
    except ValidationError as error:
        return [found.code for found in error.error_list]
    return []


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("x" * 9, ["password_too_short"]),
        ("x" * 10, []),
        ("é" * 9, ["password_too_short"]),  # code points, not bytes
        ("é" * 10, []),
        ("x" * 1024, []),
        ("x" * 1025, ["password_too_long"]),
    ],
)
def test_length(password: str, expected: list[str]) -> None:
    assert codes(password, LengthValidator()) == expected


@pytest.mark.parametrize(
    ("password", "username", "expected"),
    [
        ("alice-2026-xyz", "alice", ["password_with_username"]),
        ("my ALICE phrase of words", "alice", ["password_with_username"]),
        ("malice aforethought", "bob", []),
        ("wooden al fresco", "al", []),  # two letters are in every other phrase
        ("ztproject", "alice", ["password_of_this_place"]),
        ("ZTproject-2026!", "alice", ["password_of_this_place"]),
        ("portal-example", "alice", ["password_of_this_place"]),
        ("portal of wooden geese", "alice", []),  # may mention it, with words of its own
        ("wren sand Quill 58 pebble", "alice", []),
        ("abc\0defghijk", "alice", ["password_with_nul"]),
    ],
)
def test_context(password: str, username: str, expected: list[str], settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["portal.example.test"]
    assert codes(password, ContextValidator(), username) == expected


@pytest.mark.parametrize(
    "phrase", ["correct horse battery staple", "~~~~ zwölf Boxkämpfer", "aaaaaaaaaaaaaaab", "Tr0ub4dor&3 and so on"]
)
def test_no_rule_about_kinds_of_characters(phrase: str) -> None:
    validate_password(phrase, User(username="alice"))


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (4, 0), (5, 30), (6, 60), (7, 120), (8, 240), (9, 480), (10, 900), (11, 900), (10**6, 900)],
)
def test_wait_after_failures(failures: int, seconds: int) -> None:
    assert passwords.wait_after(failures) == timedelta(seconds=seconds)


def throttled_until(username: str, address: object, at: datetime) -> datetime | None:
    try:
        passwords.count_try(username, address, at)  # type: ignore[arg-type]
    except ThrottledError as throttled:
        return throttled.until
    return None


@pytest.mark.django_db
def test_sixth_try_waits_and_waiting_is_not_prolonged_by_asking() -> None:
    assert [throttled_until("alice", HERE, NOW) for _ in range(7)] == [None] * 5 + [NOW + timedelta(seconds=30)] * 2
    assert throttled_until("alice", HERE, NOW + timedelta(seconds=29)) == NOW + timedelta(seconds=30)
    assert throttled_until("alice", HERE, NOW + timedelta(seconds=30)) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("username", "address", "waits"),
    [
        ("alice", HERE, True),
        ("alice", NEXT_DOOR, True),  # one neighbourhood is one guesser
        (" ALICE", HERE, True),  # one spelling a person
        ("ａlice", HERE, True),
        ("alice", ELSEWHERE, False),  # whoever is elsewhere is not kept out
        ("alice", None, False),
        ("bob", HERE, False),
    ],
)
def test_who_is_made_to_wait(username: str, address: object, waits: bool) -> None:
    for _ in range(5):
        passwords.count_try("alice", HERE, NOW)
    assert (throttled_until(username, address, NOW) is not None) is waits


@pytest.mark.django_db
def test_right_password_forgets_the_wrong_ones() -> None:
    for _ in range(5):
        passwords.count_try("alice", HERE, NOW)
    passwords.forget_tries("alice", HERE)
    assert throttled_until("alice", HERE, NOW) is None


@pytest.mark.django_db
def test_what_is_stored_names_nobody_and_goes_after_a_day() -> None:
    passwords.count_try("alice", HERE, NOW)
    stored = str(PasswordThrottle.objects.values().get())
    assert "alice" not in stored
    assert "203.0.113" not in stored
    passwords.count_try("bob", HERE, NOW + timedelta(hours=24))
    assert PasswordThrottle.objects.count() == 2
    passwords.count_try("carol", HERE, NOW + timedelta(hours=24, seconds=1))
    assert PasswordThrottle.objects.count() == 2
