"""A decision point that runs, asked over sockets: what each family of proxies is answered, and what garbage is."""

import os
import random
import socket
import subprocess
import sys
from typing import Any
from urllib.parse import quote

import pytest

from accounts.models import User
from segments.enforcement.proxies import Family
from segments.models import Segment
from tests import factories
from tests.processes.decision_point import Reply, read_all, reply
from tests.segments.enforcement.corpus_cases import scenario
from tests.walk.decision_point.applications import (
    BROWSER,
    CLIENT,
    HOST,
    OTHER,
    SCRIPT,
    WEBSOCKET,
    Cast,
    Proxies,
    decisions,
    register_hosts,
)

pytestmark = pytest.mark.slow

FAMILIES = list(Family)
LEADING = {Family.NGINX: 401, Family.HAPROXY: 401, Family.TRAEFIK: 302, Family.ENVOY: 302}  # to the sign-in
IDENTITY = (
    "remote-user", "remote-name", "remote-email", "remote-groups", "x-zt-segment", "x-zt-decision", "x-zt-assertion",
)  # fmt: skip
ALLOWED, REFUSED, LED = "allowed", "refused", "led to the sign-in"

TABLE = [  # who, method, host, path, and what comes of it
    ("alice", "GET", HOST, "/public/x", ALLOWED),
    ("alice", "HEAD", HOST, "/public/x", ALLOWED),
    ("alice", "OPTIONS", HOST, "/public", ALLOWED),
    ("alice", "GET", "APP.Example.Test.", "/public/x", ALLOWED),
    ("alice", "GET", f"{HOST}:443", "/public/x?next=/finance", ALLOWED),
    ("alice", "POST", HOST, "/public/x", REFUSED),
    ("alice", "DELETE", HOST, "/public/x", REFUSED),
    ("alice", "GET", HOST, "/finance/report", REFUSED),
    ("alice", "GET", HOST, "/publicly", REFUSED),
    ("alice", "GET", HOST, "/vault", REFUSED),
    ("alice", "GET", HOST, "/fresh", ALLOWED),
    ("alice", "GET", HOST, "/near", REFUSED),
    ("alice", "GET", HOST, "/health", ALLOWED),
    ("alice", "GET", "nobody.example.test", "/public/x", REFUSED),
    ("alice", "GET", OTHER, "/", LED),  # her cookie is none of that host
    ("bob", "GET", HOST, "/finance/report", ALLOWED),
    ("bob", "POST", HOST, "/finance/report", ALLOWED),
    ("bob", "PATCH", HOST, "/finance/report", ALLOWED),
    ("bob", "GET", HOST, "/public/x", REFUSED),
    ("carol", "GET", HOST, "/public/x", REFUSED),
    ("carol", "GET", HOST, "/health", ALLOWED),
    ("stale", "GET", HOST, "/public/x", ALLOWED),
    ("stale", "GET", HOST, "/fresh", LED),
    ("nobody", "GET", HOST, "/public/x", LED),
    ("nobody", "HEAD", HOST, "/public/x", LED),
    ("nobody", "POST", HOST, "/finance/report", LED),
    ("nobody", "GET", HOST, "/vault", LED),  # nobody is told which segments are quarantined
    ("nobody", "GET", HOST, "/unknown", LED),
    ("nobody", "GET", HOST, "/health", ALLOWED),
    ("nobody", "GET", HOST, "/health/../finance", LED),
    ("nobody", "GET", "nobody.example.test", "/", REFUSED),
    ("nobody", "GET", "10.0.0.1", "/", REFUSED),
]


def identity(found: Reply) -> dict[str, str]:
    return {name: found.value(name) for name in IDENTITY}


def check(family: Family, method: str, outcome: str, found: Reply, *, page: bool, url: str) -> None:
    """Everything that `outcome` means to this family: status, headers and body."""
    assert found.value("cache-control") == "no-store"
    location = f"{url.split('/', 3)[0]}//{url.split('/', 3)[2]}/.zt/start?rd={quote(url, safe='')}"
    if outcome == ALLOWED:
        assert (found.status, found.body) == (200, b"")
        assert identity(found)["x-zt-decision"].startswith("D-")
    elif outcome == LED and page:
        unsafe = LEADING[family] == 302 and method not in {"GET", "HEAD", "OPTIONS"}
        assert (found.status, found.values("location")) == (303 if unsafe else LEADING[family], [location])
    elif outcome == LED:
        assert (found.status, found.values("location")) == (401, [])
        assert found.value("www-authenticate").startswith('Session realm="ztproject"')
        assert found.value("content-type") == "application/json"
    else:
        assert (found.status, found.values("location")) == (403, [])
        assert found.value("x-zt-decision").startswith("D-")
        if family is Family.NGINX:
            assert found.body == b""
        else:
            assert found.value("content-type") == ("text/html; charset=utf-8" if page else "application/json")
    if outcome != ALLOWED:
        assert [name for name in IDENTITY if name != "x-zt-decision" and found.values(name)] == []
    assert found.values("set-cookie") == []


