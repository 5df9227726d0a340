"""Questions as people put them, turned into targets."""

import pytest

from segments.policy.engine import decide
from segments.policy.model import Context, Policy, Resource, Segment, ViewResource, ViewTarget, WebResource, WebTarget
from segments.policy.questions import targets_of, web_target
from tests.segments.policy.values import NOW


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://ledger.example.test", "ledger.example.test", "/"),
        ("https://ledger.example.test/", "ledger.example.test", "/"),
        ("HTTP://Ledger.example.test:8443/a%2e%2e/b?c=d#e", "Ledger.example.test:8443", "/a%2e%2e/b?c=d#e"),
        ("https://ledger.example.test?x=/", "ledger.example.test", "/?x=/"),
        ("https://[::1]:8000/x", "[::1]:8000", "/x"),
        ("https://a@b/x", "a@b", "/x"),
        ("https://ledger.example.test\\x", "ledger.example.test", "\\x"),
        ("https://h/a\n\tb", "h", "/a\n\tb"),
    ],
)
def test_a_url_is_taken_as_it_is(url: str, host: str, path: str) -> None:
    assert web_target(url, "POST") == WebTarget(host, path, "POST")


@pytest.mark.parametrize(
    "url", ["", "ledger.example.test", "/path", "ftp://h/", "https://", "https:///x", "//h/x", "javascript:x"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not a URL: write https://host/path"):
        web_target(url, "GET")


def policy(*resources: Resource) -> Policy:
    return Policy(version=1, segments=(Segment("s"),), resources=resources)


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        (None, {"read": "GET", "write": "POST"}),
        (frozenset({"GET"}), {"read": "GET"}),
        (frozenset({"HEAD", "DELETE"}), {"read": "HEAD", "write": "DELETE"}),
        (frozenset({"PROPFIND", "MKCOL"}), {"write": "MKCOL"}),
        (frozenset({"OPTIONS"}), {"read": "OPTIONS"}),
    ],
)
def test_a_resource_is_asked_for_with_methods_that_it_covers(
    methods: frozenset[str] | None, expected: dict[str, str]
) -> None:
    resource = WebResource("r", "s", "h.test", "/a", methods=methods)
    targets = targets_of(policy(resource), resource)
    assert targets == {action: WebTarget("h.test", "/a", method) for action, method in expected.items()}


@pytest.mark.parametrize(
    "resource",
    [
        ViewResource("r", "s", "payroll:run"),
        ViewResource("r", "s", "payroll:*"),
        ViewResource("r", "s", "segments:segment[s]"),
        WebResource("r", "s", "*.example.test", "/a"),
        WebResource("r", "s", "h.test", "/"),
    ],
)
def test_its_targets_lie_in_the_resource_and_nowhere_else(resource: ViewResource | WebResource) -> None:
    around = (
        ViewResource("x", "s", "payroll:any"),
        ViewResource("y", "s", "payroll:any:*"),
        WebResource("z", "s", "any.example.test", "/a"),
        WebResource("zz", "s", "any-any.example.test", "/a"),
        WebResource("zzz", "s", "h.test", "/a"),
    )
    everything = policy(resource, *around)
    for target in targets_of(everything, resource).values():
        assert decide(everything, None, target, Context(NOW)).resource == "r"


def test_a_view_is_asked_for_by_its_name() -> None:
    resource = ViewResource("r", "s", "payroll:run")
    assert targets_of(policy(resource), resource) == {
        "read": ViewTarget("payroll:run", "GET"),
        "write": ViewTarget("payroll:run", "POST"),
    }
