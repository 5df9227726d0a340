"""`manage.py assertion`: data on stdout, words on stderr, exit codes as documented."""

import io
import json
import secrets
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from segments import assertion_keys
from segments.models import AssertionKey

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Result:
    code: Any
    out: str
    err: str


def run(*arguments: str) -> Result:
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    try:
        call_command("assertion", *arguments, stdout=out, stderr=err, no_color=True)
    except SystemExit as stop:
        code = stop.code
    return Result(code, out.getvalue(), err.getvalue())


def test_first_key_signs_now_and_the_next_in_ten_minutes() -> None:
    first = run("rotate-key")
    assert (first.code, first.err) == (0, "It is the first key, and signs now.\n")
    second = run("rotate-key")
    row = AssertionKey.objects.get(pk=second.out.strip())
    assert second.err == f"It is published now and signs from {row.signs_from.isoformat(timespec='seconds')} on.\n"
    lines = [line.split("\t")[:2] for line in run("keys").out.splitlines()]
    assert lines == [[second.out.strip(), "next"], [first.out.strip(), "signs"]]


def test_rotation_at_once_leaves_the_new_key_alone() -> None:
    run("rotate-key")
    run("rotate-key")
    result = run("rotate-key", "--at-once")
    assert result.err == (
        "It signs now, and every older key is withdrawn: applications refuse those within five minutes.\n"
    )
    (key,) = json.loads(run("keys", "--json").out)
    row = AssertionKey.objects.get()
    assert key == {
        "kid": result.out.strip(),
        "state": "signs",
        "signs_from": row.signs_from.isoformat(timespec="seconds"),
        "published_until": None,
    }


def test_replaced_key_says_until_when_it_is_published() -> None:
    run("rotate-key")
    run("rotate-key")
    AssertionKey.objects.filter(published_until=None).update(signs_from=timezone.now())
    new, old = json.loads(run("keys", "--json").out)
    assert (new["state"], old["state"]) == ("signs", "replaced")
    assert old["published_until"]


def test_no_key_yet_is_said_and_none_is_made() -> None:
    result = run("keys")
    assert (result.code, result.out) == (0, "")
    assert result.err == "There is no key yet: the first is made when somebody is let into an application.\n"
    assert json.loads(run("keys", "--json").out) == []


def test_key_set_is_printed_as_it_is_served() -> None:
    printed = run("jwks").out
    assert printed.encode() == assertion_keys.jwks_document(timezone.now()) + b"\n"


def test_resealing_says_what_may_go_and_fails_where_nothing_opens(settings: Settings) -> None:
    kid = run("rotate-key").out.strip()
    settings.ZT_ASSERTION_KEYS = [secrets.token_bytes(32), *settings.ZT_ASSERTION_KEYS]
    done = run("reseal")
    assert (done.code, done.out) == (0, "")
    assert done.err == "Every private key is under the first key now: take the others out of ZT_ASSERTION_KEYS.\n"
    settings.ZT_ASSERTION_KEYS = [secrets.token_bytes(32)]
    failed = run("reseal")
    assert (failed.code, failed.out) == (1, "")
    assert failed.err.startswith(f"No configured key opens {kid}: put the key it was sealed with back into")


@pytest.mark.parametrize("arguments", [(), ("revoke",), ("rotate-key", "--now"), ("jwks", "--json")])
def test_what_is_no_verb_is_a_mistake_of_usage(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):  # exit 2 on the command line
        run(*arguments)
