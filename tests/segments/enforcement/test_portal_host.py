"""A wildcard over the portal's domain does not turn the portal into an application."""

import pytest
from django.utils import timezone
from pytest_django import Settings

from audit.models import Entry
from segments.enforcement import forward_auth
from segments.enforcement.proxies import Family
from tests.segments import rows
from tests.segments.enforcement.asking_proxies import received

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def wildcard(tls: Settings) -> None:
    rows.web(rows.segment("open"), "*.example.test", name="everything", anonymous=True)


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("app.example.test", 200),
        ("portal.example.test.", 403),
        ("Portal.Example.Test:443", 403),
        ("portal.example.test", 403),
        ("portal2.example.test", 200),
    ],
)
def test_the_portals_host_is_no_application(family: Family, host: str, status: int) -> None:
    answer = forward_auth.answer(family, received(family, host=host), peer="127.0.0.1", at=timezone.now())
    assert answer.status == status
    told = Entry.objects.latest("id").data
    assert (told["allowed"], told.get("unreadable")) == (
        status == 200,
        None if status == 200 else "the portal's host is no application's",
    )
