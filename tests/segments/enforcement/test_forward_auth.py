"""Whatever fails on the way of a decision, nobody is let in for it."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Session
from audit.models import Entry
from segments import assertion_keys, snapshot, version
from segments.enforcement import forward_auth
from segments.enforcement.answers import Answer
from segments.enforcement.proxies import Family
from segments.models import Grant
from tests import factories
from tests.segments import rows
from tests.segments.enforcement.asking_proxies import HOST, received
from tests.segments.enforcement.corpus_cases import scenario

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(tls: Settings) -> Callable[..., Answer]:
    """A function that asks for alice, who may read."""
    segment = rows.segment("public")
    rows.web(segment, HOST)
    rows.grant(segment, factories.role("reader"))
    session = factories.session(factories.alice(enrolled=False, roles=("reader",)))
    key = factories.application_cookie(session)
    long_ago = timezone.now() - timedelta(minutes=5)

    def asking(family: Family = Family.TRAEFIK, **ago: float) -> Answer:
        Session.objects.filter(pk=session.pk).update(last_seen_at=long_ago)  # so that it is noted as used
        found = received(family, ("cookie", f"__Host-zt-app={key}"), ("x-forwarded-for", "203.0.113.7"))
        return forward_auth.answer(family, found, peer="127.0.0.1", at=timezone.now() - timedelta(**ago))

    return asking


class Failing:
    """Counts the statements of one question, and fails the `at`-th, or all from there."""

    def __init__(self, at: int, *, on: bool = False) -> None:
        self.at, self.on, self.seen = at, on, 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if "last_seen_at" in sql and sql.startswith("UPDATE") and self.seen == 0 and self.at >= 0:
            return execute(sql, params, many, context)  # of the test itself
        self.seen += 1
        if self.seen == self.at or (self.on and self.seen > self.at > 0):
            raise OperationalError("gone")
        return execute(sql, params, many, context)


def statements(ask: Callable[..., Answer]) -> int:
    counted = Failing(0)
    with connection.execute_wrapper(counted):
        assert ask().status == 200
    return counted.seen


@pytest.mark.django_db(transaction=True)
@scenario("SEC-FAIL-016")
def test_every_statement_that_fails_refuses(case: dict[str, Any], ask: Callable[..., Answer]) -> None:
    """One after the other, alone and with all that follow; and the next question is answered as before."""
    ask()
    number = statements(ask)
    assert number >= 6
    for at in range(1, number + 1):
        for on in (False, True):
            with ExitStack() as stack:
                failing = Failing(at, on=on)
                stack.enter_context(connection.execute_wrapper(failing))
                try:
                    status = ask().status
                except OperationalError:
                    status = 403  # as the decision point takes it
            assert failing.seen >= at
            assert status == 403, at
            assert ask().status == 200


def test_an_answer_that_raises_has_no_allowed_entry_behind_it(ask: Callable[..., Answer]) -> None:
    Grant.objects.all().delete()
    before = Entry.objects.filter(kind="decision").count()
    assert ask().status == 403
    assert [entry.data["allowed"] for entry in Entry.objects.filter(kind="decision")[before:]] == [False]


@scenario("SEC-FAIL-005", "SEC-FAIL-006")
def test_a_policy_kept_in_memory_is_believed_for_its_own_version_alone(
    case: dict[str, Any], ask: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no other cache. What is gone is read again, what is of another version is none."""
    Grant.objects.all().delete()
    stale = (version.Version(1, "0" * 32), snapshot.current())
    for kept in (None, stale):
        monkeypatch.setattr(snapshot, "_built", kept)
        assert ask().status == 403
    rows.grant(rows.Segment.objects.get(slug="public"), factories.role("reader"))
    for kept in (None, stale):
        monkeypatch.setattr(snapshot, "_built", kept)
        assert ask().status == 200


@pytest.mark.parametrize("broken", ["no portal", "another sealing key", "nothing"])
@pytest.mark.parametrize("family", list(Family))
def test_a_yes_that_cannot_be_signed_is_withdrawn(
    ask: Callable[..., Answer], tls: Settings, family: Family, broken: str
) -> None:
    """An application that trusts the signature alone would let in, or refuse, by an empty one."""
    assert dict(ask(family).headers)["x-zt-assertion"].count(".") == 2
    if broken == "no portal":
        tls.ZT_PORTAL_URL = ""
    elif broken == "another sealing key":
        tls.ZT_ASSERTION_KEYS = [bytes(32)]
        assertion_keys._private_key.cache_clear()  # as in a process that starts now
    answer = ask(family)
    latest, allowed = Entry.objects.filter(kind="decision").order_by("-pk")[:2]
    if broken == "nothing":
        assert (answer.status, latest.data["allowed"]) == (200, True)
        return
    told = dict(answer.headers)
    assert (answer.status, told["x-zt-decision"]) == (403, latest.reference)
    assert [name for name in told if name.startswith(("remote-", "x-zt-assertion", "x-zt-segment"))] == []
    assert (latest.data["allowed"], latest.data["reason"], latest.data["withdraws"]) == (
        False,
        "policy_error",
        allowed.reference,
    )


@pytest.mark.parametrize(("seconds", "status"), [(0, 200), (4, 200), (6, 403)])
def test_a_yes_that_comes_too_late_is_withdrawn(ask: Callable[..., Answer], seconds: float, status: int) -> None:
    """Whoever asked was told no by then: the ledger says so after the yes."""
    assert ask(seconds=seconds).status == status
    said = [entry.data["allowed"] for entry in Entry.objects.filter(kind="decision").order_by("id")]
    assert said == ([True] if status == 200 else [True, False])
