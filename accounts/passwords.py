"""What a password must be, and how many wrong ones are checked."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.addresses import Address, neighbourhood
from accounts.models import PasswordThrottle
from accounts.names import normalise_username
from accounts.waiting import ThrottledError

LEAST: Final = 10  # NIST SP 800-63B-4 asks for 8 beside a second factor, and every account here has one
MOST: Final = 1024  # longer ones are refused before hashing: hashing megabytes is a way to stop a server
OWN_CHARACTERS: Final = 8
SHORTEST_WORD: Final = 4
NOT_A_CHARACTER_OF_ITS_OWN: Final = re.compile(r"[\W_]+")

FREE_TRIES: Final = 5
FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(minutes=15)
FORGOTTEN_AFTER: Final = timedelta(days=1)
CLEARED_AT_ONCE: Final = 100


class LengthValidator:
    """At least ten code points, at most 1,024. No rule about kinds of characters: length is what helps."""

    def validate(self, password: str, user: Any = None) -> None:
        if len(password) < LEAST:
            message = ngettext(
                "This password is too short: use at least %(least)d character.",
                "This password is too short: use at least %(least)d characters.",
                LEAST,
            )
            raise ValidationError(message, code="password_too_short", params={"least": LEAST})
        if len(password) > MOST:
            raise ValidationError(
                _("This password is too long: use at most %(most)d characters."),
                code="password_too_long",
                params={"most": MOST},
            )

    def get_help_text(self) -> str:
        text = _("At least %(least)d characters. A few words in a row are easy to remember and hard to guess.")
        return text % {"least": LEAST}


class ContextValidator:
    """Not the username, not only words of this place, and no NUL, at which other software stops reading."""

    def validate(self, password: str, user: Any = None) -> None:
        if "\0" in password:
            raise ValidationError(_("A password cannot contain a NUL character."), code="password_with_nul")
        folded = password.casefold()
        username = user.get_username() if user is not None else ""
        if len(username) > 2 and username.casefold() in folded:
            raise ValidationError(
                _("This password contains your username: leave it out."), code="password_with_username"
            )
        own = folded
        for word in _words_of_this_place():
            own = own.replace(word, "")
        if own != folded and len(NOT_A_CHARACTER_OF_ITS_OWN.sub("", own)) < OWN_CHARACTERS:
            raise ValidationError(
                _("This password is mostly the name of this product or host: add other words."),
                code="password_of_this_place",
            )

    def get_help_text(self) -> str:
        return _("Not your username, nor the name of this product or host.")


def _words_of_this_place() -> Iterator[str]:
    """Names that a guesser tries first here, longest first."""
    labels = [label for host in settings.ALLOWED_HOSTS for label in re.split(r"[^a-z0-9]+", host.casefold())]
    words = {"ztproject", settings.ZT_ISSUER.casefold(), *labels}
    yield from sorted((word for word in words if len(word) >= SHORTEST_WORD), key=len, reverse=True)


def wait_after(failures: int) -> timedelta:
    """How long to wait after so many wrong passwords in a row: nothing up to four, then 30 s, doubling up to 15 min."""
    if failures < FREE_TRIES:
        return timedelta(0)
    return min(FIRST_WAIT * 2 ** min(failures - FREE_TRIES, 16), LONGEST_WAIT)


def count_try(username: str, address: Address | None, at: datetime) -> None:
    """Count a password as wrong before it is checked, so that parallel guesses cannot all be checked.

    Counted for the name as typed by somebody near `address`: the same for a name that does not exist, and nothing that
    somebody elsewhere could use to keep a person out. Raises ThrottledError.
    """
    _clear_stale(at)
    with transaction.atomic():
        throttles = PasswordThrottle.objects.select_for_update()
        throttle, _created = throttles.get_or_create(pk=_key_hash(username, address), defaults={"failed_at": at})
        until = throttle.failed_at + wait_after(throttle.failures)
        if until > at:
            raise ThrottledError(until)
        throttle.failures, throttle.failed_at = throttle.failures + 1, at
        throttle.save()


def forget_tries(username: str, address: Address | None) -> None:
    """The password was right."""
    PasswordThrottle.objects.filter(pk=_key_hash(username, address)).delete()


def _clear_stale(at: datetime) -> None:
    with transaction.atomic():
        stale = PasswordThrottle.objects.select_for_update(skip_locked=True).filter(failed_at__lt=at - FORGOTTEN_AFTER)
        keys = list(stale.values_list("pk", flat=True)[:CLEARED_AT_ONCE])
        if keys:
            PasswordThrottle.objects.filter(pk__in=keys).delete()


def _key_hash(username: str, address: Address | None) -> str:
    value = f"{normalise_username(username)}\0{neighbourhood(address)}"
    return salted_hmac("accounts.passwords", value, algorithm="sha256").hexdigest()
