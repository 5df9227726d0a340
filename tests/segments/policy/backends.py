"""How back ends and the proxies before them read the path of a request, each in its own way.

Written from their documentation and source, not from the engine: none of this is used outside tests.
"""

import posixpath
import re
import unicodedata
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


def php(path: str) -> str:
    """Apache before PHP, with `AllowEncodedSlashes NoDecode`: all but slashes decoded, merged, resolved."""
    kept = re.sub("%(?=2f)", "%25", path, flags=re.IGNORECASE)
    return without_dots(re.sub("/+", "/", unquote(kept)))


def go_clean(path: str) -> str:
    """path.Clean of what came over the wire, before an application that decodes."""
    return unquote(posixpath.normpath("/" + path.lstrip("/")))


def browser_like(path: str) -> str:
    """The URL parser of browsers, Node and Deno: `\\` is a slash, encoded dots are dots, nothing else is decoded."""
    return without_dots(re.sub("%2e", ".", path.replace("\\", "/"), flags=re.IGNORECASE))


def node_static(path: str) -> str:
    """Express before its files: the parsed path, decoded, normalised."""
    return posixpath.normpath("/" + unquote(browser_like(path)).lstrip("/"))


def joined_url(path: str) -> str:
    """A proxy that decodes, and puts the path into an address that is parsed anew: `?` and `#` end it."""
    return browser_like(re.sub("[?#].*", "", unquote(path), flags=re.DOTALL))


def compatible(path: str) -> str:
    """A system that folds look-alikes before it compares: a full-width solidus is a slash."""
    return nginx(unicodedata.normalize("NFKC", unquote(path)))


def case_blind(path: str) -> str:
    """IIS and macOS: case does not matter."""
    return backslash(path).casefold()


def express_routes(path: str) -> str:
    """Routes of Express: what came over the wire, case does not matter."""
    return path.casefold()


def case_blind_servlet(path: str) -> str:
    """A servlet on a file system that does not tell case."""
    return servlet(path).casefold()


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
    php,
    go_clean,
    browser_like,
    node_static,
    joined_url,
    compatible,
)
CASE_BLIND: tuple[Backend, ...] = (case_blind, express_routes, case_blind_servlet)
