"""The portal: what a person can open now, what each segment asks for, and until when."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import RoleAssignment, User
from segments.models import Grant, Segment
from segments.portal import ResourceCard, SegmentCard
from tests import factories
from tests.segments import rows

pytestmark = pytest.mark.django_db

END = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def finance() -> Segment:
    segment = rows.segment("finance")
    rows.web(segment, "ledger.example.test", name="ledger")
    rows.grant(segment, factories.role("accountant"), actions=["read", "write"])
    return segment


@pytest.fixture
def alice(client: Client) -> User:
    person = factories.alice(roles=("accountant",))
    factories.sign_in(client, person)
    return person


def cards(client: Client) -> list[SegmentCard]:
    return client.get("/", HTTP_ACCEPT="text/html").context["segments"]


def ledger(client: Client) -> ResourceCard:
    return cards(client)[0].resources[0]


def test_what_the_role_opens_is_listed(client: Client, finance: Segment, alice: User) -> None:
    assert cards(client) == [
        SegmentCard(
            name="Finance",
            slug="finance",
            url="/segments/finance/",
            requirement="",
            requirement_level="",
            resources=(
                ResourceCard(
                    name="ledger",
                    address="ledger.example.test",
                    access="Read and write, as Accountant",
                    until=None,
                    open_url="http://ledger.example.test:8080/",
                    ready=True,
                    action_label="Open",
                ),
            ),
        )
    ]


def test_whoever_has_no_role_sees_what_will_be_there(client: Client, finance: Segment) -> None:
    factories.sign_in(client, factories.bob())
    answer = client.get("/", HTTP_ACCEPT="text/html")
    assert answer.context["segments"] == []
    assert "None of your roles opens a segment." in answer.content.decode()


def test_a_quarantined_segment_is_not_offered(client: Client, finance: Segment, alice: User) -> None:
    finance.state = Segment.State.QUARANTINED
    finance.save()
    assert cards(client) == []


@pytest.mark.parametrize(
    ("grant_end", "role_end", "shown"),
    [
        (None, None, None),
        (END, None, END),
        (None, END, END),
        (END, END - timedelta(days=1), END - timedelta(days=1)),
        (END - timedelta(days=1), END, END - timedelta(days=1)),
    ],
)
def test_until_is_the_end_of_the_grant_or_of_the_role(
    client: Client,
    finance: Segment,
    alice: User,
    grant_end: datetime | None,
    role_end: datetime | None,
    shown: datetime | None,
) -> None:
    Grant.objects.filter(segment=finance).update(expires_at=grant_end)
    RoleAssignment.objects.update(expires_at=role_end)
    assert ledger(client).until == shown


def test_of_two_grants_the_later_end_counts(client: Client, finance: Segment, alice: User) -> None:
    Grant.objects.filter(segment=finance).update(expires_at=END)
    rows.grant(finance, alice, expires_at=END + timedelta(days=1))
    assert ledger(client).until == END + timedelta(days=1)


def test_a_segment_that_asks_for_more_is_shown_with_what_it_asks(client: Client, finance: Segment, alice: User) -> None:
    finance.assurance = Segment.Assurance.PHISHING_RESISTANT
    finance.save()
    card = cards(client)[0]
    assert (card.requirement, card.requirement_level, card.url) == ("needs a passkey", "warn", "")
    assert (card.resources[0].ready, card.resources[0].open_url) == (False, "")


def test_a_stale_factor_can_be_verified_from_the_portal(client: Client, finance: Segment, alice: User) -> None:
    finance.reauth_after = timedelta(minutes=15)
    finance.save()
    assert cards(client)[0].requirement == ""
    factories.verified_ago(client, minutes=16)
    card = cards(client)[0]
    assert (card.requirement, card.url) == ("asks to verify again", "/segments/finance/")


@pytest.mark.parametrize(
    ("scheme", "port", "address"),
    [
        ("https", 443, "https://ledger.example.test/"),
        ("https", 8443, "https://ledger.example.test:8443/"),
        ("http", 80, "http://ledger.example.test/"),
    ],
)
def test_an_application_opens_where_its_proxy_listens(
    client: Client, finance: Segment, alice: User, settings: Settings, scheme: str, port: int, address: str
) -> None:
    settings.SCHEME, settings.ZT_APPLICATION_PORT = scheme, port
    assert ledger(client).open_url == address


def test_a_wildcard_of_hosts_leads_nowhere_by_itself(client: Client, finance: Segment, alice: User) -> None:
    rows.web(finance, "*.books.example.test", name="books")
    assert [found.open_url for found in cards(client)[0].resources if found.name == "books"] == [""]


def test_a_grant_that_begins_later_says_so(client: Client, finance: Segment, alice: User) -> None:
    Grant.objects.filter(segment=finance).update(not_before=timezone.now() + timedelta(days=1))
    assert cards(client)[0].requirement == "not begun yet"


def test_what_everybody_may_call_is_nobodys_access(client: Client, finance: Segment, alice: User) -> None:
    assert [resource.name for resource in cards(client)[0].resources] == ["ledger"]
    rows.web(finance, "ledger.example.test", "/healthz", name="health", anonymous=True)
    assert [resource.name for resource in cards(client)[0].resources] == ["ledger"]


def test_the_admin_can_be_opened_from_the_portal(client: Client) -> None:
    factories.sign_in(client, factories.sam())
    (card,) = cards(client)
    assert [(found.address, found.open_url, found.action_label) for found in card.resources] == [
        ("/admin/", "/admin/", "Open")
    ]


def test_the_page_takes_the_same_queries_for_one_and_thirty_segments(
    client: Client, finance: Segment, alice: User, django_assert_num_queries: object
) -> None:
    client.get("/")
    with django_assert_num_queries(10):
        client.get("/", HTTP_ACCEPT="text/html")
    for number in range(29):
        segment = rows.segment(f"segment-{number}")
        rows.web(segment, f"app{number}.example.test")
        rows.grant(segment, factories.role("accountant"))
    client.get("/")
    with django_assert_num_queries(10):
        assert len(client.get("/", HTTP_ACCEPT="text/html").context["segments"]) == 30


def test_the_page_of_a_segment_says_what_it_asks_for(client: Client, finance: Segment, alice: User) -> None:
    finance.reauth_after = timedelta(minutes=15)
    finance.networks = ["127.0.0.0/8"]
    finance.hours = {
        "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        "from": "00:00",
        "to": "24:00",
        "tz": "UTC",
    }
    finance.save()
    answer = client.get("/segments/finance/", HTTP_ACCEPT="text/html")
    assert answer.context["requirements"] == [
        ("Second factor", "an authenticator app or a passkey"),
        ("Verified", "at most 15 minutes ago"),
        ("From", "127.0.0.0/8"),
        ("Hours", "Mon, Tue, Wed, Thu, Fri, Sat, Sun 00:00–24:00 (UTC)"),
    ]
