"""Headers by which a client would be somebody else, or ask about something else: refused, or not believed."""

import pytest

from tests.proxies.asking import BROWSER, NO, Asking
from tests.proxies.wire import Headers, Request

pytestmark = pytest.mark.proxies

SPELLINGS = {"dashes": "-", "underscores": "_", "dots": "."}
# What a client says it asks about, instead of what it asks about
INSTEAD = {
    "X-Forwarded-Uri": "/public/x",
    "X-Forwarded-Method": "GET",
    "X-Forwarded-Host": "hr.localhost",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Prefix": "/public",
    "X-Forwarded-Path": "/public/x",
    "X-Forwarded-For": "10.1.2.3",
    "X-Original-URL": "http://app.localhost/public/x",
    "X-Original-URI": "/public/x",
    "X-Original-Method": "GET",
    "X-Original-Host": "hr.localhost",
    "X-Rewrite-URL": "/public/x",
    "X-Envoy-Original-Path": "/public/x",
    "X-Accel-Redirect": "/public/x",
    "X-Real-IP": "10.1.2.3",
    "X-Host": "hr.localhost",
    "Script-Name": "/public",
    "Forwarded": "for=10.1.2.3;host=hr.localhost;proto=http",
}
# Who a client says it is
IDENTITY = {
    "Remote-User": "root",
    "Remote-Name": "Root",
    "Remote-Email": "root@localhost",
    "Remote-Groups": "administrator",
    "X-Remote-User": "root",
    "X-Forwarded-User": "root",
    "X-Auth-Request-User": "root",
    "X-ZT-Segment": "treasury",
    "X-ZT-Decision": "D-0000-0000-0000",
    "X-ZT-Assertion": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.",
}
FORGED = tuple(IDENTITY.values())


def spelt(name: str, spelling: str) -> str:
    return name.replace("-", SPELLINGS[spelling])


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", INSTEAD)
def test_no_header_opens_another_path(ask: Asking, name: str, spelling: str) -> None:
    headers = [(spelt(name, spelling), INSTEAD[name])]
    if "10.1.2.3" in INSTEAD[name]:
        ask("alice", Request("/office/x", headers=headers)).assert_refused()  # opens to 10.0.0.0/8 alone
    elif name.endswith("Method"):
        ask("alice", Request("/public/x", "DELETE", headers=headers)).assert_refused()
    else:
        ask("alice", Request("/finance/secret", headers=headers)).assert_refused()


@pytest.mark.parametrize("name", INSTEAD)
def test_what_is_granted_is_granted_or_refused_as_a_whole(ask: Asking, name: str) -> None:
    """The twin: the header is not believed, or the request is refused as one that no browser sends."""
    outcome = ask("alice", Request("/public/x", headers=[(name, INSTEAD[name])]))
    if outcome.status in NO:
        outcome.assert_refused(0, 400, 403)
        return
    assert outcome.assert_served().identity["remote-user"] == ["alice"]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(("who", "target"), [("carol", "/public/x"), ("", "/healthz")])
def test_nobody_says_who_they_are(ask: Asking, who: str, target: str, spelling: str) -> None:
    headers = [(spelt(name, spelling), value) for name, value in IDENTITY.items()]
    outcome = ask(who, Request(target, headers=headers))
    if outcome.status in {0, 400}:
        outcome.assert_refused()
        return
    told = outcome.assert_served().identity
    assert not {value for values in told.values() for value in values} & set(FORGED), told
    assert told.get("remote-user", []) == ([who] if who else [])


@pytest.mark.parametrize("name", ["Remote-User", "Remote-Groups", "X-ZT-Assertion"])
def test_two_of_them_are_not_believed_either(ask: Asking, name: str) -> None:
    outcome = ask("alice", Request(headers=[(name, "root"), (name.upper(), "root"), (name.lower(), "root")]))
    if outcome.status not in NO:
        assert "root" not in str(outcome.assert_served().identity)


@pytest.mark.parametrize("name", INSTEAD)
def test_a_doubled_header_decides_nothing(ask: Asking, name: str) -> None:
    twice: Headers = [(name, INSTEAD[name]), (name.lower(), INSTEAD[name])]
    ask("alice", Request("/finance/secret", headers=twice)).assert_refused()


def test_no_connection_header_takes_away_what_the_decision_rests_on(ask: Asking) -> None:
    names = (
        "close, X-Forwarded-Uri, X-Original-URL, X-Forwarded-Host, X-Forwarded-Method, X-Original-Method, Cookie, Host"
    )
    ask("alice", Request("/finance/secret", headers=[("Connection", names)])).assert_refused()


@pytest.mark.parametrize("name", ["Remote-User", "X-ZT-Assertion"])
def test_a_connection_header_leaves_nobody_else_s_name(ask: Asking, name: str) -> None:
    outcome = ask("alice", Request(headers=[("Connection", f"close, {name}"), (name, "root")]))
    if outcome.status not in NO:
        told = outcome.assert_served().identity
        assert told["remote-user"] == ["alice"]
        assert len(told["x-zt-assertion"]) == 1
        assert told["x-zt-assertion"] != ["root"]


@pytest.mark.parametrize("name", ["Remote-User", "X-ZT-Assertion", "X-Forwarded-For"])
def test_nothing_tells_the_next_server_to_drop_it(ask: Asking, name: str) -> None:
    """An application may have a proxy of its own, which takes away what `Connection` names."""
    outcome = ask("alice", Request(headers=[("Connection", f"keep-alive, {name}")]))
    if outcome.status in NO:  # Envoy serves nobody who names X-Forwarded-For
        outcome.assert_refused(400)
        return
    seen = outcome.assert_served()
    assert name.lower() not in seen.head.value("connection").lower()
    assert seen.identity["remote-user"] == ["alice"]


def test_a_name_without_a_session_is_no_session(ask: Asking) -> None:
    outcome = ask("", Request(headers=[*BROWSER, ("Remote-User", "alice"), ("X-Forwarded-User", "alice")]))
    outcome.assert_refused()


# Each proxy reads `..` and escapes in its own way: none of them may lead to where the decision point tells identities.
AROUND = (
    "/forward-auth/envoy/../../.zt/x",
    "/forward-auth/envoy/..%2f..%2f.zt/x",
    "/forward-auth/envoy/%2e%2e/%2e%2e/.zt/start",
    "/forward-auth/envoy/public/../../../.zt/x",
    "//forward-auth/envoy/../../.zt/x",
    "/.zt/../forward-auth/envoy/public/x",
    "/.zt/..%2fforward-auth/envoy/public/x",
    "/.zt/%2e%2e/forward-auth/envoy/public/x",
    "/.zt/start/../../forward-auth/envoy/public/x",
    "/.zt//../../forward-auth/traefik",
    "http://app.example.test/forward-auth/envoy/../../.zt/x",
)


@pytest.mark.parametrize("target", AROUND)
def test_nobody_is_told_their_own_statement(ask: Asking, target: str) -> None:
    """What the decision point says with a yes is for applications."""
    outcome = ask("alice", Request(target))
    told = {name.lower() for name, _value in outcome.answer.headers}
    assert not {name for name in told if name.startswith("remote-") or name in {"x-zt-assertion", "x-zt-segment"}}
    assert outcome.seen == ()
    assert outcome.status != 200


def test_our_own_pages_are_there_all_the_same(ask: Asking) -> None:
    assert ask("alice", Request("/.zt/sign-out?rd=/../x%2fy")).status == 200
