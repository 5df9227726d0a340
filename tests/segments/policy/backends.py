"""How back ends and the proxies before them read the path of a request, each in its own way.

Written from their documentation and source, not from the engine: none of this is used outside tests.
"""

import posixpath
import re
from collections.abc import Callable
from urllib.parse import unquote

Backend = Callable[[str], str]


def as_sent(path: str) -> str:
    """A proxy that matches what came over the wire."""
    return path


def wsgi(path: str) -> str:
    """PATH_INFO as gunicorn and mod_wsgi give it: decoded once, nothing else."""
    return unquote(path)


def nginx(path: str) -> str:
    """`location` with merge_slashes on: decoded, slashes merged, dot segments resolved."""
    return without_dots(re.sub("/+", "/", unquote(path)))


def nginx_unmerged(path: str) -> str:
    """`location` with merge_slashes off."""
    return without_dots(unquote(path))


def go_mux(path: str) -> str:
    """http.ServeMux: path.Clean of the decoded path."""
    return posixpath.normpath("/" + unquote(path).lstrip("/"))


def envoy(path: str) -> str:
    """normalize_path: dots resolved before anything is decoded, encoded dots counting as dots."""
    return without_dots(re.sub("%2e", ".", path, flags=re.IGNORECASE))


def servlet(path: str) -> str:
    """Tomcat and Spring: `;params` off each segment, decoded, resolved."""
    return nginx(re.sub(";[^/]*", "", path))


def servlet_after_decoding(path: str) -> str:
    """A servlet behind a proxy that decodes."""
    return without_dots(re.sub(";[^/]*", "", unquote(path)))


def backslash(path: str) -> str:
    """IIS and Node's legacy parser: `\\` is a slash."""
    return without_dots(unquote(path).replace("\\", "/"))


def double_decoding(path: str) -> str:
    """A proxy that decodes before an application that decodes again."""
    return nginx(unquote(path))


def triple_decoding(path: str) -> str:
    """Two such proxies."""
    return nginx(unquote(unquote(path)))


def proxy_then_application(path: str) -> str:
    """A proxy that resolves what came over the wire, before an application that decodes and resolves."""
    return nginx(without_dots(path))


def proxy_then_servlet(path: str) -> str:
    """A proxy that decodes and resolves, before a servlet that strips parameters and resolves."""
    return servlet(nginx_unmerged(path))


def everything(path: str) -> str:
    """Each trick in turn."""
    return without_dots(re.sub("/+", "/", re.sub(";[^/]*", "", unquote(path)).replace("\\", "/")))


def case_blind(path: str) -> str:
    """IIS and macOS: case does not matter."""
    return backslash(path).casefold()


def without_dots(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept)


SENSITIVE: tuple[Backend, ...] = (
    as_sent,
    wsgi,
    nginx,
    nginx_unmerged,
    go_mux,
    envoy,
    servlet,
    servlet_after_decoding,
    backslash,
    double_decoding,
    triple_decoding,
    proxy_then_application,
    proxy_then_servlet,
    everything,
)
