"""The admin behind the one sign-in of this project: it has no door of its own."""

from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.translation import gettext_lazy as _
from django_otp.admin import OTPAdminSite


class AdminSite(OTPAdminSite):
    """Staff with a verified second factor; whoever has none is led to sign-in and enrolment, not locked out."""

    name = "admin"
    site_header = _("ztproject administration")
    site_title = _("ztproject")
    index_title = _("Administration")
    site_url = "/"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect_to_login(request.GET.get("next", resolve_url("admin:index")), resolve_url(settings.LOGIN_URL))
