"""Each proxy with its rendered configuration, in front of a decision point and applications of the tests' own."""

import hashlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from segments.gateway import envoy
from segments.gateway.placement import Address, Placement
from segments.gateway.sites import Site, sites
from segments.policy.model import WebResource
from tests.segments.gateway.client import WEBSOCKET, Client, ask
from tests.segments.gateway.conftest import Applications
from tests.segments.gateway.gateway_process import free_port
from tests.segments.gateway.proxies import Proxy, parameters, running, write
from tests.segments.gateway.stand_ins import IDENTITY, DecisionPoint

pytestmark = pytest.mark.proxies

TOKEN = "Bearer zts_abcdefghijklmnopqrstuvwxyz"


def web(name: str, host: str, path: str, port: int, methods: str = "", **more: bool) -> WebResource:
    wanted = frozenset(methods.split()) or None
    upstream = f"http://127.0.0.1:{port}" if port else ""
    return WebResource(id=name, segment="s", host=host, path=path, methods=wanted, upstream=upstream, **more)


def stored(applications: Applications) -> tuple[Site, ...]:
    app, reading, writing = (server.port for server in vars(applications).values())
    return sites(
        [
            web("app", "app.test", "/", app),
            web("reading", "app.test", "/fin", reading, "GET"),
            web("writing", "app.test", "/fin", writing, "POST"),
            web("health", "app.test", "/healthz", 0, "GET"),
            web("any", "*.wild.test", "/allowed", app, case_insensitive=True),
            web("other", "other.test", "/", reading),
        ]
    )


class Running:
    def __init__(self, name: str, port: int) -> None:
        self.name, self.port = name, port


@pytest.fixture(scope="module", params=parameters())
def proxy(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    applications: Applications,
    asked: DecisionPoint,
) -> Iterator[Running]:
    placement = Placement(Address("127.0.0.1", free_port()), Address("127.0.0.1", asked.port))
    folder = tmp_path_factory.mktemp(request.param.name)
    with running(request.param, folder, stored(applications), placement) as port:
        yield Running(request.param.name, port)


@pytest.fixture(autouse=True)
def everything_open(asked: DecisionPoint) -> None:
    asked.open = True
    asked.seen.clear()


def test_allowed_request_reaches_the_application_with_the_identity(proxy: Running) -> None:
    answer = ask(proxy.port, "/allowed?a=1&b=%2F..%2F")
    assert (answer.status, answer.told["name"], answer.told["target"]) == (200, "app", "/allowed?a=1&b=%2F..%2F")
    for name, value in IDENTITY.items():
        assert [found for found in answer.got(name) if found] == ([value] if value else [])
    assert answer.got("Host") == ["app.test"]
    assert answer.got("X-Forwarded-For") == ["127.0.0.1"]
    assert answer.got("X-Forwarded-Proto") == ["http"]
    assert answer.got("X-Forwarded-Host") == ["app.test"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])
def test_refusal_reaches_no_application(
    proxy: Running, asked: DecisionPoint, applications: Applications, method: str
) -> None:
    before = len(applications.app.seen)
    answer = ask(proxy.port, "/refused?x=/allowed", method=method)
    assert answer.status == 403
    assert len(applications.app.seen) == before
    assert len(asked.questions()) == 1
    if method == "GET":
        page = b"own page /.zt/refused?decision=D-403" if proxy.name == "nginx" else b"refused, says the decision point"
        assert answer.body == page


def test_way_to_the_sign_in_is_followed(proxy: Running) -> None:
    answer = ask(proxy.port, "/sign-in/x")
    assert answer.status in {302, 303}
    assert answer.value("Location") == "http://app.test/.zt/start?rd=x"


