"""The sample of docs/verify-assertion.md, started for real: it believes what the portal signed, and nothing else."""

import base64
import hashlib
import hmac
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from segments.administrator import Ruling
from segments.assertion_keys import PUBLISHED_AHEAD, current_key, rotate
from segments.enforcement.assertion import sign
from segments.policy.model import (
    Context,
    Decision,
    Factor,
    Reason,
    Subject,
    SubjectKind,
    Verification,
    WebTarget,
)

SAMPLE = Path(__file__).resolve().parents[2] / "docs" / "samples" / "verifying_upstream.py"
PORTAL, HOST = "https://portal.example.test", "ledger.example.test"
ALICE = {"user": "alice", "roles": ["accountant", "everybody"]}
FORBIDDEN, AWAY = (403, {"error": "forbidden"}), (503, {"error": "try again"})

Claims = dict[str, Any]


@contextmanager
def upstream(portal: str, *options: str) -> Iterator[Callable[..., tuple[int, Any]]]:
    """The sample on a free port; what it is called with returns status and body."""
    command = [sys.executable, str(SAMPLE), "--portal", portal, "--host", HOST, "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().rpartition(":")[2])
            yield lambda *assertions: ask(port, *assertions)
        finally:
            process.terminate()


def ask(port: int, *assertions: str, name: str = "X-ZT-Assertion") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest("GET", "/books")
        for assertion in assertions:
            connection.putheader(name, assertion.encode("latin-1"))
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


# ---------------------------------------------------------------- a key set that a test holds in its hands
class KeyServer(ThreadingHTTPServer):
    """Serves `document`, or 503 where it is None, and counts."""

    def __init__(self, document: bytes | None) -> None:
        super().__init__(("127.0.0.1", 0), KeyHandler)
        self.document, self.fetched = document, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class KeyHandler(BaseHTTPRequestHandler):
    server: KeyServer

    def do_GET(self) -> None:
        self.server.fetched += 1
        found = self.server.document if self.path == "/.well-known/jwks.json" else None
        self.send_response(200 if found else 503)
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, *_arguments: Any) -> None:
        pass


@contextmanager
def key_server(document: bytes | None) -> Iterator[KeyServer]:
    with KeyServer(document) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


KEY, FOREIGN = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def jwk(key: ec.EllipticCurvePrivateKey, kid: str) -> dict[str, Any]:
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    return {"kid": kid, "alg": "ES256", "use": "sig", **public}


