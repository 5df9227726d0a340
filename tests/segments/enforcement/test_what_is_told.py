"""What an application and a stranger learn: nothing from a cookie that proves nothing any more."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts import sessions
from accounts.models import Session, User
from segments.enforcement import forward_auth
from segments.enforcement.answers import Answer
from segments.enforcement.proxies import Family, Received
from segments.enforcement.visits import token_of
from tests import factories
from tests.segments import rows
from tests.segments.enforcement.asking_proxies import HOST, received

pytestmark = pytest.mark.django_db

IDENTITY = ("remote-user", "remote-name", "remote-email", "remote-groups", "x-zt-assertion")
NOBODY = dict.fromkeys(IDENTITY, "")


@pytest.fixture
def session(tls: Settings) -> Session:
    health, public = rows.segment("health"), rows.segment("public")
    rows.web(health, HOST, "/health", anonymous=True)
    rows.web(public, HOST, "/public")
    rows.web(rows.segment("vault", state="quarantined"), HOST, "/vault")
    rows.grant(public, factories.role("reader"))
    return factories.session(factories.alice(enrolled=False, email="alice@example.test", roles=("reader",)))


@pytest.fixture
def ask(session: Session) -> Callable[[str], Answer]:
    cookie = ("cookie", f"__Host-zt-app={factories.application_cookie(session)}")

    def asking(path: str) -> Answer:
        found = received(Family.TRAEFIK, cookie, ("x-forwarded-for", "203.0.113.7"), path=path)
        return forward_auth.answer(Family.TRAEFIK, found, peer="127.0.0.1", at=timezone.now())

    return asking


def identity(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name in IDENTITY}


def end(session: Session) -> None:
    sessions.end(Session.objects.filter(pk=session.pk))


def deactivate(session: Session) -> None:
    User.objects.filter(pk=session.user_id).update(is_active=False)


def quarantine(session: Session) -> None:
    User.objects.filter(pk=session.user_id).update(quarantined_at=timezone.now())


def leave(_session: Session) -> None:
    """The twin: the session lives."""


@pytest.mark.parametrize("change", [leave, end, deactivate, quarantine])
def test_what_everybody_may_call_is_told_of_nobody(
    ask: Callable[[str], Answer], session: Session, change: Callable[[Session], None]
) -> None:
    change(session)
    answer = ask("/health/x")
    assert (answer.status, identity(answer)) == (200, NOBODY)


def test_what_a_grant_opens_is_told_who_asks(ask: Callable[[str], Answer]) -> None:
    answer = ask("/public/x")
    assert answer.status == 200
    found = identity(answer)
    assert (found["remote-user"], found["remote-email"], found["remote-groups"], bool(found["x-zt-assertion"])) == (
        "alice",
        "alice@example.test",
        "everybody,reader",
        True,
    )


@pytest.mark.parametrize("change", [end, deactivate, quarantine])
@pytest.mark.parametrize("path", ["/vault/x", "/nowhere"])
def test_a_cookie_that_proves_nothing_is_told_to_sign_in(
    ask: Callable[[str], Answer], session: Session, change: Callable[[Session], None], path: str
) -> None:
    change(session)
    answer = ask(path)
    assert (answer.status, dict(answer.headers)["x-zt-reason"]) == (401, "sign_in_required")


@pytest.mark.parametrize(("path", "reason"), [("/vault/x", "segment_quarantined"), ("/nowhere", "unknown_resource")])
def test_who_is_signed_in_is_told_why(ask: Callable[[str], Answer], path: str, reason: str) -> None:
    answer = ask(path)
    assert (answer.status, dict(answer.headers)["x-zt-reason"]) == (403, reason)


@pytest.mark.parametrize(("more", "is_used"), [((), True), ((("x-zt-again", "1"),), False)])
def test_asking_again_about_what_is_open_keeps_no_session_alive(
    session: Session, more: tuple[tuple[str, str], ...], is_used: bool
) -> None:
    before = timezone.now() - timedelta(minutes=20)
    Session.objects.filter(pk=session.pk).update(last_seen_at=before)
    cookie = ("cookie", f"__Host-zt-app={factories.application_cookie(session)}")
    found = received(Family.ENVOY, cookie, ("x-forwarded-for", "203.0.113.7"), *more, path="/public/x")
    assert forward_auth.answer(Family.ENVOY, found, peer="127.0.0.1", at=timezone.now()).status == 200
    session.refresh_from_db()
    assert (session.last_seen_at > before) is is_used


TOKEN = "zts_" + "A" * 39


@pytest.mark.parametrize(
    ("values", "token"),
    [
        ([f"Bearer {TOKEN}"], TOKEN),
        ([f"bearer  {TOKEN}"], TOKEN),
        ([f"Bearer\t{TOKEN}"], TOKEN),
        (["Bearer abc"], ""),
        (["Basic abc"], ""),
        ([f"Basic abc,Bearer {TOKEN}"], "zts_"),
        ([f"Basic abc, Bearer {TOKEN}"], "zts_"),
        (["Basic abc", f"Bearer {TOKEN}"], "zts_"),
        ([f"Bearer {TOKEN}", f"Bearer {TOKEN}"], "zts_"),
        (["Basic abc, Bearer abc"], ""),
        ([], ""),
    ],
)
def test_a_token_counts_alone(values: list[str], token: str) -> None:
    """Two identities are none: `zts_` proves nothing, and keeps a cookie from deciding instead."""
    assert token_of(Received("GET", "/", tuple(("authorization", value) for value in values))) == token


@pytest.mark.parametrize(
    ("tls_on", "host", "status"),
    [
        (True, HOST, 200),
        (False, HOST, 403),
        (False, "app.localhost", 200),
        (False, "localhost.example.test", 403),
        (False, "notlocalhost", 403),
    ],
)
def test_without_tls_there_are_applications_on_localhost_alone(
    tls: Settings, tls_on: bool, host: str, status: int
) -> None:
    rows.web(rows.segment("open"), host, anonymous=True)
    tls.ZT_TLS, tls.SCHEME = tls_on, "https" if tls_on else "http"
    found = received(Family.TRAEFIK, host=host, scheme=tls.SCHEME)
    assert forward_auth.answer(Family.TRAEFIK, found, peer="127.0.0.1", at=timezone.now()).status == status


@pytest.mark.parametrize(
    "path", ["/.zt/start", "/forward-auth/envoy/../../.zt/x", "/public/..%2f.zt/x", "/%2ezt/enter", "//.zt/x"]
)
def test_our_own_pages_are_never_asked_about(ask: Callable[[str], Answer], path: str) -> None:
    """A proxy that asks about them was led astray, and would tell the client who is asking."""
    answer = ask(path)
    assert (answer.status, identity(answer)) == (403, {})
