"""The admin behind the one sign-in of this project: it has no door of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, resolve_url
from django.utils.translation import gettext_lazy as _
from django_otp.admin import OTPAdminSite

from accounts.privileges import administrator_kept, staff_of
from accounts.sessions import SessionRequest
from accounts.signin import sign_out
from audit.recorded_admin import GuardedSite
from segments.administrator import Ruling
from segments.safeguards import policy_kept


class AdminSite(OTPAdminSite, GuardedSite):
    """Staff with a verified second factor; whoever has none is led to sign-in and enrolment, not locked out."""

    name = "admin"
    site_header = _("ztproject administration")
    site_title = _("ztproject")
    index_title = _("Administration")
    site_url = "/"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)

    @contextmanager
    def safeguard(self, request: HttpRequest) -> Iterator[None]:
        """What staff change, whichever page they use: somebody is left who can administer, and the policy is kept."""
        ruling: Ruling = request.ruling  # type: ignore[attr-defined]  # set by the enforcement
        with administrator_kept(), policy_kept(staff_of(request), ruling):
            yield

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The one sign-out: ends the session on the server and is recorded. By POST only, as Django's own."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        sign_out(cast("SessionRequest", request))
        return redirect(settings.LOGIN_URL)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """One's own password is changed on the account page: it asks for the present one, and counts tries."""
        return redirect("accounts:password")

    def password_change_done(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("accounts:account")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Leads to the sign-in. Whoever has been through it and is not staff would go round in circles."""
        if cast("SessionRequest", request).user.is_verified() and not self.has_permission(request):
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next", resolve_url("admin:index")), resolve_url(settings.LOGIN_URL))