def ask_all(proxies: Proxies, cast: Cast, family: Family, *, page: bool) -> int:
    """Ask everything in TABLE. Returns how many questions that were."""
    for who, method, host, path, outcome in TABLE:
        accept = BROWSER if page else SCRIPT
        found = proxies.ask(family, *accept, *cast.cookie(who), method=method, host=host, path=path)
        check(family, method, outcome, found, page=page, url=f"https://{host}{path}")
    return len(TABLE)


# ---------------------------------------------------------------- statuses
@pytest.mark.parametrize("page", [True, False], ids=["browser", "script"])
@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_answered_what_it_understands(proxies: Proxies, cast: Cast, family: Family, page: bool) -> None:
    """And each answer is in the ledger, once."""
    before = decisions()
    asked = ask_all(proxies, cast, family, page=page)
    assert decisions() - before == asked


@scenario("SEC-SESS-003")
def test_no_decision_is_kept(case: dict[str, Any], proxies: Proxies, cast: Cast) -> None:
    for who, path in (("alice", "/public/x"), ("nobody", "/public/x"), ("alice", "/finance")):
        for family in FAMILIES:
            assert proxies.ask(family, *cast.cookie(who), path=path).value("cache-control") == "no-store"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("origins", "outcome"),
    [
        ((f"https://{HOST}",), 200),
        (("HTTPS://APP.EXAMPLE.TEST",), 200),
        ((), 200),  # a program, not a page
        ((f"http://{HOST}",), 401),
        ((f"https://{HOST}:8443",), 401),
        ((f"https://{OTHER}",), 401),
        ((f"https://{HOST}.evil.test",), 401),
        (("https://evil.test",), 401),
        (("null",), 401),
        (("",), 401),
        ((f"https://{HOST}", "https://evil.test"), 401),
    ],
)
def test_a_websocket_is_opened_by_pages_of_its_own_origin(
    proxies: Proxies, cast: Cast, family: Family, origins: tuple[str, ...], outcome: int
) -> None:
    headers = (*WEBSOCKET, *cast.cookie("alice"), *(("Origin", origin) for origin in origins))
    found = proxies.ask(family, *headers, path="/public/socket")
    assert (found.status, found.values("location")) == (outcome, [])


@scenario("SEC-PROTO-002", "SEC-PROTO-003", "SEC-PROTO-004", "SEC-PROTO-005", "SEC-PROTO-008", "SEC-PROTO-014")
def test_upgrade(case: dict[str, Any], proxies: Proxies, cast: Cast) -> None:
    given = case["input"]
    for family in FAMILIES:
        headers = (*cast.cookie(given["principal"]), *map(tuple, given["client_headers"]))
        found = proxies.ask(family, *headers, path=given["raw_target"])
        assert found.status in ({200} if case["expect"] == "allow" else {400, 401, 403}), family


@scenario("SEC-PROTO-015", "SEC-PROTO-019", "SEC-PROTO-021")
def test_what_a_client_sends_besides_changes_no_decision(case: dict[str, Any], proxies: Proxies, cast: Cast) -> None:
    repeat = {"{{repeat:a-:3000}}": "a-" * 3000}
    extra = tuple((name, repeat.get(value, value)) for name, value in case["input"]["client_headers"])
    for family in FAMILIES:
        assert proxies.ask(family, *cast.cookie("alice"), *extra).status in {200, 400, 403}
        assert proxies.ask(family, *cast.cookie("alice"), *extra, path="/finance").status in {400, 403}