def test_question_is_about_what_was_asked(proxy: Running, asked: DecisionPoint) -> None:
    shown = {
        "Cookie": "zt-app=x; other=y", "Authorization": "Basic abc", "Accept": "text/html",
        "Sec-Fetch-Mode": "navigate", "X-Requested-With": "XMLHttpRequest", "Origin": "http://app.test",
        "User-Agent": "test", "X-HTTP-Method-Override": "DELETE",
    }  # fmt: skip
    forged = [
        ("X-Forwarded-For", "10.9.9.9"), ("X-Forwarded-Uri", "/forged"), ("X-Forwarded-Method", "GET"),
        ("X-Forwarded-Host", "forged.test"), ("X-Original-URL", "http://forged.test/"), ("X-Original-Method", "GET"),
    ]  # fmt: skip
    forged += [(name.replace("-", "_"), value) for name, value in forged]
    answer = ask(proxy.port, "/allowed/%41?q=1", *shown.items(), *forged, method="PUT", host="app.test:81")
    assert answer.status == 200
    question = asked.last
    assert {name: question.value(name) for name in shown} == shown
    assert question.value("X-Forwarded-For") == "127.0.0.1"
    _family, path = DecisionPoint.asked(question)
    # Envoy decodes what needs no escape before it asks; the others change nothing.
    assert path == answer.told["target"] == ("/allowed/A?q=1" if proxy.name == "envoy" else "/allowed/%41?q=1")
    asked_by = {
        "nginx": {"X-Original-URL": "http://app.test:81/allowed/%41?q=1", "X-Original-Method": "PUT"},
        "envoy": {"Host": "app.test:81"},
    }
    forwarded = {"X-Forwarded-Host": "app.test:81", "X-Forwarded-Method": "PUT", "X-Forwarded-Proto": "http"}
    wanted = asked_by.get(proxy.name, forwarded)
    assert {name: question.value(name) for name in wanted} == wanted
    assert not {name for name, _value in question.headers if "_" in name}


@pytest.mark.parametrize("name", [*IDENTITY, "X-Remote-User", "X-Forwarded-User", "X-Auth-Request-Email", "X-ZT-Roles"])
@pytest.mark.parametrize("separator", ["-", "_", "."])
def test_identity_of_a_client_is_stripped(proxy: Running, name: str, separator: str) -> None:
    spelling = name.replace("-", separator)
    answer = ask(proxy.port, "/allowed", (spelling, "root"), (spelling.upper(), "root"), ("X-Kept", "yes"))
    assert answer.status == 200
    wanted = IDENTITY.get(name)
    assert [found for found in answer.got(name) if found] == ([wanted] if wanted else [])
    assert answer.got("X-Kept") == ["yes"]


@pytest.mark.parametrize("named", ["close, Remote-User, X-ZT-Assertion", "Remote-User", "Upgrade, Remote-User"])
def test_client_cannot_have_the_identity_dropped(proxy: Running, named: str) -> None:
    answer = ask(proxy.port, "/allowed", ("Connection", named))
    assert answer.status == 200
    assert (answer.got("Remote-User"), answer.got("X-ZT-Assertion")) == (["alice"], ["signed.by.us"])


@pytest.mark.parametrize(
    "name", ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Forwarded-Prefix", "Forwarded"]
)
def test_names_for_another_target_are_stripped(proxy: Running, name: str) -> None:
    answer = ask(proxy.port, "/allowed", (name, "/admin"), (name.replace("-", "_"), "/admin"))
    assert (answer.status, [found for found in answer.got(name) if found]) == (200, [])


@pytest.mark.parametrize(
    ("authorization", "kept"),
    [
        (TOKEN, []),
        ("bEARER  zts_x", []),
        ("Bearer eyJhbGciOi", ["Bearer eyJhbGciOi"]),
        ("Basic enRzXw==", ["Basic enRzXw=="]),
    ],
)
def test_token_of_ours_stays_at_the_decision_point(
    proxy: Running, asked: DecisionPoint, authorization: str, kept: list[str]
) -> None:
    answer = ask(proxy.port, "/allowed", ("Authorization", authorization))
    assert answer.got("Authorization") == kept
    assert asked.last.value("Authorization") == authorization


