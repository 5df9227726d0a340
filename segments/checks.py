"""Deployment mistakes that can be seen from here."""

from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 (Django's name)
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

from segments import url_configuration
from segments.models import Resource
from segments.validation import is_local, is_portal_host, is_wildcard_over_portal, portal_host

INITIAL: Final = ("segments", "0001_initial")


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


def applications_in_clear(names: Sequence[str]) -> CheckMessage:
    return Error(
        _("ZT_TLS is off, so these applications are closed: %s. Without TLS there is localhost alone.")
        % ", ".join(names),
        hint=_("Switch ZT_TLS on and put a proxy with TLS in front, or give them names below `.localhost`."),
        id="segments.E003",
    )


def portal_host_taken(names: Sequence[str]) -> CheckMessage:
    return Error(
        _("Applications are on the portal's own host, %(host)s, and get its cookie: %(names)s.")
        % {"host": portal_host(), "names": ", ".join(names)},
        hint=_("Give each a host of its own, or the portal another one in ZT_PORTAL_URL."),
        id="segments.E002",
    )


def portal_under_wildcard(names: Sequence[str]) -> CheckMessage:
    return Warning(
        _("A wildcard covers the portal's own host, %(host)s: %(names)s.")
        % {"host": portal_host(), "names": ", ".join(names)},
        hint=_(
            "See to it that the proxy sends that host to the portal and never to the application, which would get the "
            "portal's cookie; or give the portal a host that the wildcard does not cover."
        ),
        id="segments.W003",
    )


NO_PORTAL_URL: Final = Warning(
    "ZT_PORTAL_URL is empty: applications can neither send people to the portal to sign in, nor be told who asks.",
    hint="Set it to the address that browsers know the portal by, such as https://portal.example.test.",
    id="segments.W002",
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
    hosts = [host for host in settings.ALLOWED_HOSTS if not is_local(host)]
    return [plain_http(hosts)] if hosts and not settings.ZT_TLS else []


@register(Tags.security, deploy=True)
def check_portal_url(**_kwargs: Any) -> list[CheckMessage]:
    return [NO_PORTAL_URL] if settings.ZT_TLS and not settings.ZT_PORTAL_URL else []


@register(Tags.security, deploy=True)
def check_applications_in_clear(**_kwargs: Any) -> list[CheckMessage]:
    names = [name for name, host in _applications() if not is_local(host.removeprefix("*."))]
    return [applications_in_clear(names)] if names and not settings.ZT_TLS else []


@register()
def check_portal_host(**_kwargs: Any) -> list[CheckMessage]:
    """Rows that were stored before the portal got its address: since then they are refused."""
    if not portal_host():
        return []
    rows = _applications()
    taken = [name for name, host in rows if is_portal_host(host)]
    over = [name for name, host in rows if is_wildcard_over_portal(host)]
    return [*([portal_host_taken(taken)] if taken else []), *([portal_under_wildcard(over)] if over else [])]


def _applications() -> list[tuple[str, str]]:
    """Name and host of each web application; none where there is no stored policy yet."""
    try:
        if INITIAL not in MigrationRecorder(connection).applied_migrations():
            return []
        return list(Resource.objects.filter(kind=Resource.Kind.WEB).order_by("name").values_list("name", "host"))
    except DatabaseError:
        return []