def key_set(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


@pytest.fixture(scope="module")
def keys() -> Iterator[KeyServer]:
    with key_server(key_set(jwk(KEY, "one"))) as server:
        yield server


@pytest.fixture(scope="module")
def application(keys: KeyServer) -> Iterator[Callable[..., tuple[int, Any]]]:
    with upstream(keys.url) as ask_it:
        yield ask_it


def claims(issuer: str, **changes: Any) -> Claims:
    """What sign() says, and what differs; a time is seconds from now, None is left out."""
    now = int(time.time())
    times = {name: now + changes.pop(name, after) for name, after in (("iat", 0), ("nbf", 0), ("exp", 120))}
    made = {
        "iss": issuer, "aud": HOST, "sub": "alice", "email": "", "name": "Alice", "roles": ALICE["roles"],
        "segment": "finance", "amr": ["pwd", "otp", "mfa"], "auth_time": now - 60, "jti": "D-7K3F-9QXM-4T2B",
    } | times | changes  # fmt: skip
    return {name: value for name, value in made.items() if value is not None}


def signed(payload: Claims, key: Any = KEY, algorithm: str = "ES256", **headers: Any) -> str:
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": "one"} | headers)


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def by_hand(payload: Claims, alg: str, signature: bytes | Callable[[bytes], bytes]) -> str:
    text = f"{part({'alg': alg, 'kid': 'one', 'typ': 'JWT'})}.{part(payload)}"
    return f"{text}.{part(signature(text.encode()) if callable(signature) else signature)}"


def keyed_with(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()


def tampered(token: str, payload: Claims) -> str:
    header, _payload, signature = token.split(".")
    return f"{header}.{part(payload)}.{signature}"


PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
DER = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
POINT = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)

GOOD: dict[str, Callable[[str], tuple[str, ...]]] = {
    "as signed": lambda portal: (signed(claims(portal)),),
    "expired within the leeway": lambda portal: (signed(claims(portal, iat=-140, nbf=-140, exp=-20)),),
    "not yet valid within the leeway": lambda portal: (signed(claims(portal, iat=20, nbf=20, exp=140)),),
    "five minutes long": lambda portal: (signed(claims(portal, exp=300)),),
    "of a system": lambda portal: (signed(claims(portal, amr=[], auth_time=None)),),
}
BAD: dict[str, Callable[[str], tuple[str, ...]]] = {
    "none at all": lambda _portal: (),
    "empty": lambda _portal: ("",),
    "no JWT": lambda _portal: ("alice",),
    "bytes beyond ASCII": lambda portal: (signed(claims(portal)) + "\xe9",),
    "two": lambda portal: (signed(claims(portal)), signed(claims(portal))),
    "two, the second empty": lambda portal: (signed(claims(portal)), ""),
    "two, joined by a proxy": lambda portal: (", ".join([signed(claims(portal))] * 2),),
    "alg none": lambda portal: (by_hand(claims(portal), "none", b""),),
    "alg None": lambda portal: (by_hand(claims(portal), "None", b""),),
    "no signature": lambda portal: (by_hand(claims(portal), "ES256", b""),),
    "signature cut off": lambda portal: (signed(claims(portal)).rpartition(".")[0],),
    "signature of zeros": lambda portal: (by_hand(claims(portal), "ES256", bytes(64)),),
    "HS256 under the public key, PEM": lambda portal: (by_hand(claims(portal), "HS256", keyed_with(PEM)),),
    "HS256 under the public key, DER": lambda portal: (by_hand(claims(portal), "HS256", keyed_with(DER)),),
    "HS256 under the public key, point": lambda portal: (by_hand(claims(portal), "HS256", keyed_with(POINT)),),
    "HS256 under nothing": lambda portal: (by_hand(claims(portal), "HS256", keyed_with(b"")),),
    "RS256": lambda portal: (signed(claims(portal), RSA, "RS256"),),
    "foreign key": lambda portal: (signed(claims(portal), FOREIGN),),
    "foreign key with an id of its own": lambda portal: (signed(claims(portal), FOREIGN, kid="foreign"),),
    "wrong key id": lambda portal: (signed(claims(portal), kid="two"),),
    "no key id": lambda portal: (jwt.encode(claims(portal), KEY, algorithm="ES256"),),
    "key id that is a path": lambda portal: (signed(claims(portal), kid="../../dev/null"),),
    "foreign key in jwk": lambda portal: (signed(claims(portal), FOREIGN, jwk=jwk(FOREIGN, "one")),),
    "foreign key in jwk, own id": lambda portal: (
        signed(claims(portal), FOREIGN, kid="foreign", jwk=jwk(FOREIGN, "foreign")),
    ),
    "foreign key behind jku": lambda portal: (signed(claims(portal), FOREIGN, jku=f"{portal}/elsewhere"),),
    "foreign key behind x5u": lambda portal: (signed(claims(portal), FOREIGN, x5u=f"{portal}/elsewhere"),),
    "jku beside the right signature": lambda portal: (signed(claims(portal), jku=f"{portal}/elsewhere"),),
    "jwk beside the right signature": lambda portal: (signed(claims(portal), jwk=jwk(KEY, "one")),),
    "critical header": lambda portal: (signed(claims(portal), crit=["zt"], zt=1),),
    "expired": lambda portal: (signed(claims(portal, iat=-160, nbf=-160, exp=-35)),),
    "not yet valid": lambda portal: (signed(claims(portal, iat=0, nbf=40, exp=160)),),
    "signed tomorrow": lambda portal: (signed(claims(portal, iat=86400, nbf=0, exp=120)),),
    "valid for an hour": lambda portal: (signed(claims(portal, exp=3600)),),
    "for another host": lambda portal: (signed(claims(portal, aud="payroll.example.test")),),
    "for a host below": lambda portal: (signed(claims(portal, aud=f"x.{HOST}")),),
    "for this host and another": lambda portal: (signed(claims(portal, aud=[HOST, "payroll.example.test"])),),
    "for nobody": lambda portal: (signed(claims(portal, aud=None)),),
    "of another issuer": lambda _portal: (signed(claims("https://portal.example.org")),),
    "of an issuer that begins alike": lambda portal: (signed(claims(f"{portal}.example.org")),),
    "of no issuer": lambda portal: (signed(claims(portal, iss=None)),),
    "of nobody": lambda portal: (signed(claims(portal, sub=None)),),
    "without a reference": lambda portal: (signed(claims(portal, jti=None)),),
    "payload exchanged": lambda portal: (tampered(signed(claims(portal)), claims(portal, sub="sam")),),
}


@pytest.mark.parametrize("case", GOOD)
def test_signed_by_the_portal_for_this_host_is_believed(
    application: Callable[..., tuple[int, Any]], keys: KeyServer, case: str
) -> None:
    assert application(*GOOD[case](keys.url)) == (200, ALICE)


@pytest.mark.parametrize("case", BAD)
def test_anything_else_is_refused(application: Callable[..., tuple[int, Any]], keys: KeyServer, case: str) -> None:
    assert application(*BAD[case](keys.url)) == FORBIDDEN
    assert application(signed(claims(keys.url))) == (200, ALICE)


@pytest.mark.parametrize("lost", ["iat", "nbf", "exp"])
def test_every_time_is_required(application: Callable[..., tuple[int, Any]], keys: KeyServer, lost: str) -> None:
    payload = claims(keys.url)
    del payload[lost]
    assert application(signed(payload)) == FORBIDDEN


def test_key_set_is_fetched_once_and_again_at_most_once_a_minute_for_unknown_keys() -> None:
    with key_server(key_set(jwk(KEY, "one"))) as server, upstream(server.url) as application:
        assert [application(signed(claims(server.url)))[0] for _ in range(5)] == [200] * 5
        assert [application(signed(claims(server.url), kid=f"two-{number}"))[0] for number in range(5)] == [403] * 5
        assert server.fetched == 1
    with key_server(key_set(jwk(KEY, "one"))) as server, upstream(server.url, "--pause", "0.5") as application:
        application(signed(claims(server.url)))
        time.sleep(0.6)
        assert [application(signed(claims(server.url), kid=f"two-{number}"))[0] for number in range(5)] == [403] * 5
        assert server.fetched == 2


def test_without_a_key_set_nobody_is_believed_and_nobody_is_forgotten_too_early() -> None:
    token: Callable[[], str] = lambda: signed(claims(server.url))  # noqa: E731 (the server is there by then)
    with key_server(None) as server, upstream(server.url, "--keep", "1", "--pause", "0") as application:
        assert application(token()) == AWAY
        server.document = b"<html>"
        assert application(token()) == AWAY
        server.document = key_set(jwk(KEY, "one"))
        assert application(token()) == (200, ALICE)
        server.document = None
        assert application(signed(claims(server.url), kid="two")) == AWAY
        assert application(token()) == (200, ALICE)  # what is kept is still good
        time.sleep(1.1)
        assert application(token()) == AWAY


@pytest.mark.parametrize(
    "change",
    [{"alg": "RS256"}, {"alg": "none"}, {"use": "enc"}, {"kty": "oct", "k": part(b"x" * 32)}, {"crv": "P-384"}],
)
def test_keys_of_another_kind_are_left_out(change: dict[str, str]) -> None:
    odd = jwk(FOREIGN, "two") | change
    with key_server(key_set(odd, jwk(KEY, "one"))) as server, upstream(server.url) as application:
        assert application(signed(claims(server.url))) == (200, ALICE)
        assert application(signed(claims(server.url), FOREIGN, kid="two")) == FORBIDDEN


# ---------------------------------------------------------------- the portal itself
def assertion(at: datetime) -> str:
    subject = Subject(
        id="user:alice",
        name="Alice",
        kind=SubjectKind.USER,
        roles=frozenset({"everybody", "accountant"}),
        verifications=(Verification(Factor.TOTP, at),),
    )
    decision = Decision(allowed=True, reason=Reason.GRANTED, segment="finance", resource="ledger")
    target = WebTarget(host=f"{HOST}:8080", path="/books", method="GET")
    return sign(Ruling(decision, "D-7K3F-9QXM-4T2B", subject, target, Context(at=at)), email="alice@example.test")


@pytest.fixture
def portal(settings: Settings, live_server: LiveServer) -> str:
    settings.ZT_PORTAL_URL = live_server.url
    return live_server.url


@pytest.mark.django_db(transaction=True)
def test_rotation_is_not_noticed_by_an_application_with_a_warm_cache(portal: str) -> None:
    now = timezone.now()
    current_key(now - timedelta(days=1))
    with upstream(portal, "--pause", "0") as application:
        old = assertion(now)
        assert application(old) == (200, ALICE)
        rotate(now - PUBLISHED_AHEAD)
        new = assertion(now)
        kids = [jwt.get_unverified_header(token)["kid"] for token in (old, new)]
        assert kids[0] != kids[1]
        assert [application(token) for token in (old, new, old)] == [(200, ALICE)] * 3


@pytest.mark.django_db(transaction=True)
def test_key_that_is_published_ahead_needs_no_early_fetch(portal: str) -> None:
    now = timezone.now()
    current_key(now - timedelta(days=1))
    rotate(now - PUBLISHED_AHEAD + timedelta(seconds=2))
    with upstream(portal, "--pause", "3600") as application:
        assert application(assertion(now)) == (200, ALICE)
        assert application(assertion(now + timedelta(seconds=3))) == (200, ALICE)


@pytest.mark.django_db(transaction=True)
def test_withdrawn_key_is_refused_when_the_cache_has_run_out(portal: str) -> None:
    with upstream(portal, "--keep", "2") as application:
        old = assertion(timezone.now())
        started = time.monotonic()
        assert application(old) == (200, ALICE)
        rotate(timezone.now(), at_once=True)
        if time.monotonic() - started < 1.5:
            assert application(old) == (200, ALICE)  # until then it is believed: the price of the cache
        time.sleep(2.1)
        assert application(old) == FORBIDDEN
        assert application(assertion(timezone.now())) == (200, ALICE)


@pytest.mark.django_db(transaction=True)
def test_withdrawn_key_is_refused_as_soon_as_the_new_one_is_met(portal: str) -> None:
    with upstream(portal, "--pause", "0") as application:
        old = assertion(timezone.now())
        assert application(old) == (200, ALICE)
        rotate(timezone.now(), at_once=True)
        assert application(assertion(timezone.now())) == (200, ALICE)
        assert application(old) == FORBIDDEN
