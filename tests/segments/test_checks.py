"""Deployment mistakes that are seen: views no segment has, plain http beyond this machine, a shared portal host."""

import pytest
from django.contrib.auth.decorators import login_not_required
from django.core.checks import Error, Warning  # noqa: A004 (Django's name)
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from pytest_django import Settings

from segments import checks, url_configuration
from segments.enforcement.middleware import in_segment
from segments.models import Resource, Segment
from tests.segments import rows


def protected(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@login_not_required
def public(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@in_segment(kwarg="slug")
def page(_request: HttpRequest, slug: str) -> HttpResponse:
    return HttpResponse(slug)


payroll = ([path("run", protected, name="run"), path("hook", public, name="hook")], "payroll")
urlpatterns = [
    path("plain", protected),
    path("named", protected, name="named"),
    path("public", public, name="public"),
    path("page/<slug:slug>/", page, name="page"),
    path("payroll/", include(payroll, namespace="payroll")),
    path("inner/", include(([path("", include(payroll))], "outer"), namespace="outer")),
]
UNNAMED = f"{__name__}.protected"


@pytest.fixture
def _own_urls(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__


def segment(*views: str) -> Segment:
    row = rows.segment("payroll")
    for name in views:
        rows.view(row, name)
    return row


@pytest.mark.usefixtures("_own_urls")
def test_views_are_named_as_django_names_them() -> None:
    known = url_configuration.views()
    assert set(known) == {
        UNNAMED,
        "named",
        "public",
        "page",
        "payroll:run",
        "payroll:hook",
        "outer:payroll:run",
        "outer:payroll:hook",
    }
    assert url_configuration.protected(known) == ("named", "outer:payroll:run", "page", "payroll:run", UNNAMED)


@pytest.mark.usefixtures("_own_urls")
@pytest.mark.parametrize(
    ("view", "there"),
    [
        ("named", True),
        ("name", False),
        ("payroll:run", True),
        ("payroll:*", True),
        ("pay:*", False),
        ("outer:*", True),
        ("outer:payroll:*", True),
        ("page[finance]", True),
    ],
)
def test_a_view_or_a_namespace_is_there_or_not(view: str, there: bool) -> None:
    assert url_configuration.has(view, url_configuration.views()) is there


@pytest.mark.django_db
@pytest.mark.usefixtures("_own_urls")
@pytest.mark.parametrize(
    ("views", "missing"),
    [
        ((), ("named", "outer:payroll:run", "payroll:run", UNNAMED)),
        (("named",), ("outer:payroll:run", "payroll:run", UNNAMED)),
        (("payroll:*",), ("named", "outer:payroll:run", UNNAMED)),
        (("outer:*", "payroll:run", "named", UNNAMED), ()),
    ],
)
def test_views_that_no_segment_has_are_reported(views: tuple[str, ...], missing: tuple[str, ...]) -> None:
    segment(*views)
    found = checks.check_views()
    assert found == ([checks.views_without_segment(missing)] if missing else [])


@pytest.mark.django_db
def test_every_view_of_this_project_has_a_segment() -> None:
    assert checks.check_views() == []


@pytest.mark.django_db
@pytest.mark.usefixtures("_own_urls")
def test_the_warning_says_which_and_what_to_do() -> None:
    (warning,) = checks.check_views()
    assert isinstance(warning, Warning)
    assert warning.id == "segments.W001"
    assert "so they are closed to everybody: named, outer:payroll:run, payroll:run, " in warning.msg
    assert "`login_not_required`" not in warning.msg
    assert "django.contrib.auth.decorators.login_not_required" in (warning.hint or "")


@pytest.mark.django_db
@pytest.mark.usefixtures("_own_urls")
def test_rows_that_are_no_policy_are_reported_elsewhere() -> None:
    segment("payroll:run")
    Resource.objects.filter(view="payroll:run").update(view="no view")
    assert checks.check_views() == []


@pytest.mark.parametrize(
    ("tls", "hosts", "named"),
    [
        (False, ["localhost", "127.0.0.1", "[::1]", ".localhost", "app.localhost"], None),
        (False, [], None),
        (False, ["localhost", "portal.example.test"], "portal.example.test"),
        (False, ["*"], "*"),
        (True, ["portal.example.test"], None),
    ],
)
def test_plain_http_is_for_this_machine(settings: Settings, tls: bool, hosts: list[str], named: str | None) -> None:
    settings.ZT_TLS, settings.ALLOWED_HOSTS = tls, hosts
    found = checks.check_plain_http()
    assert found == ([checks.plain_http([named])] if named else [])
    assert all(isinstance(message, Error) and message.id == "segments.E001" for message in found)


@pytest.mark.parametrize(
    ("tls", "url", "missing"),
    [(True, "", True), (True, "https://portal.example.test", False), (False, "", False)],
)
def test_with_tls_the_portal_needs_an_address(settings: Settings, tls: bool, url: str, missing: bool) -> None:
    settings.ZT_TLS, settings.ZT_PORTAL_URL = tls, url
    assert checks.check_portal_url() == ([checks.NO_PORTAL_URL] if missing else [])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://portal.example.test:8443", [("segments.E002", "portal.example.test", "old, older")]),
        ("https://else.example.org", [("segments.W003", "else.example.org", "any")]),
        ("https://example.test", []),
        ("https://x.portal.example.test", []),
        ("https://x.else.example.org", []),
        ("", []),
    ],
)
def test_applications_on_the_portals_host_are_named(
    settings: Settings, url: str, expected: list[tuple[str, str, str]]
) -> None:
    payroll = segment()
    for name, host in (("older", "portal.example.test"), ("old", "portal.example.test"), ("any", "*.example.org")):
        rows.web(payroll, host, f"/{name}", name=name)
    settings.ZT_PORTAL_URL = url
    found = checks.check_portal_host()
    assert [message.id for message in found] == [code for code, _, _ in expected]
    for message, (_, host, names) in zip(found, expected, strict=True):
        assert host in message.msg
        assert message.msg.endswith(f": {names}.")
        assert message.hint


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("tls", "host", "closed"),
    [
        (False, "ledger.localhost", False),
        (False, "*.apps.localhost", False),
        (False, "ledger.example.test", True),
        (False, "*.example.test", True),
        (True, "ledger.example.test", False),
    ],
)
def test_applications_beyond_this_machine_need_tls(settings: Settings, tls: bool, host: str, closed: bool) -> None:
    settings.ZT_TLS = tls
    rows.web(rows.segment("finance"), host, name="ledger")
    found = checks.check_applications_in_clear()
    assert found == ([checks.applications_in_clear(["ledger"])] if closed else [])