@pytest.mark.parametrize(
    ("method", "target", "name"),
    [
        ("GET", "/fin", "reading"),
        ("HEAD", "/fin/x", "reading"),
        ("POST", "/fin/x?y", "writing"),
        ("PUT", "/fin/x", "app"),
        ("GET", "/finance", "app"),
        ("GET", "/allowed/fin", "app"),
    ],
)
def test_longest_prefix_and_the_method_choose_the_upstream(
    proxy: Running, applications: Applications, method: str, target: str, name: str
) -> None:
    seen = {server.name: len(server.seen) for server in vars(applications).values()}
    assert ask(proxy.port, target, method=method).status == 200
    assert [server.name for server in vars(applications).values() if len(server.seen) > seen[server.name]] == [name]


@pytest.mark.parametrize(("host", "status"), [("one.wild.test", 200), ("a.b.wild.test", 421), ("unknown.test", 421)])
def test_wildcard_stands_for_one_label(proxy: Running, host: str, status: int) -> None:
    found = ask(proxy.port, "/allowed/x", host=host).status
    expected = {
        "envoy": {"a.b.wild.test": 200, "unknown.test": 404}
    }  # its wildcard takes several: the question decides
    assert found == expected.get(proxy.name, {}).get(host, status)


def test_path_without_an_upstream_is_not_found(proxy: Running) -> None:
    assert ask(proxy.port, "/fin", host="one.wild.test").status == 404


def test_host_of_an_absolute_target_is_the_one_that_is_asked_about(
    proxy: Running, asked: DecisionPoint, applications: Applications
) -> None:
    """Or the request is refused: never asked about as one host and served as another."""
    before = len(applications.reading.seen)
    answer = ask(proxy.port, "http://other.test/allowed", host="app.test")
    asked_about = [
        seen.value("X-Original-URL") or seen.value("X-Forwarded-Host") or seen.value("Host")
        for seen in asked.questions()
    ]
    if answer.status == 200:
        assert answer.told["target"] == "/allowed"
        assert len(applications.reading.seen) == before + 1
        assert asked_about in (["other.test"], ["http://other.test/allowed"])
    else:
        assert answer.status == 400
        assert asked_about == []


def test_absolute_target_with_its_own_host_reaches_the_application_as_a_path(proxy: Running) -> None:
    answer = ask(proxy.port, "http://app.test/allowed?x=http://y", host="app.test")
    assert (answer.status, answer.told["target"]) == (200, "/allowed?x=http://y")


