"""Tokens of a service account in the admin: the table on its page, and a page for each act. A token is told once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.db.models import BooleanField, Case, Q, QuerySet, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts import privileges, tokens
from accounts.confirmation import ReasonForm
from accounts.form_fields import NetworksField
from accounts.models import ServiceAccount, ServiceToken, User
from accounts.privileges import staff_of
from accounts.tokens import State, TokenError
from audit.recorded_admin import RecordedAdmin, refusal_words

SHOWN: Final = 50
WORDS: Final[dict[State, Any]] = {
    State.GOOD: pgettext_lazy("token", "good"),
    State.REPLACED: pgettext_lazy("token", "replaced, good until then"),
    State.EXPIRED: pgettext_lazy("token", "expired"),
    State.REVOKED: pgettext_lazy("token", "revoked"),
}
Made = tuple[ServiceToken, str]  # as the verbs return it; no text where nothing was made


# ---------------------------------------------------------------- what is asked
class LifetimeForm(ReasonForm):
    days = forms.IntegerField(
        label=gettext_lazy("Good for how many days"),
        min_value=1,
        max_value=tokens.LONGEST_LIFE.days,
        initial=90,
        help_text=gettext_lazy("A year at most. The shorter, the less a lost one is worth."),
    )

    def expires_at(self) -> datetime:
        return timezone.now() + timedelta(days=self.cleaned_data["days"])


class IssueForm(LifetimeForm):
    networks = NetworksField(label=gettext_lazy("Networks"))
    field_order = ("days", "networks", "reason")


class RotateForm(LifetimeForm):
    hours = forms.IntegerField(
        label=gettext_lazy("Hours in which both are good"),
        min_value=0,
        max_value=tokens.LONGEST_OVERLAP // timedelta(hours=1),
        initial=24,
        help_text=gettext_lazy("Time to put the new one in place of the old one. Then the old one ends."),
    )
    field_order = ("days", "hours", "reason")


# ---------------------------------------------------------------- what is done
def issue(account: ServiceAccount, by: User, form: Any) -> Made:
    cleaned = form.cleaned_data
    return tokens.issue(
        account=account,
        expires_at=form.expires_at(),
        networks=cleaned["networks"],
        by=by,
        reason=cleaned["reason"],
    )


def rotate(token: ServiceToken, by: User, form: Any) -> Made:
    overlap, reason = timedelta(hours=form.cleaned_data["hours"]), form.cleaned_data["reason"]
    return tokens.rotate(token=token, expires_at=form.expires_at(), overlap=overlap, by=by, reason=reason)


def revoke(token: ServiceToken, by: User, form: Any) -> Made:
    tokens.revoke(token=token, by=by, reason=form.cleaned_data["reason"])
    return token, ""


def refusal_to_issue(staff: User, account: ServiceAccount) -> str:
    if not account.is_active:
        return _("The account is not active: a token of it would prove nothing.")
    return privileges.refusal_to_issue_token(staff, account)


def refusal_to_rotate(staff: User, token: ServiceToken) -> str:
    state = tokens.state_of(token, timezone.now())
    if state is not State.GOOD:
        return _("It is over or replaced already: issue a new one.")
    return refusal_to_issue(staff, token.service_account)


def refusal_to_revoke(_staff: User, token: ServiceToken) -> str:
    return _("Already revoked.") if token.revoked_at else ""


@dataclass(frozen=True)
class TokenAct:
    """An act with a page of its own, which asks first."""

    title: str | Promise
    consequence: str | Promise
    keep: str | Promise
    form: type[ReasonForm]
    verb: Callable[[Any, User, Any], Made]
    refusal: Callable[[User, Any], str]
    grave: bool = False


ISSUE: Final = TokenAct(
    title=gettext_lazy("Issue a token"),
    consequence=gettext_lazy(
        "Whoever has the token is taken for this account, with its roles, wherever a segment lets service accounts in. "
        "It is shown once, on the next page."
    ),
    keep=gettext_lazy("Issue none"),
    form=IssueForm,
    verb=issue,
    refusal=refusal_to_issue,
)
ROTATE: Final = TokenAct(
    title=gettext_lazy("Rotate a token"),
    consequence=gettext_lazy(
        "A new token for the same networks is made and shown once, on the next page. The old one stays good for the "
        "hours you choose."
    ),
    keep=gettext_lazy("Keep the old one"),
    form=RotateForm,
    verb=rotate,
    refusal=refusal_to_rotate,
)
REVOKE: Final = TokenAct(
    title=gettext_lazy("Revoke a token"),
    consequence=gettext_lazy(
        "It proves nothing any more, from the next request on. The system that has it is cut off."
    ),
    keep=gettext_lazy("Keep it"),
    form=ReasonForm,
    verb=revoke,
    refusal=refusal_to_revoke,
    grave=True,
)


class Shown(NamedTuple):
    """A row of the table."""

    token: ServiceToken
    state: Any
    may_rotate: bool
    may_revoke: bool


class TokenPages(RecordedAdmin):
    """The page of a service account with its tokens."""

    change_form_template = "admin/accounts/service_account.html"

    # ------------------------------------------------------------ who may
    def may_issue(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.add_servicetoken")

    def may_see_tokens(self, request: HttpRequest) -> bool:
        return self.may_issue(request) or request.user.has_perm("accounts.view_servicetoken")

    # ------------------------------------------------------------ the page of the account
    def get_fieldsets(self, request: HttpRequest, obj: ServiceAccount | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not self.may_see_tokens(request):
            return fieldsets
        return [*fieldsets, (_("Tokens"), {"fields": ("tokens_shown",)})]

    def get_readonly_fields(self, request: HttpRequest, obj: ServiceAccount | None = None) -> Any:
        return (*super().get_readonly_fields(request, obj), "tokens_shown")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        account, may = kwargs.get("obj"), self.may_issue(request)
        if account is not None:
            account.offers_token_acts = may  # for the table, which is told of no request
            context = context | {"may_issue_tokens": may and account.is_active}
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=gettext_lazy("issued"))
    def tokens_shown(self, account: ServiceAccount) -> SafeString:
        now = timezone.now()
        may = getattr(account, "offers_token_acts", False)
        rows = [shown(account, token, now, may=may) for token in newest(account, now)[: SHOWN + 1]]
        context = {"rows": rows[:SHOWN], "account": account, "more": len(rows) > SHOWN, "most": SHOWN}
        return render_to_string("admin/accounts/tokens.html", context)

    # ------------------------------------------------------------ the pages of the acts
    def get_urls(self) -> list[URLPattern]:
        wrap, name = self.admin_site.admin_view, "accounts_serviceaccount_{}_token".format
        one = "<int:object_id>/tokens/<int:token_id>/"
        return [
            path("<int:object_id>/tokens/issue/", wrap(self.issue_view), name=name("issue")),
            path(f"{one}rotate/", wrap(self.rotate_view), name=name("rotate")),
            path(f"{one}revoke/", wrap(self.revoke_view), name=name("revoke")),
            *super().get_urls(),
        ]

    def issue_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        self._require(request)
        account = ServiceAccount.objects.filter(pk=object_id).first()
        if account is None:
            raise Http404
        return self._act(request, ISSUE, account, account)

    def rotate_view(self, request: HttpRequest, object_id: int, token_id: int) -> HttpResponse:
        return self._act_on_token(request, ROTATE, object_id, token_id)

    def revoke_view(self, request: HttpRequest, object_id: int, token_id: int) -> HttpResponse:
        return self._act_on_token(request, REVOKE, object_id, token_id)

    def _act_on_token(self, request: HttpRequest, act: TokenAct, object_id: int, token_id: int) -> HttpResponse:
        self._require(request)
        found = ServiceToken.objects.filter(pk=token_id, service_account=object_id).select_related("service_account")
        token = found.first()
        if token is None:
            raise Http404
        return self._act(request, act, token.service_account, token)

    def _require(self, request: HttpRequest) -> None:
        if not self.may_issue(request) or not self.has_view_permission(request):
            raise PermissionDenied

    def _act(
        self, request: HttpRequest, act: TokenAct, account: ServiceAccount, row: ServiceAccount | ServiceToken
    ) -> HttpResponse:
        """Ask, or do it. What is refused is refused before the form is looked at, on a forged request as well."""
        refusal = act.refusal(staff_of(request), row)
        if refusal:
            return self._asked(request, act, account, {"row": row, "refusal": refusal}, status=_status(request))
        form = act.form(request.POST if request.method == "POST" else None)
        made = self._made(request, act, account, row, form) if form.is_valid() else None
        if made is None:
            return self._asked(request, act, account, {"row": row, "form": form})
        token, text = made
        if text:
            return self._answer(request, "admin/accounts/token_told.html", account, {"token": token, "text": text})
        self.message_user(request, _("Revoked: %s.") % token)
        return HttpResponseRedirect(reverse("admin:accounts_serviceaccount_change", args=[account.pk]))

    def _made(
        self, request: HttpRequest, act: TokenAct, account: ServiceAccount, row: Any, form: ReasonForm
    ) -> Made | None:
        """What the verb made. None where it refused: the form says why."""
        try:
            with self.guarded(request):
                token, text = act.verb(row, staff_of(request), form)
                self.log_change(request, account, f"{act.title}: {token.hint}… · {form.cleaned_data['reason']}")
        except TokenError as error:  # somebody else was quicker
            form.add_error(None, _("Nothing done: %(why)s.") % {"why": error})
        except (ValidationError, IntegrityError) as error:
            form.add_error(None, refusal_words(error))
        else:
            return token, text
        return None

    def _asked(
        self, request: HttpRequest, act: TokenAct, account: ServiceAccount, context: dict[str, Any], status: int = 200
    ) -> HttpResponse:
        answer = self._answer(request, "admin/accounts/token_act.html", account, {"act": act, **context})
        answer.status_code = status
        return answer

    def _answer(
        self, request: HttpRequest, template: str, account: ServiceAccount, context: dict[str, Any]
    ) -> TemplateResponse:
        title = context["act"].title if "act" in context else _("Your new token")
        own = {"title": title, "opts": self.opts, "account": account}
        return TemplateResponse(request, template, {**self.admin_site.each_context(request), **own, **context})


def newest(account: ServiceAccount, now: datetime) -> QuerySet[ServiceToken]:
    """Those that are good first, then the others, newest first."""
    over = When(Q(revoked_at__isnull=False) | Q(expires_at__lte=now), then=True)
    found = account.tokens.annotate(over=Case(over, default=False, output_field=BooleanField()))
    return found.select_related("created_by").order_by("over", "-created_at", "-pk")


def shown(account: ServiceAccount, token: ServiceToken, now: datetime, *, may: bool) -> Shown:
    state = tokens.state_of(token, now)
    may_rotate = may and account.is_active and state is State.GOOD
    return Shown(token, WORDS[state], may_rotate=may_rotate, may_revoke=may and token.is_good(now))


def _status(request: HttpRequest) -> int:
    """A page that says no is a page; an act that is refused is refused."""
    return 403 if request.method == "POST" else 200
