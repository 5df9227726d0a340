"""Requests of everyday life behind each proxy: what is granted arrives whole, what is not does not arrive."""

import os

import pytest

from tests.proxies.asking import BROWSER, REFERENCE, SCRIPT, Asking
from tests.proxies.wire import Request

pytestmark = pytest.mark.proxies

BODY = os.urandom(100_000)
ALLOWED = {
    "get": Request(),
    "query": Request("/public/x?a=1&b=%2F..%2F&c=%26"),
    "the-place-itself": Request("/public"),
    "accents-and-spaces": Request("/public/%C3%A9t%C3%A9%20x"),
    "head": Request(method="HEAD"),
    "options": Request(method="OPTIONS"),
    "upper-case-host": Request(host="APP.LocalHost"),
    "port-in-host": Request(host="app.localhost:80"),
    "six-kilobytes-of-header": Request(headers=[("X-Big", "b" * 6000)]),
    "post": Request("/workshop/x", "POST", body=b"a=1"),
    "post-100-kilobytes": Request("/workshop/x", "POST", body=BODY),
    "post-in-chunks": Request("/workshop/x", "POST", body=BODY[:20_000], chunked=True),
    "put-that-waits": Request("/workshop/x", "PUT", headers=[("Expect", "100-continue")], body=b"x" * 2000),
    "patch": Request("/workshop/x", "PATCH", body=b"{}"),
    "delete": Request("/workshop/x", "DELETE"),
}
REFUSED = {
    "another-path": ("alice", Request("/finance/secret")),
    "another-place": ("alice", Request("/finance")),
    "a-path-that-begins-alike": ("alice", Request("/public-finance/x")),
    "a-path-of-nobody": ("alice", Request("/")),
    "another-person": ("bob", Request("/public/x")),
    "another-method": ("alice", Request("/public/x", "DELETE")),
    "post-100-kilobytes": ("alice", Request("/finance/x", "POST", body=BODY)),
    "post-in-chunks": ("alice", Request("/finance/x", "POST", body=BODY[:20_000], chunked=True)),
    "from-elsewhere": ("alice", Request("/office/x")),
    "head": ("alice", Request("/finance/x", "HEAD")),
    "options": ("alice", Request("/finance/x", "OPTIONS")),
}
IDENTITY = {
    "remote-user": ["alice"],
    "remote-name": ["Alice Adams"],
    "remote-email": ["alice@localhost"],
    "remote-groups": ["everybody,maker,reader"],
}


@pytest.mark.parametrize("request_", ALLOWED.values(), ids=ALLOWED)
def test_what_is_granted_arrives_with_who_is_asking(ask: Asking, request_: Request) -> None:
    told = ask("alice", request_).assert_served().identity
    segment = request_.target.split("/")[1].partition("?")[0]
    expected = IDENTITY | {"x-zt-segment": [segment]}
    assert {name: told.get(name) for name in expected} == expected
    assert REFERENCE.fullmatch(told["x-zt-decision"][0])
    assert [len(token.split(".")) for token in told["x-zt-assertion"]] == [3]


@pytest.mark.parametrize(("who", "request_"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_granted_does_not_arrive(ask: Asking, who: str, request_: Request) -> None:
    ask(who, request_).assert_refused(403, 404)  # 404: the proxy has no route there, and nothing to ask about


def test_the_same_path_opens_to_whom_it_is_granted(ask: Asking) -> None:
    ask("bob", Request("/finance/secret")).assert_served()
    ask("alice", Request("/finance/secret")).assert_refused(403)


def test_an_anonymous_resource_opens_to_everybody_by_the_method_it_names(ask: Asking) -> None:
    told = ask("", Request("/healthz")).assert_served().identity
    assert {name: values for name, values in told.items() if name.startswith("remote-")} == {}
    ask("", Request("/healthz", "POST", body=b"a=1")).assert_refused()


def test_headers_of_thirty_kilobytes_change_no_decision(ask: Asking) -> None:
    outcome = ask("alice", Request("/finance/x", headers=[("X-Big", "b" * 30_000)]))
    outcome.assert_refused()


def test_a_person_reads_why_and_under_which_reference(ask: Asking) -> None:
    outcome = ask("alice", Request("/finance/report?year=2026", headers=BROWSER))
    outcome.assert_refused(403)
    page = outcome.answer.body.decode()
    assert "None of your roles opens Finance." in page
    assert "GET app.localhost/finance/report" in page
    assert REFERENCE.search(page)
    assert outcome.answer.header("content-type") == "text/html; charset=utf-8"
    assert outcome.answer.header("content-security-policy").startswith("default-src 'none'")
    assert outcome.answer.header("cache-control") == "no-store"


def test_a_script_is_told_why(ask: Asking) -> None:
    outcome = ask("alice", Request("/finance/report", headers=SCRIPT))
    outcome.assert_refused(403)
    assert outcome.answer.header("content-type").startswith("application/json")
    told = outcome.answer.json
    assert (told["allowed"], told["reason"]) == (False, "not_granted")


def test_nobody_may_keep_a_decision(ask: Asking) -> None:
    for who, target in (("alice", "/finance/x"), ("", "/public/x")):
        for headers in (BROWSER, SCRIPT):
            outcome = ask(who, Request(target, headers=headers))
            outcome.assert_refused()
            assert outcome.answer.header("cache-control") == "no-store", (who, target, headers)


def test_a_cookie_of_one_application_opens_no_other(ask: Asking) -> None:
    there = Request("/x", host="hr.localhost")
    ask("alice-other", there).assert_served()
    ask("alice", there).assert_refused(401)
    ask("alice-other", Request("/public/x")).assert_refused(401)


def test_the_cookie_of_the_portal_opens_no_application(ask: Asking) -> None:
    ask("alice-portal", Request()).assert_refused(401)
    ask("", Request(headers=[("Cookie", f"zt={ask.keys['alice-portal']}")])).assert_refused(401)
