"""One's own account: changed by its owner, freshly proven, and by nobody else."""

from html import unescape
from re import findall
from urllib.parse import unquote

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import ApplicationSession, RecoveryCodeDevice, Session, TOTPDevice, User
from accounts.sessions import key_hash
from audit.models import Entry
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return factories.alice()


@pytest.fixture
def full(alice: User) -> Client:
    browser = factories.browser()
    factories.sign_in(browser, alice)
    return browser


@pytest.fixture
def other(alice: User) -> Client:
    browser = factories.browser(REMOTE_ADDR="203.0.113.7", HTTP_USER_AGENT="<b>Firefox</b>")
    factories.sign_in(browser, alice)
    return browser


def text(browser: Client, path: str = "/account/") -> str:
    return unescape(browser.get(path, follow=True).content.decode())


def test_page_says_what_protects_the_account_and_where_it_is_open(full: Client, other: Client) -> None:
    page = full.get("/account/").content.decode()
    for said in ("phone", "10 left", "203.0.113.7", "&lt;b&gt;Firefox&lt;/b&gt;", "this one", "End all others"):
        assert said in page


def test_only_own_sessions_are_shown_and_ended(full: Client, alice: User) -> None:
    bobs = factories.browser(REMOTE_ADDR="198.51.100.1")
    factories.sign_in(bobs, factories.bob())
    assert "198.51.100.1" not in text(full)
    his = key_hash(bobs.cookies["zt"].value)
    assert full.post(f"/account/sessions/{his}/end/").status_code == 404
    full.post("/account/sessions/end-others/")
    assert bobs.get("/account/").status_code == 200


@pytest.mark.parametrize("key", ["0" * 64, "0%0a", "%ff"])
def test_session_that_there_is_not_is_not_found(full: Client, key: str) -> None:
    assert full.post(f"/account/sessions/{key}/end/").status_code == 404


def test_applications_are_named_beside_the_session_they_were_opened_from(full: Client, other: Client) -> None:
    row = Session.objects.get(pk=key_hash(full.cookies[settings.SESSION_COOKIE_NAME].value))
    for number, host in enumerate(("ledger.example.test", "books.example.test", "ledger.example.test")):
        ApplicationSession.objects.create(key_hash=f"{number:064x}", session_id=row.sid, host=host)
    shown = [session.application_hosts for session in full.get("/account/").context["sessions"]]
    assert sorted(shown) == [[], ["books.example.test", "ledger.example.test"]]
    assert "Opened from there: books.example.test, ledger.example.test" in full.get("/account/").content.decode()


def test_one_session_is_ended(full: Client, other: Client) -> None:
    there = key_hash(other.cookies["zt"].value)
    assert "That session is ended." in unescape(
        full.post(f"/account/sessions/{there}/end/", follow=True).content.decode()
    )
    assert (full.get("/account/").status_code, other.get("/account/").status_code) == (200, 302)
    assert Entry.objects.filter(kind="session.ended", actor="user:alice").count() == 1
    assert full.post(f"/account/sessions/{there}/end/").status_code == 404


def test_all_others_are_ended(full: Client, other: Client, alice: User) -> None:
    factories.sign_in(factories.browser(), alice)
    page = full.post("/account/sessions/end-others/", follow=True).content.decode()
    assert "2 other sessions are ended." in page
    assert (full.get("/account/").status_code, other.get("/account/").status_code) == (200, 302)


def test_ending_this_session_is_signing_out(full: Client) -> None:
    here = key_hash(full.cookies["zt"].value)
    assert full.post(f"/account/sessions/{here}/end/")["Location"] == "/login/"
    assert full.get("/account/").status_code == 302
    assert Entry.objects.filter(kind="sign_out").count() == 1


@pytest.mark.parametrize("path", ["/account/sessions/end-others/", "/logout/"])
def test_reading_changes_nothing(full: Client, path: str) -> None:
    assert full.get(path).status_code == 405
    assert full.get("/account/").status_code == 200


