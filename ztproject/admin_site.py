"""The admin behind the one sign-in of this project: it has no door of its own."""

from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, resolve_url
from django.utils.translation import gettext_lazy as _
from django_otp.admin import OTPAdminSite

from accounts.signin import sign_out


class AdminSite(OTPAdminSite):
    """Staff with a verified second factor; whoever has none is led to sign-in and enrolment, not locked out."""

    name = "admin"
    site_header = _("ztproject administration")
    site_title = _("ztproject")
    index_title = _("Administration")
    site_url = "/"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002 (Django's signature)
        """The one sign-out: ends the session on the server and is recorded. By POST only, as Django's own."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        sign_out(request)
        return redirect(settings.LOGIN_URL)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        """One's own password is changed on the account page, where the present one is asked for and tries are counted."""
        return redirect("accounts:password")

    def password_change_done(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        return redirect("accounts:account")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect_to_login(request.GET.get("next", resolve_url("admin:index")), resolve_url(settings.LOGIN_URL))
