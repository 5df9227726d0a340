"""Who is asking an application: a person by the cookie of its host, or a system by its token."""

import re
from datetime import datetime
from typing import Final

from django.conf import settings

from accounts import applications, tokens
from accounts.addresses import Address, parse_address, right_most_untrusted
from segments import snapshot
from segments.enforcement.asking import subject_visiting
from segments.enforcement.proxies import Question, Received, is_websocket
from segments.policy.model import Subject
from segments.policy.target import MalformedTargetError, canonical_host

AGAIN: Final = "x-zt-again"  # of our gateway: a session must not live on because a page was left open
BEARER: Final = re.compile(r"bearer\s+(\S*)", re.IGNORECASE)  # RFC 6750, 2.1


class Visit:
    """One request to an application. What is found of whoever makes it stays for the answer."""

    def __init__(self, asked: Question, received: Received, address: Address | None, at: datetime) -> None:
        self.asked, self.received, self.address, self.at = asked, received, address, at
        self.email = ""

    @property
    def is_use(self) -> bool:
        """Whether a person did something, rather than a gateway asking again about what is open already."""
        return not self.received.values(AGAIN)

    @property
    def host(self) -> str:
        """The host as it is compared. Raises MalformedTargetError."""
        return canonical_host(self.asked.target.host)

    def find_subject(self) -> Subject | None:
        """The subject behind the request. None: nobody who is known."""
        token = token_of(self.received)
        if token:
            account = tokens.find(token, self.address, self.at)
            return snapshot.subject_of(account, self.at) if account else None
        if is_websocket(self.received) and not _is_own_page(self.asked, self.received):
            return None  # a cookie does not speak for the page of somebody else
        key = cookie_of(self.received, cookie_name())
        try:
            visitor = applications.find(key=key, host=self.host, at=self.at, is_use=self.is_use) if key else None
        except MalformedTargetError:
            return None  # the engine refuses it with that reason
        if visitor is None:
            return None
        self.email = visitor.user.email
        return subject_visiting(visitor, self.at)


def cookie_name() -> str:
    """What an application's cookie is called. The prefix needs TLS, which is switched off for localhost alone."""
    return "__Host-zt-app" if settings.ZT_TLS else "zt-app"


def start_cookie_name() -> str:
    """The cookie that a browser keeps while its person is at the portal."""
    return "__Host-zt-start" if settings.ZT_TLS else "zt-start"


def token_of(received: Received) -> str:
    """The service account's token that the request comes with; empty for none. Other credentials are not ours to read.

    Beside a token of ours no other `Authorization` counts, in a line of its own or joined by a proxy: two identities
    are none.
    """
    given = [part.strip() for value in received.values("authorization") for part in value.split(",")]
    ours = [found[1] for part in given if (found := BEARER.match(part)) and tokens.looks_like_token(found[1])]
    if not ours:
        return ""
    return ours[0] if len(given) == 1 else tokens.PREFIX  # which proves nothing


def cookie_of(received: Received, name: str) -> str:
    """The value of a cookie; empty where there is none, or where two contradict each other."""
    pairs = (pair.strip().partition("=") for line in received.values("cookie") for pair in line.split(";"))
    values = {value for found, _, value in pairs if found == name}
    return values.pop() if len(values) == 1 else ""


def client_address(received: Received, peer: str) -> Address | None:
    """The right-most hop that no trusted proxy stands for. None where a proxy does not say for whom it asks.

    A proxy never asks for itself: its own address must not open what is narrowed to the network in which it stands.
    """
    hops = ",".join(received.values("x-forwarded-for"))
    address = right_most_untrusted(peer, hops, settings.ZT_TRUSTED_PROXIES)
    is_told = all(parse_address(hop.strip()) for hop in hops.split(","))
    return None if address is None or (_is_proxy(address) and not is_told) else address


def is_trusted(peer: str) -> bool:
    """Whether the other end of the connection is a proxy of ours. Nobody is, where none is configured."""
    address = parse_address(peer)
    return address is not None and _is_proxy(address)


def _is_proxy(address: Address) -> bool:
    return any(address in network for network in settings.ZT_TRUSTED_PROXIES)


def is_near(peer: str) -> bool:
    """Whether the other end is a proxy of ours or on this machine."""
    address = parse_address(peer)
    return address is not None and (address.is_loopback or is_trusted(peer))


def _is_own_page(asked: Question, received: Received) -> bool:
    """Whether a websocket is opened by a page of the same origin (RFC 6455, 10.2); programs send no origin."""
    return all(origin.lower() == asked.origin.lower() for origin in received.values("origin"))
