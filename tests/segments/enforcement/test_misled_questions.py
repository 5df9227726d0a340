"""A proxy that does not hand `/.zt/` on leads nobody in circles."""

import pytest
from django.utils import timezone
from pytest_django import Settings

from audit.models import Entry
from segments.enforcement import forward_auth
from segments.enforcement.proxies import Family
from tests.segments import rows
from tests.segments.enforcement.asking_proxies import HOST, received

pytestmark = pytest.mark.django_db

BROWSER = (("accept", "text/html"), ("sec-fetch-mode", "navigate"))


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize(("path", "statuses"), [("/.zt/start?rd=x", {403}), ("/.zt-start", {302, 401})])
def test_a_question_about_our_own_pages_is_refused(
    tls: Settings, family: Family, path: str, statuses: set[int]
) -> None:
    rows.web(rows.segment("public"), HOST)
    found = received(family, *BROWSER, path=path)
    answer = forward_auth.answer(family, found, peer="127.0.0.1", at=timezone.now())
    assert answer.status in statuses
    told = Entry.objects.latest("id").data.get("unreadable")
    assert told == ("the proxy has to hand `/.zt/` to the decision point" if statuses == {403} else None)
