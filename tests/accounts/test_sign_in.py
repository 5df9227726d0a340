"""A person's way in, from the first sign-in on, through the pages."""

from html import unescape
from re import findall

import pytest
from django.test import Client

from accounts.models import RecoveryCodeDevice, Session, TOTPDevice
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
