"""Each family's headers are believed, once each and under one name; nothing else is."""

import pytest

from segments.enforcement.proxies import (
    AUTHORITATIVE,
    MOST_HEADER_BYTES,
    Family,
    Question,
    Received,
    UnreadableError,
    is_websocket,
    question,
)
from segments.policy.model import WebTarget
from tests.segments.enforcement.asking_proxies import HOST, PATH, received

FAMILIES = list(Family)
OF_PARTS = [family for family in Family if family is not Family.NGINX]  # method, host and path apart; nginx tells a URL
HEADERS = [(family, name) for family in Family for name in AUTHORITATIVE[family]]


def asked(found: Received, family: Family, scheme: str = "https") -> Question:
    return question(family, found, scheme=scheme)


def unreadable(found: Received, family: Family, scheme: str = "https") -> str:
    with pytest.raises(UnreadableError) as caught:
        question(family, found, scheme=scheme)
    return str(caught.value)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_question_is_read(family: Family) -> None:
    found = asked(received(family, method="POST", host="App.Example.Test.:443", path="/a%2Fb/../c;d?e=//f"), family)
    assert found == Question(WebTarget("App.Example.Test.:443", "/a%2Fb/../c;d?e=//f", "POST"), "https")
    assert (found.origin, found.url) == (
        "https://App.Example.Test.:443",
        "https://App.Example.Test.:443/a%2Fb/../c;d?e=//f",
    )


# ---------------------------------------------------------------- there once, under its own name
@pytest.mark.parametrize(("family", "name"), HEADERS)
def test_a_missing_header_is_refused(family: Family, name: str) -> None:
    assert unreadable(received(family, without=(name,)), family) == f"`{name}` is missing"


@pytest.mark.parametrize(("family", "name"), HEADERS)
def test_an_empty_header_is_refused(family: Family, name: str) -> None:
    assert unreadable(received(family, (name, ""), without=(name,)), family) == f"`{name}` is missing"


@pytest.mark.parametrize(("family", "name"), HEADERS)
@pytest.mark.parametrize("value", ["", "the same", PATH, HOST])
def test_a_doubled_header_is_refused(family: Family, name: str, value: str) -> None:
    once = received(family)
    again = once.value(name) if value == "the same" else value
    after = Received(once.method, once.path, (*once.headers, (name, again)))
    before = Received(once.method, once.path, ((name, again), *once.headers))
    assert {unreadable(after, family), unreadable(before, family)} == {f"`{name}` is there twice"}


@pytest.mark.parametrize(("family", "name"), [pair for pair in HEADERS if "-" in pair[1]])
@pytest.mark.parametrize("separators", ["_", ".", "mixed"])
@pytest.mark.parametrize("alone", [False, True])
def test_another_spelling_of_a_header_is_refused(family: Family, name: str, separators: str, alone: bool) -> None:
    spelt = name.replace("-", "_", 1) if separators == "mixed" else name.replace("-", separators)
    found = received(family, (spelt, PATH), without=(name,) if alone else ())
    assert unreadable(found, family) == f"`{spelt}` is another spelling of a header that is believed"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "name",
    [
        "x-forwarded-urii", "xforwarded-uri", "x--forwarded-uri", "x-forwarded-prefix", "x-rewrite-url", "x-real-ip",
        "x-envoy-original-path", "x-forwarded-port", "x-original-uri", "x_real_ip", "forwarded",
    ],
)  # fmt: skip
def test_a_header_of_nobody_is_not_looked_at(family: Family, name: str) -> None:
    assert asked(received(family, (name, "/finance")), family).target == WebTarget(HOST, PATH, "GET")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("other", FAMILIES)
def test_headers_of_another_family_are_not_looked_at(family: Family, other: Family) -> None:
    """Not even those that are believed of another: the endpoint says who asks."""
    own = {*AUTHORITATIVE[family], "x-forwarded-proto"}
    foreign = tuple(
        pair for pair in received(other, host="hr.example.test", path="/finance").headers if pair[0] not in own
    )
    assert asked(received(family, *foreign), family).target == WebTarget(HOST, PATH, "GET")


# ---------------------------------------------------------------- scheme
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("told", "scheme", "good"),
    [
        ("https", "https", True),
        ("http", "https", False),
        ("http", "http", True),
        ("https", "http", False),
        ("wss", "https", True),
        ("ws", "http", True),
        ("ws", "https", False),
        ("HTTPS", "https", False),
        ("https ", "https", False),
        ("https,http", "https", False),
        ("http, https", "https", False),
        ("javascript", "https", False),
        ("ftp", "https", False),
    ],
)
def test_the_scheme_is_the_one_clients_have_to_use(family: Family, told: str, scheme: str, good: bool) -> None:
    found = received(family, scheme=told)
    if good:
        assert asked(found, family, scheme).scheme == scheme
    else:
        assert unreadable(found, family, scheme) in {f"the scheme is not {scheme}", "`x-original-url` is not a URL"}


