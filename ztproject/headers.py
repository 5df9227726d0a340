"""Response headers that every page carries: strict content security policy, nothing cached, no features."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

# The shape of Django 6's SECURE_CSP: a dictionary of directives.
CONTENT_SECURITY_POLICY: Final[dict[str, tuple[str, ...]]] = {
    "default-src": ("'none'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "img-src": ("'self'", "data:"),
    "font-src": ("'self'",),
    "connect-src": ("'self'",),
    "form-action": ("'self'",),
    "base-uri": ("'none'",),
    "object-src": ("'none'",),
    "frame-ancestors": ("'none'",),
}
PERMISSIONS_POLICY: Final = (
    "camera=(), microphone=(), geolocation=(), payment=(), usb=(), "
    "publickey-credentials-get=(self), publickey-credentials-create=(self)"
)
HEADERS: Final[dict[str, str]] = {
    "Content-Security-Policy": "; ".join(
        f"{name} {' '.join(values)}" for name, values in CONTENT_SECURITY_POLICY.items()
    ),
    "Permissions-Policy": PERMISSIONS_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Views whose answer is the same for everybody: it keeps its own Cache-Control.
CACHED_VIEWS: Final = frozenset({"segments:jwks"})


class SecurityHeadersMiddleware:
    """Adds the headers to whatever leaves, error pages included; static files and CACHED_VIEWS keep their caching."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if not _may_be_kept(request, response):
            response.headers["Cache-Control"] = "no-store"
            patch_vary_headers(response, ["Cookie"])
        return response


def _may_be_kept(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether an answer that says itself how long it keeps may: a static file, or a view that tells everybody the same.

    A miss beside a static file, or what a path was taken for, is a page.
    """
    if not response.has_header("Cache-Control"):
        return False
    if request.path.startswith(settings.STATIC_URL):
        return True
    view = request.resolver_match
    cached = view is not None and view.view_name in CACHED_VIEWS
    return cached and response.status_code == HTTPStatus.OK and not response.cookies
