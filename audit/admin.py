"""The ledger in the admin: to be read, by nobody to be changed."""

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit.escaping import visible
from audit.models import Entry


@admin.register(Entry)
class EntryAdmin(admin.ModelAdmin):
    list_display = ("reference", "at", "kind", "actor_text", "subject_text")
    list_filter = ("at", "kind")
    list_per_page = 50
    search_fields = ("reference", "actor", "subject")
    search_help_text = _("Search for a reference, an actor or a subject.")
    show_full_result_count = False  # the ledger grows with every request: counting it all would take long
    actions = None
    fields = ("id", "at", "kind", "reference", "actor_text", "subject_text", "details", "previous_hash", "hash")
    readonly_fields = fields

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Entry | None = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Entry | None = None) -> bool:
        return False

    @admin.display(description=_("actor"), ordering="actor")
    def actor_text(self, entry: Entry) -> str:
        return visible(entry.actor)

    @admin.display(description=_("subject"), ordering="subject")
    def subject_text(self, entry: Entry) -> str:
        return visible(entry.subject)

    @admin.display(description=_("data"))
    def details(self, entry: Entry) -> SafeString:
        return as_list(entry.data)


def as_list(value: Any) -> SafeString:
    """A JSON value as nested definition and bullet lists, every text in it escaped."""
    if isinstance(value, dict):
        rows = ((visible(name), as_list(inner)) for name, inner in value.items())
        return format_html("<dl>{}</dl>", format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows))
    if isinstance(value, list):
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((as_list(inner),) for inner in value)))
    return format_html("{}", visible(value if isinstance(value, str) else json.dumps(value)))
