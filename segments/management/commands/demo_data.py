"""`manage.py demo_data`: the sample policy and the sample people, for a first look. Passwords on stdout, once."""

import os
import secrets
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import sessions
from accounts.models import Role, User
from accounts.roles import grant_role
from audit import ledger
from segments import policyfile
from segments.policyfile import GuardrailsBroken, PolicyFileError

SAMPLE_UPSTREAM: Final = "http://127.0.0.1:9001"  # where the sample policy says that its applications are
SAMPLE: Final = Path(__file__).resolve().parents[2] / "sample" / "policy.yaml"
ADMINISTRATOR: Final = "ada"
VISITING: Final = "dora"  # holds a role that ends soon, whenever this is run
VISIT: Final = timedelta(days=14)
PEOPLE: Final = {
    ADMINISTRATOR: gettext_lazy("administers; may open the admin"),
    "alice": gettext_lazy("keeps the books: Finance opens, People does not, Treasury asks for a passkey first"),
    "ben": gettext_lazy("engineer; reads Finance until mid-2027"),
    "carol": gettext_lazy("head of finance, and of the people"),
    VISITING: gettext_lazy("contractor; audits Finance for two weeks"),
}
FALSE_WORDS: Final = ("false", "off", "no", "0")
ALPHABET: Final = "abcdefghjkmnpqrstvwxyz23456789"  # nothing that is read as something else


class Command(BaseCommand):
    help = "Load the sample policy and make the sample people. Runs once; later runs change nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--reset-passwords", action="store_true", help=_("give the sample people new passwords and print them")
        )

    def handle(self, *, reset_passwords: bool, **_options: Any) -> None:
        self.refuse_production()
        if not User.objects.filter(username__in=PEOPLE).exists():
            self.begin()
        elif reset_passwords:
            self.show(reset())
        else:
            self.stderr.write(
                _(
                    "The sample people are there; their passwords were printed when they were made. "
                    "`manage.py demo_data --reset-passwords` gives them new ones."
                ),
                lambda line: line,
            )

    def refuse_production(self) -> None:
        """Sample people are for a database nobody depends on."""
        if os.environ.get("DEBUG", "unset").strip().lower() in FALSE_WORDS and not settings.DEBUG:
            raise CommandError(_("DEBUG is switched off, so this is a production environment: no sample people here"))
        if connection.vendor != "sqlite":
            raise CommandError(_("the database is not SQLite, so it may be somebody's own: no sample people there"))

    def begin(self) -> None:
        try:
            passwords = make()
        except PolicyFileError as error:
            raise CommandError(str(error)) from None
        except GuardrailsBroken as error:
            raise CommandError(_("the sample does not fit the policy that is there: %s") % error) from None
        self.show(passwords)

    def show(self, passwords: dict[str, str]) -> None:
        self.stdout.write(_("The sample people, and their passwords:"))
        for username, password in passwords.items():
            self.stdout.write(f"  {username:<6}  {password}  {PEOPLE[username]}")
        self.stderr.write(_("They are not shown again. Each enrols an authenticator app first."), lambda line: line)


@transaction.atomic
def make() -> dict[str, str]:
    """Load the sample policy and give the people it names passwords. Returns them by username."""
    now = timezone.now()
    text = SAMPLE.read_text(encoding="utf-8").replace(SAMPLE_UPSTREAM, upstream())
    policyfile.load(policyfile.read(text.encode(), SAMPLE.name), now=now)
    User.objects.filter(username=ADMINISTRATOR).update(is_superuser=True)
    auditor, visitor = Role.objects.get(slug="auditor"), User.objects.get(username=VISITING)
    grant_role(role=auditor, holder=visitor, reason=_("audit of the year 2026"), expires_at=now + VISIT)
    return reset()


@transaction.atomic
def reset() -> dict[str, str]:
    """New passwords for the sample people that are there, by username. Ends their sessions."""
    passwords = {}
    for person in User.objects.filter(username__in=PEOPLE):
        passwords[person.username] = password = generated_password()
        person.set_password(password)
        person.save(update_fields=["password"])
        sessions.end_all(person)
        ledger.record(kind="account.changed", subject=person.subject_id, data={"changed": ["password"]})
    return passwords


def upstream() -> str:
    """Where the sample applications listen."""
    return f"http://127.0.0.1:{os.environ.get('SAMPLE_PORT', '9001')}"


def generated_password() -> str:
    """Four groups of four: 78 random bits that can be read out."""
    return "-".join("".join(secrets.choice(ALPHABET) for _letter in range(4)) for _group in range(4))
