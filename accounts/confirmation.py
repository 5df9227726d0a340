"""Acts of staff that ask before they happen: on whom, what follows, and why it is done.

An act is an action of an admin list. Chosen there, or with the button on the page of a single row, it shows a page that
names whom it will concern and whom not; confirmed with a reason, it calls its verb for each in one transaction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.privileges import staff_of
from audit.recorded_admin import RecordedAdmin

MOST_AT_ONCE: Final = 200
Words = str | Promise


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=250, help_text=gettext_lazy("It is written to the ledger.")
    )


@dataclass(frozen=True)
class Act:
    """One act. Called by the admin as an action."""

    name: str
    short_description: Words  # the button and the entry in the list of actions
    consequence: Words
    keep: Words  # the button that leaves things as they are
    verb: Callable[
        ..., Any
    ]  # (<of>=row, by=, reason=): records itself; ValueError where the row is not in a state for it
    of: str
    refusal: Callable[[Any, Any], str]  # (staff, row) -> why not, or nothing
    allowed_permissions: Sequence[str]
    grave: bool = False
    do_not_call_in_templates: ClassVar[bool] = True

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, page: RecordedAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        rows = list(queryset[: MOST_AT_ONCE + 1])
        if len(rows) > MOST_AT_ONCE:
            page.message_user(request, _("Choose at most %d at once.") % MOST_AT_ONCE, messages.ERROR)
            return None
        refused = [(row, why) for row in rows if (why := self.refusal(staff_of(request), row))]
        chosen = [row for row in rows if row not in {row for row, _why in refused}]
        form = ReasonForm(request.POST if "confirmed" in request.POST else None)
        if form.is_valid() and chosen:
            self._act_on(page, request, chosen, form.cleaned_data["reason"])
            return None
        return self._ask(page, request, {"form": form, "rows": rows, "chosen": chosen, "refused": refused})

    def _act_on(self, page: RecordedAdmin, request: HttpRequest, chosen: list[Any], reason: str) -> None:
        with page.guarded(request):
            # All rows before the first is recorded: the head of the ledger is everybody's last lock.
            locked = page.model._base_manager.select_for_update(no_key=True).filter(pk__in=[row.pk for row in chosen])
            list(locked.order_by("pk"))
            acted_on = [row for row in chosen if self._acted(page, request, row, reason)]
        if acted_on:
            words = ngettext("Done for %(count)d: %(names)s.", "Done for %(count)d: %(names)s.", len(acted_on))
            names = ", ".join(str(row) for row in acted_on)
            page.message_user(request, words % {"count": len(acted_on), "names": names}, messages.SUCCESS)

    def _acted(self, page: RecordedAdmin, request: HttpRequest, row: Any, reason: str) -> bool:
        try:
            with transaction.atomic():
                self.verb(**{self.of: row}, by=staff_of(request), reason=reason)
        except ValueError as error:
            page.message_user(request, _("Nothing done: %(why)s.") % {"why": error}, messages.WARNING)
            return False
        page.log_change(request, row, f"{self.short_description}: {reason}")
        return True

    def _ask(self, page: admin.ModelAdmin, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        everything = {
            **page.admin_site.each_context(request),
            "act": self,
            "title": self.short_description,
            "opts": page.model._meta,
            "media": page.media,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            **context,
        }
        return TemplateResponse(request, "admin/confirm_act.html", everything)


class ActingAdmin(RecordedAdmin):
    """Shows, on the page of a row, the acts that are possible for it as buttons."""

    change_form_template = "admin/change_form_with_acts.html"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        tools = self.page_tools(request, kwargs.get("obj"))
        return super().render_change_form(request, context | tools, *args, **kwargs)

    def page_tools(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        offered = self.get_actions(request)
        acts = [act for act in self.actions or () if isinstance(act, Act) and act.name in offered]
        return {"acts": [act for act in acts if row is not None and not act.refusal(staff_of(request), row)]}
