"""Where a person may be sent back to after signing in: a path of this host, or an application that is registered.

Written as what is accepted, and what was checked is what is sent: Django's url_has_allowed_host_and_scheme lets line
breaks in absolute addresses through, and browsers read backslashes, tabs and doubled slashes in their own ways.
"""

import re
from collections.abc import Callable, Collection
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.module_loading import import_string

LONGEST: Final = 2048
# Unreserved, sub-delims, ":", "@", "[", "]" and whole percent escapes (RFC 3986, with what browsers send in a query).
CHARACTERS: Final = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@\[\]-]|%[0-9A-Fa-f]{2})"
QUERY: Final = rf"(?:\?(?:{CHARACTERS}|[/?])*)?"
PATH: Final = re.compile(rf"(?P<path>/(?:{CHARACTERS}+(?:/{CHARACTERS}+)*/?)?){QUERY}")
ADDRESS: Final = re.compile(
    rf"https://(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::443)?(?P<path>(?:/(?:{CHARACTERS}|/)*)?)(?P<query>{QUERY})",
    re.IGNORECASE,
)
# Dot segments, and slashes and control bytes that somebody on the way may decode.
AMBIGUOUS: Final = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)|%(?:2f|5c|[01][0-9a-f]|7f)", re.IGNORECASE)


def safe_target(request: HttpRequest, value: str, *, hosts: Collection[str] = ()) -> str | None:
    """`value` as it may be redirected to, or None. `hosts` are registered names; `*.` in one stands for one label."""
    if len(value) > LONGEST:
        return None
    path = PATH.fullmatch(value)
    if path:
        return None if AMBIGUOUS.search(path["path"]) or _is_sign_in(path["path"]) else value
    address = ADDRESS.fullmatch(value)
    if address is None or AMBIGUOUS.search(address["path"]):
        return None
    host = address["host"].lower()
    known = _is_registered(host, hosts) or (request.is_secure() and host == request.get_host().removesuffix(":443"))
    return f"https://{host}{address['path'] or '/'}{address['query']}" if known else None


def requested_target(request: HttpRequest) -> str:
    """The safe target that `request` names as `next` or `rd`; empty for none."""
    values = [*_values(request, "next"), *_values(request, "rd")]
    if len(values) != 1:
        return ""  # two targets may be read differently by two readers
    return safe_target(request, values[0], hosts=registered_hosts()) or ""


def registered_hosts() -> Collection[str]:
    """The hosts of registered applications: what the function named by ZT_RETURN_HOSTS returns."""
    if not settings.ZT_RETURN_HOSTS:
        return ()
    found: Callable[[], Collection[str]] = import_string(settings.ZT_RETURN_HOSTS)
    return found()


def _values(request: HttpRequest, name: str) -> list[str]:
    data = request.POST if request.method == "POST" and name in request.POST else request.GET
    return [value for value in data.getlist(name) if value]


def _is_sign_in(path: str) -> bool:
    """Coming back to the sign-in would lead in a circle, or through a second target nobody checked."""
    return path.startswith((reverse("accounts:login"), reverse("accounts:logout")))


def _is_registered(host: str, hosts: Collection[str]) -> bool:
    return host in hosts or f"*.{host.partition('.')[2]}" in hosts
