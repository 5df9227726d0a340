"""Whole requests through the middleware: who may enter which view, and what everybody else gets."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import RoleAssignment, Session, TOTPDevice, User
from audit.models import Entry
from segments.models import Grant, Segment
from tests import factories
from tests.segments import rows

pytestmark = pytest.mark.django_db

BROWSER = {"HTTP_ACCEPT": "text/html,application/xhtml+xml", "HTTP_SEC_FETCH_MODE": "navigate"}
SCRIPT = {"HTTP_ACCEPT": "application/json"}
PAGE = "/segments/finance/"


@pytest.fixture
def finance() -> Segment:
    segment = rows.segment("finance")
    rows.grant(segment, factories.role("accountant"))
    return segment


@pytest.fixture
def alice(finance: Segment, client: Client) -> User:
    """May enter finance, and is signed in."""
    person = factories.alice(roles=("accountant",))
    factories.sign_in(client, person)
    return person


def status(client: Client) -> int:
    return client.get(PAGE, **BROWSER).status_code


def reason(client: Client) -> str:
    return str(client.get(PAGE, **SCRIPT).json()["reason"])


class TestWhoMayEnter:
    def test_the_role_opens_its_segment(self, client: Client, alice: User) -> None:
        answer = client.get(PAGE, **BROWSER)
        assert answer.status_code == 200
        assert "Finance" in answer.content.decode()

    def test_another_segment_stays_closed(self, client: Client, alice: User) -> None:
        rows.segment("people")
        answer = client.get("/segments/people/", **BROWSER)
        assert answer.status_code == 403
        assert "None of your roles opens People." in answer.content.decode()

    def test_bob_without_the_role_is_refused(self, client: Client, finance: Segment) -> None:
        factories.sign_in(client, factories.bob())
        assert (status(client), reason(client)) == (403, "not_granted")

    def test_a_segment_that_does_not_exist_belongs_to_nothing(self, client: Client, alice: User) -> None:
        assert client.get("/segments/nothing/", **SCRIPT).json()["reason"] == "unknown_resource"

    def test_writing_needs_a_grant_that_writes(self, client: Client, alice: User) -> None:
        assert client.post(PAGE, **SCRIPT).json()["reason"] == "action_not_granted"
        Grant.objects.update(actions=["read", "write"])
        assert client.post(PAGE, **SCRIPT).status_code == 405  # let in, where the view takes no POST


class TestTheVeryNextRequest:
    """Each fact taken away closes what it had opened, on the next request."""

    @pytest.fixture(autouse=True)
    def open_at_first(self, client: Client, alice: User) -> None:
        assert status(client) == 200

    def test_role_revoked(self, client: Client) -> None:
        RoleAssignment.objects.update(revoked_at=timezone.now())
        assert reason(client) == "not_granted"

    def test_role_expired(self, client: Client) -> None:
        RoleAssignment.objects.update(expires_at=timezone.now())
        assert reason(client) == "not_granted"

    def test_role_not_yet_begun(self, client: Client) -> None:
        RoleAssignment.objects.update(not_before=timezone.now() + timedelta(minutes=1))
        assert reason(client) == "not_granted"

    def test_grant_deleted(self, client: Client) -> None:
        Grant.objects.filter(segment__slug="finance").delete()
        assert reason(client) == "not_granted"

    def test_grant_expired(self, client: Client) -> None:
        Grant.objects.filter(segment__slug="finance").update(expires_at=timezone.now())
        assert reason(client) == "grant_expired"

    def test_segment_quarantined(self, client: Client) -> None:
        Segment.objects.filter(slug="finance").update(state="quarantined")
        assert reason(client) == "segment_quarantined"

    def test_user_deactivated(self, client: Client) -> None:
        User.objects.update(is_active=False)
        assert reason(client) == "subject_disabled"

    def test_user_cut_off(self, client: Client) -> None:
        User.objects.update(quarantined_at=timezone.now())
        assert reason(client) == "subject_quarantined"

    def test_session_ended(self, client: Client) -> None:
        Session.objects.update(ended_at=timezone.now())
        assert reason(client) == "session_ended"

    def test_factor_unconfirmed(self, client: Client) -> None:
        TOTPDevice.objects.update(confirmed=False)
        assert reason(client) in {"second_factor_required", "enrolment_required"}

    def test_factor_deleted(self, client: Client) -> None:
        TOTPDevice.objects.all().delete()
        assert reason(client) in {"second_factor_required", "enrolment_required"}


class TestWhatARefusedRequestGets:
    def test_a_browser_is_led_to_sign_in_and_back(self, client: Client, finance: Segment) -> None:
        answer = client.get(f"{PAGE}?page=2", **BROWSER)
        assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/segments/finance/%3Fpage%3D2")

    def test_a_script_is_told(self, client: Client, finance: Segment) -> None:
        answer = client.get(PAGE, **SCRIPT)
        body = answer.json()
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == 'Session realm="ztproject", error="insufficient_user_authentication"'
        assert (body["allowed"], body["reason"], body["obligations"]) == (False, "sign_in_required", ["sign_in"])
        assert Entry.objects.get(reference=body["decision"]).data["reason"] == "sign_in_required"

    def test_nobody_is_told_which_segments_there_are_before_signing_in(self, client: Client, finance: Segment) -> None:
        rows.segment("people", state="quarantined").owners.add(factories.carol())
        for slug in ("finance", "people", "nothing"):
            page, told = client.get(f"/segments/{slug}/", **BROWSER), client.get(f"/segments/{slug}/", **SCRIPT)
            assert (page.status_code, page["Location"]) == (302, f"/login/?next=/segments/{slug}/")
            assert (told.status_code, told.json()["reason"]) == (401, "sign_in_required")
        recorded = {entry.data["reason"] for entry in Entry.objects.filter(kind="decision")}
        assert recorded == {"sign_in_required", "segment_quarantined", "unknown_resource"}
        factories.sign_in(client, factories.bob())
        assert client.get("/segments/people/", **SCRIPT).json()["reason"] == "segment_quarantined"
        assert client.get("/segments/nothing/", **SCRIPT).json()["reason"] == "unknown_resource"

    def test_an_unsafe_request_is_not_repeated_after_sign_in(self, client: Client, finance: Segment) -> None:
        assert client.post(PAGE, **BROWSER)["Location"] == "/login/?next=/"

    def test_a_stale_factor_is_led_to_verify_and_back(self, client: Client, alice: User, finance: Segment) -> None:
        finance.reauth_after = timedelta(minutes=15)
        finance.save()
        assert status(client) == 200
        factories.verified_ago(client, minutes=16)
        answer = client.get(PAGE, **BROWSER)
        assert (answer.status_code, answer["Location"]) == (302, "/login/verify/?next=/segments/finance/")

    def test_a_weak_factor_is_told_what_is_missing(self, client: Client, alice: User, finance: Segment) -> None:
        finance.assurance = "phishing_resistant"
        finance.save()
        answer = client.get(PAGE, **BROWSER)
        assert answer.status_code == 403
        assert "asks for a passkey or a security key" in answer.content.decode()

    def test_the_page_gives_reason_help_and_reference(self, client: Client, finance: Segment) -> None:
        finance.owners.add(factories.carol())
        factories.sign_in(client, factories.bob())
        page = client.get(PAGE, **BROWSER).content.decode()
        entry = Entry.objects.filter(kind="decision").first()
        assert entry is not None
        for text in (
            "GET /segments/finance/",
            "None of your roles opens Finance.",
            "Carol",
            "not_granted",
            entry.reference,
        ):
            assert text in page

    def test_names_are_escaped(self, client: Client, alice: User) -> None:
        rows.segment("odd", name="<img src=x onerror=1>")
        page = client.get("/segments/odd/", **BROWSER).content.decode()
        assert "<img" not in page
        assert "&lt;img src=x onerror=1&gt;" in page


class TestEveryAnswer:
    @pytest.mark.parametrize(
        "path",
        ["/", "/login/", PAGE, "/nothing/here/", "/admin/", "/livez", "/readyz", "/static/nothing.css", "/static/"],
    )
    def test_carries_the_headers(self, client: Client, path: str) -> None:
        answer = client.get(path, **BROWSER)
        assert answer["Cache-Control"] == "no-store"
        assert "Cookie" in answer["Vary"]
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")

    def test_a_failed_decision_is_a_refusal_and_not_an_error(
        self, client: Client, alice: User, finance: Segment
    ) -> None:
        finance.grants.update(networks=["nonsense"])
        answer = client.get(PAGE, **BROWSER)
        assert answer.status_code == 403
        assert "The decision could not be taken" in answer.content.decode()
        assert json.loads(client.get(PAGE, **SCRIPT).content)["reason"] == "policy_error"


def test_a_view_that_no_segment_names_is_closed(client: Client) -> None:
    """Even to an administrator: with the resource of the admin gone, nothing names its views."""
    factories.sign_in(client, factories.sam())
    assert client.get("/admin/", **BROWSER).status_code == 200
    Segment.objects.get(slug="administration").resources.all().delete()
    assert client.get("/admin/", **SCRIPT).json()["reason"] == "unknown_resource"


def test_every_decision_is_in_the_ledger(client: Client, alice: User) -> None:
    before = Entry.objects.filter(kind="decision").count()
    for path in ("/", PAGE, "/segments/nothing/", "/account/"):
        client.get(path, **BROWSER)
    assert Entry.objects.filter(kind="decision").count() == before + 4


@pytest.mark.parametrize(
    "path", ["/account/?next=%00", "/segments/%00/", "/admin/autocomplete/?term=%00", "/login/?a=b%00c"]
)
def test_an_address_with_a_nul_is_refused(client: Client, path: str) -> None:
    factories.sign_in(client, factories.sam())
    answer = client.get(path, **BROWSER)
    assert (answer.status_code, answer["Cache-Control"]) == (400, "no-store")
    assert client.get(path.replace("%00", "x"), **BROWSER).status_code != 400
