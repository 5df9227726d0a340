"""The cast and their things. A test names the facts it depends on; the rest comes from here.

alice may, bob may not, carol is staff, dave is disabled, sam is the superuser; each has a password, an authenticator
app and kept recovery codes, unless said otherwise. `sign_in` goes through the pages, as a person would.
"""

import time
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import TOTP

from accounts import applications
from accounts.authenticators import recovery, totp
from accounts.authenticators.totp import TOTPDevice
from accounts.models import Role, RoleAssignment, ServiceAccount, Session, User
from accounts.sessions import key_hash

PASSWORD = "wren sand Quill 58 pebble"


def user(username: str = "alice", *, enrolled: bool = True, roles: tuple[str, ...] = (), **fields: Any) -> User:
    """A person with PASSWORD; `roles` are slugs and are made where they do not exist."""
    person = User.objects.create_user(username, fields.pop("password", PASSWORD), name=username.title(), **fields)
    if enrolled:
        app(person)
        recovery_codes(person)
    for slug in roles:
        assignment(person, role(slug))
    return person


def alice(**fields: Any) -> User:
    return user("alice", **fields)


def bob(**fields: Any) -> User:
    return user("bob", **fields)


def carol(**fields: Any) -> User:
    """Staff, with the role that opens the administration; no permission of Django's yet."""
    return user("carol", **{"is_staff": True, "roles": (Role.ADMINISTRATOR,)} | fields)


def dave(**fields: Any) -> User:
    return user("dave", is_active=False, **fields)


def sam(**fields: Any) -> User:
    return user("sam", **{"is_staff": True, "is_superuser": True, "roles": (Role.ADMINISTRATOR,)} | fields)


def role(slug: str) -> Role:
    return Role.objects.get_or_create(slug=slug, defaults={"name": slug.title()})[0]


def assignment(holder: User | ServiceAccount, held: Role, **fields: Any) -> RoleAssignment:
    field = "user" if isinstance(holder, User) else "service_account"
    return RoleAssignment.objects.create(role=held, **{field: holder}, **fields)


def app(person: User, name: str = "phone", *, confirmed: bool = True) -> TOTPDevice:
    """An authenticator app whose codes were never used."""
    device = totp.begin_enrolment(person, name)
    if confirmed:
        device.confirmed = True
        device.save(update_fields=["confirmed"])
    return device


def code(device: TOTPDevice, *, steps: int = 0, at: float | None = None) -> str:
    """What the app shows now, or `steps` times 30 seconds later."""
    shown = TOTP(device.key, step=totp.STEP)
    shown.time = (time.time() if at is None else at) + steps * totp.STEP
    return f"{shown.token():06}"


def wrong_code(device: TOTPDevice) -> str:
    """Six digits that are no code of the app around now."""
    near = {code(device, steps=steps) for steps in range(-3, 4)}
    return next(text for text in (f"{digit}" * 6 for digit in range(8)) if text not in near)


def recovery_codes(person: User) -> tuple[str, ...]:
    """Ten codes that the person said are kept."""
    codes = recovery.issue(person)
    recovery.acknowledge(person)
    return codes


def browser(**defaults: Any) -> Client:
    """A client that asks for pages, as a browser does when a person clicks."""
    return Client(headers={"accept": "text/html", "sec-fetch-mode": "navigate"}, **defaults)


def enter_password(client: Client, person: User | str, password: str = PASSWORD, **data: str) -> Any:
    """The first step only: what a half-signed-in person has."""
    username = person.username if isinstance(person, User) else person
    return client.post(reverse("accounts:login"), {"username": username, "password": password, **data})


def sign_in(client: Client, person: User, *, password: str = PASSWORD) -> TOTPDevice:
    """Password and code, through the pages. A code that was used a moment ago counts as unused again."""
    device = TOTPDevice.objects.filter(user=person, confirmed=True).first() or app(person)
    if not recovery.has_saved(person):
        recovery_codes(person)
    TOTPDevice.objects.filter(pk=device.pk).update(last_step=-1)
    answer = enter_password(client, person, password)
    assert (answer.status_code, answer.headers.get("Location")) == (302, reverse("accounts:verify")), answer.content
    answer = client.post(reverse("accounts:verify"), {"code": code(device)})
    assert answer.status_code == 302, answer.content
    device.refresh_from_db()
    return device


def verified_ago(client: Client, **ago: float) -> None:
    """Make the second factors of this client's session older: by as much as timedelta takes."""
    row = Session.objects.get(pk=key_hash(client.cookies[settings.SESSION_COOKIE_NAME].value))
    moment = timezone.now() - timedelta(**ago)
    row.verifications = [stored | {"at": moment.isoformat()} for stored in row.verifications]
    row.save(update_fields=["verifications"])


def session(person: User, *, verified: bool = True, client: Client | None = None) -> Session:
    """A sign-in of `person` as it is stored, with the second factor given now or not at all; in `client`, if given."""
    client = client or Client()
    client.force_login(person)
    store = client.session
    if verified:
        device = TOTPDevice.objects.filter(user=person, confirmed=True).first() or app(person)
        store.add_verification(device, timezone.now())
        store.save()
    return Session.objects.get(sid=store.sid)


def application_cookie(carried: Session, host: str = "app.example.test", *, at: datetime | None = None) -> str:
    """What a browser with this session is known by at `host`, after it came there by a ticket."""
    at, secret = at or timezone.now(), applications.new_secret()
    challenge = applications.challenge_of(secret)
    ticket = applications.issue_ticket(
        sid=carried.sid, host=host, challenge=challenge, target=f"https://{host}/", at=at
    )
    entrance = applications.redeem(ticket=ticket, host=host, secret=secret, address=None, at=at)
    assert entrance is not None
    return entrance.key