def test_password_is_changed_by_whoever_knows_it(full: Client, alice: User) -> None:
    data = {"current": "wrong-Password-1", "new": "another phrase of words"}
    assert "This is not your current password." in full.post("/account/password/", data).content.decode()
    alice.refresh_from_db()
    assert alice.check_password(factories.PASSWORD)
    answer = full.post("/account/password/", data | {"current": factories.PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    alice.refresh_from_db()
    assert alice.check_password("another phrase of words")
    assert full.get("/account/").status_code == 200
    entry = Entry.objects.get(kind="account.changed")
    assert (entry.actor, entry.data) == ("user:alice", {"address": "127.0.0.1", "changed": ["password"]})


@pytest.mark.parametrize("path", ["/account/codes/", "/account/enrol/", "/account/factors/{pk}/remove/"])
def test_changing_factors_needs_a_fresh_one(full: Client, alice: User, path: str) -> None:
    factories.app(alice, "tablet")
    phone = TOTPDevice.objects.get(user=alice, name="phone")
    path = path.format(pk=phone.pk)
    assert full.get(path).status_code == 200
    factories.verified_ago(full, minutes=5)
    for answer in (full.get(path), full.post(path, {"new": "yes", "name": "mine"})):
        assert (answer.status_code, unquote(answer["Location"])) == (302, f"/login/verify/?next={path}")
    assert TOTPDevice.objects.filter(user=alice).count() == 2
    answer = full.post(f"/login/verify/?next={path}", {"code": factories.code(phone, steps=1)})
    assert (answer.status_code, answer["Location"]) == (302, path)
    assert full.get(path).status_code == 200


def test_another_app_is_added_and_the_first_removed(full: Client, other: Client, alice: User) -> None:
    assert full.post("/account/enrol/", {"name": "tablet"})["Location"] == "/account/enrol/"
    tablet = TOTPDevice.objects.get(name="tablet")
    assert tablet.typed_key in text(full, "/account/enrol/")
    assert "did not work" in full.post("/account/enrol/", {"code": factories.wrong_code(tablet)}).content.decode()
    assert other.get("/account/").status_code == 200
    assert full.post("/account/enrol/", {"code": factories.code(tablet)})["Location"] == "/account/"
    assert (full.get("/account/").status_code, other.get("/account/").status_code) == (200, 302)
    assert tablet.typed_key not in text(full, "/account/enrol/")
    phone = TOTPDevice.objects.get(name="phone")
    assert "Remove “phone”?" in text(full, f"/account/factors/{phone.pk}/remove/")
    # the session was verified with the phone: it goes with it
    full.post(f"/account/factors/{phone.pk}/remove/")
    assert list(TOTPDevice.objects.filter(user=alice)) == [tablet]
    assert full.get("/account/")["Location"].startswith("/login/verify/")


def test_last_app_is_not_removed(full: Client, alice: User) -> None:
    phone = TOTPDevice.objects.get(user=alice)
    answer = full.post(f"/account/factors/{phone.pk}/remove/", follow=True)
    assert "This is your last authenticator app" in answer.content.decode()
    assert TOTPDevice.objects.get(user=alice) == phone


def test_app_of_somebody_else_is_not_found(full: Client) -> None:
    bob = factories.bob()
    factories.app(bob, "tablet")
    for device in TOTPDevice.objects.filter(user=bob):
        assert full.post(f"/account/factors/{device.pk}/remove/").status_code == 404
    assert TOTPDevice.objects.filter(user=bob).count() == 2


def test_new_recovery_codes(full: Client, other: Client, alice: User) -> None:
    old = factories.recovery_codes(alice)
    page = unescape(full.post("/account/codes/", {"new": "yes"}).content.decode())
    codes = findall(r"<li>((?:[A-Z2-7]{4}-){5}[A-Z2-7]{4})</li>", page)
    assert (len(set(codes)), set(codes) & set(old)) == (10, set())
    file = findall(r'download="ztproject-recovery-codes.txt" href="data:text/plain;charset=utf-8,([^"]+)"', page)[0]
    assert unquote(file).splitlines() == codes
    assert (full.get("/account/").status_code, other.get("/account/").status_code) == (200, 302)
    assert full.post("/account/codes/", {"saved": "yes"})["Location"] == "/account/"
    assert RecoveryCodeDevice.objects.get(user=alice).saved_at is not None


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/account/password/", "current"),
        ("/account/enrol/", "name"),
        ("/login/", "username"),
        ("/login/verify/", "code"),
    ],
)
def test_field_sent_twice_and_json_are_refused(full: Client, alice: User, path: str, field: str) -> None:
    browser = full
    if path == "/login/":
        browser = factories.browser()
    data = {
        "username": "alice",
        "password": factories.PASSWORD,
        "code": factories.code(alice.totpdevice_set.get(), steps=1),
    }  # type: ignore[attr-defined]
    data |= {"current": factories.PASSWORD, "new": "another phrase of words", "name": "tablet"}
    before = (Session.objects.count(), TOTPDevice.objects.count(), User.objects.get().password)
    answer = browser.post(path, {name: [value, value] if name == field else value for name, value in data.items()})
    assert answer.status_code == 200
    assert browser.post(path, data, content_type="application/json").status_code == 415
    assert (Session.objects.count(), TOTPDevice.objects.count(), User.objects.get().password) == before
    assert browser.post(path, data).status_code == 302