def test_a_connection_is_used_again_after_a_websocket_was_asked_about(proxies: Proxies, cast: Cast) -> None:
    """Caddy hands `Upgrade` on, over a connection that it keeps."""
    request = (
        "GET /forward-auth/traefik HTTP/1.1\r\nHost: x\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Proto: https\r\n"
        f"X-Forwarded-Host: {HOST}\r\nX-Forwarded-Uri: /public/x\r\nX-Forwarded-For: 203.0.113.7\r\n"
        f"Cookie: __Host-zt-app={cast.cookies['alice']}\r\n"
    )
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"
    with socket.create_connection(("127.0.0.1", proxies.point.port), timeout=5) as connection:
        statuses = []
        for extra in (upgrade, "", upgrade, ""):
            connection.sendall(f"{request}{extra}\r\n".encode())
            received = read_all(connection)
            if not received:
                break
            statuses.append(reply(received).status)
    # A server may close; it may not misread what comes next.
    assert set(statuses) == {200}


# ---------------------------------------------------------------- who is asking
@pytest.mark.parametrize("family", FAMILIES)
def test_who_is_asking_is_told(proxies: Proxies, cast: Cast, family: Family) -> None:
    told = identity(proxies.ask(family, *cast.cookie("alice")))
    assert told | {"x-zt-decision": "", "x-zt-assertion": ""} == {
        "remote-user": "alice",
        "remote-name": "Alice",
        "remote-email": "alice@example.test",
        "remote-groups": "everybody,reader",
        "x-zt-segment": "public",
        "x-zt-decision": "",
        "x-zt-assertion": "",
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_every_header_is_there_where_nobody_is_known(proxies: Proxies, family: Family) -> None:
    """Caddy hands on what the client sent where one is missing."""
    told = identity(proxies.ask(family, ("Remote-User", "root"), ("Remote-Groups", "admins"), path="/health"))
    known = {"x-zt-segment": "health", "x-zt-decision": told["x-zt-decision"], "x-zt-assertion": told["x-zt-assertion"]}
    assert told == dict.fromkeys(IDENTITY, "") | known


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Jürgen Ärger", "J%C3%BCrgen %C3%84rger"),
        ("100 %", "100 %25"),
        ("李小龍", "%E6%9D%8E%E5%B0%8F%E9%BE%8D"),
        ("a\r\nRemote-Groups: admins", "a%0D%0ARemote-Groups: admins"),
        ("a\x01b\x7f", "a%01b%7F"),
        ("x" * 150, "x" * 150),
    ],
)
def test_a_name_cannot_end_its_header(proxies: Proxies, cast: Cast, name: str, told: str) -> None:
    User.objects.filter(pk=cast.people["alice"].pk).update(name=name)
    try:
        found = proxies.ask(Family.TRAEFIK, *cast.cookie("alice"))
    finally:
        User.objects.filter(pk=cast.people["alice"].pk).update(name="Alice")
    assert (found.status, found.value("remote-name"), found.value("remote-groups")) == (200, told, "everybody,reader")


# ---------------------------------------------------------------- how many hosts there are
@pytest.mark.parametrize("number", [101, 1000])
def test_the_number_of_hosts_changes_nothing(proxies: Proxies, cast: Cast, number: int) -> None:
    register_hosts(number)
    ask_all(proxies, cast, Family.ENVOY if number == 101 else Family.TRAEFIK, page=number == 101)


# ---------------------------------------------------------------- cookies
def mutated(key: str, number: int) -> list[str]:
    """`number` values that are almost the cookie."""
    chance = random.Random(7)
    found: set[str] = set()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    odd = '"%\\ ,=:/+.*?&#@!~^|<>()[]{}\x01\x7f\tü€'
    ways = [
        lambda at: key[:at] + chance.choice(letters) + key[at + 1 :],
        lambda at: key[:at] + chance.choice(odd) + key[at:],
        lambda at: key[:at] + key[at + 1 :],
        lambda at: key[:at] + key[at] + key[at:],
        lambda at: key[:at] + key[at].swapcase() + key[at + 1 :],
        lambda at: key[at:] + key[:at],
        lambda at: key[:at] + f"%{ord(key[at]):02x}" + key[at + 1 :],
        lambda at: key[: at + 1],
        lambda at: key * (at + 2),
        lambda _at: f'"{key}"',
        lambda _at: key[::-1],
        lambda at: f"{key[:at]}; __Host-zt-app={key[at:]}",
        lambda _at: f"{key}; __Host-zt-app={'A' * 43}",
        lambda _at: f"; zt-app={key}; __host-zt-app={key}; __Secure-zt-app={key}; __Host-zt={key}",
    ]
    while len(found) < number:
        found.add(chance.choice(ways)(chance.randrange(43)))
    return sorted(found - {key})


