"""Paths that two parties may read differently. Whatever reaches the application is granted, however it is read."""

import pytest

from tests.proxies.asking import NO, Asking, is_granted
from tests.proxies.wire import Request

pytestmark = pytest.mark.proxies

CONFUSING = {
    "climb": "/public/../finance/s",
    "climb-two": "/public/x/../../finance/s",
    "climb-from-the-root": "/../finance/s",
    "encoded-dots": "/public/%2e%2e/finance/s",
    "half-encoded-dots": "/public/.%2E/finance/s",
    "encoded-slash": "/public/..%2ffinance%2fs",
    "encoded-slash-and-dots": "/public/%2e%2e%2ffinance/s",
    "dots-decoded-alone": "/public/x%2fy/%2e%2e/%2e%2e/finance/s",
    "encoded-backslash": "/public/..%5cfinance/s",
    "backslash": "/public/..\\finance\\s",
    "backslash-first": "\\finance\\s",
    "two-slashes": "//finance/s",
    "two-slashes-within": "/./finance//s",
    "slashes-and-climb": "/public//..//finance/s",
    "parameter": "/public/..;/finance/s",
    "parameter-with-value": "/public/..;a=b/finance/s",
    "parameter-on-the-place": "/finance;x=1/s",
    "parameter-on-nothing": "/;x/finance/s",
    "encoded-parameter": "/public/..%3b/finance/s",
    "encoded-letter": "/%66inance/s",
    "encoded-upper-case-letter": "/%46inance/s",
    "encoded-twice": "/public/%252e%252e/finance/s",
    "encoded-slash-twice": "/public/..%252ffinance/s",
    "encoded-in-parts": "/public/..%25%32%66finance/s",
    "encoded-three-times": "/public/%25252e%25252e/finance/s",
    "nul": "/public/%00/../finance/s",
    "nul-at-the-end": "/finance%00/s",
    "overlong": "/public/%c0%ae%c0%ae/finance/s",
    "full-width-dots": "/public/%ef%bc%8e%ef%bc%8e/finance/s",
    "full-width-slash": "/public/..%ef%bc%8ffinance/s",
    "query": "/finance/?/../public/",
    "encoded-query": "/public/x%3f/../../finance/s",
    "fragment": "/finance/s#/../public/",
    "fragment-first": "/public/x#/../../finance/s",
    "encoded-fragment": "/finance/s%23/../../public/",
    "absolute": "http://app.localhost/finance/s",
    "absolute-elsewhere": "http://hr.localhost/finance/s",
    "absolute-over-tls": "https://app.localhost/finance/s",
    "absolute-with-a-user": "http://app.localhost@hr.localhost/finance/s",
    "host-and-port": "app.localhost:80",
    "no-slash": "finance/s",
    "asterisk": "*",
    "space-at-the-end": "/finance%20/s",
    "dot-at-the-end": "/finance./s",
    "tab": "/finance%09/s",
    "raw-tab": "/public/\tx/../../finance/s",
    "line-break": "/public/%0d%0aX-Forwarded-Uri:%20/public/../finance/s",
    "broken-escape": "/public/%zz/../../finance/s",
    "cut-escape": "/public/..%2",
    "unicode-escape": "/public/%u002e%u002e/finance/s",
    "raw-accent": "/public/é/../../finance/s",
    "upper-case": "/FINANCE/s",
    "thousands-of-slashes": "/" * 4001 + "finance",
    "many-readings": "/public/" + "%25" * 40 + "2e/finance",
}


@pytest.mark.parametrize("target", CONFUSING.values(), ids=CONFUSING)
def test_no_reading_of_what_arrives_leads_out(ask: Asking, target: str) -> None:
    outcome = ask("alice", Request(target))
    assert all(is_granted(seen) for seen in outcome.seen)
    assert outcome.seen or outcome.status in NO | {301, 302, 307, 308}, outcome.status


@pytest.mark.parametrize("place", ["/healthz", "/.zt", "/.zt/base.css"])
@pytest.mark.parametrize(
    "climb", ["/../finance/s", "/..;/finance/s", "/%2e%2e/finance/s", "/..%2ffinance/s", "%2f../finance"]
)
def test_what_is_open_to_everybody_leads_nowhere_else(ask: Asking, place: str, climb: str) -> None:
    assert ask("", Request(place + climb)).seen == ()


HARMLESS = {
    "accent": "/public/caf%C3%A9",
    "space": "/public/a%20b",
    "plus": "/public/a+b",
    "hidden": "/public/..hidden",
    "three-dots": "/public/...",
    "percent": "/public/100%25",
    "query-with-a-path": "/public/x?next=/finance/report",
    "query-with-slashes": "/public/x?a=..%2f..%2ffinance",
    "colon-and-at": "/public/a:b@c",
    "tilde": "/public/~a",
}


@pytest.mark.parametrize("target", HARMLESS.values(), ids=HARMLESS)
def test_what_reads_one_way_arrives_as_it_was_sent(ask: Asking, target: str) -> None:
    ask("alice", Request(target)).assert_served()


def test_the_place_is_there(ask: Asking) -> None:
    """The twin of every attack: whom finance is granted gets there, by its plain name."""
    ask("bob", Request("/finance/s")).assert_served()


@pytest.mark.parametrize(
    "request_",
    [
        Request("/finance/s", headers=[("Host", "hr.localhost")]),
        Request("/public/x", headers=[("Host", "hr.localhost")]),
        Request("/public/x", host=None),
        Request("/public/x", method="get"),
        Request("/public/x", method="TRACE"),
        Request("/public/x", method="TRACK"),
        Request("/public/x", method="A" * 500),
    ],
    ids=["two-hosts", "two-hosts-granted", "no-host", "lower-case-method", "trace", "track", "endless-method"],
)
def test_what_no_browser_sends_is_refused(ask: Asking, request_: Request) -> None:
    ask("alice", request_).assert_refused()
