"""Questions as each family of proxies puts them."""

from segments.enforcement.proxies import Family, Received

HOST, PATH = "app.example.test", "/public/x"
Pairs = tuple[tuple[str, str], ...]


def headers_of(family: Family, *, method: str, scheme: str, host: str, path: str) -> Pairs:
    """The headers that a proxy of this family sets."""
    if family is Family.NGINX:
        return ("x-original-url", f"{scheme}://{host}{path}"), ("x-original-method", method)
    if family is Family.ENVOY:
        return ("host", host), ("x-forwarded-proto", scheme)
    return (
        ("x-forwarded-method", method),
        ("x-forwarded-proto", scheme),
        ("x-forwarded-host", host),
        ("x-forwarded-uri", path),
    )


def received(
    family: Family,
    *more: tuple[str, str],
    method: str = "GET",
    scheme: str = "https",
    host: str = HOST,
    path: str = PATH,
    without: tuple[str, ...] = (),
) -> Received:
    """What the decision point got from a proxy of this family; `more` headers come after its own."""
    own = headers_of(family, method=method, scheme=scheme, host=host, path=path)
    kept = tuple(pair for pair in own if pair[0] not in without)
    line = (method, path) if family is Family.ENVOY else ("GET", f"/forward-auth/{family.value}")
    return Received(*line, (*kept, *more))
