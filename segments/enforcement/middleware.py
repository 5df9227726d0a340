"""Enforcement for Django views: protected by default, everything through the engine."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from accounts.addresses import client_address
from accounts.sessions import PersonRequest, SessionRequest
from segments import administrator
from segments.administrator import Ruling
from segments.enforcement.asking import subject_asking
from segments.enforcement.responses import refusal
from segments.policy.model import Context, ViewTarget
from segments.url_configuration import SEGMENT_KWARG, name_of

View = TypeVar("View", bound=Callable[..., Any])


class DecidedRequest(PersonRequest):
    """A request that was let in: it carries the ruling that says why."""

    ruling: Ruling


def in_segment(*, kwarg: str) -> Callable[[View], View]:
    """Mark a view as lying in the segment that one of its URL arguments names."""

    def mark(view: View) -> View:
        setattr(view, SEGMENT_KWARG, kwarg)
        return view

    return mark


class EnforcementMiddleware:
    """Asks the policy administrator about every view that is not marked with Django's `login_not_required`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: SessionRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        if not hasattr(request, "user") or not hasattr(request.user, "is_verified"):
            raise ImproperlyConfigured(
                "EnforcementMiddleware must come after AuthenticationMiddleware and OTPMiddleware in MIDDLEWARE"
            )
        if not getattr(view, "login_required", True):
            return None
        context = Context(at=timezone.now(), address=client_address(request))
        target = ViewTarget(
            name=name_of(request.resolver_match) if request.resolver_match else "", method=request.method or ""
        )
        ruling = administrator.decide(lambda: subject_asking(request, context.at), target, context)
        if not ruling.decision.allowed:
            return refusal(request, ruling)
        request.ruling = ruling  # type: ignore[attr-defined]  # views may explain what let the request in
        return None
