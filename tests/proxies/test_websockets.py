"""Connections that change their protocol are decided once more strictly: a cookie does not speak for a foreign page."""

import pytest

from tests.proxies.asking import Asking
from tests.proxies.wire import HELLO, WEBSOCKET, Headers, Request

pytestmark = pytest.mark.proxies

OWN: Headers = [*WEBSOCKET, ("Origin", "http://app.localhost")]


def test_a_websocket_of_the_own_page_is_open_both_ways(ask: Asking) -> None:
    outcome = ask("alice", Request("/public/socket", headers=OWN))
    assert (outcome.status, outcome.answer.body) == (101, HELLO)
    assert outcome.seen[0].identity["remote-user"] == ["alice"]


def test_a_program_sends_no_origin(ask: Asking) -> None:
    assert ask("alice", Request("/public/socket", headers=WEBSOCKET)).status == 101


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://hr.localhost", "https://app.localhost", ""])
def test_a_foreign_page_gets_none(ask: Asking, origin: str) -> None:
    ask("alice", Request("/public/socket", headers=[*WEBSOCKET, ("Origin", origin)])).assert_refused(400, 401, 403)


@pytest.mark.parametrize(
    ("who", "target"), [("", "/public/socket"), ("eve", "/public/socket"), ("alice", "/finance/socket")]
)
def test_who_may_not_gets_none(ask: Asking, who: str, target: str) -> None:
    ask(who, Request(target, headers=OWN)).assert_refused(401, 403)


def test_an_upgrade_to_something_else_opens_no_tunnel(ask: Asking) -> None:
    h2c = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__")]
    outcome = ask("alice", Request(headers=h2c))
    assert outcome.status != 101
    assert all(seen.head.value("upgrade").lower() != "h2c" for seen in outcome.seen)


def test_connect_opens_no_tunnel(ask: Asking) -> None:
    ask("alice", Request("app.localhost:80", "CONNECT")).assert_refused()
