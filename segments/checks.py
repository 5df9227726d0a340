"""Deployment mistakes that can be seen from here."""

from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 (Django's name)
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

from segments import url_configuration

INITIAL: Final = ("segments", "0001_initial")
LOCAL: Final = ("localhost", "127.0.0.1", "[::1]", "::1")


def views_without_segment(names: Sequence[str]) -> CheckMessage:
    return Warning(
        _("No segment has a resource for these views, so they are closed to everybody: %s.") % ", ".join(names),
        hint=_(
            "Put each into a segment, in the admin or in a policy file (`view: payroll:*` is a whole namespace); "
            "or mark it with `django.contrib.auth.decorators.login_not_required` if everybody may call it."
        ),
        id="segments.W001",
    )


def plain_http(hosts: Sequence[str]) -> CheckMessage:
    return Error(
        _("ZT_TLS is off, and this answers to %s: passwords, codes and cookies would cross the network in clear.")
        % ", ".join(hosts),
        hint=_("Switch ZT_TLS on and put a proxy with TLS in front, or answer to localhost alone (ALLOWED_HOSTS)."),
        id="segments.E001",
    )


@register()
def check_views(**_kwargs: Any) -> list[CheckMessage]:
    """Views that no segment has. Silent where there is no stored policy yet: `migrate` runs the checks first."""
    try:
        if INITIAL not in MigrationRecorder(connection).applied_migrations():
            return []
        names = url_configuration.unmapped()
    except (DatabaseError, ValueError):  # no database, or rows that are no policy: said where that matters
        return []
    return [views_without_segment(names)] if names else []


@register(Tags.security, deploy=True)
def check_plain_http(**_kwargs: Any) -> list[CheckMessage]:
    hosts = [host for host in settings.ALLOWED_HOSTS if not _is_local(host)]
    return [plain_http(hosts)] if hosts and not settings.ZT_TLS else []


def _is_local(host: str) -> bool:
    return host in LOCAL or host.endswith(".localhost")