def test_a_cookie_that_was_changed_opens_nothing(proxies: Proxies, cast: Cast) -> None:
    key = cast.cookies["alice"]
    statuses = {proxies.ask(Family.TRAEFIK, *SCRIPT, ("Cookie", f"__Host-zt-app={key}")).status}
    assert statuses == {200}
    changed = mutated(key, 120)
    assert len(changed) >= 100
    for value in changed:
        found = proxies.ask(Family.TRAEFIK, *SCRIPT, ("Cookie", f"__Host-zt-app={value}"))
        assert found.status in {400, 401, 403}, value


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((("Cookie", "__Host-zt-app={0}"),), 200),
        ((("Cookie", "a=b"), ("Cookie", "__Host-zt-app={0}")), 200),  # HTTP/2 splits them
        ((("Cookie", " a=b;;  __Host-zt-app={0} ;=;c"),), 200),
        ((("Cookie", "__Host-zt-app={0}; __Host-zt-app={0}"),), 200),  # the same twice contradicts nothing
        ((("Cookie", "__Host-zt-app={0}"), ("Cookie", "__Host-zt-app=x")), 401),
        ((("Cookie", "__Host-zt-app=; __Host-zt-app={0}"),), 401),
        ((("Cookie", "a=__Host-zt-app={0}"),), 401),
        ((("Cookie", '"__Host-zt-app={0}"'),), 401),
        ((("Cookie2", "__Host-zt-app={0}"),), 401),
        ((("Set-Cookie", "__Host-zt-app={0}"),), 401),
        ((("Authorization", "Bearer {0}"),), 401),
        ((("X-Cookie", "__Host-zt-app={0}"),), 401),
    ],
)
def test_a_cookie_is_read_in_one_way(
    proxies: Proxies, cast: Cast, headers: tuple[tuple[str, str], ...], status: int
) -> None:
    for family in FAMILIES:
        given = ((name, value.format(cast.cookies["alice"])) for name, value in headers)
        assert proxies.ask(family, *SCRIPT, *given).status == status


def test_a_cookie_of_one_host_opens_no_other(proxies: Proxies, cast: Cast) -> None:
    other = factories.application_cookie(cast.sessions["bob"], OTHER)
    for family in FAMILIES:
        opened = [
            (name, host)
            for name, key in (("app", cast.cookies["bob"]), ("hr", other))
            for host, path in ((HOST, "/finance"), (OTHER, "/"))
            if proxies.ask(family, ("Cookie", f"__Host-zt-app={key}"), host=host, path=path).status == 200
        ]
        assert opened == [("app", HOST), ("hr", OTHER)]


# ---------------------------------------------------------------- garbage
COMMON = f"X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nHost: {HOST}\r\n"


