"""An application that believes X-ZT-Assertion and nothing else about who is asking: a sample to copy from.

pip install 'pyjwt[crypto]'
python verifying_upstream.py --portal https://portal.example.test --host ledger.example.test --port 9001
"""

import argparse
import json
import threading
import time
import urllib.request
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt

LEEWAY = 30  # seconds by which two clocks may differ
LONGEST_LIFE = 300  # seconds: nothing that is signed for longer is ours
KEYS_ALONG = {"jku", "jwk", "x5c", "x5u"}
REQUIRED = ["iss", "aud", "sub", "iat", "nbf", "exp", "jti"]


class Refused(Exception):
    """The request does not say, or not credibly, who is asking."""


class Unavailable(Exception):
    """The key set could not be fetched: nobody can be told from anybody."""


class KeySet:
    """The portal's public keys: kept for `keep` seconds; an unknown key id asks earlier, once in `pause` seconds."""

    def __init__(self, portal, keep, pause):
        self.url = f"{portal}/.well-known/jwks.json"
        self.keep, self.pause = keep, pause
        self.keys, self.fetched, self.tried = {}, None, None
        self.lock = threading.Lock()

    def key(self, kid):
        with self.lock:
            now = time.monotonic()
            if self.fetched is None or now - self.fetched >= self.keep:
                self.fetch(now)  # or nothing: a withdrawn key must not outlive the cache because the portal is away
            elif kid not in self.keys and now - self.tried >= self.pause:
                self.fetch(now)  # a new key; whoever invents ids costs one fetch a minute
            if kid not in self.keys:
                raise Refused("signed with a key that is not published")
            return self.keys[kid]

    def fetch(self, now):
        self.tried = now
        try:
            with urllib.request.urlopen(self.url, timeout=5) as answer:
                found = json.load(answer)["keys"]
            self.keys = {key["kid"]: jwt.PyJWK(key, algorithm="ES256").key for key in found if usable(key)}
        except (OSError, ValueError, LookupError, TypeError, AttributeError, jwt.PyJWTError) as error:
            raise Unavailable(f"no key set: {error}") from error
        self.fetched = now


def usable(key):
    return (key.get("kty"), key.get("crv"), key.get("alg"), key.get("use")) == ("EC", "P-256", "ES256", "sig")


def verified(assertions, keys, portal, host):
    """Return the claims of the one assertion among the header's values. Raises Refused, or Unavailable."""
    if len(assertions) != 1:
        raise Refused("expected exactly one X-ZT-Assertion")
    try:
        # Of what is not verified yet only the key id is used, to choose among the portal's keys. `alg` in a header is
        # the sender's wish: the algorithm is fixed below. So is a key that comes along: the portal sends none.
        header = jwt.get_unverified_header(assertions[0])
        kid = header.get("kid")
        if not isinstance(kid, str) or KEYS_ALONG & header.keys():
            raise Refused("no key id, or a key that came along")
        claims = jwt.decode(
            assertions[0],
            keys.key(kid),
            algorithms=["ES256"],
            issuer=portal,
            audience=host,
            leeway=LEEWAY,
            options={"require": REQUIRED, "strict_aud": True},
        )
    except jwt.PyJWTError as error:
        raise Refused(str(error)) from error
    if claims["exp"] - claims["iat"] > LONGEST_LIFE:
        raise Refused("valid for too long")
    return claims


class Application(BaseHTTPRequestHandler):
    """Tells whoever asks who they are."""

    def do_GET(self):
        try:
            claims = verified(
                self.headers.get_all("X-ZT-Assertion", []), self.server.keys, self.server.portal, self.server.host
            )
        except Refused as error:
            self.log_message("refused: %s", error)  # for whoever runs this; the sender learns nothing
            self.answer(HTTPStatus.FORBIDDEN, {"error": "forbidden"})
        except Unavailable as error:
            self.log_message("%s", error)
            self.answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "try again"})
        else:
            self.answer(HTTPStatus.OK, {"user": claims["sub"], "roles": claims["roles"]})

    def answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)


def main():
    options = argparse.ArgumentParser(description="A sample application that verifies who is asking.")
    options.add_argument("--portal", required=True, help="the portal's address: ZT_PORTAL_URL")
    options.add_argument("--host", required=True, help="this application's own host, without a port")
    options.add_argument("--port", type=int, default=9001)
    options.add_argument("--keep", type=float, default=300, help="seconds for which the key set is kept")
    options.add_argument("--pause", type=float, default=60, help="least seconds until an unknown key id asks again")
    chosen = options.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", chosen.port), Application)
    server.portal, server.host = chosen.portal, chosen.host
    server.keys = KeySet(chosen.portal, chosen.keep, chosen.pause)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
