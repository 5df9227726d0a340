"""Where allowed requests go, and what a compiler refuses."""

import random

import pytest

from segments.gateway.sites import NOWHERE, Site, UpstreamError, sites, upstreams
from segments.policy.model import WebResource

A, B, C = "http://127.0.0.1:9001", "http://127.0.0.1:9002", "https://app.internal"


def web(
    name: str, host: str = "app.test", path: str = "/", upstream: str = "", methods: str = "", **more: bool
) -> WebResource:
    wanted = frozenset(methods.split()) or None
    return WebResource(id=name, segment="s", host=host, path=path, methods=wanted, upstream=upstream, **more)


def table(found: tuple[Site, ...]) -> list[tuple[str, str, str, str]]:
    return [
        (site.host, route.path, " ".join(route.methods), route.upstream.url) for site in found for route in site.routes
    ]


def test_no_resource_is_no_site() -> None:
    assert sites([]) == ()


def test_longest_prefix_stands_first() -> None:
    found = sites([web("a", upstream=A), web("b", path="/x/y", upstream=B), web("c", path="/x", upstream=A)])
    assert table(found) == [("app.test", "/x/y", "", B), ("app.test", "/x", "", A), ("app.test", "/", "", A)]


def test_resource_without_upstream_falls_to_the_shorter_prefix() -> None:
    assert table(sites([web("a", upstream=A), web("b", path="/healthz", methods="GET")])) == [("app.test", "/", "", A)]


def test_host_without_any_upstream_is_left_out() -> None:
    assert sites([web("a"), web("b", path="/x")]) == ()


def test_two_resources_on_one_prefix_go_by_method() -> None:
    found = sites([web("a", methods="GET", upstream=A), web("b", methods="POST PUT", upstream=B)])
    assert table(found) == [("app.test", "/", "GET HEAD", A), ("app.test", "/", "POST PUT", B)]


def test_head_goes_by_its_own_resource_where_it_has_one() -> None:
    found = sites([web("a", methods="GET", upstream=A), web("b", methods="HEAD", upstream=B)])
    assert table(found) == [("app.test", "/", "GET", A), ("app.test", "/", "HEAD", B)]


def test_one_upstream_takes_every_method() -> None:
    """Which methods are allowed is decided elsewhere."""
    assert table(sites([web("a", methods="GET", upstream=A), web("b", methods="POST", upstream=A)])) == [
        ("app.test", "/", "", A)
    ]


def test_method_without_an_upstream_falls_through() -> None:
    found = sites(
        [web("r", upstream=C), web("a", path="/x", methods="GET", upstream=A), web("b", path="/x", methods="POST")]
    )
    assert table(found) == [("app.test", "/x", "GET HEAD", A), ("app.test", "/", "", C + ":443")]
    first, root = found[0].places
    assert [(route.methods, route.upstream.port) for route in first] == [(("GET", "HEAD"), 9001), ((), 443)]
    assert [route.methods for route in root] == [()]


def test_exact_host_falls_through_to_the_wildcard_over_it() -> None:
    found = sites([web("w", host="*.wild.test", upstream=A), web("x", host="one.wild.test", path="/x", upstream=B)])
    assert table(found) == [("one.wild.test", "/x", "", B), ("one.wild.test", "/", "", A), ("*.wild.test", "/", "", A)]


def test_exact_host_with_a_root_of_its_own_does_not() -> None:
    found = sites([web("w", host="*.wild.test", path="/y", upstream=A), web("x", host="one.wild.test", upstream=B)])
    assert table(found) == [("one.wild.test", "/", "", B), ("*.wild.test", "/y", "", A)]


def test_same_resources_same_sites_in_any_order() -> None:
    resources = [
        web(f"{host}-{path}", host=host, path=path, upstream=url)
        for host in ("b.test", "a.test", "*.a.test")
        for path, url in (("/", A), ("/x", B), ("/y", ""), ("/x/z", C))
    ]
    expected = sites(resources)
    for seed in range(20):
        random.Random(seed).shuffle(resources)
        assert sites(resources) == expected


def test_upstreams_are_told_once() -> None:
    found = sites([web("a", upstream=A), web("b", path="/x", upstream=B), web("c", host="c.test", upstream=A + "/")])
    assert [upstream.url for upstream in upstreams(found)] == [A, B]


@pytest.mark.parametrize(
    ("text", "url", "is_address"),
    [
        ("http://127.0.0.1:9001", "http://127.0.0.1:9001", True),
        ("http://127.0.0.1", "http://127.0.0.1:80", True),
        ("https://app.internal/", "https://app.internal:443", False),
        ("http://[::1]:9001", "http://[::1]:9001", True),
        ("http://my_service:8000", "http://my_service:8000", False),
    ],
)
def test_upstream_is_scheme_host_and_port(text: str, url: str, is_address: bool) -> None:
    (upstream,) = upstreams(sites([web("a", upstream=text)]))
    assert (upstream.url, upstream.is_address) == (url, is_address)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://127.0.0.1:9001/base", "has a path or a query"),
        ("http://127.0.0.1:9001//", "has a path or a query"),
        ("http://127.0.0.1:9001?x=1", "has a path or a query"),
        ("http://127.0.0.1:9001/#x", "has a path or a query"),
        ("http://user:pass@127.0.0.1:9001", "has a user name or a password"),
        ("ftp://127.0.0.1", "does not start with `http://` or `https://`"),
        ("HTTP://127.0.0.1", "does not start with `http://` or `https://`"),
        ("127.0.0.1:9001", "does not start with `http://` or `https://`"),
        ("http://127.0.0.1:0", "has a port that is not between 1 and 65535"),
        ("http://127.0.0.1:65536", "has a port that is not between 1 and 65535"),
        ("http://", "is not scheme, host and port"),
        ("http://a b", "is not scheme, host and port"),
        ("http://127.0.0.1:9001\n", "is not scheme, host and port"),
        ('http://a";return 200;"', "is not scheme, host and port"),
        ("http://a${HOME}", "is not scheme, host and port"),
        ("http://[::1::]:9001", "has an address that is none"),
        ("http://127.0.0.1:९", "is not scheme, host and port"),
    ],
)
def test_upstream_that_would_change_a_request_is_an_error_that_names_the_resource(text: str, why: str) -> None:
    with pytest.raises(UpstreamError, match="of resource `ledger`") as caught:
        sites([web("ledger", upstream=text)])
    assert why in str(caught.value)


def test_upstream_that_cannot_be_used_leaves_the_others_as_they_are() -> None:
    told: list[str] = []
    good = [web("a", upstream=A), web("c", host="c.test", upstream=B)]
    found = sites([*good, web("bad", path="/x", upstream="ftp://x")], told.append)
    assert table(found) == [("app.test", "/x", "", NOWHERE), ("app.test", "/", "", A), ("c.test", "/", "", B)]
    assert len(told) == 1
    assert told[0].startswith("upstream `ftp://x` of resource `bad` does not start with")
    assert sites(good, told.append) == sites(good)
    assert len(told) == 1
