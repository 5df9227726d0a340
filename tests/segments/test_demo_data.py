"""The sample: loads on an empty database, once; passwords are shown once; never near production."""

import io
import re

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.models import RoleAssignment, User
from audit.models import Entry
from segments import guardrails, lint, policyfile
from segments.management.commands.demo_data import SAMPLE

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture(autouse=True)
def _not_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEBUG")


def demo_data(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("demo_data", *arguments, stdout=out, stderr=err, no_color=True)
    return out.getvalue(), err.getvalue()


def passwords(out: str) -> dict[str, str]:
    return dict(re.findall(r"^  (\w+) +((?:[a-z0-9]{4}-){3}[a-z0-9]{4})  \S", out, re.MULTILINE))


def test_it_makes_people_who_can_sign_in() -> None:
    out, err = demo_data()
    found = passwords(out)
    assert list(found) == ["ada", "alice", "ben", "carol", "dora"]
    assert all(User.objects.get(username=name).check_password(password) for name, password in found.items())
    assert err == "They are not shown again. Each enrols an authenticator app first.\n"


def test_ada_administers_and_nobody_else_does() -> None:
    demo_data()
    assert list(User.objects.filter(is_superuser=True).values_list("username", flat=True)) == ["ada"]
    assert list(User.objects.filter(is_staff=True).values_list("username", flat=True)) == ["ada"]


def test_dora_visits_for_two_weeks() -> None:
    demo_data()
    held = RoleAssignment.objects.get(role__slug="auditor")
    assert held.user is not None
    assert held.expires_at is not None
    assert (held.user.username, (held.expires_at - timezone.now()).days) == ("dora", 13)


def test_a_second_run_changes_nothing() -> None:
    demo_data()
    before, hashes = policyfile.dump(), list(User.objects.values_list("username", "password"))
    entries = Entry.objects.count()
    out, err = demo_data()
    assert (out, "`manage.py demo_data --reset-passwords` gives them new ones" in err) == ("", True)
    after = (policyfile.dump(), list(User.objects.values_list("username", "password")), Entry.objects.count())
    assert after == (before, hashes, entries)


def test_passwords_are_made_anew_when_asked() -> None:
    old = passwords(demo_data()[0])
    new = passwords(demo_data("--reset-passwords")[0])
    assert old.keys() == new.keys()
    assert set(old.values()).isdisjoint(new.values())
    assert User.objects.get(username="alice").check_password(new["alice"])


@pytest.mark.parametrize("word", ["False", "off", "0"])
def test_it_refuses_where_debug_is_switched_off(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("DEBUG", word)
    with pytest.raises(CommandError, match="DEBUG is switched off, so this is a production environment"):
        demo_data()
    assert User.objects.count() == 0


def test_it_takes_debug_switched_on_for_a_place_to_play(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setenv("DEBUG", "on")
    settings.DEBUG = True
    demo_data()
    assert User.objects.count() == 5


def test_the_sample_is_a_policy_with_nothing_to_complain_about() -> None:
    demo_data()
    now = timezone.now()
    assert (guardrails.broken(now), lint.findings(now)) == ((), ())
    assert len(guardrails.stored()) == 5
    assert policyfile.plan(policyfile.read(SAMPLE.read_bytes())).changes == ()
