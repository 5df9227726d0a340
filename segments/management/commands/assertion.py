"""`manage.py assertion`: the keys that sign who is asking. Data on stdout, everything else on stderr."""

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from segments import assertion_keys
from segments.management.policy_verbs.output import Exit, Output, VerbError
from segments.models import AssertionKey

Verb = Callable[[dict[str, Any], Output], None]


class Command(BaseCommand):
    help = "Replace, show and reseal the keys that sign who is asking."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.epilog = "Exit codes: 0 done, 1 failed, 2 usage."
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

        rotating = verbs.add_parser("rotate-key", help="replace the key that signs, and print the id of the new one")
        rotating.add_argument(
            "--at-once", action="store_true", help="the key may be in other hands: withdraw it and all older ones now"
        )
        showing = verbs.add_parser("keys", help="print the published keys, newest first, one a line")
        showing.add_argument("--json", action="store_true", help="one line of JSON")

        verbs.add_parser("jwks", help="print the key set as applications fetch it")
        verbs.add_parser("reseal", help="encrypt the private keys with the first key of ZT_ASSERTION_KEYS")

    def handle(self, *, verb: str, **options: Any) -> None:
        try:
            VERBS[verb](options, Output(self.stdout, self.stderr))
        except VerbError as error:
            self.stderr.write(str(error))
            sys.exit(error.code)


def rotate_key(options: dict[str, Any], output: Output) -> None:
    now = timezone.now()
    key = assertion_keys.rotate(now, at_once=options["at_once"])
    output.data(key.kid)
    if options["at_once"]:
        output.say(_("It signs now, and every older key is withdrawn: applications refuse those within five minutes."))
    elif key.signs_from > now:
        output.say(_("It is published now and signs from %s on.") % key.signs_from.isoformat(timespec="seconds"))
    else:
        output.say(_("It is the first key, and signs now."))


def keys(options: dict[str, Any], output: Output) -> None:
    now = timezone.now()
    rows = list(assertion_keys.published(now))
    if options["json"]:
        output.json([as_json(row, rows, now) for row in rows])
        return
    for row in rows:
        output.data("\t".join(value or "-" for value in as_json(row, rows, now).values()))
    if not rows:
        output.say(_("There is no key yet: the first is made when somebody is let into an application."))


def jwks(_options: dict[str, Any], output: Output) -> None:
    output.data(assertion_keys.jwks_document(timezone.now()).decode())


def reseal(_options: dict[str, Any], output: Output) -> None:
    broken = assertion_keys.reseal()
    if broken:
        raise VerbError(
            _(
                "No configured key opens %s: put the key it was sealed with back into ZT_ASSERTION_KEYS, "
                "or make a new one with `manage.py assertion rotate-key --at-once`."
            )
            % ", ".join(broken),
            Exit.FAILED,
        )
    output.say(_("Every private key is under the first key now: take the others out of ZT_ASSERTION_KEYS."))


VERBS: Final[dict[str, Verb]] = {"rotate-key": rotate_key, "keys": keys, "jwks": jwks, "reseal": reseal}


def as_json(row: AssertionKey, published: list[AssertionKey], at: datetime) -> dict[str, str | None]:
    return {
        "kid": row.kid,
        "state": state(row, published, at),
        "signs_from": moment(row.signs_from),
        "published_until": moment(row.published_until),
    }


def state(row: AssertionKey, published: list[AssertionKey], at: datetime) -> str:
    """`next` does not sign yet, `signs` does, `replaced` only verifies what it signed."""
    if row.signs_from > at:
        return "next"
    newest = max(other.signs_from for other in published if other.signs_from <= at)
    return "signs" if row.signs_from == newest else "replaced"


def moment(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
