"""Pages as they are sent: each control has a name, each reference leads somewhere, nothing is inline."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone

from accounts import tokens
from accounts.models import ServiceAccount, User
from tests import factories
from tests.looks.reading import Page
from tests.segments import rows

pytestmark = pytest.mark.django_db

INLINE = ("style", "onclick", "onload", "onchange", "onsubmit")


def get(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.content.decode()


def sign_in(_client: Client) -> str:
    return get(factories.browser(), "/login/?next=/account/")


def refused_sign_in(_client: Client) -> str:
    return str(factories.enter_password(factories.browser(), "nobody").content.decode())


def empty_sign_in(_client: Client) -> str:
    return factories.browser().post("/login/", {}).content.decode()


def verify(_client: Client) -> str:
    browser = factories.browser()
    factories.enter_password(browser, "alice")
    return browser.post("/login/verify/", {"code": "12"}).content.decode()


def recovery(_client: Client) -> str:
    browser = factories.browser()
    factories.enter_password(browser, "alice")
    return get(browser, "/login/recovery/")


def enrol(_client: Client) -> str:
    browser = factories.browser()
    factories.enter_password(browser, factories.bob(enrolled=False))
    return get(browser, "/login/enrol/")


def codes(client: Client) -> str:
    return client.post("/account/codes/", {"new": "yes"}).content.decode()


def bad_password(client: Client) -> str:
    return client.post("/account/password/", {"new": "abc"}).content.decode()


PAGES: dict[str, Callable[[Client], str]] = {
    "sign in": sign_in,
    "sign in, refused": refused_sign_in,
    "sign in, empty": empty_sign_in,
    "verify": verify,
    "recovery": recovery,
    "enrol": enrol,
    "codes": codes,
    "password": lambda client: get(client, "/account/password/"),
    "password, refused": bad_password,
    "account": lambda client: get(client, "/account/"),
    "another app": lambda client: get(client, "/account/enrol/"),
    "portal": lambda client: get(client, "/"),
    "segment": lambda client: get(client, "/segments/finance/"),
    "denied": lambda client: get(client, "/segments/people/", 403),
    "nothing here": lambda client: get(client, "/nothing/", 404),
    "not sent": lambda _client: render_to_string("accounts/csrf_failure.html"),
    "400": lambda _client: render_to_string("400.html"),
    "500": lambda _client: render_to_string("500.html"),
    "decision failed": lambda _client: render_to_string("errors/decision_failed.html"),
}


@pytest.fixture
def alice() -> User:
    person = factories.alice(roles=("accountant",))
    factories.app(person, "tablet")
    grant = {"actions": ["read"], "expires_at": timezone.now() + timedelta(days=31)}
    finance = rows.segment("finance")
    rows.grant(finance, factories.role("accountant"), **grant)
    rows.segment("people")
    return person


@pytest.fixture
def client(alice: User) -> Client:
    browser = factories.browser()
    factories.sign_in(browser, alice)
    return browser


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, client: Client) -> Page:
    return Page.read(PAGES[request.param](client))


def test_every_control_has_a_name(page: Page) -> None:
    assert page.nameless_controls() == []


def test_every_reference_leads_somewhere_and_no_id_is_twice(page: Page) -> None:
    assert page.broken_references() == []
    assert len(page.ids()) == len(set(page.ids()))


def test_has_a_language_a_title_one_main_and_one_first_heading(page: Page) -> None:
    assert [element.get("lang") for element in page.all("html")] == ["en"]
    assert [title.text.strip() != "· ztproject" for title in page.all("title") if "svg" not in title.inside] == [True]
    assert len(page.all("main")) == 1
    assert [bool(heading.text.strip()) for heading in page.all("h1")] == [True]


def test_holds_nothing_inline(page: Page) -> None:
    assert page.all("style") == []
    assert [script for script in page.all("script") if not script.get("src")] == []
    assert [element for element in page.elements if any(name in element.attributes for name in INLINE)] == []


def test_an_invalid_field_says_so_and_is_described_by_its_error(client: Client) -> None:
    page = Page.read(bad_password(client))
    new = next(element for element in page.all("input") if element.get("name") == "new")
    texts = {element.get("id"): " ".join(element.text.split()) for element in page.elements}
    assert new.get("aria-invalid") == "true"
    assert new.get("aria-describedby") == "id_new_helptext id_new_error"
    assert texts["id_new_error"] == (
        "This password is too short: use at least 10 characters. This password is too common."
    )


def test_a_form_with_errors_begins_with_links_to_its_fields(client: Client) -> None:
    page = Page.read(bad_password(client))
    assert [element.get("role") for element in page.elements if element.get("role") == "alert"] == ["alert"]
    links = [link.get("href") for link in page.all("a") if link.get("href").startswith("#id_")]
    assert links == ["#id_current", "#id_new", "#id_new"]
    assert next(title.text for title in page.all("title")) == "Error: Change your password · ztproject"


def test_a_form_without_errors_has_no_summary(client: Client) -> None:
    page = Page.read(get(client, "/account/password/"))
    assert [element for element in page.elements if element.get("role") == "alert"] == []
    assert next(title.text for title in page.all("title")) == "Change your password · ztproject"


def test_the_navigation_marks_the_page_one_is_on(client: Client) -> None:
    marked = {
        path: [link.text for link in Page.read(get(client, path)).all("a") if link.get("aria-current")]
        for path in ("/", "/account/", "/segments/finance/")
    }
    assert marked == {"/": ["Access"], "/account/": ["Account"], "/segments/finance/": []}


def test_whoever_is_not_signed_in_gets_no_navigation() -> None:
    assert Page.read(get(factories.browser(), "/login/")).all("nav") == []


class TestAdmin:
    @pytest.fixture
    def sam(self) -> Client:
        browser = factories.browser()
        factories.sign_in(browser, factories.sam())
        return browser

    @pytest.mark.parametrize(
        "path", ["/admin/", "/admin/accounts/user/", "/admin/accounts/user/add/", "/admin/audit/entry/"]
    )
    def test_has_our_top_bar_and_nothing_inline(self, sam: Client, path: str) -> None:
        page = Page.read(get(sam, path))
        assert page.all("nav")[0].get("aria-label") == "Main"
        assert [link.text for link in page.all("a") if link.get("aria-current") == "true"] == ["Admin"]
        ways_out = [form.get("action") for form in page.all("form") if "logout" in form.get("action")]
        assert ways_out == ["/logout/"]
        test_holds_nothing_inline(page)

    def test_pages_of_tokens_hold_nothing_inline_and_name_every_control(self, sam: Client) -> None:
        account = ServiceAccount.objects.create(name="billing-batch")
        token, _ = tokens.issue(account=account, expires_at=timezone.now() + timedelta(days=1))
        place = f"/admin/accounts/serviceaccount/{account.pk}"
        told = sam.post(f"{place}/tokens/issue/", {"days": "1", "reason": "x"}).content.decode()
        asked = sam.post(f"{place}/tokens/issue/", {}).content.decode()
        paths = (f"{place}/tokens/{token.pk}/{what}/" for what in ("rotate", "revoke"))
        for text in (told, asked, *(get(sam, path) for path in paths)):
            page = Page.read(text)
            test_holds_nothing_inline(page)
            assert page.broken_references() == []
            assert [name for name in page.nameless_controls() if "nav-filter" not in str(name)] == []
        assert 'aria-describedby="id_reason_helptext' in asked

    def test_deleting_asks_with_verbs(self, sam: Client) -> None:
        place = f"/admin/segments/segment/{rows.segment('finance').pk}"
        page = Page.read(get(sam, f"{place}/delete/"))
        buttons = [button.get("value") for button in page.all("input") if button.get("type") == "submit"]
        assert buttons == ["Delete the segment"]
        assert [link.get("href") for link in page.all("a") if link.text == "Keep it"] == [f"{place}/change/"]
