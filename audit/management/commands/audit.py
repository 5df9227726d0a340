"""`manage.py audit`: verify the ledger, show it, put its triggers back. Data on stdout, everything else on stderr."""

import json
import sys
from argparse import ArgumentTypeError
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit import chain, triggers
from audit.escaping import visible
from audit.models import Entry
from audit.querysets import COLUMNS
from audit.verification import Verification, verify


class Command(BaseCommand):
    help = "Verify or show the ledger, or put its append-only triggers back."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)

        verifying = actions.add_parser("verify", help="read the whole chain; exit 0 when it is whole, 1 when broken")
        verifying.add_argument("--json", action="store_true", help="print the result as one line of JSON")
        verifying.add_argument("--head", default="", help="a head noted earlier, which the chain must contain")

        showing = actions.add_parser("show", help="print entries, oldest first, one a line")
        showing.add_argument("--json", action="store_true", help="one JSON object a line, with the hashes")
        showing.add_argument("--kind", help="only this kind, such as sign_in.failed")
        showing.add_argument("--subject", help="only this subject")
        showing.add_argument("--since", type=moment, help="only from this date, or date and time, on")
        showing.add_argument(
            "--limit", type=limit, default=100, help="only the newest; 0 for all (default: %(default)s)"
        )

        actions.add_parser("protect", help="put the append-only triggers back into the database")

    def handle(self, *, action: str, **options: Any) -> None:
        if action == "verify":
            self.verify(noted=options["head"], as_json=options["json"])
        elif action == "show":
            self.show(options)
        else:
            triggers.install(connection)
            self.stderr.write(_("The append-only triggers are in place."), self.style.SUCCESS)

    def verify(self, *, noted: str, as_json: bool) -> None:
        verification = verify(noted=noted)
        self.stdout.write(json_of(verification) if as_json else text_of(verification))
        if not verification.ok:
            sys.exit(1)

    def show(self, options: dict[str, Any]) -> None:
        wanted = {"kind": options["kind"], "subject": options["subject"], "at__gte": options["since"]}
        entries = Entry.objects.filter(**{name: value for name, value in wanted.items() if value is not None})
        line = json_line if options["json"] else text_line
        for content, entry_hash in entries.newest(options["limit"]).stored():
            self.stdout.write(line(content, entry_hash))


def moment(text: str) -> datetime:
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None:
        raise ArgumentTypeError(_("`%(text)s` is no date: expected 2026-11-24 or 2026-11-24T09:30") % {"text": text})
    return timezone.make_aware(at) if timezone.is_naive(at) else at


def limit(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(_("`%(text)s` is no number of entries: expected 0 or more") % {"text": text})
    return int(text)


def json_of(verification: Verification) -> str:
    return chain.canonical({"ok": verification.ok} | asdict(verification))


def text_of(verification: Verification) -> str:
    """The result in words: what is whole, and where the ledger is broken."""
    entries = ngettext("%(count)d entry", "%(count)d entries", verification.count) % {"count": verification.count}
    if verification.fault is None:
        return _("The ledger is whole: %(entries)s, head %(head)s.") % {"entries": entries, "head": verification.head}
    facts = {"entries": entries, "fault": verification.fault.label}
    if verification.broken_id is None:
        return _("The ledger is broken: %(fault)s. Whole up to there: %(entries)s.") % facts
    entry = f"{verification.broken_id} {visible(verification.broken_reference)}".rstrip()
    return _("The ledger is broken at entry %(entry)s: %(fault)s. Whole up to there: %(entries)s.") % {
        "entry": entry,
        **facts,
    }


def text_line(content: chain.Content, _entry_hash: str) -> str:
    """An entry for people: columns between tabs, a dash where there is nothing, nothing unprintable inside."""
    columns = (
        content.at,
        str(content.id),
        content.kind,
        content.reference,
        content.actor,
        content.subject,
        content.data,
    )
    return "\t".join(visible(column) or "-" for column in columns)


def json_line(content: chain.Content, entry_hash: str) -> str:
    """An entry as the canonical JSON its hash is made of, with that hash in it."""
    try:
        data = json.loads(content.data)
    except (ValueError, RecursionError):
        data = content.data
    columns = zip(("id", *COLUMNS), (*content, entry_hash), strict=True)
    return chain.canonical(dict(columns) | {"data": data}).replace("\x7f", r"\u007f")
