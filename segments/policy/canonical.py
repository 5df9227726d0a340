"""The one way each name in a policy is written. Anything else raises ValueError with what is wrong and the way out."""

import re
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from .target import MalformedTargetError, action_of, canonical_host, readings, shown

LONGEST_PATH: Final = 1024

_SLUG: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
# `segments:segment[finance]` is a view together with the argument that says which segment it lies in.
_VIEW: Final = re.compile(r"[A-Za-z0-9_.-]+(?::[A-Za-z0-9_.-]+)*(?::\*|\[[A-Za-z0-9_-]+\])?")
_ACTION: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,99}")
_SUBJECT: Final = re.compile(r"(?:user|service):[^\s\x00-\x1f\x7f-\x9f]{1,255}")
_PATH: Final = re.compile(r"[A-Za-z0-9._~!&',+=:@/-]+")
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


def require_slug(kind: str, slug: str) -> None:
    """Refuse a slug that is not 1 to 100 ASCII letters, digits, `-` or `_`."""
    if _SLUG.fullmatch(slug) is None:
        raise ValueError(f"{kind} `{shown(slug)}` is not a slug: use ASCII letters, digits, `-` and `_`")


def require_id(kind: str, identifier: str) -> None:
    """Refuse an empty identifier: ledger and explanations point at things by it."""
    if not identifier:
        raise ValueError(f"{kind} has no id")


def require_action(action: str) -> None:
    """Refuse an action that is not `read`, `write` or a custom name of visible ASCII characters."""
    if _ACTION.fullmatch(action) is None:
        raise ValueError(f"action `{shown(action)}` is not a name: use `read`, `write` or a name without spaces")


def require_subject(subject: str) -> None:
    """Refuse a subject that is not written `user:NAME` or `service:NAME`."""
    if _SUBJECT.fullmatch(subject) is None:
        raise ValueError(f"subject `{shown(subject)}` is neither a user nor a service: write `user:bob`")


def require_view(view: str) -> None:
    """Refuse a view that is neither a view name (`payroll:run`) nor a whole namespace (`payroll:*`)."""
    if _VIEW.fullmatch(view) is None:
        raise ValueError(
            f"view `{shown(view)}` is not a view name: write `payroll:run`, or `payroll:*` for all of them"
        )


def require_method(method: str) -> None:
    """Refuse a method that no request may use."""
    try:
        action_of(method)
    except MalformedTargetError as error:
        raise ValueError(
            f"method `{shown(method)}` is never allowed: use GET, POST and the like, in capitals"
        ) from error


def require_host(host: str) -> None:
    """Refuse a host that is not in A-form, lower-case, without port and trailing dot; `*.` stands for one label."""
    name = host.removeprefix("*.")
    _require_name(host, name)
    if name != host and ("." not in name or _is_address(name)):
        raise ValueError(f"host `{host}` is a wildcard above a registrable name: name a domain, such as *.example.test")


def _require_name(host: str, name: str) -> None:
    if "*" in name:
        raise ValueError(f"host `{shown(host)}` has a `*`: only `*.` in front is a wildcard, for exactly one label")
    try:
        canonical = canonical_host(name)
    except MalformedTargetError as error:
        hint = "write the name alone, without scheme and path, international names in A-form (`xn--`)"
        raise ValueError(f"host `{shown(host)}` is not a host name: {hint}") from error
    if canonical != name:
        prefix = host.removesuffix(name)
        raise ValueError(f"host `{host}` is not in the form hosts are compared in: write `{prefix}{canonical}`")
    if _NUMBER.fullmatch(name.rpartition(".")[2]) and not _is_ipv4(name):
        raise ValueError(f"host `{host}` is neither a name nor an address: write an IPv4 address in four parts")


def _is_address(name: str) -> bool:
    return name.startswith("[") or _is_ipv4(name)


def _is_ipv4(name: str) -> bool:
    try:
        IPv4Address(name)
    except AddressValueError:
        return False
    return True


def require_path(path: str) -> None:
    """Refuse a path prefix that anybody could read in two ways.

    It starts with `/`, ends without (the root apart), and has at most 1,024 plain ASCII characters: no escape, no
    empty or dot segment, no parameter, query or fragment, nothing that looks like a pattern.
    """
    if not path.startswith("/"):
        raise ValueError(
            f"path `{shown(path)}` does not start with `/`: write a prefix from the root, such as /finance"
        )
    if len(path) > LONGEST_PATH:
        raise ValueError(f"path `{shown(path)}` is longer than {LONGEST_PATH} characters: use a shorter prefix")
    if path != "/" and path.endswith("/"):
        raise ValueError(
            f"path `{shown(path)}` ends in `/`: write `{path.rstrip('/') or '/'}`, which covers all below it"
        )
    if _PATH.fullmatch(path) is None:
        raise ValueError(_why_not_plain(path))
    if readings(path) != (path,):
        raise ValueError(f"path `{shown(path)}` can be read in several ways: write it without `//`, `/./` and `/../`")


def _why_not_plain(path: str) -> str:
    found = next(character for character in path if _PATH.fullmatch(character) is None)
    if found in "*^$()[]{}|":
        return (
            f"path `{shown(path)}` has a `{found}`: a path is a literal prefix, not a pattern, and covers all below it"
        )
    if found in "%?#;\\":
        return f"path `{shown(path)}` has a `{found}`: write the decoded prefix, without query, fragment and parameters"
    named = f"a character U+{ord(found):04X} that no plain path has"
    return f"path `{shown(path)}` has {named}: use the ASCII prefix above it"