def test_envoy_may_leave_the_scheme_out() -> None:
    found = received(Family.ENVOY, without=("x-forwarded-proto",))
    assert asked(found, Family.ENVOY) == Question(WebTarget(HOST, PATH, "GET"), "https")


@pytest.mark.parametrize("more", ["https", "http", ""])
def test_envoy_may_not_tell_two_schemes(more: str) -> None:
    found = received(Family.ENVOY, ("x-forwarded-proto", more))
    assert unreadable(found, Family.ENVOY) == "`x-forwarded-proto` is there twice, or empty"


def test_envoy_may_not_tell_an_empty_scheme() -> None:
    found = received(Family.ENVOY, ("x-forwarded-proto", ""), without=("x-forwarded-proto",))
    assert unreadable(found, Family.ENVOY) == "`x-forwarded-proto` is there twice, or empty"


# ---------------------------------------------------------------- method, host, path
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "M-SEARCH", "A" * 32])
def test_a_method_is_taken_as_it_is(family: Family, method: str) -> None:
    assert asked(received(family, method=method), family).target.method == method


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "method", ["get", "Get", "GET ", " GET", "GET\t", "G_T", "-GET", "GET,POST", "A" * 33, "GÉT", "1"]
)
def test_a_method_that_some_server_reads_otherwise_is_refused(family: Family, method: str) -> None:
    assert unreadable(received(family, method=method), family) == "the method cannot be read"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "host", [HOST, "APP.EXAMPLE.TEST", "app.example.test.", f"{HOST}:443", "[::1]:8443", "10.0.0.1"]
)
def test_a_host_is_taken_as_it_is(family: Family, host: str) -> None:
    assert asked(received(family, host=host), family).target.host == host


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "host",
    [
        "a b", "a,b", f"{HOST}, {HOST}", f"{HOST}:", f"{HOST}:https", f"{HOST}:123456", "a_b", "ä.test", "a%2eb",
        "[::1", "::1", f"user@{HOST}", f"{HOST}@evil.test", f"evil.test\\{HOST}", f"{HOST}\t", "a" * 255,
        "*.example.test", "a\x00",
    ],
)  # fmt: skip
def test_a_host_that_is_none_is_refused(family: Family, host: str) -> None:
    assert unreadable(received(family, host=host), family) in {
        "the host cannot be read",
        "`x-original-url` is not a URL",
    }


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("host", ["evil.test/a", "evil.test?a", "evil.test#a"])
def test_a_host_ends_where_a_path_begins(family: Family, host: str) -> None:
    """nginx tells one URL: what follows is its path, and another one than was meant is asked about."""
    found = received(family, host=host)
    if family is Family.NGINX and host == "evil.test/a":
        assert asked(found, family).target == WebTarget("evil.test", f"/a{PATH}", "GET")
    else:
        assert "cannot be read" in (why := unreadable(found, family)) or why == "`x-original-url` is not a URL"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "path", ["/", "//", "/../..", "/%", "/%zz", "/a\\b", "/a;b?c#d", "/~!@$&'()*+,;=:", "/?", "/|{}^`"]
)
def test_a_path_goes_to_the_engine_as_it_is(family: Family, path: str) -> None:
    assert asked(received(family, path=path), family).target.path == path


@pytest.mark.parametrize("family", OF_PARTS)
@pytest.mark.parametrize(
    "path", ["*", "public/x", "?x", "#x", "\\x", "/a b", "/a\t", "/a\x00", "/a\x7f", "/é", "/a\r\nx: y", "https:/a"]
)
def test_a_path_that_is_none_is_refused(family: Family, path: str) -> None:
    assert unreadable(received(family, path=path), family) == "the path cannot be read"


@pytest.mark.parametrize("family", OF_PARTS)
def test_an_absolute_form_is_refused(family: Family) -> None:
    """An application might take the host from there (RFC 9112, 3.2.2)."""
    assert unreadable(received(family, path=f"https://{HOST}{PATH}"), family) == "the path cannot be read"


