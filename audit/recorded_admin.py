"""Admin pages whose every change is in the ledger, and that notice when two people edit the same thing."""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import NestedObjects
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from audit import changes, ledger
from audit.changes import State
from audit.choices import ChoosingPage, may_name


def actor_of(request: HttpRequest) -> str:
    """Who makes a change, as the ledger names people."""
    return changes.name_of(request.user)  # type: ignore[arg-type]  # staff only: never anonymous


class GuardedSite(admin.AdminSite):
    """A site that says what has to hold after every change."""

    def safeguard(self, request: HttpRequest) -> AbstractContextManager[None]:
        raise NotImplementedError


class RecordedForm(forms.ModelForm):
    """Carries a mark of the state that the page showed; another state at saving is a conflict, and nothing is saved."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    read_state: ClassVar[Callable[[Model], State]]  # both set by RecordedAdmin.get_form
    refusal: ClassVar[list[str]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before: State = type(self).read_state(self.instance) if self.instance.pk else {}
        if self.instance.pk:
            self.initial["seen"] = changes.mark(self.before)

    def clean(self) -> dict[str, Any] | None:
        if self.refusal:
            raise ValidationError(self.refusal, code="refused")
        if self.instance.pk and self.data.get(self.add_prefix("seen")) != self.initial["seen"]:
            raise ValidationError(
                _(
                    "Somebody else changed this after you opened the page, so nothing was saved. What you typed is "
                    "still here: open the page anew in another tab, compare, and make your change there."
                ),
                code="conflict",
            )
        return super().clean()


class RecordedAdmin(ChoosingPage, admin.ModelAdmin):
    """Writes what staff change to the ledger, in the same transaction, with before and after."""

    admin_site: GuardedSite
    form = RecordedForm
    ledger_kind: ClassVar[str] = "policy.changed"
    unrecorded: ClassVar[Collection[str]] = ()  # columns that are nobody's change, or a secret
    recorded_relations: ClassVar[Collection[str]] = ()  # edited on the same page

    # ------------------------------------------------------------ what was seen, what is refused
    def read_state(self, row: Model) -> State:
        return changes.state_of(row, without=self.unrecorded, relations=self.recorded_relations)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[Any]:  # noqa: FBT001, FBT002 (Django's signature)
        form = super().get_form(request, obj, change=change, **kwargs)
        own = {
            "read_state": staticmethod(self.read_state),
            "refusal": getattr(request, "refusal", []),
            "staff": request.user,
        }
        return type(form.__name__, (form,), own)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The page's own, and the mark on a page where something can be saved."""
        fieldsets = list(super().get_fieldsets(request, obj))
        if obj is None or not self.has_change_permission(request, obj):
            return fieldsets
        title, options = fieldsets[0]
        fields = [name for name in options["fields"] if name != "seen"]
        return [(title, {**options, "fields": [*fields, "seen"]}), *fieldsets[1:]]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Locked for the rest of the transaction when it is to be changed: the second sees what the first did."""
        row = super().get_object(request, object_id, from_field)
        if row is None or request.method != "POST":
            return row
        list(self.model._base_manager.select_for_update().filter(pk=row.pk).values_list("pk"))
        return super().get_object(request, object_id, from_field)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if request.method != "POST":
            return super().changeform_view(request, object_id, form_url, extra_context)
        try:
            with self.guarded(request):
                return super().changeform_view(request, object_id, form_url, extra_context)
        except (ValidationError, IntegrityError) as error:
            # All of it is undone. The page comes back with what was typed and why it was refused.
            request.refusal = refusal_words(error)  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return self.refusable(request, super().delete_view, object_id, extra_context)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return self.refusable(request, super().changelist_view, extra_context)

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        """An action on chosen rows. What names no row is refused before anything is looked up."""
        if all(may_name(self.model, key) for key in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            return super().response_action(request, *args, **kwargs)
        self.message_user(request, _("What was chosen is not in this list: choose again."), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def refusable(self, request: HttpRequest, view: Callable[..., HttpResponse], *args: Any) -> HttpResponse:
        """A page without a form to come back to: what was refused is undone, and a message says why."""
        try:
            return view(request, *args)
        except (ValidationError, IntegrityError) as error:
            for words in refusal_words(error):
                self.message_user(request, words, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    @contextmanager
    def guarded(self, request: HttpRequest) -> Iterator[None]:
        """Around every change: the site may refuse it with a ValidationError once it is made, and it is undone."""
        with transaction.atomic(), self.admin_site.safeguard(request):
            yield

    # ------------------------------------------------------------ what is recorded
    def ledger_subject(self, row: Any) -> str:
        """What the entries about `row` are found by."""
        return changes.name_of(row)

    def record(self, request: HttpRequest, row: Model, *, before: State, after: State) -> None:
        subject = self.ledger_subject(row)[: ledger.LONGEST_TEXT]
        changes.record(kind=self.ledger_kind, actor=actor_of(request), subject=subject, before=before, after=after)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001 (Django's signature)
        """The last step of adding and of changing: all rows are written, so that the state after is known."""
        super().save_related(request, form, formsets, change)
        saved = self.model._base_manager.get(pk=form.instance.pk)
        self.record(request, saved, before=form.before, after=self.read_state(saved))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_queryset(request, self.model._base_manager.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with self.guarded(request):
            gone = [(row, self.state_with_cascade(row)) for row in queryset]
            queryset.delete()  # leaves the rows in hand as they were
            for row, before in gone:
                self.record(request, row, before=before, after={})

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Where rows stand in the way, the page says which: no permission would help."""
        found, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return found, counts, set() if protected else lacking, protected

    def state_with_cascade(self, row: Model) -> State:
        """What is gone with the row: itself, and every row that falls with it."""
        found = NestedObjects(using=row._state.db or "default")
        found.collect([row])
        own = changes.state_of(row, without=self.unrecorded)
        fallen = chain.from_iterable(rows for model, rows in found.data.items() if model is not type(row))
        return own | {f"{other._meta.model_name}:{other.pk}": changes.state_of(other) for other in fallen}

    # ------------------------------------------------------------ what may be asked for
    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Only what the page offers as a filter: any other look-up would read columns letter by letter."""
        offered = [name for name in (*map(_parameter, self.list_filter), self.date_hierarchy) if name]
        asked = any(lookup == name or lookup.startswith(f"{name}__") for name in offered)
        return asked and super().lookup_allowed(lookup, value, request)


def _parameter(item: Any) -> str:
    """What an entry of `list_filter` is called in a query."""
    if isinstance(item, type) and issubclass(item, admin.SimpleListFilter):
        return str(item.parameter_name)
    return item if isinstance(item, str) else str(item[0])


def refusal_words(error: ValidationError | IntegrityError) -> list[str]:
    if isinstance(error, ValidationError):
        return list(error.messages)
    return [_("It collides with a change made at the same moment. Look at how things are now, and save again.")]
