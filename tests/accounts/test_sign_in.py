"""A person's way in, from the first sign-in on, through the pages."""

from html import unescape
from io import StringIO
from re import findall

import pytest
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django_otp.decorators import otp_required
from django_otp.middleware import OTPMiddleware

from accounts.models import RecoveryCodeDevice, Session, TOTPDevice
from accounts.sessions import SessionStore
from audit.models import Entry
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return factories.browser()


def test_first_sign_in_leads_through_enrolment_and_recovery_codes(browser: Client) -> None:
    alice = factories.alice(enrolled=False)

    answer = factories.enter_password(browser, alice, next="/account/")
    assert (answer.status_code, answer["Location"]) == (302, "/login/enrol/")
    device = TOTPDevice.objects.get(user=alice)
    page = browser.get("/login/enrol/").content.decode()
    assert "<svg" in page
    assert device.typed_key in page

    page = unescape(browser.post("/login/enrol/", {"code": factories.code(device)}).content.decode())
    codes = findall(r"<li>((?:[A-Z2-7]{4}-){5}[A-Z2-7]{4})</li>", page)
    assert len(set(codes)) == 10
    assert not set(codes) & set(findall(r"[A-Z2-7-]{29}", browser.get("/login/codes/").content.decode()))
    assert browser.get("/account/").status_code == 302  # not in yet

    answer = browser.post("/login/codes/", {"saved": "yes"})
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert browser.get("/account/").status_code == 200
    assert list(Entry.objects.exclude(kind="decision").order_by("pk").values_list("kind", "actor", "subject")) == [
        ("factor.enrolled", "user:alice", "user:alice"),
        ("factor.enrolled", "user:alice", "user:alice"),
        ("sign_in.succeeded", "user:alice", "user:alice"),
    ]


def test_next_sign_in_asks_for_the_code_alone(browser: Client) -> None:
    alice = factories.alice()
    device = factories.sign_in(browser, alice)
    assert browser.get("/account/").status_code == 200
    session = Session.objects.get(user=alice, ended_at=None)
    assert [stored["device"] for stored in session.verifications] == [device.persistent_id]


def test_recovery_code_lets_in_once_and_keeps_the_app(browser: Client) -> None:
    alice = factories.alice()
    code = factories.recovery_codes(alice)[0]
    factories.enter_password(browser, alice)
    assert browser.post("/login/recovery/", {"code": code.lower()}).status_code == 302
    assert browser.get("/account/").status_code == 200
    assert RecoveryCodeDevice.objects.get(user=alice).left == 9
    assert TOTPDevice.objects.filter(user=alice, confirmed=True).exists()
    again = factories.browser()
    factories.enter_password(again, alice)
    assert "did not work" in again.post("/login/recovery/", {"code": code}).content.decode()
    assert again.get("/account/").status_code == 302


def test_signing_out_ends_the_session_on_the_server(browser: Client) -> None:
    factories.sign_in(browser, factories.alice())
    stolen = factories.browser()
    stolen.cookies = browser.cookies.copy()
    assert stolen.get("/account/").status_code == 200
    answer = browser.post("/logout/")
    assert (answer.status_code, answer["Location"], answer["Clear-Site-Data"]) == (302, "/login/", '"cache", "storage"')
    assert stolen.get("/account/").status_code == 302
    assert Session.objects.get().session_data == ""


@pytest.mark.parametrize("made_by", ["createsuperuser", "staff"])
def test_administrator_without_a_factor_is_led_to_enrolment_and_into_the_admin(
    made_by: str, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    if made_by == "createsuperuser":
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", factories.PASSWORD)
        call_command("createsuperuser", "--noinput", username="carol", email="carol@example.test", stdout=StringIO())
    else:
        factories.carol(enrolled=False)
    assert browser.get("/admin/")["Location"] == "/login/?next=/admin/"
    assert factories.enter_password(browser, "carol", next="/admin/")["Location"] == "/login/enrol/"
    browser.post("/login/enrol/", {"code": factories.code(TOTPDevice.objects.get())})
    assert browser.post("/login/codes/", {"saved": "yes"})["Location"] == "/admin/"
    assert browser.get("/admin/").status_code == 200


def test_session_of_other_code_without_a_factor_is_asked_for_one(browser: Client) -> None:
    """What Django's own login() makes is a session, and not enough."""
    alice = factories.alice()
    browser.force_login(alice)
    assert browser.get("/account/")["Location"] == "/login/verify/?next=/account/"
    code = factories.code(TOTPDevice.objects.get(user=alice))
    assert browser.post("/login/verify/?next=/account/", {"code": code})["Location"] == "/account/"
    assert browser.get("/account/").status_code == 200


def test_session_of_other_code_cannot_enrol(browser: Client) -> None:
    browser.force_login(factories.alice(enrolled=False))
    assert browser.get("/account/")["Location"] == "/login/enrol/?next=/account/"
    assert browser.get("/login/enrol/?next=/account/")["Location"] == "/login/?next=%2Faccount%2F"
    assert browser.get("/login/").status_code == 200
    assert not TOTPDevice.objects.exists()


@pytest.mark.parametrize("verified", [True, False])
def test_contract_of_django_otp_holds_for_other_code(verified: bool, browser: Client, rf: RequestFactory) -> None:
    alice = factories.alice()
    if verified:
        factories.sign_in(browser, alice)
    else:
        browser.force_login(alice)

    def answer(request: HttpRequest) -> HttpResponse:
        return otp_required(lambda request: HttpResponse("in"))(request)  # type: ignore[no-any-return]

    request = rf.get("/")
    request.session = SessionStore(browser.cookies["zt"].value)  # type: ignore[assignment]
    AuthenticationMiddleware(answer).process_request(request)
    found = OTPMiddleware(answer)(request)
    assert (request.user.is_verified(), found.status_code) == (verified, 200 if verified else 302)  # type: ignore[union-attr]


def test_person_who_is_in_is_not_asked_again(browser: Client) -> None:
    factories.sign_in(browser, factories.alice())
    assert browser.get("/login/?next=/account/")["Location"] == "/account/"
    assert browser.get("/login/?next=https://evil.test/")["Location"] == "/"
