"""What the pages of this app share: how they read a form, and how they answer a wrong or a hasty one."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.waiting import ThrottledError, try_again

View = TypeVar("View", bound=Callable[..., HttpResponse])
FORM_TYPES: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


def form_page(view: View) -> View:
    """A page that is shown (GET) and takes its own form (POST); any other kind of body is refused unread."""

    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and request.content_type not in FORM_TYPES:
            return HttpResponse(_("This page takes a form."), status=415, content_type="text/plain; charset=utf-8")
        return view(request, *args, **kwargs)

    return wrapped  # type: ignore[return-value]  # a view like the one it wraps


def bound(form: type[Form], request: HttpRequest, **kwargs: Any) -> Form:
    """`form` with what was posted; unbound when the page is only shown."""
    return form(request.POST if request.method == "POST" else None, **kwargs)


def too_soon(request: HttpRequest, template: str, context: dict[str, Any], throttled: ThrottledError) -> HttpResponse:
    """The page again: nothing was checked, and when to come back."""
    message = _("Too many wrong tries, so this one was not checked. %(when)s") % {"when": try_again(throttled.until)}
    context["form"].add_error(None, message)
    response = render(request, template, context, status=429)
    response["Retry-After"] = str(throttled.seconds)
    return response