@pytest.mark.parametrize(
    "url",
    [
        f"//{HOST}/x", f"{HOST}/x", "/x", f"https:/{HOST}/x", f"https:{HOST}/x", f"https://{HOST}", f"https://{HOST}?x",
        f"https://a@{HOST}/x", f"https://{HOST}#/x", f"https:///{HOST}/x", f"HTTPS://{HOST}/x", f" https://{HOST}/x",
        f"https://{HOST}/x ", f"https://{HOST}/x, https://{HOST}/y", f"https://{HOST}\\@evil.test/", "https:///x",
        f"https://{HOST}/a b", f"https://{HOST}/\t", f"https://{HOST}/\x00", f"https://{HOST}/é",
        f"https://{HOST}/a\r\nx: y",
    ],
)  # fmt: skip
def test_what_nginx_tells_is_one_url(url: str) -> None:
    found = received(Family.NGINX, ("x-original-url", url), without=("x-original-url",))
    assert unreadable(found, Family.NGINX) in {
        "`x-original-url` is not a URL", "the host cannot be read", "the path cannot be read",
    }  # fmt: skip


# ---------------------------------------------------------------- length
@pytest.mark.parametrize("family", FAMILIES)
def test_headers_are_read_up_to_a_length(family: Family) -> None:
    used = sum(len(name) + len(value) for name, value in received(family).headers) + len("x")
    rest = MOST_HEADER_BYTES - used
    assert asked(received(family, ("x", "a" * rest)), family).target == WebTarget(HOST, PATH, "GET")
    assert unreadable(received(family, ("x", "a" * (rest + 1))), family) == "the headers are too long"


# ---------------------------------------------------------------- methods in headers
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("pairs", "others"),
    [
        ((), ()),
        ((("x-http-method-override", "DELETE"),), ("DELETE",)),
        ((("x-method-override", "delete"),), ("DELETE",)),
        ((("x-http-method", " PUT "),), ("PUT",)),
        ((("x_http_method_override", "DELETE"),), ("DELETE",)),  # as CGI and WSGI fold it
        ((("x.method.override", "DELETE"),), ("DELETE",)),
        ((("x-http-method-override", "GET"),), ()),
        ((("x-http-method-override", "PUT"), ("x-method-override", "put")), ("PUT",)),
        ((("x-http-method-overrides", "DELETE"),), ()),
        ((("method-override", "DELETE"),), ()),
    ],
)
def test_a_method_that_an_application_may_take_instead(
    family: Family, pairs: tuple[tuple[str, str], ...], others: tuple[str, ...]
) -> None:
    assert asked(received(family, *pairs), family).other_methods == others


@pytest.mark.parametrize(
    "pairs",
    [
        (("x-http-method-override", ""),),
        (("x-http-method-override", "PUT,GET"),),
        (("x-http-method-override", "PUT"), ("x-http-method-override", "GET")),
        (("x-http-method-override", "PUT"), ("x-http-method", "DELETE")),
    ],
)
def test_more_than_one_method_instead_is_refused(pairs: tuple[tuple[str, str], ...]) -> None:
    """Each would be decided, and recorded: a header of 64 KiB must not become two thousand decisions."""
    found = received(Family.TRAEFIK, *pairs)
    assert unreadable(found, Family.TRAEFIK) == "the method that replaces the request's cannot be read"


# ---------------------------------------------------------------- upgrades
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("pairs", "good"),
    [
        ((("upgrade", "websocket"),), True),
        ((("upgrade", "WebSocket"),), True),
        ((("connection", "upgrade"),), True),
        ((("upgrade", "h2c"),), False),
        ((("upgrade", "websocket, h2c"),), False),
        ((("upgrade", "websocket"), ("upgrade", "h2c")), False),
        ((("upgrade", ""),), False),
        ((("http2-settings", "AAMAAABkAAQAAP__"),), False),  # what is left of it where `Upgrade` was dropped
    ],
)
def test_no_upgrade_but_to_a_websocket_is_taken(family: Family, pairs: tuple[tuple[str, str], ...], good: bool) -> None:
    found = received(family, *pairs)
    if good:
        assert asked(found, family).target == WebTarget(HOST, PATH, "GET")
    else:
        assert unreadable(found, family).startswith("an upgrade to something else than a websocket")


# ---------------------------------------------------------------- websockets
@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ((), False),
        ((("upgrade", "websocket"),), True),
        ((("upgrade", "WebSocket"),), True),
        ((("upgrade", "h2c, websocket"),), True),
        ((("upgrade", "h2c"), ("upgrade", "websocket")), True),
        ((("upgrade", "h2c"),), False),
        ((("sec-websocket-key", "x"),), True),  # nginx drops `Upgrade`
        ((("sec-websocket-version", "13"),), True),  # HTTP/2 has no key
        ((("sec-fetch-mode", "websocket"),), True),
        ((("sec-fetch-mode", "navigate"),), False),
        ((("connection", "upgrade"),), False),
    ],
)
def test_a_websocket_is_recognised(pairs: tuple[tuple[str, str], ...], expected: bool) -> None:
    assert is_websocket(received(Family.NGINX, *pairs)) is expected
