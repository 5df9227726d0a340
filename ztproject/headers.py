"""Response headers that every page carries: strict content security policy, nothing cached, no features."""

from collections.abc import Callable
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


class SecurityHeadersMiddleware:
    """Adds the headers to whatever leaves, error pages included; only static files keep their own caching."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        # A static file says itself how long it keeps; a miss beside it, or what a path was taken for, is a page.
        if not (request.path.startswith(settings.STATIC_URL) and response.has_header("Cache-Control")):
            response.headers["Cache-Control"] = "no-store"
            patch_vary_headers(response, ["Cookie"])
        return response
