"""Checks of the deployment."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections
from django.utils.translation import gettext as _

from audit import triggers


def triggers_missing(names: Sequence[str], alias: str) -> Error:
    return Error(
        _("The ledger in the database `%(alias)s` can be changed: %(names)s missing or altered.")
        % {"alias": alias, "names": ", ".join(names)},
        hint=_("Run `manage.py audit protect`, then `manage.py audit verify` to see whether anything was changed."),
        id="audit.E001",
    )


@register(Tags.database)
def check_append_only(*, databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """The triggers are in the database once their migration is. Silent before: `migrate` runs the checks first."""
    return [
        triggers_missing(names, alias)
        for alias in databases or ()
        if triggers.wanted(connections[alias]) and (names := triggers.missing(connections[alias]))
    ]
