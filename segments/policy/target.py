"""Every plausible reading of what a request asks for: its method, its host, its path.

A proxy, an enforcement point and a back end may read one target differently; whoever is let in must be let in under
every reading. Sources: RFC 3986 (5.2.4, 6.2.2), RFC 9110 (7.2, 9.1), RFC 9112 (3.2), RFC 5890 (A-labels).
"""

import re
import unicodedata
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from .conditions import plain_address

LONGEST_TARGET: Final = 8192
DEEPEST_ENCODING: Final = 3
LONGEST_SHOWN: Final = 100
MOST_READINGS: Final = 96
LONGEST_READINGS: Final = 8 * LONGEST_TARGET

_METHOD: Final = re.compile(r"[A-Z][A-Z-]{0,31}")
_REFUSED_METHODS: Final = frozenset({"TRACE", "TRACK", "CONNECT"})
_ACTIONS: Final = {"GET": "read", "HEAD": "read", "OPTIONS": "read"} | dict.fromkeys(
    ("POST", "PUT", "PATCH", "DELETE"), "write"
)

# Explicit ranges, no IGNORECASE: under it `[a-z]` matches the long s and the Kelvin sign.
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST: Final = re.compile(rf"({_LABEL}(?:\.{_LABEL})*)\.?(?::([0-9]{{0,5}}))?")
_IPV6_HOST: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::([0-9]{0,5}))?")
_LONGEST_HOST: Final = 253

# One reading: no escape, no `\`, no `;`, no empty segment, none that starts with a dot.
_plain_path: Final = re.compile(
    r"((?:/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*+)++/?|/)(?:\?[!\"$-~]*+)?"
).fullmatch
_VISIBLE: Final = re.compile(r"[!\"$-~]++")
_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Once decoded, `100%` is a number and its sign; `%2`, `%zz`, `%u002e` and `%%41` are an escape that somebody may read.
_DOUBTFUL_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})(?=[A-Za-z0-9%])")
_ENCODED_DOT: Final = re.compile(r"%2[eE]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PARAMETERS: Final = re.compile(r";[^/]*")
_SLASHES: Final = re.compile(r"//+")
_QUERY_OR_FRAGMENT: Final = re.compile(r"[?#].*", re.DOTALL)


class MalformedTargetError(ValueError):
    """A method, host or path that no two parties are sure to read alike."""


def shown(text: str) -> str:
    """Return the beginning of a text with every control and bidirectional character spelt out."""
    cut = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in cut
    )


def action_of(method: str) -> str:
    """Return `read` for GET, HEAD and OPTIONS, `write` for every other method. Raises MalformedTargetError."""
    action = _ACTIONS.get(method)
    if action is not None:
        return action
    if method in _REFUSED_METHODS or _METHOD.fullmatch(method) is None:
        raise MalformedTargetError(f"method `{shown(method)}` is refused")
    return "write"


def canonical_host(host: str) -> str:
    """Return a host as it is compared: lower-case, without trailing dot and port. Raises MalformedTargetError."""
    if host.startswith("["):
        return _canonical_ipv6(host)
    match = _HOST.fullmatch(host)
    if match is None or len(match[1]) > _LONGEST_HOST:
        raise MalformedTargetError(f"host `{shown(host)}` is not a host name")
    _require_port(match[2])
    return match[1].lower()


def _canonical_ipv6(host: str) -> str:
    match = _IPV6_HOST.fullmatch(host)
    if match is None:
        raise MalformedTargetError(f"host `{shown(host)}` is not an IPv6 address in brackets")
    _require_port(match[2])
    try:
        address = plain_address(IPv6Address(match[1]))
    except AddressValueError as error:
        raise MalformedTargetError(f"host `{shown(host)}` is not an IPv6 address in brackets") from error
    return f"[{address}]" if address.version == 6 else str(address)


def _require_port(port: str | None) -> None:
    if port and not 1 <= int(port) <= 65535:
        raise MalformedTargetError(f"port `{port}` is not between 1 and 65535")


