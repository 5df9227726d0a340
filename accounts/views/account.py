"""One's own account: factors, recovery codes, password, and where one is signed in."""

from functools import wraps
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST, require_safe
from django_otp.decorators import otp_required

from accounts import factors, sessions, signin
from accounts.authenticators import recovery, totp
from accounts.authenticators.recovery import RecoveryCodeDevice
from accounts.authenticators.totp import TOTPDevice
from accounts.factors import FactorError
from accounts.forms import CodeForm, DeviceNameForm, PasswordForm
from accounts.models import Session, User
from accounts.sessions import PersonRequest
from accounts.signin import RefusedError
from accounts.views.form_posts import View, bound, form_page, too_soon
from accounts.views.sign_in import add_wrong_code, codes_page, enrolment
from accounts.waiting import ThrottledError

ENROLLING: Final = "enrolling"  # in the session: persistent id of the app that is being added


def verified_required(view: View) -> View:
    """Django-otp's own requirement beside the enforcement of segments: two locks on the door to one's account."""
    return otp_required(view)


def fresh_factor_required(view: View) -> View:
    """A change of factors: not with a session alone, however come by. Leads to verification and back to this page."""

    @verified_required
    @wraps(view)
    def wrapped(request: PersonRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if signin.is_fresh(request, timezone.now()):
            return view(request, *args, **kwargs)
        return redirect(f"{reverse('accounts:verify')}?{urlencode({'next': request.path})}")

    return wrapped  # type: ignore[return-value]  # a view like the one it wraps


@verified_required
@require_safe
def account(request: PersonRequest) -> HttpResponse:
    """What protects this account and where it is signed in."""
    apps = TOTPDevice.objects.devices_for_user(request.user, confirmed=True).order_by("created_at")
    codes = RecoveryCodeDevice.objects.devices_for_user(request.user, confirmed=True)
    live = Session.objects.live(timezone.now()).filter(user=request.user).prefetch_related("applications")
    context = {
        "apps": apps,
        "removable": len(apps) > 1,
        "codes_left": sum(each.left for each in codes),
        "sessions": live,
        "this_session": sessions.key_hash(request.session.session_key or ""),
    }
    return render(request, "accounts/account.html", context)


@verified_required
@sensitive_post_parameters("current", "new")
@sensitive_variables("form")
@form_page
def password(request: PersonRequest) -> HttpResponse:
    """A new password, for whoever knows the present one."""
    form = bound(PasswordForm, request, user=request.user)
    if form.is_valid():
        try:
            signin.change_password(request, **form.cleaned_data)
        except ThrottledError as throttled:
            return too_soon(request, "accounts/password.html", {"form": form}, throttled)
        except RefusedError:
            form.add_error("current", _("This is not your current password."))
        else:
            messages.success(request, _("Your password is changed, and your other sessions are ended."))
            return redirect("accounts:account")
    return render(request, "accounts/password.html", {"form": form})


@fresh_factor_required
@form_page
def new_codes(request: PersonRequest) -> HttpResponse:
    """Ten new recovery codes in place of the old ones."""
    if request.method == "POST" and "saved" in request.POST:
        recovery.acknowledge(request.user)
        return redirect("accounts:account")
    told: tuple[str, ...] = ()
    if request.method == "POST":
        told = factors.issue_recovery_codes(user=_person(request), except_key=request.session.session_key)
    return codes_page(request, told, "accounts:account-codes")


@fresh_factor_required
@form_page
def new_app(request: PersonRequest) -> HttpResponse:
    """Another authenticator app: a name starts it, its first code makes it count."""
    device = _enrolling(request)
    if device is None or "name" in request.POST:
        return _start_enrolling(request)
    form = bound(CodeForm, request)
    if form.is_valid():
        key = request.session.session_key
        if factors.confirm(device=device, code=form.cleaned_data["code"], except_key=key):
            del request.session[ENROLLING]
            messages.success(request, _("The authenticator app counts from now on. Your other sessions are ended."))
            return redirect("accounts:account")
        add_wrong_code(form, None)
    return render(request, "accounts/enrol.html", enrolment(form, device) | {"another": True})


@fresh_factor_required
@form_page
def remove_app(request: PersonRequest, pk: int) -> HttpResponse:
    """Asks, then removes one authenticator app of several."""
    device = get_object_or_404(TOTPDevice.objects.devices_for_user(request.user, confirmed=True), pk=pk)
    if request.method != "POST":
        return render(request, "accounts/remove_app.html", {"device": device})
    try:
        factors.remove(device=device, by=_person(request), except_key=request.session.session_key)
    except FactorError:
        messages.error(request, _("This is your last authenticator app: add another one before you remove it."))
    else:
        messages.success(
            request, _("“%(name)s” is removed, and your other sessions are ended.") % {"name": device.name}
        )
    return redirect("accounts:account")


@verified_required
@require_POST
def end_session(request: PersonRequest, key_hash: str) -> HttpResponse:
    """Ends one of the person's own sessions; to end this one is to sign out."""
    if key_hash == sessions.key_hash(request.session.session_key or ""):
        signin.sign_out(request)
        return redirect("accounts:login")
    if not signin.end_session(request, key_hash):
        raise Http404
    messages.success(request, _("That session is ended."))
    return redirect("accounts:account")


@verified_required
@require_POST
def end_other_sessions(request: PersonRequest) -> HttpResponse:
    """Ends every session of the person but this one."""
    ended = signin.end_other_sessions(request)
    messages.success(request, ngettext("%d other session is ended.", "%d other sessions are ended.", ended) % ended)
    return redirect("accounts:account")


def _start_enrolling(request: PersonRequest) -> HttpResponse:
    form = bound(DeviceNameForm, request)
    if form.is_valid():
        request.session[ENROLLING] = totp.begin_enrolment(_person(request), form.cleaned_data["name"]).persistent_id
        return redirect("accounts:account-enrol")
    return render(request, "accounts/new_app.html", {"form": form})


def _enrolling(request: PersonRequest) -> TOTPDevice | None:
    """The app that this session is adding, until it counts."""
    device = TOTPDevice.from_persistent_id(request.session.get(ENROLLING, ""))
    return device if device is not None and device.user_id == request.user.pk and not device.confirmed else None


def _person(request: PersonRequest) -> User:
    """The person as of now, past the lazy object of the middleware."""
    return User.objects.get(pk=request.user.pk)
