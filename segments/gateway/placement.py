"""Where a proxy listens and where it asks, and what may stand in a configuration at all."""

import re
from dataclasses import dataclass
from typing import Final

# No blank, quote, `$`, `\`, `#`, `;`, `{`, `}`, `` ` ``: nothing of it ends a name in any of the languages.
PLAIN: Final = re.compile(r"[A-Za-z0-9._~!&',+=:@/*\[\]-]+")
HOST: Final = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")


class UnwritableError(ValueError):
    """A value that cannot be written into a configuration without becoming something else."""


def plain(text: str) -> str:
    """Return a text that no configuration language reads anything into. Raises UnwritableError."""
    if PLAIN.fullmatch(text) is None:
        raise UnwritableError(
            f"{text[:100]!r} cannot be written into a configuration: use ASCII letters, digits and . _ - / : alone"
        )
    return text


def literal(text: str) -> str:
    """A regular expression that matches this text alone, for texts that `plain` lets through."""
    return "".join(f"[{character}]" if character in ".+*" else character for character in text)


@dataclass(frozen=True, slots=True)
class Address:
    """A host (a name, an IPv4 address, an IPv6 address in brackets) and a port."""

    host: str
    port: int

    def __post_init__(self) -> None:
        if HOST.fullmatch(self.host) is None or not 0 <= self.port <= 65535:
            raise UnwritableError(f"{str(self)[:100]!r} is no address: write it as 127.0.0.1:8080")

    @classmethod
    def parse(cls, text: str) -> "Address":
        host, _colon, port = text.rpartition(":")
        if not port.isascii() or not port.isdigit():
            raise UnwritableError(f"{text[:100]!r} is no address: write it as 127.0.0.1:8080")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def bare_host(self) -> str:
        """The host without brackets."""
        return self.host.strip("[]")


@dataclass(frozen=True, slots=True)
class Placement:
    """`certificate` and `key` are PEM files; both, or neither for plain http.

    `authorities` is the file of those whose certificates are believed of an application.
    """

    listen: Address
    decision_point: Address
    certificate: str = ""
    key: str = ""
    authorities: str = "/etc/ssl/certs/ca-certificates.crt"

    def __post_init__(self) -> None:
        if bool(self.certificate) != bool(self.key):
            raise UnwritableError("a certificate goes with its key: give both files, or neither for plain http")
        for path in filter(None, (self.certificate, self.key, self.authorities)):
            plain(path)

    @property
    def is_encrypted(self) -> bool:
        return bool(self.certificate)

    @property
    def scheme(self) -> str:
        return "https" if self.is_encrypted else "http"
