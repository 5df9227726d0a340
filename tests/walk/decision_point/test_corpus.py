"""Attacks on systems like this one, as proxies of every family hand them on: refused. Controls: allowed."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from accounts.models import ApplicationSession, Session
from segments.enforcement.proxies import Family, UnreadableError, question
from tests import factories
from tests.segments.enforcement.asking_proxies import received
from tests.segments.enforcement.corpus_cases import cases, expanded, scenario
from tests.walk.decision_point.applications import CLIENT, HOST, SCRIPT, Cast, Proxies, register_hosts
from ztproject.settings import networks

pytestmark = pytest.mark.slow

REFUSED = {400, 401, 403}
# Values that no header carries: a line break ends it, and spaces around it are not part of it.
NOT_SENT = ("SEC-PATH-088", "SEC-METH-012")


def outcomes(case: dict[str, Any], proxies: Proxies, cast: Cast) -> set[int]:
    """The status that each family is answered."""
    given = case["input"]
    return {
        proxies.ask(
            family,
            *SCRIPT,
            *cast.cookie(given["principal"]),
            *((name, expanded(value)) for name, value in given.get("client_headers", ())),
            method=expanded(given["method"]),
            host=given["host"],
            path=expanded(given["raw_target"]),
        ).status
        for family in Family
    }


def check(case: dict[str, Any], found: set[int]) -> None:
    if case["expect"] == "allow":
        assert found == {200}
    elif case["expect"] == "normalised-allow":
        assert found in ({200}, {403}, {400})  # in harmony: no family is answered otherwise
    else:
        assert found <= REFUSED, found


@cases("path-normalisation", having="raw_target", but=NOT_SENT)
def test_path(case: dict[str, Any], proxies: Proxies, cast: Cast) -> None:
    check(case, outcomes(case, proxies, cast))


@cases("host-confusion", having="raw_target")
def test_host(case: dict[str, Any], proxies: Proxies, cast: Cast) -> None:
    register_hosts(case["input"].get("extra_registered_hosts", 0))
    check(case, outcomes(case, proxies, cast))


@cases("method-override", having="raw_target", but=NOT_SENT)
def test_method(case: dict[str, Any], proxies: Proxies, cast: Cast) -> None:
    check(case, outcomes(case, proxies, cast))


@scenario(*NOT_SENT)
@pytest.mark.parametrize("family", list(Family))
def test_what_no_header_carries(case: dict[str, Any], family: Family) -> None:
    given = case["input"]
    asked = received(family, method=given["method"], host=given["host"], path=given["raw_target"])
    with pytest.raises(UnreadableError):
        question(family, asked, scheme="https")


@cases("forwarded-header-trust", having="received_headers", but=("SEC-HDR-005",))
def test_forwarded_headers(case: dict[str, Any], request: pytest.FixtureRequest, cast: Cast) -> None:
    """The peer is on this machine: whether it is a proxy that is believed is a matter of settings."""
    given = case["input"]
    which = "proxies" if given["peer_ip"] == "10.0.0.10" else "believing_others"
    proxies: Proxies = request.getfixturevalue("believing_nobody" if given["trusted_proxies"] == [] else which)
    headers = [(name, value) for name, value in given["received_headers"]]
    if "network_rule" in given:
        headers = [(name, value.replace("/public/x", "/near/x")) for name, value in headers]
    if real := given.get("real_client"):
        told = [value for name, value in headers if name == "X-Forwarded-For" and not value.endswith(real)]
        headers = [pair for pair in headers if pair[0] != "X-Forwarded-For" or pair[1] not in told]
        headers += [("X-Forwarded-For", ", ".join([*told, real]))] if not any(real in v for _, v in headers) else []
    endpoint = f"/forward-auth/{given['proxy']}"
    found = proxies.point.ask("GET", endpoint, [("Host", "x"), *headers, *SCRIPT, *cast.cookie(given["principal"])])
    assert found.status in ({200} if case["expect"] == "allow" else REFUSED)


@scenario("SEC-HDR-005")
def test_a_network_of_everybody_does_not_start(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """`test_answers.test_who_would_trust_everybody_does_not_start` starts one; this is what it says."""
    monkeypatch.setenv("ZT_TRUSTED_PROXIES", ",".join(case["input"]["trusted_proxies"]))
    with pytest.raises(ImproperlyConfigured, match="trusts everybody"):
        networks("ZT_TRUSTED_PROXIES")


@scenario("SEC-SESS-013", "SEC-SESS-014")
def test_nobody_leaves_a_session(case: dict[str, Any], proxies: Proxies, cast: Cast) -> None:
    before = Session.objects.count(), ApplicationSession.objects.count()
    for number in range(30):
        cookie = (("Cookie", f"__Host-zt-app={number:043d}"),) if case["id"] == "SEC-SESS-013" else ()
        assert proxies.ask(Family.TRAEFIK, *SCRIPT, *cookie).status == 401
        started = proxies.point.ask("GET", "/.zt/start", (("Host", HOST), CLIENT, *cookie))
        assert started.status == 302
    assert (Session.objects.count(), ApplicationSession.objects.count()) == before


@scenario("SEC-SESS-020")
def test_too_many_cookies_end_the_oldest(case: dict[str, Any], proxies: Proxies, cast: Cast) -> None:
    """Of one session for one host; `accounts` tests the limit of sessions of one person."""
    session = factories.session(cast.people["alice"])
    keys = [factories.application_cookie(session) for _ in range(6)]
    statuses = [proxies.ask(Family.TRAEFIK, *SCRIPT, ("Cookie", f"__Host-zt-app={key}")).status for key in keys]
    assert statuses == [401, 200, 200, 200, 200, 200]
