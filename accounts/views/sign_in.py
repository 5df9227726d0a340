"""Signing in, step by step, and out. The steps themselves are in accounts.signin."""

from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST
from django_otp.models import Device

from accounts import factors, qr, signin
from accounts.authenticators.recovery import RecoveryCodeDevice
from accounts.authenticators.totp import TOTPDevice
from accounts.forms import CodeForm, RecoveryForm, SignInForm
from accounts.return_targets import requested_target
from accounts.sessions import SessionRequest
from accounts.signin import RefusedError, SignIn, Step
from accounts.views.form_posts import bound, form_page, too_soon
from accounts.waiting import ThrottledError, try_again

PAGES: Final = {Step.FACTOR: "accounts:verify", Step.ENROL: "accounts:enrol", Step.CODES: "accounts:codes"}
OTHER_PAGES: Final = {TOTPDevice: "accounts:recovery", RecoveryCodeDevice: "accounts:verify"}


@login_not_required
@sensitive_post_parameters("password")
@sensitive_variables("form")
@form_page
def login(request: SessionRequest) -> HttpResponse:
    """The password."""
    target = requested_target(request)
    if request.method != "POST" and request.user.is_verified():
        return redirect(target or settings.LOGIN_REDIRECT_URL)
    form = bound(SignInForm, request)
    context = {"form": form, "target": target, "host": urlsplit(target).hostname, "again": "again" in request.GET}
    if form.is_valid():
        try:
            return redirect(PAGES[signin.begin(request, **form.cleaned_data, target=target)])
        except ThrottledError as throttled:
            return too_soon(request, "accounts/login.html", context, throttled)
        except RefusedError:
            form.add_error(None, _("This username and password do not match. Check both and try again."))
    return render(request, "accounts/login.html", context)


@login_not_required
@form_page
def verify(request: SessionRequest) -> HttpResponse:
    """The code of the authenticator app: when signing in, and again whenever something asks for a fresh one."""
    return _code_page(request, TOTPDevice, CodeForm, "accounts/verify.html")


@login_not_required
@form_page
def recovery(request: SessionRequest) -> HttpResponse:
    """A recovery code in place of the app's."""
    return _code_page(request, RecoveryCodeDevice, RecoveryForm, "accounts/recovery.html")


@login_not_required
@form_page
def enrol(request: SessionRequest) -> HttpResponse:
    """The first authenticator app of whoever has none."""
    record = signin.current(request)
    device = signin.enrolling_device(record) if record else None
    if record is None or device is None:
        return _elsewhere(request, record)
    form = bound(CodeForm, request)
    if form.is_valid():
        try:
            step = signin.confirm_enrolment(request, record, code=form.cleaned_data["code"])
            return _next_page(request, record, step)
        except RefusedError:
            add_wrong_code(form, None)
    return render(request, "accounts/enrol.html", enrolment(form, device))


@login_not_required
@form_page
def codes(request: SessionRequest) -> HttpResponse:
    """The recovery codes were told; here the person says that they are kept, or asks for others."""
    record = signin.current(request)
    if record is None or record.step is not Step.CODES:
        return _elsewhere(request, record)
    if request.method == "POST" and "saved" in request.POST:
        signin.acknowledge_codes(request, record)
        return _next_page(request, record, None)
    told = signin.issue_codes(record) if request.method == "POST" else ()
    return codes_page(request, told, "accounts:codes")


@login_not_required
@require_POST
def logout(request: SessionRequest) -> HttpResponse:
    """Ends the session on the server and empties what the browser keeps."""
    signin.sign_out(request)
    response = redirect("accounts:login")
    # Not "cookies": that would sign the person out of every host of this domain.
    response["Clear-Site-Data"] = '"cache", "storage"'
    response.delete_cookie(settings.CSRF_COOKIE_NAME, samesite="Lax")
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that did not come from a page of ours, or from one that is too old."""
    return render(request, "accounts/csrf_failure.html", status=403)


def enrolment(form: Form, device: TOTPDevice) -> dict[str, Any]:
    """What the enrolment page shows: QR code and key, for as long as the device does not count."""
    title = _("QR code for your authenticator app")
    return {"form": form, "device": device, "qr": qr.svg(device.config_url, title=title), "key": device.typed_key}


def codes_page(request: SessionRequest, told: tuple[str, ...], action: str) -> HttpResponse:
    """The page with the recovery codes, or without them once they were told."""
    text = "\n".join(told)
    context = {"codes": told, "text": text, "action": resolve_url(action), "issuer": settings.ZT_ISSUER}
    return render(request, "accounts/codes.html", context)


def add_wrong_code(form: Form, locked_until: Any) -> None:
    """Say that a code was wrong, and when the next one is checked."""
    message = _("That code did not work. Codes change every 30 seconds and work once: use the one shown now.")
    if isinstance(form, RecoveryForm):
        message = _("That recovery code did not work. Each one works once, and only those of the newest set.")
    form.add_error("code", f"{message} {try_again(locked_until)}" if locked_until else message)


def _code_page(request: SessionRequest, kind: type[Device], form_class: type[Form], template: str) -> HttpResponse:
    record = signin.current(request)
    user = record.user if record else request.user
    devices = factors.usable(user) if user.is_authenticated else []
    if not devices or (record and record.step is not Step.FACTOR):
        return _elsewhere(request, record)
    if not any(isinstance(device, kind) for device in devices):
        return redirect(f"{reverse(OTHER_PAGES[kind])}?{urlencode({'next': requested_target(request)})}")
    form = bound(form_class, request)
    context = {"form": form, "again": record is None, "target": requested_target(request), "issuer": settings.ZT_ISSUER}
    if form.is_valid():
        try:
            return _verified(request, record, kind, form.cleaned_data["code"])
        except ThrottledError as throttled:
            return too_soon(request, template, context, throttled)
        except RefusedError as refused:
            add_wrong_code(form, refused.locked_until)
    return render(request, template, context)


def _verified(request: SessionRequest, record: SignIn | None, kind: type[Device], code: str) -> HttpResponse:
    step = None
    if record is None:
        signin.verify_again(request, kind=kind, code=code)
    else:
        step = signin.verify(request, record, kind=kind, code=code)
    if kind is RecoveryCodeDevice and step is None:
        messages.warning(request, _("You used a recovery code. Phone lost? Add another app and remove the lost one."))
    if record is None:
        return redirect(requested_target(request) or settings.LOGIN_REDIRECT_URL)
    return _next_page(request, record, step)


def _next_page(request: SessionRequest, record: SignIn, step: Step | None) -> HttpResponse:
    """Where a step led: in, or to the recovery codes, which are told in this very answer and stored nowhere."""
    if step is None:
        return redirect(record.target or settings.LOGIN_REDIRECT_URL)
    now = signin.current(request)
    return codes_page(request, signin.issue_codes(now), "accounts:codes") if now else _elsewhere(request, None)


def _elsewhere(request: SessionRequest, record: SignIn | None) -> HttpResponse:
    """To the step that is due; without a sign-in under way, to its beginning."""
    if record is not None and PAGES[record.step] != request.resolver_match.view_name:  # type: ignore[union-attr]
        return redirect(PAGES[record.step])
    target = requested_target(request)
    query = ({"next": target} if target else {}) | ({"again": "1"} if request.method == "POST" else {})
    return redirect(f"{reverse('accounts:login')}?{urlencode(query)}" if query else "accounts:login")
