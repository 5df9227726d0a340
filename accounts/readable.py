"""Admin pages in words for those who may look and not change: Django would show them lists and hours as JSON."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest


def in_words(name: str, label: Any, told: Callable[[Any], str]) -> Callable[[Any, Any], str]:
    """A column as a text to read."""

    @admin.display(description=label)
    def shown(_page: Any, row: Any) -> str:
        return told(getattr(row, name)) or "—"

    return shown


class ReadablePage:
    """Where nothing can be edited, the columns of `readable` give way to `<column>_in_words`."""

    readable: tuple[str, ...] = ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)  # type: ignore[misc]  # of the admin's page that this is mixed into
        if self.is_editable(request, obj):
            return fieldsets
        return [
            (title, options | {"fields": list(map(self._readable, options["fields"]))}) for title, options in fieldsets
        ]

    def is_editable(self, request: HttpRequest, obj: Any) -> bool:
        return obj is None or self.has_change_permission(request, obj)  # type: ignore[attr-defined]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = [] if self.is_editable(request, obj) else [f"{name}_in_words" for name in self.readable]
        return (*super().get_readonly_fields(request, obj), *shown)  # type: ignore[misc]

    def _readable(self, field: Any) -> Any:
        if isinstance(field, tuple):
            return tuple(map(self._readable, field))
        return f"{field}_in_words" if field in self.readable else field


def listed(items: Iterable[str] | None) -> str:
    return ", ".join(items or ())