def garbage(cookie: str) -> list[bytes]:
    """Requests that would be allowed but for one thing."""
    good = f"{COMMON}X-Forwarded-Method: GET\r\nX-Forwarded-Host: {HOST}\r\nX-Forwarded-Uri: /public/x\r\nCookie: {cookie}\r\nConnection: close\r\n"  # noqa: E501
    line, envoy = "GET /forward-auth/traefik HTTP/1.1\r\n", "GET /forward-auth/envoy/public/x HTTP/1.1\r\n"
    heads = [
        line.replace("1.1", "1.0") + good.replace("Uri: /public", "Uri: /finance"),
        line.replace("1.1", "2.0") + good,
        line.replace("1.1", "9.9") + good,
        line.replace(" HTTP/1.1", "") + good,
        line.replace("GET", "CONNECT") + good,
        f"CONNECT {HOST}:443 HTTP/1.1\r\n" + good,
        "PRI * HTTP/2.0\r\n",
        "OPTIONS * HTTP/1.1\r\n" + good,
        line.replace("GET", "get") + good,
        line.replace("GET", "G T") + good,
        line.replace("GET", "TRACE").replace("traefik", "envoy/public/x") + good,
        line.replace("GET ", "GET  ").replace("/forward", "forward") + good,
        line.replace("/forward-auth", "http://x/forward-auth") + good,
        line.replace("/forward-auth", "//forward-auth") + good,
        line.replace("traefik", "../forward-auth/traefik") + good,
        line.replace("traefik", "%74raefik") + good,
        line.replace("traefik", "traefik/") + good,
        line.replace("traefik", "Traefik") + good,
        line.replace("traefik", "traefik#") + good,
        line.replace("traefik", "traefik;a") + good,
        line.replace("traefik", "nginx") + good,
        line.replace("/traefik", "") + good,
        line.replace("/forward-auth/traefik", "/public/x") + good,
        line.replace("/forward-auth/traefik", "/") + good,
        envoy.replace("/public", "public") + good,
        envoy.replace("/public/x", "") + good,
        envoy.replace("/public/x", "?/public/x") + good,
        envoy.replace("/public/x", "#/public/x") + good,
        envoy.replace("/public/x", "/public/x#/../../finance") + good,
        envoy.replace("/forward", "https://hr.example.test/forward") + good,
        envoy.replace("/public/x", "/public/\x01") + good,
        envoy.replace("/public/x", "/public/\xff") + good,
        envoy.replace("/public/x", f"/public/{'a' * 9000}") + good,
        envoy + good.replace(f"Host: {HOST}\r\n", "", 1),
        envoy + good + f"Host: {HOST}\r\n",
        line + good.replace("X-Forwarded-Uri", "X-Forwarded-Uri "),
        line + good.replace("X-Forwarded-Uri", " X-Forwarded-Uri"),
        line + good.replace("X-Forwarded-Uri: /public/x", "X-Forwarded-Uri: /public/x\r\n /../finance"),
        line + good.replace("X-Forwarded-Uri: /public/x", "X-Forwarded-Uri: /public/x\nX-Forwarded-Uri: /finance"),
        line + good.replace("X-Forwarded-Uri: /public/x", "X-Forwarded-Uri: /public/x\x00"),
        line + good.replace("X-Forwarded-Uri: /public/x", "X-Forwarded-Uri: /public/\xe9"),
        line + good + "X-Forwarded-Uri: /public/x\r\n",
        line + good + "x-forwarded-uri: /finance\r\n",
        line + good + "X_Forwarded_Uri: /finance\r\n",
        line + good + "X-Forwarded_Uri: /finance\r\n",
        line + good + "X.Forwarded.Uri: /finance\r\n",
        line + good + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        line + good + "Content-Length: 4\r\nContent-Length: 5\r\n",
        line + good + "Content-Length: -1\r\n",
        line + good + "Content-Length: 0x1\r\n",
        line + good + "Transfer-Encoding: chunked, identity\r\n",
        line + good + "Transfer-Encoding: xchunked\r\n",
        line + good + "no colon\r\n",
        line + good + ": no name\r\n",
        line + good + "X\x00Y: z\r\n",
        line + good + "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        line + good + f"X-Padding: {'a' * 65_536}\r\n",
        line + good + "".join(f"X-Padding-{number}: a\r\n" for number in range(5000)),
        line + good + f"X-Padding: {'a' * 1_000_000}\r\n",
        line + good + f"{'a' * 70_000}: a\r\n",
    ]
    raw = [f"{head}\r\n".encode("latin-1") for head in heads]
    return [
        *raw,
        b"",
        b"\r\n\r\n",
        b"\x00" * 1000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x7f" * 200,  # the beginning of TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        bytes(range(256)) * 4,
        f"{line}{good}".encode() + b"X: \xff\xfe\x80\r\nX-Forwarded-Uri: \xc0\xae\r\n\r\n",
    ]


def test_garbage_is_neither_allowed_nor_an_error_of_ours(proxies: Proxies, cast: Cast) -> None:
    cookie = f"__Host-zt-app={cast.cookies['alice']}"
    assert proxies.ask(Family.TRAEFIK, ("Cookie", cookie)).status == 200
    for data in garbage(cookie):
        with socket.create_connection(("127.0.0.1", proxies.point.port), timeout=10) as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                received = read_all(connection)
            except TimeoutError:
                raise
            except OSError:  # closed while it was still being told more
                received = b""
        assert reply(received).status in {0, 400, 401, 403, 404}, data[:300]
        assert not received.count(b"HTTP/1.1 2"), data[:300]
    assert proxies.ask(Family.TRAEFIK, ("Cookie", cookie)).status == 200


def test_a_question_in_http_1_0_is_answered_alike(proxies: Proxies, cast: Cast) -> None:
    """nginx asks so unless told otherwise."""
    head = (
        f"X-Original-URL: https://{HOST}/public/x\r\nX-Original-Method: GET\r\nX-Forwarded-For: 203.0.113.7\r\n"
        f"Cookie: __Host-zt-app={cast.cookies['alice']}\r\n\r\n"
    )
    for version in ("1.0", "1.1"):
        data = f"GET /forward-auth/nginx HTTP/{version}\r\nHost: x\r\nConnection: close\r\n{head}".encode()
        assert proxies.point.send(data).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "M-SEARCH"])
