"""The main job in a real browser: prove who you are, enter your segment, be refused everywhere else."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import pictures
from tests.browser.pressing import press
from tests.browser.signing_in import PASSWORD, enrol, enter_password
from tests.processes.portal import PortalProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PEOPLE = f"""
from datetime import timedelta
from django.utils import timezone
from accounts.models import Role, User
from accounts.roles import grant_role
from segments.models import Grant, Resource, Segment

finance = Segment.objects.create(slug="finance", name="Finance", sensitivity="high", reauth_after=timedelta(minutes=15))
Segment.objects.create(slug="people", name="People")
Resource.objects.create(segment=finance, kind="web", name="ledger", host="ledger.localhost", path="/")
accountant = Role.objects.create(slug="accountant", name="Accountant")
Grant.objects.create(
    segment=finance, role=accountant, actions=["read", "write"], expires_at=timezone.now() + timedelta(days=31)
)
alice = User.objects.create_user("alice", "{PASSWORD}", name="Alice Adams")
grant_role(role=accountant, holder=alice, reason="year-end")
User.objects.create_superuser("ada", "{PASSWORD}", name="Ada Lee")
"""


@pytest.fixture(scope="module")
def people(portal: PortalProcess) -> None:
    portal.manage("shell", "--verbosity", "0", "--command", PEOPLE)


def use_recovery_code(page: Page, code: str) -> None:
    enter_password(page, "alice", "/account/")
    pictures.take(page, "verify")
    press(page, "Use a recovery code", "link")
    page.get_by_label(re.compile("ecovery code")).fill(code)
    press(page, "Continue")


def sign_out(page: Page) -> None:
    press(page.get_by_role("banner"), "Sign out")


def give_account(portal: PortalProcess, username: str) -> None:
    made = f"from accounts.models import User; User.objects.create_user('{username}', '{PASSWORD}')"
    portal.manage("shell", "--verbosity", "0", "--command", made)


def test_the_main_job(portal: PortalProcess, people: None, new_page: Callable[[], Page], tmp_path: Path) -> None:
    alice, ada = new_page(), new_page()

    # the first sign-in leads through enrolment, and back to where alice wanted to go
    alice.goto("/segments/finance/")
    pictures.take(alice, "sign-in")
    enter_password(alice, "alice", "/segments/finance/")
    pictures.take(alice, "enrol")
    phone, codes = enrol(alice, tmp_path)
    assert (phone.label, phone.issuer, len(codes)) == ("ztproject:alice", "ztproject", 10)
    press(alice, "I have saved them")

    # what the role opens is open
    expect(alice).to_have_url(f"{portal.url}/segments/finance/")
    expect(alice.get_by_role("heading", name="Finance")).to_be_visible()
    pictures.take(alice, "segment")
    alice.goto("/")
    expect(alice.get_by_text("Read and write, as Accountant")).to_be_visible()
    pictures.take(alice, "portal")

    # everything else is refused, with the reason, the next step and a reference
    answer = alice.goto("/segments/people/")
    assert answer is not None
    assert answer.status == 403
    expect(alice.get_by_text("None of your roles opens People.")).to_be_visible()
    reference = alice.locator("#reference").inner_text()
    assert re.fullmatch(r"D-[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}", reference)
    pictures.take(alice, "denied")
    alice.goto("/account/")
    pictures.take(alice, "account")

    # staff take the role away in the admin
    enter_password(ada, "ada", "/admin/")
    enrol(ada, tmp_path)
    press(ada, "I have saved them")
    expect(ada).to_have_url(f"{portal.url}/admin/")
    pictures.take(ada, "admin")
    ada.goto("/admin/segments/segment/?q=finance")
    press(ada, "Finance", "link")
    pictures.take(ada, "admin-segment")
    ada.goto("/admin/accounts/user/?q=alice")
    press(ada, "alice", "link")
    ada.get_by_role("row", name=re.compile("Accountant")).get_by_role("checkbox").check()
    press(ada, "Save")
    expect(ada.get_by_text("was changed successfully")).to_be_visible()

    # and the very next request is refused
    answer = alice.goto("/segments/finance/")
    assert answer is not None
    assert answer.status == 403
    expect(alice.get_by_text("None of your roles opens Finance.")).to_be_visible()
    portal.manage("audit", "verify")  # fails where the chain is broken

    # signed out is signed out; a recovery code lets alice in once
    sign_out(alice)
    expect(alice.get_by_role("heading", name="Sign in")).to_be_visible()
    use_recovery_code(alice, codes[0])
    expect(alice.get_by_role("heading", name="My account")).to_be_visible()
    expect(alice.get_by_text("9 left")).to_be_visible()
    sign_out(alice)
    use_recovery_code(alice, codes[0])
    expect(alice.get_by_text("That recovery code did not work.")).to_be_visible()


def test_without_script_everything_still_works(
    portal: PortalProcess, people: None, browser: Browser, tmp_path: Path
) -> None:
    give_account(portal, "bob")
    context = browser.new_context(base_url=portal.url, java_script_enabled=False)
    page = context.new_page()
    enter_password(page, "bob")
    _, codes = enrol(page, tmp_path)
    assert len(codes) == 10
    press(page, "I have saved them")
    expect(page.get_by_role("heading", name="My access")).to_be_visible()
    expect(page.get_by_text("None of your roles opens a segment.")).to_be_visible()
    context.close()


def test_a_code_is_good_once(portal: PortalProcess, people: None, new_page: Callable[[], Page], tmp_path: Path) -> None:
    give_account(portal, "cleo")
    first, second = new_page(), new_page()
    enter_password(first, "cleo")
    phone, _ = enrol(first, tmp_path)
    press(first, "I have saved them")
    enter_password(second, "cleo")
    second.get_by_label("Six-digit code").fill(max(phone.given))
    press(second, "Verify")
    expect(second.get_by_text(re.compile("That code did not work"))).to_be_visible()
    pictures.take(second, "verify-wrong")
    expect(first.get_by_role("heading", name="My access")).to_be_visible()
