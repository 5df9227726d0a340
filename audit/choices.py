"""Rows as staff choose them on a page: what names no row is an error of the form, and the page can show it again.

Django's own widget of an autocomplete field looks up whatever was sent, and its field of many rows whatever reads as a
number: a forged page would end in an error of the database.
"""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest


def may_name(model: type[Model], value: Any) -> bool:
    """Whether `value` could be the key of a row of `model`."""
    key = model._meta.pk
    try:
        key.run_validators(key.to_python(str(value)))
    except (ValidationError, UnicodeError):
        return False
    return True


class RowSelect(AutocompleteSelect):
    def optgroups(self, name: str, value: Iterable[Any], attr: Any = None) -> Any:
        return super().optgroups(name, _nameable(self, value), attr)


class RowsSelect(AutocompleteSelectMultiple):
    def optgroups(self, name: str, value: Iterable[Any], attr: Any = None) -> Any:
        return super().optgroups(name, _nameable(self, value), attr)


def _nameable(widget: Any, value: Iterable[Any]) -> list[Any]:
    """What of `value` can be looked up; what stands for nothing chosen stays."""
    model = widget.choices.queryset.model
    return [one for one in value if one in widget.choices.field.empty_values or may_name(model, one)]


class RowsField(forms.ModelMultipleChoiceField):
    def clean(self, value: Any) -> Any:
        assert self.queryset is not None  # Django's own way to a field for rows
        for one in value if isinstance(value, list | tuple) else ():
            if not may_name(self.queryset.model, one):
                raise ValidationError(
                    self.error_messages["invalid_pk_value"], code="invalid_pk_value", params={"pk": one}
                )
        return super().clean(value)


class ChoosingPage:
    """A page of the admin, or a part of one, whose fields choose rows with the above."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if "widget" not in kwargs and db_field.name in self.get_autocomplete_fields(request):  # type: ignore[attr-defined]  # of the admin's page that this is mixed into
            kwargs["widget"] = RowSelect(db_field, self.admin_site, using=kwargs.get("using"))  # type: ignore[attr-defined]
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        if "widget" not in kwargs and db_field.name in self.get_autocomplete_fields(request):  # type: ignore[attr-defined]
            kwargs["widget"] = RowsSelect(db_field, self.admin_site, using=kwargs.get("using"))  # type: ignore[attr-defined]
        return super().formfield_for_manytomany(db_field, request, **{"form_class": RowsField} | kwargs)  # type: ignore[misc]