@pytest.mark.parametrize("size", [10, 400_000])
def test_body_arrives_whole(proxy: Running, size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    answer = ask(proxy.port, "/allowed", method="POST", body=body)
    assert (answer.status, answer.told["body"]) == (200, hashlib.sha256(body).hexdigest())


def test_chunked_body_arrives_whole(proxy: Running) -> None:
    with Client(proxy.port) as client:
        client.send("/allowed", ("Transfer-Encoding", "chunked"), method="POST")
        client.socket.sendall(b"5\r\nhello\r\n0\r\n\r\n")
        assert client.answer().told["body"] == hashlib.sha256(b"hello").hexdigest()


def test_our_own_pages_are_the_decision_point_s(proxy: Running, asked: DecisionPoint) -> None:
    answer = ask(proxy.port, "/.zt/start?rd=%2Fx", ("X-Forwarded-For", "10.9.9.9"), host="app.test:81")
    assert (answer.status, answer.body) == (200, b"own page /.zt/start?rd=%2Fx")
    assert (asked.last.value("Host"), asked.last.value("X-Forwarded-For")) == ("app.test:81", "127.0.0.1")
    assert asked.last.value("X-Forwarded-Proto") == "http"
    assert asked.questions() == []


@pytest.mark.parametrize("host", ["app.test.", "app.test.:81", "one.wild.test.", "APP.test"])
def test_host_with_the_dot_of_a_whole_name_is_the_same(proxy: Running, host: str) -> None:
    assert ask(proxy.port, "/allowed", host=host).status == 200


def test_script_is_told_why(proxy: Running) -> None:
    answer = ask(proxy.port, "/script")
    assert (answer.status, answer.value("WWW-Authenticate")) == (401, "Bearer")
    assert answer.told == {"allowed": False, "reason": "token_expired", "reference": "D-401"}


@pytest.mark.parametrize(
    "name",
    ["Remote-Role", "Remote-Roles", "X-WebAuth-Role", "X-Auth-Request-Roles", "X-Forwarded-Path", "X-Remote-Uid",
     "X-ZT-Permissions", "X-Forwarded-Role", "X~ZT~User", "X!Forwarded!For", "X*Remote-User", "Remote'User", "a`b",
     "a|b"],
)  # fmt: skip
def test_other_names_and_odd_ones_are_stripped(proxy: Running, name: str) -> None:
    answer = ask(proxy.port, "/allowed", (name, "root"), ("X-Kept", "yes"))
    if answer.status == 200:
        assert "root" not in [value for _name, value in answer.told["headers"]]
        assert answer.got("X-Kept") == ["yes"]
    else:
        assert answer.status == 400


def test_websocket_goes_through(proxy: Running, applications: Applications) -> None:
    with Client(proxy.port) as client:
        client.send("/allowed/ws", *WEBSOCKET, ("Remote_User", "root"), ("Authorization", TOKEN))
        assert client.head().status == 101
        client.socket.sendall(b"ping")
        assert client.more() == b"ping"
    reached = applications.app.last
    assert (reached.value("Remote-User"), reached.value("Authorization")) == ("alice", None)


@pytest.mark.parametrize("protocol", ["h2c", "websocket2", "TLS/1.0", "websocket, h2c"])
def test_nothing_but_a_websocket_is_an_upgrade(proxy: Running, protocol: str) -> None:
    answer = ask(proxy.port, "/allowed", ("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", protocol))
    if answer.status == 200:
        assert (answer.got("Upgrade"), answer.got("Connection") in ([], ["close"], ["keep-alive"])) == ([], True)
    else:  # by themselves
        assert (proxy.name, answer.status) in {("envoy", 403), ("haproxy", 400)}


def test_websocket_is_one_however_it_is_written(proxy: Running) -> None:
    with Client(proxy.port) as client:
        client.send("/allowed/ws", *WEBSOCKET[2:], ("Upgrade", "WebSocket"), ("Connection", "keep-alive, Upgrade"))
        assert client.head().status == 101


OURS = [("__Host-zt-app=x", ""), ("zt-app=x; zt-start=y; __Host-zt-start=z", ""), ("zt-app =x;", "")]
OTHERS = ["a=1", "a=1; b=2;c", 'q="zt-app=x"', "my-zt-app=1", "zt-app2=1; xzt-app=2", "a=zt-app=1", "__Secure-zt-app=1"]
MIXED = [
    ("zt-app=x; a=1", "a=1"), ("a=1; zt-app=x", "a=1"), ("a=1; zt-app=x; b=2", "a=1; b=2"),
    ("a=1;zt-app=x;b=2", "a=1;b=2"), ("zt-start=s; a=1; __Host-zt-app=x=y; b=2; zt-app=z", "a=1; b=2"),
    ("a=1; zt-app=x; zt-app=y; b=2", "a=1; b=2"),
]  # fmt: skip


@pytest.mark.parametrize(("cookies", "left"), [*OURS, *((one, one) for one in OTHERS), *MIXED])
def test_our_cookies_stay_at_the_decision_point(proxy: Running, asked: DecisionPoint, cookies: str, left: str) -> None:
    answer = ask(proxy.port, "/allowed", ("Cookie", cookies))
    assert answer.got("Cookie") == ([left] if left else [])
    assert asked.last.value("Cookie") == cookies.strip()


@pytest.mark.parametrize("number", [3, 9])
def test_many_of_our_cookies_all_stay(proxy: Running, number: int) -> None:
    """More than nginx can cut out: then no cookie goes on."""
    answer = ask(proxy.port, "/allowed", ("Cookie", "; ".join(["a=1", *["zt-app=x"] * number, "b=2"])))
    assert answer.got("Cookie") == ([] if proxy.name == "nginx" and number > 4 else ["a=1; b=2"])


def test_our_cookies_stay_on_our_own_pages(proxy: Running, asked: DecisionPoint) -> None:
    ask(proxy.port, "/.zt/enter?ticket=x", ("Cookie", "zt-start=x; a=1"))
    assert asked.last.value("Cookie") == "zt-start=x; a=1"


def test_websocket_that_is_refused_never_begins(
    proxy: Running, asked: DecisionPoint, applications: Applications
) -> None:
    before = len(applications.app.seen)
    with Client(proxy.port) as client:
        client.send("/refused/ws", *WEBSOCKET)
        assert client.head().status == 403
    assert asked.questions()[0].value("Sec-WebSocket-Key") is not None
    assert len(applications.app.seen) == before


@pytest.mark.parametrize("shown", parameters())
def test_decision_point_that_is_down_lets_nothing_through(
    shown: Proxy, tmp_path: Path, applications: Applications
) -> None:
    before = len(applications.app.seen)
    placement = Placement(Address("127.0.0.1", free_port()), Address("127.0.0.1", free_port()))
    with running(shown, tmp_path, stored(applications), placement) as port:
        assert ask(port, "/allowed").status == 503
        assert ask(port, "/allowed", method="POST", body=b"x").status == 503
        with Client(port) as client:
            client.send("/allowed", *WEBSOCKET)
            assert client.head().status == 503
    assert len(applications.app.seen) == before


@pytest.mark.parametrize("shown", [found for found in parameters() if found.id == "envoy"])  # type: ignore[attr-defined]
def test_envoy_alone_asks_again_about_what_lasts_and_leaves_websockets(
    shown: Proxy, tmp_path: Path, applications: Applications, asked: DecisionPoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envoy, "RE_ASK_SECONDS", 0.5)
    placement = Placement(Address("127.0.0.1", free_port()), Address("127.0.0.1", asked.port))
    with (
        running(shown, tmp_path, stored(applications), placement) as port,
        Client(port) as lasting,
        Client(port) as socket,
    ):
        socket.send("/allowed/ws", *WEBSOCKET)
        assert socket.head().status == 101
        lasting.send("/stream?seconds=20")
        assert lasting.head().status == 200
        time.sleep(1.5)
        socket.socket.sendall(b"ping")
        assert socket.more() == b"ping"
        lasting.more()
        assert len(asked.questions()) >= 3
        asked.open = False
        time.sleep(1.5)
        lasting.more()  # what had been sent until then
        lasting.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            lasting.more()


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("checked", parameters())
def test_rendered_configuration_passes_the_proxy_s_own_check(checked: Proxy, tmp_path: Path, encrypted: bool) -> None:
    files: tuple[str, ...] = ()
    if encrypted:
        certificate, key = tmp_path / "certificate.pem", tmp_path / "certificate.pem.key"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=app.test"]
        subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
        files = (str(certificate), str(key))
    placement = Placement(Address("127.0.0.1", free_port()), Address("127.0.0.1", free_port()), *files)
    resources = [
        web("a", "app.test", "/", 9001), web("b", "app.test", "/fin", 9002, "GET"),
        web("c", "app.test", "/fin", 9003, "POST"),
        web("d", "*.wild.test", "/x.y/~a!&',+=:@b", 9001, case_insensitive=True),
        WebResource(id="e", segment="s", host="tls.test", upstream="https://localhost"),
        WebResource(id="f", segment="s", host="[::1]", upstream="https://[::1]:9443"),
        *(web(f"many-{number}", f"app-{number}.test", "/", 9001) for number in range(200)),
    ]  # fmt: skip
    for found in (sites(resources), ()):
        write(checked, tmp_path, found, placement)
        done = subprocess.run(checked.command(checked.check, tmp_path), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
