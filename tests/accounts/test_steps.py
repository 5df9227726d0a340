"""The sign-in as a machine: every input in every state, and where it leads. Nothing skips a step."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.test import Client

from accounts import signin
from accounts.authenticators import recovery
from accounts.authenticators.recovery import RecoveryCode
from accounts.models import RecoveryCodeDevice, Session, TOTPDevice, User
from tests import factories

pytestmark = pytest.mark.django_db
COOKIE: Final = settings.SESSION_COOKIE_NAME
START: Final = datetime(2026, 11, 24, 12, 0, 10, tzinfo=UTC)


def state_of(browser: Client) -> str:
    session = browser.session
    if SESSION_KEY in session:
        return "in"
    return str(session.get(signin.RECORD, {}).get("step", "nobody"))


def at_nobody(browser: Client) -> None:
    factories.alice()


def at_enrol(browser: Client) -> None:
    factories.enter_password(browser, factories.alice(enrolled=False))


def at_factor(browser: Client) -> None:
    factories.enter_password(browser, factories.alice())


def at_codes(browser: Client) -> None:
    at_enrol(browser)
    browser.post("/login/enrol/", {"code": factories.code(TOTPDevice.objects.get())})
    TOTPDevice.objects.update(last_step=-1)  # so that its code is right again, if somebody asked


def at_in(browser: Client) -> None:
    factories.sign_in(browser, factories.alice())
    TOTPDevice.objects.update(last_step=-1)


STATES: Final[dict[str, Callable[[Client], None]]] = {
    "nobody": at_nobody,
    "enrol": at_enrol,
    "factor": at_factor,
    "codes": at_codes,
    "in": at_in,
}


def right_code() -> str:
    return factories.code(TOTPDevice.objects.order_by("-confirmed").first())  # type: ignore[arg-type]


def right_recovery_code() -> str:
    return factories.recovery_codes(User.objects.get())[0]


INPUTS: Final[dict[str, Callable[[Client], Any]]] = {
    "wrong password": lambda browser: factories.enter_password(browser, "alice", "wrong-Password-1"),
    "code to verify": lambda browser: browser.post("/login/verify/", {"code": right_code()}),
    "no code to verify": lambda browser: browser.post("/login/verify/", {}),
    "empty code to verify": lambda browser: browser.post("/login/verify/", {"code": ""}),
    "wrong code to verify": lambda browser: browser.post("/login/verify/", {"code": "12345x"}),
    "recovery code": lambda browser: browser.post("/login/recovery/", {"code": right_recovery_code()}),
    "no recovery code": lambda browser: browser.post("/login/recovery/", {}),
    "code to enrol": lambda browser: browser.post("/login/enrol/", {"code": right_code()}),
    "no code to enrol": lambda browser: browser.post("/login/enrol/", {}),
    "codes saved": lambda browser: browser.post("/login/codes/", {"saved": "yes"}),
    "new codes": lambda browser: browser.post("/login/codes/", {"new": "yes"}),
    "every page looked at": lambda browser: [
        browser.get(path)
        for path in ("/login/", "/login/verify/", "/login/recovery/", "/login/enrol/", "/login/codes/")
    ],
    "everything at once": lambda browser: browser.post(
        "/login/codes/", {"code": right_code(), "saved": "yes", "step": "in"}
    ),
    "sign out": lambda browser: browser.post("/logout/"),
}

# Where an input leads; what is not named here stays where it is.
LEADS: Final = {
    ("factor", "code to verify"): "in",
    ("factor", "recovery code"): "in",
    ("enrol", "recovery code"): "nobody",  # a factor has come by another hand: enrolment is over
    ("enrol", "code to enrol"): "codes",
    ("codes", "codes saved"): "in",
    ("codes", "everything at once"): "in",
    ("factor", "sign out"): "nobody",
    ("enrol", "sign out"): "nobody",
    ("codes", "sign out"): "nobody",
    ("in", "sign out"): "nobody",
}


@pytest.mark.parametrize("given", INPUTS)
@pytest.mark.parametrize("state", STATES)
def test_input_leads(state: str, given: str) -> None:
    browser = factories.browser()
    with time_machine.travel(START, tick=False):
        STATES[state](browser)
        assert state_of(browser) == state
        INPUTS[given](browser)
        expected = LEADS.get((state, given), state)
        assert state_of(browser) == expected
        assert (browser.get("/account/").status_code == 200) is (expected == "in")


@pytest.mark.parametrize("state", ["enrol", "factor", "codes"])
def test_state_is_good_for_ten_minutes(state: str) -> None:
    path = {"enrol": "/login/enrol/", "factor": "/login/verify/", "codes": "/login/codes/"}[state]
    for shift, alive in ((timedelta(minutes=10, seconds=-1), True), (timedelta(minutes=10), False)):
        User.objects.all().delete()
        browser = factories.browser()
        with time_machine.travel(START, tick=False) as clock:
            STATES[state](browser)
            clock.shift(shift)
            answer = browser.get(path)
            assert (answer.status_code, state_of(browser)) == ((200, state) if alive else (302, "nobody"))


def deactivate(alice: User) -> None:
    User.objects.update(is_active=False)


def quarantine(alice: User) -> None:
    User.objects.update(quarantined_at=START)


def change_password(alice: User) -> None:
    alice.set_password("another phrase of words")
    alice.save()


def remove_factors(alice: User) -> None:
    TOTPDevice.objects.all().delete()
    RecoveryCodeDevice.objects.all().delete()


def touch_name(alice: User) -> None:
    User.objects.update(name="Alice Adams")


@pytest.mark.parametrize("change", [deactivate, quarantine, change_password])
@pytest.mark.parametrize("state", ["enrol", "factor", "codes"])
def test_person_is_read_anew_at_each_step(state: str, change: Callable[[User], None]) -> None:
    given = {"enrol": "code to enrol", "factor": "code to verify", "codes": "codes saved"}[state]
    for changed, expected in ((change, "nobody"), (touch_name, LEADS[state, given])):
        User.objects.all().delete()
        browser = factories.browser()
        with time_machine.travel(START, tick=False):
            STATES[state](browser)
            changed(User.objects.get())
            INPUTS[given](browser)
            assert state_of(browser) == expected


@pytest.mark.parametrize("given", ["codes saved", "new codes"])
def test_evidence_is_read_anew_before_the_last_step(given: str) -> None:
    """The app that verified the person is taken away while the recovery codes are on the screen."""
    browser = factories.browser()
    at_codes(browser)
    remove_factors(User.objects.get())
    INPUTS[given](browser)
    assert (state_of(browser), RecoveryCodeDevice.objects.count()) == ("nobody", 0)


def test_enrolment_ends_when_a_factor_has_come_by_another_hand() -> None:
    browser = factories.browser()
    at_enrol(browser)
    pending = TOTPDevice.objects.get()
    pending.pk, pending.confirmed = None, True
    pending.save(force_insert=True)
    browser.post("/login/enrol/", {"code": factories.code(pending)})
    assert (state_of(browser), TOTPDevice.objects.filter(confirmed=True).count()) == ("nobody", 1)


def test_key_is_rotated_at_each_step() -> None:
    browser, keys = factories.browser(), []
    at_enrol(browser)
    keys.append(browser.cookies[COOKIE].value)
    browser.post("/login/enrol/", {"code": right_code()})
    keys.append(browser.cookies[COOKIE].value)
    browser.post("/login/codes/", {"saved": "yes"})
    keys.append(browser.cookies[COOKIE].value)
    TOTPDevice.objects.update(last_step=-1)
    browser.post("/login/verify/", {"code": right_code()})
    keys.append(browser.cookies[COOKIE].value)
    assert len(set(keys)) == 4
    for key in keys[:-1]:
        stale = factories.browser()
        stale.cookies[COOKIE] = key
        assert (state_of(stale), stale.get("/account/").status_code) == ("nobody", 302)
    assert Session.objects.count() == 1


def test_password_is_nowhere_in_the_session_nor_in_the_pages() -> None:
    browser = factories.browser()
    answer = factories.enter_password(browser, factories.alice().username, "a canary that sings 42")
    assert "a canary that sings 42" not in answer.content.decode()
    factories.enter_password(browser, "alice")
    pages = [browser.get("/login/verify/").content.decode(), str(dict(browser.session.items()))]
    assert not any(factories.PASSWORD in page for page in pages)


@pytest.mark.parametrize("left", [10, 1])
def test_recovery_code_of_a_set_that_is_not_kept_or_used_up_leads_in_all_the_same(left: int) -> None:
    """A lost phone before the codes were said to be kept, and the last code of a set: new codes, and in."""
    browser, alice = factories.browser(), factories.alice()
    codes = recovery.issue(alice)
    if left == 1:
        recovery.acknowledge(alice)
        RecoveryCode.objects.filter(pk__in=list(RecoveryCode.objects.values_list("pk", flat=True)[1:])).update(
            used_at=START
        )
        codes = codes[:1]
    factories.enter_password(browser, alice)
    page = browser.post("/login/recovery/", {"code": codes[0]}).content.decode()
    assert (state_of(browser), page.count("<li>")) == ("codes", 10)
    browser.post("/login/codes/", {"saved": "yes"})
    assert (state_of(browser), browser.get("/account/").status_code) == ("in", 200)
    assert RecoveryCodeDevice.objects.get().left == 10


def test_codes_that_were_never_said_to_be_kept_are_asked_about_again() -> None:
    browser, alice = factories.browser(), factories.alice()
    old = recovery.issue(alice)
    factories.enter_password(browser, alice)
    answer = browser.post("/login/verify/", {"code": right_code()})
    assert (answer.status_code, state_of(browser), old[0] in answer.content.decode()) == (200, "codes", False)
    browser.post("/login/codes/", {"saved": "yes"})
    assert state_of(browser) == "in"
