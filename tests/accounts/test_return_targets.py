"""Where people may be sent back to: written as what is accepted, with near misses beside it."""

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from accounts.return_targets import requested_target, safe_target

HOSTS = {"app.example.test", "*.apps.example.test"}
SAFE = [
    ("/", "/"),
    ("/account/", "/account/"),
    ("/account/?x=https://evil.test", "/account/?x=https://evil.test"),
    ("/a.b/c%20d/;p=1,2?q=%2F%2Fx&y=/z?", "/a.b/c%20d/;p=1,2?q=%2F%2Fx&y=/z?"),
    ("/segments/finance/?page=2", "/segments/finance/?page=2"),
    ("https://app.example.test", "https://app.example.test/"),
    ("https://app.example.test/", "https://app.example.test/"),
    ("https://app.example.test:443/x//y", "https://app.example.test/x//y"),
    ("HTTPS://APP.EXAMPLE.TEST/Public/X?Y", "https://app.example.test/Public/X?Y"),
    ("https://wiki.apps.example.test/?q=1", "https://wiki.apps.example.test/?q=1"),
    ("https://app.example.test?q=1", "https://app.example.test/?q=1"),
]
UNSAFE = [
    "",
    "account/",
    "?rd=//evil.test",
    "#x",
    "/#//evil.test",
    "//evil.test",
    "//app.example.test/",
    "/.//evil.test",
    "/./x",
    "/../x",
    "/x/..",
    "/%2e%2e/x",
    "/%2f/evil.test",
    "/%5cevil.test",
    "/%0d%0aSet-Cookie:x=1",
    "/a//b",
    "/%",
    "/%zz",
    "/x y",
    "/x\ty",
    "/x\r\nSet-Cookie: a=b",
    "/é",
    "/\\evil.test",
    "\\\\evil.test",
    "/x\\y",
    "/" + "a" * 2048,
    "http://app.example.test/",
    "https:/app.example.test/",
    "https:app.example.test",
    "https:///app.example.test",
    "https://app.example.test:8443/",
    "https://app.example.test:0443/",
    "https://app.example.test./",
    "https://app.example.test@evil.test/",
    "https://user@app.example.test/",
    "https://evil.test/",
    "https://app.example.test.evil.test/",
    "https://evilapp.example.test/",
    "https://apps.example.test/",
    "https://a.b.apps.example.test/",
    "https://.apps.example.test/",
    "https://*.apps.example.test/",
    "https://app.example.test/\r\nSet-Cookie: a=b",
    "https://app.example.test\n/",
    "https://app.example.test/../x",
    "https://[::1]/",
    "https://app.example.test/#x",
    "javascript:alert(1)",
    "data:text/html,x",
    " https://app.example.test/",
    "https://app.example.test ",
    "https://ａpp.example.test/",
    "/login/",
    "/login/verify/?next=/",
    "/login/?next=/login/?next=//evil.test",
    "/logout/",
]


@pytest.mark.parametrize(("value", "expected"), SAFE)
def test_safe_target_is_given_back_as_it_was_checked(value: str, expected: str, rf: RequestFactory) -> None:
    assert safe_target(rf.get("/login/"), value, hosts=HOSTS) == expected


@pytest.mark.parametrize("value", UNSAFE)
def test_anything_else_is_no_target(value: str, rf: RequestFactory) -> None:
    assert safe_target(rf.get("/login/"), value, hosts=HOSTS) is None


def test_own_host_counts_over_https_alone(rf: RequestFactory, settings: object) -> None:
    assert safe_target(rf.get("/login/", secure=True, headers={"host": "localhost"}), "https://localhost/x") == (
        "https://localhost/x"
    )
    assert safe_target(rf.get("/login/", headers={"host": "localhost"}), "https://localhost/x") is None
    assert safe_target(rf.get("/login/", secure=True, headers={"host": "localhost"}), "https://127.0.0.1/x") is None


@given(st.text(alphabet="/\\.%2eEfF5cC0aA \t\r\n?#@:;=hptsx-_[]", max_size=24))
def test_a_path_that_is_safe_stays_on_this_host(value: str) -> None:
    found = safe_target(RequestFactory().get("/login/"), value)
    if found is not None:
        assert found == value
        assert value.startswith("/")
        assert value[1:2] not in {"/", "\\"}
        assert "//" not in value.partition("?")[0]
        assert "/../" not in value.partition("?")[0]


def test_two_targets_are_none(rf: RequestFactory) -> None:
    assert requested_target(rf.get("/login/?next=/account/")) == "/account/"
    assert requested_target(rf.get("/login/?rd=/account/")) == "/account/"
    assert requested_target(rf.get("/login/?next=/account/&next=/account/")) == ""
    assert requested_target(rf.get("/login/?next=/account/&rd=/account/")) == ""
    assert requested_target(rf.post("/login/?next=/account/", {"next": "/"})) == "/"
    assert requested_target(rf.post("/login/?next=/account/", {})) == "/account/"


def registered() -> set[str]:
    return {"app.example.test"}


def test_registered_hosts_come_from_the_function_that_settings_name(rf: RequestFactory, settings: object) -> None:
    request = rf.get("/login/?rd=https://app.example.test/x")
    assert requested_target(request) == ""
    settings.ZT_RETURN_HOSTS = f"{__name__}.registered"  # type: ignore[attr-defined]
    assert requested_target(request) == "https://app.example.test/x"
