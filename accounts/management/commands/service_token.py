"""`manage.py service_token`: issue, list, rotate and revoke. A token alone on stdout, everything else on stderr."""

import json
import re
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import tokens
from accounts.models import ServiceAccount, ServiceToken
from accounts.tokens import TokenError

EPILOG: Final = "Exit codes: 0 done, 1 failed, 2 usage, 3 not found."
LENGTH: Final = re.compile(r"([0-9]{1,4})([mhd])", re.ASCII)
UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
LARGEST_ID: Final = 2**63 - 1


class Exit(IntEnum):
    FAILED = 1
    NOT_FOUND = 3


class Stop(Exception):
    """The command cannot go on: one line for people, and the exit code."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.code = code


class Command(BaseCommand):
    help = "Issue, list, rotate and revoke tokens of service accounts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.epilog = EPILOG
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

        issuing = verbs.add_parser("issue", help="make a token and print it, this once")
        issuing.add_argument("name", help="of the service account")
        add_lifetime(issuing)
        issuing.add_argument(
            "--network", action="append", default=[], metavar="CIDR", help="only from here; may be given several times"
        )
        issuing.add_argument("--reason", default="", help="written to the ledger")

        listing = verbs.add_parser("list", help="show tokens by their beginning, never whole")
        listing.add_argument("name", nargs="?", help="of one service account")
        listing.add_argument("--json", action="store_true", help="one JSON object a line")

        revoking = verbs.add_parser("revoke", help="end a token now")
        revoking.add_argument("token", help="its number, or how it begins")
        revoking.add_argument("--reason", default="", help="written to the ledger")

        rotating = verbs.add_parser("rotate", help="make a token in place of another, and print it, this once")
        rotating.add_argument("token", help="its number, or how it begins")
        add_lifetime(rotating)
        rotating.add_argument(
            "--overlap", type=length, default="24h", help="how long both are good, such as 30m or 24h (default: 24h)"
        )
        rotating.add_argument("--reason", default="", help="written to the ledger")

    def handle(self, *, verb: str, **options: Any) -> None:
        run = {"issue": self.issue, "list": self.list, "revoke": self.revoke, "rotate": self.rotate}[verb]
        try:
            run(options)
        except (TokenError, Stop) as error:
            self.stderr.write(str(error))
            sys.exit(getattr(error, "code", Exit.FAILED))

    def issue(self, options: dict[str, Any]) -> None:
        token, text = tokens.issue(
            account=account_named(options["name"]),
            expires_at=timezone.now() + options["days"],
            networks=options["network"],
            reason=options["reason"],
        )
        self._tell(token, text)

    def list(self, options: dict[str, Any]) -> None:
        found = ServiceToken.objects.select_related("service_account", "created_by").order_by(
            "service_account__name", "pk"
        )
        if options["name"] is not None:
            found = found.filter(service_account=account_named(options["name"]))
        line = json_line if options["json"] else text_line
        now = timezone.now()
        for token in found:
            self.stdout.write(line(token, now))

    def revoke(self, options: dict[str, Any]) -> None:
        token = token_named(options["token"])
        tokens.revoke(token=token, reason=options["reason"])
        self._say(_("Revoked %s, from now on.") % token)

    def rotate(self, options: dict[str, Any]) -> None:
        old = token_named(options["token"])
        token, text = tokens.rotate(
            token=old,
            expires_at=timezone.now() + options["days"],
            overlap=options["overlap"],
            reason=options["reason"],
        )
        old.refresh_from_db()
        self._tell(token, text)
        self._say(_("The old one, %(old)s, is good until %(until)s.") % {"old": old, "until": moment(old.expires_at)})

    def _tell(self, token: ServiceToken, text: str) -> None:
        self.stdout.write(text)
        words = _("Token %(number)d, %(token)s, is good until %(until)s. It is not shown again.")
        self._say(words % {"number": token.pk, "token": token, "until": moment(token.expires_at)})

    def _say(self, text: str) -> None:
        self.stderr.write(text, lambda line: line)  # no error: no colour


# ---------------------------------------------------------------- what is meant
def add_lifetime(parser: CommandParser) -> None:
    parser.add_argument(
        "--days", type=days, required=True, help=f"how long it is good, {tokens.LONGEST_LIFE.days} at most"
    )


def days(text: str) -> timedelta:
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= tokens.LONGEST_LIFE.days:
        raise ArgumentTypeError(f"`{text[:20]}` is no lifetime: expected 1 to {tokens.LONGEST_LIFE.days} days")
    return timedelta(days=int(text))


def length(text: str) -> timedelta:
    found = LENGTH.fullmatch(text)
    if found is None:
        raise ArgumentTypeError(f"`{text[:20]}` is no length of time: write it as 30m, 24h or 7d")
    return int(found[1]) * UNITS[found[2]]


def account_named(name: str) -> ServiceAccount:
    found = ServiceAccount.objects.filter(name=name.removeprefix("service:")).first()
    if found is None:
        raise Stop(_("there is no service account `%s`") % name[:80], Exit.NOT_FOUND)
    return found


def token_named(text: str) -> ServiceToken:
    """The one that has this number, begins so, or is this: what somebody found may be given whole."""
    found = list(meant(text).select_related("service_account")[:2])
    if not found:
        raise Stop(_("there is no token `%s`") % text[: tokens.HINT], Exit.NOT_FOUND)
    if len(found) > 1:
        raise Stop(_("several tokens begin with `%s`: say which by its number") % text[: tokens.HINT])
    return found[0]


def meant(text: str) -> QuerySet[ServiceToken]:
    if tokens.is_well_formed(text):
        return ServiceToken.objects.filter(key_hash=tokens.key_hash(text))
    if re.fullmatch(r"[0-9]{1,19}", text):
        return ServiceToken.objects.filter(pk=min(int(text), LARGEST_ID))
    begins = text.removesuffix("…")
    if not tokens.looks_like_token(begins) or len(begins) > tokens.HINT or "\0" in begins:
        return ServiceToken.objects.none()
    found = ServiceToken.objects.filter(hint__startswith=begins)  # SQLite compares without regard to case
    return found.filter(pk__in=[token.pk for token in found if token.hint.startswith(begins)])


# ---------------------------------------------------------------- what is shown
def text_line(token: ServiceToken, now: datetime) -> str:
    """Columns between tabs, a dash where there is nothing."""
    columns: Iterable[str] = (
        str(token.pk),
        token.service_account.name,
        token.hint,
        tokens.state_of(token, now),
        moment(token.expires_at),
        ", ".join(token.networks),
        token.created_by.subject_id if token.created_by else "",
        moment(token.last_used_at) if token.last_used_at else "",
        token.last_used_address or "",
    )
    return "\t".join(column or "-" for column in columns)


def json_line(token: ServiceToken, now: datetime) -> str:
    return json.dumps(
        {
            "id": token.pk,
            "service_account": token.service_account.name,
            "hint": token.hint,
            "state": tokens.state_of(token, now),
            "networks": token.networks,
            "created_at": moment(token.created_at),
            "created_by": token.created_by.subject_id if token.created_by else None,
            "expires_at": moment(token.expires_at),
            "last_used_at": moment(token.last_used_at) if token.last_used_at else None,
            "last_used_address": token.last_used_address,
            "revoked_at": moment(token.revoked_at) if token.revoked_at else None,
            "replaced_by": token.replaced_by_id,
        },
        ensure_ascii=False,
    )


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
