"""The same answers whether one host is registered, or a hundred, or a thousand."""

import pytest
from django.utils import timezone
from pytest_django import Settings

from segments.enforcement import forward_auth
from segments.enforcement.proxies import Family
from segments.models import Resource
from tests.segments import rows
from tests.segments.enforcement.asking_proxies import received

pytestmark = pytest.mark.django_db

HOST = "app.example.test"
ANSWERS = {
    "app.example.test": 200,
    "APP.Example.TEST": 200,
    "app.example.test.": 200,
    "app.example.test:443": 200,
    "app.example.test.:443": 200,
    "app.example.test..": 403,
    "xapp.example.test": 403,
    "app.example.testx": 403,
    "example.test": 403,
    "app.example.test.evil.test": 403,
    "evil.test": 403,
    "xn--pp-7kc.example.test": 403,
}


@pytest.mark.parametrize("registered", [1, 101, 1000])
def test_answers_do_not_change_with_the_number_of_hosts(tls: Settings, registered: int) -> None:
    segment = rows.segment("open")
    rows.web(segment, HOST, anonymous=True)
    others = (f"other{number}.example.test" for number in range(registered - 1))
    Resource.objects.bulk_create(
        Resource(segment=segment, kind="web", name=host, host=host, path="/", anonymous=True) for host in others
    )
    asked = {
        host: forward_auth.answer(
            Family.TRAEFIK, received(Family.TRAEFIK, host=host), peer="127.0.0.1", at=timezone.now()
        ).status
        for host in ANSWERS
    }
    assert (Resource.objects.filter(kind="web").count(), asked) == (registered, ANSWERS)
