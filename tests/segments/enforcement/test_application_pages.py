"""Our pages on an application's own host: to the portal and back, out, and why not."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts import applications
from accounts.applications import challenge_of, new_secret
from accounts.models import ApplicationSession, ApplicationTicket, Session, User
from audit.models import Entry
from segments import administrator
from segments.administrator import Ruling
from segments.enforcement.answers import Answer
from segments.enforcement.application_pages import respond
from segments.enforcement.proxies import Received
from segments.policy.model import Context, Subject, SubjectKind, ViewTarget, WebTarget
from tests import factories
from tests.segments import rows
from tests.segments.enforcement.conftest import PORTAL
from tests.segments.enforcement.corpus_cases import cases, expanded, scenario

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tls")]

HOST, OTHER = "app.example.test", "hr.example.test"
TOP = f"https://{HOST}/"
BROWSER = (("sec-fetch-mode", "navigate"), ("accept", "text/html"))
INLINE = re.compile(r"""\sstyle\s*=|<style|\son[a-z]+\s*=|<script|javascript:""", re.IGNORECASE)
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


def ask(method: str, target: str, *headers: tuple[str, str], host: str = HOST, **late: float) -> Answer:
    given = (("host", host), ("x-forwarded-for", "203.0.113.7"), *BROWSER, *headers)
    return respond(Received(method, target, given), peer="127.0.0.1", at=timezone.now() + timedelta(**late))


def header(answer: Answer, name: str) -> str:
    found = [value for key, value in answer.headers if key == name]
    assert len(found) <= 1, answer.headers
    return found[0] if found else ""


def heading(answer: Answer) -> str:
    found = re.search(r"<h1>(.*?)</h1>", answer.body.decode())
    assert found, answer
    return found[1]


COOKIE = "Your browser kept nothing on the way"
TICKET = "This way in has been used or is too old"
FOREIGN = "Nothing was changed"
REFUSED = "You can’t open this"
NOTHING = "There is nothing here"


# ---------------------------------------------------------------- to the portal
def start(rd: str | None, *headers: tuple[str, str], host: str = HOST) -> tuple[str, str, str]:
    """Where the portal is told to lead, the challenge it is told, and the secret that the browser is to keep."""
    answer = ask("GET", "/.zt/start" if rd is None else f"/.zt/start?rd={quote(rd, safe='')}", *headers, host=host)
    address = urlsplit(header(answer, "location"))
    assert (answer.status, f"{address.scheme}://{address.netloc}{address.path}") == (302, f"{PORTAL}/enter/")
    question = parse_qs(address.query, strict_parsing=True)
    kept = re.fullmatch(
        r"__Host-zt-start=(.*); Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=900", header(answer, "set-cookie")
    )
    assert kept, answer.headers
    assert sorted(question) == ["challenge", "to"]
    return question["to"][0], question["challenge"][0], kept[1]


def test_the_portal_is_told_the_page_and_the_hash_of_a_secret() -> None:
    to, challenge, secret = start(f"{TOP}books?page=2")
    assert (to, challenge) == (f"{TOP}books?page=2", challenge_of(secret))
    assert SECRET.fullmatch(secret)
    assert start(TOP)[2] != secret


@pytest.mark.parametrize(
    ("rd", "to"),
    [
        (f"{TOP}books?a=1&b=%2F&c=d/e?f", f"{TOP}books?a=1&b=%2F&c=d/e?f"),
        (f"{TOP}books?filter={{a|b}}^`\\", f"{TOP}books?filter={{a|b}}^`\\"),  # as browsers send a query
        (f"{TOP}a|b", f"{TOP}a|b"),
        (f"{TOP}/evil.test/", f"{TOP}/evil.test/"),  # two slashes, but of this host
        (f"https://{HOST}", TOP),
        ("HTTPS://APP.EXAMPLE.TEST/Books", f"{TOP}Books"),
        (None, TOP),
        ("", TOP),
        ("/books", TOP),
        ("//app.example.test/books", TOP),
        (f"https://{HOST}:8443/books", TOP),  # another port is another origin
        (f"https://{HOST}./books", TOP),
        (f"http://{HOST}/books", TOP),
        (f"https://{OTHER}/books", TOP),
        (f"{PORTAL}/logout/", TOP),
        (f"{TOP}.zt/sign-out", TOP),  # no way leads to our own pages, or it might lead round in circles
        (f"{TOP}.zt/start?rd={TOP}", TOP),
        (f"{TOP}.ztx", f"{TOP}.ztx"),
        (f"{TOP}books#a", TOP),
        (f"{TOP}a b", TOP),
        (f"{TOP}\r\nx: y", TOP),
        (f"{TOP}a\\b", TOP),
        (f'{TOP}"><b>', TOP),
        (f"{TOP}<b>", TOP),
        (f"{TOP}é", TOP),
        (f"{TOP}{'a' * 1700}", f"{TOP}{'a' * 1700}"),
        (f"{TOP}{'a' * 2000}", TOP),
        (f"{TOP}{'/' * 900}", TOP),  # three characters each on the way
        (f"{TOP}{'a' * 100_000}", TOP),
    ],
)
def test_the_way_leads_back_to_this_host_alone(rd: str | None, to: str) -> None:
    assert start(rd)[0] == to


@cases("redirect-target", having="value")
def test_target(case: dict[str, Any]) -> None:
    value = expanded(case["input"]["value"])
    follows = {f"{TOP}": TOP, "HTTPS://APP.EXAMPLE.TEST/public/x": f"{TOP}public/x"}
    unchanged = "302-same-host-value-unchanged-and-GET-has-no-side-effect" in case["accept"]
    expected = follows[value] if case["expect"] == "follow-redirect" else value if unchanged else TOP
    assert start(value)[0] == expected


def test_without_a_portal_nobody_is_led_round_in_circles(tls: Settings) -> None:
    tls.ZT_PORTAL_URL = ""
    answer = ask("GET", "/.zt/start")
    assert (answer.status, header(answer, "location"), heading(answer)) == (403, "", NOTHING)


def test_two_pages_are_none() -> None:
    address = urlsplit(header(ask("GET", f"/.zt/start?rd={TOP}a&rd={TOP}b"), "location"))
    assert parse_qs(address.query)["to"] == [TOP]


def test_the_port_that_the_client_uses_stays() -> None:
    assert start(f"https://{HOST}:8443/a", host=f"{HOST}:8443")[0] == f"https://{HOST}:8443/a"


def test_tabs_that_begin_at_the_same_moment_share_a_secret() -> None:
    secret = new_secret()
    assert start(TOP, ("cookie", f"__Host-zt-start={secret}"))[2] == secret


@pytest.mark.parametrize(
    "cookie", ["", "x", "A" * 44, "A" * 42 + "=", '"' + "A" * 41 + '"', "A" * 43 + "; __Host-zt-start=B"]
)
def test_a_secret_that_is_none_of_ours_is_replaced(cookie: str) -> None:
    secret = start(TOP, ("cookie", f"__Host-zt-start={cookie}"))[2]
    assert SECRET.fullmatch(secret)
    assert secret not in cookie


def test_a_secret_of_another_name_is_not_taken(tls: Settings) -> None:
    secret = new_secret()
    assert start(TOP, ("cookie", f"zt-start={secret}; __Host-zt-app={secret}"))[2] != secret


# ---------------------------------------------------------------- and back
@pytest.fixture
def session() -> Session:
    return factories.session(factories.alice(enrolled=False))


def ticket(session: Session, secret: str, *, host: str = HOST, target: str = f"{TOP}books?page=2") -> str:
    return applications.issue_ticket(
        sid=session.sid, host=host, challenge=challenge_of(secret), target=target, at=timezone.now()
    )


def kept(secret: str) -> tuple[str, str]:
    return "cookie", f"a=b; __Host-zt-start={secret}; c=d"


@scenario("SEC-SESS-001")
def test_a_ticket_becomes_the_cookie_of_this_host_and_leads_to_the_page(case: dict[str, Any], session: Session) -> None:
    secret = new_secret()
    answer = ask("GET", f"/.zt/enter?ticket={ticket(session, secret)}", kept(secret))
    given = re.fullmatch(r"__Host-zt-app=(.*); Path=/; HttpOnly; SameSite=Lax; Secure", header(answer, "set-cookie"))
    assert given, answer
    assert (answer.status, header(answer, "location"), header(answer, "cache-control")) == (
        303,
        f"{TOP}books?page=2",
        "no-store",
    )
    visitor = applications.find(key=given[1], host=HOST, at=timezone.now())
    assert visitor is not None
    assert visitor.user == session.user
    assert Entry.objects.get(kind="application.entered").data == {"address": "203.0.113.7", "host": HOST}


def test_the_prefix_is_dropped_without_tls_alone(session: Session, tls: Settings) -> None:
    tls.ZT_TLS, tls.SCHEME = False, "http"
    secret, host = new_secret(), "app.localhost:8080"
    own = ticket(session, secret, host="app.localhost", target=f"http://{host}/")
    answer = ask("GET", f"/.zt/enter?ticket={own}", ("cookie", f"zt-start={secret}"), host=host)
    assert answer.status == 303
    assert re.fullmatch(r"zt-app=[\w-]{43}; Path=/; HttpOnly; SameSite=Lax", header(answer, "set-cookie"))


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"cookie": ()}, COOKIE),
        ({"cookie": (("cookie", "__Host-zt-start="),)}, COOKIE),
        ({"cookie": (("cookie", f"__Host-zt-start={'A' * 43}; __Host-zt-start={'B' * 43}"),)}, COOKIE),
        ({"cookie": (("cookie", f"__Host-zt-start={'A' * 43}"),)}, TICKET),
        ({"query": ""}, TICKET),
        ({"query": "?ticket="}, TICKET),
        ({"query": "?ticket=x"}, TICKET),
        ({"query": f"?ticket={'A' * 43}"}, TICKET),
        ({"query": "?ticket={0}&ticket={0}"}, TICKET),
        ({"query": "?ticket={0}%00"}, TICKET),
        ({"query": "?ticket={0}%0a"}, TICKET),
        ({"query": "?Ticket={0}"}, TICKET),
        ({"late": 60}, TICKET),
        ({"host": OTHER}, TICKET),
        ({"host": f"x.{HOST}"}, TICKET),
    ],
    ids=str,
)
def test_a_way_in_that_does_not_fit_leads_nowhere(session: Session, change: dict[str, Any], shown: str) -> None:
    """A page that says so, no redirect: with cookies blocked, one would lead round in circles."""
    secret = new_secret()
    query = change.get("query", "?ticket={0}").format(ticket(session, secret))
    answer = ask(
        "GET",
        f"/.zt/enter{query}",
        *change.get("cookie", (kept(secret),)),
        host=change.get("host", HOST),
        seconds=change.get("late", 0),
    )
    assert (answer.status, heading(answer)) == (403, shown)
    assert (header(answer, "location"), header(answer, "set-cookie")) == ("", "")
    assert not ApplicationSession.objects.exists()


def test_a_ticket_leads_in_once(session: Session) -> None:
    secret = new_secret()
    target = f"/.zt/enter?ticket={ticket(session, secret)}"
    assert ask("GET", target, kept(secret)).status == 303
    assert heading(ask("GET", target, kept(secret))) == TICKET


@pytest.mark.parametrize(
    "target", [f"https://{OTHER}/", "https://evil.test/", f"http://{HOST}/", "/books", f"{TOP}\r\nx: y"]
)
def test_a_ticket_that_was_stored_with_a_page_of_another_host_leads_nowhere(session: Session, target: str) -> None:
    secret = new_secret()
    answer = ask("GET", f"/.zt/enter?ticket={ticket(session, secret, target=target)}", kept(secret))
    assert (heading(answer), header(answer, "set-cookie")) == (TICKET, "")


# ---------------------------------------------------------------- out
def visiting(session: Session, host: str = HOST) -> tuple[str, str]:
    known = host.lower().rstrip(".").partition(":")[0]
    return "cookie", f"__Host-zt-app={factories.application_cookie(session, known)}"


def is_over(session: Session) -> bool:
    session.refresh_from_db()
    return session.ended_at is not None


def test_signing_out_is_asked_about_first(session: Session) -> None:
    answer = ask("GET", "/.zt/sign-out", visiting(session))
    assert (answer.status, heading(answer)) == (200, "Sign out everywhere in this browser?")
    assert '<form method="post" action="/.zt/sign-out"' in answer.body.decode()
    assert not is_over(session)


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ((("origin", f"https://{HOST}"),), True),
        ((("origin", "HTTPS://APP.EXAMPLE.TEST"),), True),
        ((("sec-fetch-site", "same-origin"), ("origin", f"https://{HOST}")), True),
        ((("sec-fetch-site", "same-origin"),), True),
        ((), False),
        ((("origin", ""),), False),
        ((("origin", "null"),), False),
        ((("origin", f"http://{HOST}"),), False),
        ((("origin", f"https://{HOST}:8443"),), False),
        ((("origin", f"https://{HOST}/"),), False),
        ((("origin", f"https://{OTHER}"),), False),
        ((("origin", f"https://{HOST}.evil.test"),), False),
        ((("origin", PORTAL),), False),
        ((("origin", f"https://{HOST}"), ("origin", "https://evil.test")), False),
        ((("sec-fetch-site", "same-site"), ("origin", f"https://{HOST}")), False),
        ((("sec-fetch-site", "cross-site"),), False),
        ((("sec-fetch-site", "none"),), False),
        ((("referer", TOP),), False),
    ],
)
def test_a_form_of_this_origin_alone_signs_out(
    session: Session, headers: tuple[tuple[str, str], ...], own: bool
) -> None:
    answer = ask("POST", "/.zt/sign-out", visiting(session), *headers)
    assert is_over(session) is own
    if own:
        assert (answer.status, heading(answer)) == (200, "You are signed out")
        gone = "__Host-zt-app=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0"
        assert header(answer, "set-cookie") == gone
    else:
        assert (answer.status, heading(answer), header(answer, "set-cookie")) == (403, FOREIGN, "")


@pytest.mark.parametrize("cookie", ["", "x", "A" * 43])
def test_signing_out_without_a_session_says_the_same(cookie: str) -> None:
    answer = ask("POST", "/.zt/sign-out", ("cookie", f"__Host-zt-app={cookie}"), ("origin", f"https://{HOST}"))
    assert (answer.status, heading(answer)) == (200, "You are signed out")


def test_a_cookie_of_another_host_signs_nobody_out(session: Session) -> None:
    ask("POST", "/.zt/sign-out", visiting(session), ("origin", f"https://{OTHER}"), host=OTHER)
    assert not is_over(session)


# ---------------------------------------------------------------- why not
def seen_by_alice(method: str, target: str, **how: Any) -> Answer:
    """What alice, who is signed in, gets to see."""
    person = User.objects.filter(username="alice").first() or factories.alice(enrolled=False)
    return ask(method, target, visiting(factories.session(person), how.get("host", HOST)), **how)


ALICE = Subject(id="user:alice", name="Alice", kind=SubjectKind.USER, roles=frozenset({"everybody"}))


def ruled(
    target: WebTarget | ViewTarget = WebTarget(f"App.Example.Test:443", "/vault/a?token=secret", "GET"),  # noqa: B008, F541
    subject: Subject | None = ALICE,
    **ago: float,
) -> Ruling:
    context = Context(at=timezone.now() - timedelta(**ago))
    return administrator.decide(lambda: subject, target, context)


@pytest.fixture
def vault() -> None:
    segment = rows.segment("vault", name="The <Vault>", state="quarantined")
    segment.owners.add(factories.user("carol", enrolled=False))
    rows.web(segment, HOST, "/vault")
    rows.web(rows.segment("health"), HOST, "/health", anonymous=True)


@pytest.mark.usefixtures("vault")
def test_a_refusal_is_told_by_its_reference() -> None:
    ruling = ruled()
    answer = seen_by_alice("GET", f"/.zt/refused?decision={ruling.reference}")
    text = answer.body.decode()
    assert (answer.status, heading(answer)) == (403, REFUSED)
    told = ["GET App.Example.Test:443/vault/a", "The &lt;Vault&gt;", "Carol", ruling.reference, "segment_quarantined"]
    assert [part for part in told if part not in text] == []
    assert [part for part in ("secret", "<Vault>", "alice", "Alice") if part in text] == []


@pytest.mark.usefixtures("vault")
def test_a_script_is_told_the_reason() -> None:
    reference = ruled().reference
    cookie = visiting(factories.session(factories.alice(enrolled=False)))
    found = Received("GET", f"/.zt/refused?decision={reference}", (("host", HOST), cookie))
    answer = respond(found, peer="127.0.0.1", at=timezone.now())
    told = json.loads(answer.body)
    assert (answer.status, told["reason"], told["decision"]) == (403, "segment_quarantined", reference)


@pytest.mark.usefixtures("vault")
def test_nobody_is_told_by_reference_what_is_not_told_before_the_sign_in() -> None:
    """A script learns the reference with its 401, and must not learn more by it."""
    text = ask("GET", f"/.zt/refused?decision={ruled(subject=None).reference}").body.decode()
    assert "sign_in_required" in text
    of_somebody = ask("GET", f"/.zt/refused?decision={ruled().reference}").body.decode()
    assert "sign_in_required" in of_somebody
    text += of_somebody
    assert [part for part in ("Vault", "Carol", "quarantined") if part in text] == []


@pytest.mark.usefixtures("vault")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda: seen_by_alice("GET", f"/.zt/refused?decision={ruled().reference}"), True),
        (lambda: seen_by_alice("GET", f"/.zt/refused?decision={ruled().reference}", host=f"{HOST}:8443"), True),
        (lambda: seen_by_alice("GET", f"/.zt/refused?decision={ruled().reference}", host=OTHER), False),
        (lambda: seen_by_alice("GET", f"/.zt/refused?decision={ruled().reference}", minutes=4.9), True),
        (lambda: seen_by_alice("GET", f"/.zt/refused?decision={ruled().reference}", minutes=5), False),
        (lambda: seen_by_alice("GET", f"/.zt/refused?decision={ruled().reference.lower()}"), False),
        (lambda: seen_by_alice("GET", f"/.zt/refused?decision={ruled().reference}x"), False),
        (lambda: ask("GET", "/.zt/refused?decision={0}&decision={0}".format(ruled().reference)), False),
        (lambda: ask("GET", "/.zt/refused?decision=D-0000-0000-0000"), False),
        (lambda: ask("GET", "/.zt/refused?decision="), False),
        (lambda: ask("GET", "/.zt/refused"), False),
        (lambda: ask("GET", f"/.zt/refused?decision={ruled(ViewTarget('admin:index', 'GET')).reference}"), False),
        (lambda: ask("GET", f"/.zt/refused?decision={entered().reference}"), False),
        (lambda: ask("GET", f"/.zt/refused?decision={allowed().reference}"), False),
    ],
)
def test_a_refusal_is_told_on_its_own_host_and_for_five_minutes(change: Callable[[], Answer], told: bool) -> None:
    answer = change()
    assert (answer.status, heading(answer)) == (403, REFUSED)
    assert ("segment_quarantined" in answer.body.decode()) is told
    assert ("D-" in answer.body.decode()) is told


def entered() -> Entry:
    """An entry that is no decision."""
    factories.application_cookie(factories.session(factories.alice(enrolled=False)), HOST)
    return Entry.objects.get(kind="application.entered")


def allowed() -> Ruling:
    ruling = ruled(WebTarget(HOST, "/health", "GET"))
    assert ruling.decision.allowed
    return ruling


# ---------------------------------------------------------------- everything else
@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/.zt/", 404),
        ("GET", "/.zt/x", 404),
        ("GET", "/.zt/start/", 404),
        ("GET", "/.zt/START", 404),
        ("GET", "/.zt/../finance", 404),
        ("GET", "/.zt/%73tart", 404),
        ("GET", "/.zt/../static/css/base.css", 404),
        ("GET", "/.zt/css/base.css", 404),
        ("POST", "/.zt/start", 404),
        ("POST", "/.zt/enter", 404),
        ("POST", "/.zt/refused", 404),
        ("PUT", "/.zt/sign-out", 404),
        ("DELETE", "/.zt/sign-out", 404),
        ("OPTIONS", "/.zt/sign-out", 404),
        ("POST", "/.zt/base.css", 404),
        ("GET", "/.zt/start?" + "&".join(f"a{number}=1" for number in range(11)), 403),
        ("GET", "/.zt/enter?" + "&" * 100_000, 403),
        ("HEAD", "/.zt/sign-out", 200),
        ("HEAD", "/.zt/start", 404),
        ("HEAD", "/.zt/enter?ticket=x", 404),
    ],
)
def test_what_is_no_page_of_ours_is_a_page_that_says_so(method: str, target: str, status: int) -> None:
    assert ask(method, target).status == status


@pytest.mark.parametrize("page", ["start", "enter?ticket=x", "sign-out", "refused?decision=x", "nothing"])
@pytest.mark.parametrize(
    "host",
    [
        "",
        "a b",
        "a_b",
        "a/b",
        "a/",
        "a?b",
        f"{HOST}#",
        f"user@{HOST}",
        f"{HOST}, {HOST}",
        "[::1",
        "é",
        f"{HOST}:0",
        ".",
    ],
)
def test_a_host_that_is_none_is_refused(page: str, host: str) -> None:
    answer = ask("GET", f"/.zt/{page}", host=host)
    assert (answer.status, heading(answer), header(answer, "location")) == (403, NOTHING, "")


def test_two_hosts_are_none() -> None:
    assert heading(ask("GET", "/.zt/start", ("host", OTHER))) == NOTHING


@pytest.mark.parametrize("name", ["frame.css", "base.css", "mark.svg"])
def test_what_the_pages_need_lies_beside_them(name: str) -> None:
    answer = ask("GET", f"/.zt/{name}")
    assert (answer.status, header(answer, "x-content-type-options")) == (200, "nosniff")
    assert header(answer, "content-type") in {"text/css; charset=utf-8", "image/svg+xml"}
    assert answer.body


PAGES = [
    ("GET", "sign-out"), ("POST", "sign-out"), ("GET", "enter"), ("GET", "refused"), ("GET", "x"),
    ("GET", "refused?decision={}"),
]  # fmt: skip


@pytest.mark.usefixtures("vault")
@pytest.mark.parametrize(("method", "page"), PAGES)
def test_pages_hold_nothing_inline_and_nothing_from_elsewhere(method: str, page: str) -> None:
    answer = ask(method, f"/.zt/{page.format(ruled().reference)}")
    text = answer.body.decode()
    assert INLINE.findall(text) == []
    assert set(re.findall(r'(?:src|action)="([^"]*)"|<link[^>]*href="([^"]*)"', text)) <= {
        ("", "/.zt/frame.css"), ("", "/.zt/base.css"), ("", "/.zt/mark.svg"), ("/.zt/sign-out", ""),
    }  # fmt: skip
    assert {
        address for address in re.findall(r'href="(http[^"]*)"', text) if not address.startswith(f"{PORTAL}/")
    } == set()


@scenario("SEC-SESS-018")
@pytest.mark.usefixtures("vault")
def test_every_page_says_how_it_may_be_used(case: dict[str, Any]) -> None:
    for method, page in PAGES:
        answer = ask(method, f"/.zt/{page}")
        found = {name: value for name, value in answer.headers if name != "set-cookie"}
        assert found == {
            "cache-control": "no-store",
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'",
            "referrer-policy": "same-origin",
            "vary": "Accept, Cookie, Sec-Fetch-Mode",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
        }
        assert b"Traceback" not in answer.body


@scenario("SEC-SESS-015")
def test_a_session_in_a_query_is_nobodys(case: dict[str, Any], session: Session) -> None:
    key = factories.application_cookie(session, HOST)
    ask("POST", f"/.zt/sign-out?__Host-zt-app={key}", ("origin", f"https://{HOST}"))
    assert not is_over(session)


@scenario("SEC-SESS-019")
def test_signing_out_deletes_the_cookie_and_ends_the_session(case: dict[str, Any], session: Session) -> None:
    """No Clear-Site-Data: its `cookies` means every host of the same site, applications of others among them."""
    cookie = visiting(session)
    answer = ask("POST", "/.zt/sign-out", cookie, ("origin", f"https://{HOST}"))
    assert "Max-Age=0" in header(answer, "set-cookie")
    visitor = applications.find(key=cookie[1].partition("=")[2], host=HOST, at=timezone.now())
    assert visitor is not None
    assert not visitor.session_active
    assert not ApplicationTicket.objects.exists()