def test_envoy_asks_with_every_method_and_a_body(proxies: Proxies, cast: Cast, method: str) -> None:
    headers = (("Host", HOST), CLIENT, *cast.cookie("bob"), ("Content-Length", "3"))
    assert proxies.point.ask(method, "/forward-auth/envoy/finance/report", headers, b"a=b").status == 200
    assert proxies.point.ask(method, "/forward-auth/envoy/public/x", headers, b"a=b").status == 403


# ---------------------------------------------------------------- who may ask
@pytest.mark.parametrize("which", ["believing_nobody", "believing_others"])
def test_a_peer_that_is_no_proxy_of_ours_is_refused_always(
    request: pytest.FixtureRequest, cast: Cast, which: str
) -> None:
    proxies: Proxies = request.getfixturevalue(which)
    before = decisions()
    for family in FAMILIES:
        for client in ((CLIENT,), (("X-Forwarded-For", "10.0.0.10"),), (("X-Forwarded-For", "127.0.0.1"),)):
            found = proxies.ask(family, *BROWSER, *cast.cookie("alice"), client=client)
            assert (found.status, [name for name in IDENTITY if found.values(name)]) == (403, [])
            assert proxies.ask(family, path="/health").status == 403
    for page in ("/.zt/start", "/.zt/enter?ticket=x", "/.zt/sign-out", "/.zt/base.css"):
        assert proxies.point.ask("GET", page, (("Host", HOST),)).status == 403
    assert proxies.point.ask("GET", "/livez", (("Host", HOST),)).status == 200
    assert decisions() == before


@pytest.mark.parametrize("trusted", ["0.0.0.0/0", "::/0", "10.0.0.10/32,0.0.0.0/0", "everybody", "10.0.0.10/33", "*"])
def test_who_would_trust_everybody_does_not_start(proxies: Proxies, trusted: str) -> None:
    environment = proxies.point.environment | {"ZT_TRUSTED_PROXIES": trusted}
    done = subprocess.run(
        [sys.executable, "-c", "import ztproject.settings"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "ZT_TRUSTED_PROXIES has `" in done.stderr


@pytest.mark.parametrize(
    ("client", "status"),
    [
        ((("X-Forwarded-For", "10.1.2.3"),), 200),
        ((("X-Forwarded-For", "203.0.113.9, 10.1.2.3"),), 200),
        ((("X-Forwarded-For", "::ffff:10.1.2.3"),), 200),
        ((("X-Forwarded-For", "10.1.2.3, 127.0.0.1"),), 200),  # a second proxy of ours behind the first
        ((("X-Forwarded-For", "10.1.2.3, 203.0.113.9"),), 403),
        ((("X-Forwarded-For", "10.1.2.3"), ("X-Forwarded-For", "203.0.113.9")), 403),
        ((("X-Forwarded-For", "203.0.113.9"),), 403),
        ((("X-Forwarded-For", "10.1.2.3, unknown"),), 403),
        ((("X-Forwarded-For", "10.1.2.3:80"),), 403),
        ((("X-Forwarded-For", ""),), 403),
        ((("X-Real-IP", "10.1.2.3"),), 403),
        ((("Forwarded", "for=10.1.2.3"),), 403),
        ((("X_Forwarded_For", "10.1.2.3"),), 403),
        ((), 403),
    ],
)
def test_a_network_is_entered_from_where_the_client_is(
    proxies: Proxies, cast: Cast, client: tuple[tuple[str, str], ...], status: int
) -> None:
    for family in FAMILIES:
        assert proxies.ask(family, *cast.cookie("alice"), path="/near", client=client).status == status


def test_a_proxy_that_does_not_say_for_whom_it_asks_stands_for_nobody(proxies: Proxies, cast: Cast) -> None:
    """Its own address lies in the network, and opens nothing."""
    Segment.objects.filter(slug="near").update(networks=["127.0.0.0/8"])
    try:
        found = [
            proxies.ask(Family.TRAEFIK, *cast.cookie("alice"), path="/near", client=client).status
            for client in ((), (("X-Forwarded-For", "unknown"),), (("X-Forwarded-For", "127.0.0.1"),))
        ]
    finally:
        Segment.objects.filter(slug="near").update(networks=["10.0.0.0/8"])
    assert found == [403, 403, 200]
