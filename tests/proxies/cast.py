"""The people of the proxy suite, made inside `manage.py shell`, and the cookies by which applications know them.

alice may read what is public and write in the workshop, bob may enter finance, carol has no role but a grant of her
own, eve's session is over, grace comes and frank leaves again and again. Everybody signs in through the pages of the
portal, and comes to an application with a ticket.
"""

import json

from django.conf import settings
from django.contrib.auth.hashers import get_hasher, make_password
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts import applications, sessions
from accounts.models import Session, User
from tests import factories

APP = "app.localhost"
OTHER = "hr.localhost"
LEAVES = 5  # one session of frank's for each proxy


def prepare(policy: str) -> None:
    """A database with what is in the policy file."""
    call_command("migrate", verbosity=0)
    call_command("policy", "load", policy)


def tell() -> None:
    """Print each person's key for APP, and for alice what the portal and OTHER know her by."""
    get_hasher().rounds = 4  # type: ignore[attr-defined]  # of this process alone: bcrypt's least
    User.objects.update(password=make_password(factories.PASSWORD))
    portal = {person.username: portal_key(person) for person in User.objects.all()}
    told = {name: application_key(key, APP) for name, key in portal.items()}
    told |= {"alice-other": application_key(portal["alice"], OTHER)}
    told |= {f"{name}-portal": portal[name] for name in portal}
    told |= {f"frank-{number}": portal_key(User.objects.get(username="frank")) for number in range(LEAVES)}
    sessions.end(Session.objects.filter(user__username="eve"))
    print(json.dumps(told))  # noqa: T201 (the answer of the command)


def portal_key(person: User) -> str:
    client = Client(SERVER_NAME="localhost")
    factories.sign_in(client, person)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def application_key(portal: str, host: str) -> str:
    """What a browser is given for its ticket."""
    session = Session.objects.get(pk=sessions.key_hash(portal))
    secret, at = applications.new_secret(), timezone.now()
    ticket = applications.issue_ticket(
        sid=session.sid, host=host, challenge=applications.challenge_of(secret), target=f"http://{host}/", at=at
    )
    entrance = applications.redeem(ticket=ticket, host=host, secret=secret, address=None, at=at)
    assert entrance is not None
    return entrance.key