def readings(target: str) -> tuple[str, ...]:
    r"""Return every reading of the path in an origin-form target, the raw one first, without the query.

    Order: as received, percent-decoded once to three times, `\` as `/`, `;params` stripped, slashes merged, dot
    segments resolved, NFKC, cut at a decoded `?` or `#`, nothing but encoded dots decoded; then the same steps on all
    of these until nothing new turns up, because hops read one after the other: each reading of a reading is in the
    result. Raises MalformedTargetError.
    """
    if len(target) > LONGEST_TARGET:
        raise MalformedTargetError(f"target is longer than {LONGEST_TARGET} bytes")
    plain = _plain_path(target)
    if plain is not None:
        return (plain[1],)
    return _every_reading(_raw_path(target))


def _raw_path(target: str) -> str:
    if not target.startswith("/"):
        raise MalformedTargetError("target does not start with `/`")
    if _VISIBLE.fullmatch(target) is None:
        raise MalformedTargetError("target has a control character, a space, a `#` or a character outside ASCII")
    path = target.partition("?")[0]
    if _BROKEN_ESCAPE.search(path):
        raise MalformedTargetError("path has a `%` that starts no escape")
    return path


def _every_reading(path: str) -> tuple[str, ...]:
    found = {path: 0}  # how often each reading was decoded
    order = [path]
    read = dict.fromkeys(_STEPS, 0)
    while min(read.values()) < len(order):
        for step in _STEPS:
            while read[step] < len(order):
                reading = order[read[step]]
                read[step] += 1
                new = step(reading)
                if new not in found:
                    found[new] = found[reading] + (step is _decoded)
                    order.append(new)
                    _require_few(found[new], order)
    return tuple(order)


def _require_few(decoded: int, order: list[str]) -> None:
    """Refuse what nobody links to: a path encoded deeper, or one whose readings would cost more than they are worth."""
    if decoded > DEEPEST_ENCODING or len(order) > MOST_READINGS or len(order) * len(order[0]) > LONGEST_READINGS:
        raise MalformedTargetError("path can be read in too many ways")


def _decoded(reading: str) -> str:
    if "%" not in reading:
        return reading
    if _DOUBTFUL_ESCAPE.search(reading):
        raise MalformedTargetError("path has, once decoded, a `%` that starts no escape")
    decoded = _ESCAPES.sub(_characters, reading)
    if _CONTROL.search(decoded):
        raise MalformedTargetError("path has an encoded control character")
    return decoded


def _characters(escapes: re.Match[str]) -> str:
    try:
        return bytes.fromhex(escapes[0].replace("%", "")).decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedTargetError(f"`{shown(escapes[0])}` is not UTF-8") from error


def _with_slashes(reading: str) -> str:
    return reading.replace("\\", "/")


def _without_parameters(reading: str) -> str:
    return _PARAMETERS.sub("", reading)


def _with_merged_slashes(reading: str) -> str:
    return _SLASHES.sub("/", reading)


def _without_dot_segments(reading: str) -> str:
    """Resolve `.` and `..` as RFC 3986 (5.2.4) does: an empty segment is a segment, the root is its own parent."""
    if "/." not in reading:
        return reading
    kept: list[str] = []
    segments = reading.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _compatible(reading: str) -> str:
    return unicodedata.normalize("NFKC", reading)


def _without_query_or_fragment(reading: str) -> str:
    return _QUERY_OR_FRAGMENT.sub("", reading)


def _with_plain_dots(reading: str) -> str:
    """Read as browsers and Envoy do, who take an encoded dot for a dot and leave an encoded slash what it is."""
    return _ENCODED_DOT.sub(".", reading)


_STEPS: Final = (
    _decoded,
    _with_slashes,
    _without_parameters,
    _with_merged_slashes,
    _without_dot_segments,
    _compatible,
    _without_query_or_fragment,
    _with_plain_dots,
)
