"""The key set: public, the same for everybody, and the one page that caches may keep."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import resolve
from pytest_django import Settings

from segments import assertion_keys
from segments.models import AssertionKey
from tests import factories
from ztproject.headers import SecurityHeadersMiddleware

pytestmark = pytest.mark.django_db

PATH = "/.well-known/jwks.json"
AT = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize("accept", ["application/json", "text/html", "*/*"])
def test_everybody_gets_the_same_bytes_for_five_minutes(accept: str) -> None:
    signed_in = Client()
    factories.sign_in(signed_in, factories.alice())
    for client in (Client(), signed_in):
        answer = client.get(PATH, HTTP_ACCEPT=accept)
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
        assert answer["Cache-Control"] == "max-age=300"
        assert answer.content == assertion_keys.jwks_document(AT)
        assert not answer.cookies
        assert answer["X-Content-Type-Options"] == "nosniff"


def test_nothing_but_reading_is_answered() -> None:
    assert (Client().head(PATH).status_code, Client().head(PATH).content) == (200, b"")
    refused = Client().post(PATH)
    assert (refused.status_code, refused["Cache-Control"]) == (405, "no-store")
    assert AssertionKey.objects.count() == 1


@pytest.mark.parametrize(
    "path", ["/.well-known/jwks.json/", "/.well-known/", "/x/.well-known/jwks.json", "/livez", "/login/"]
)
def test_pages_beside_it_are_kept_by_nobody(path: str) -> None:
    assert Client().get(path)["Cache-Control"] == "no-store"


def test_answer_that_sets_a_cookie_or_failed_is_kept_by_nobody() -> None:
    request = HttpRequest()
    request.path, request.resolver_match = PATH, resolve(PATH)
    for kept, answer in (
        ("max-age=300", HttpResponse()),
        ("no-store", HttpResponse(status=503)),
        ("no-store", with_cookie()),
    ):
        answer.headers["Cache-Control"] = "max-age=300"
        assert SecurityHeadersMiddleware(lambda _request, answer=answer: answer)(request)["Cache-Control"] == kept


def with_cookie() -> HttpResponse:
    answer = HttpResponse()
    answer.set_cookie("zt", "secret")
    return answer


def test_no_key_set_without_a_database(settings: Settings) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE segments_assertionkey RENAME TO elsewhere")
    answer = Client().get(PATH)
    assert (answer.status_code, answer.json(), answer["Cache-Control"]) == (
        503, {"status": "not ready", "reason": "database"}, "no-store",
    )  # fmt: skip
