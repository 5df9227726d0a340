"""`manage.py service_token`: what it prints where, and what it ends with."""

import json
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import tokens
from accounts.models import ServiceAccount, ServiceToken
from audit.models import Entry

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Told:
    code: int
    out: str
    err: str


def run(*arguments: str) -> Told:
    out, err = StringIO(), StringIO()
    code = 0
    try:
        call_command("service_token", *arguments, stdout=out, stderr=err, no_color=True)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return Told(code, out.getvalue(), err.getvalue())


@pytest.fixture
def batch() -> ServiceAccount:
    return ServiceAccount.objects.create(name="billing-batch")


def issued(account: ServiceAccount) -> tuple[ServiceToken, str]:
    return tokens.issue(account=account, expires_at=timezone.now() + timedelta(days=30))


def last_data() -> dict[str, object]:
    return dict(Entry.objects.latest("pk").data)


class TestIssue:
    def test_the_token_alone_is_on_stdout(self, batch: ServiceAccount) -> None:
        told = run("issue", "billing-batch", "--days", "30", "--network", "10.0.0.0/8", "--network", "2001:db8::/32")
        text = told.out.removesuffix("\n")
        token = ServiceToken.objects.get()
        assert (told.code, tokens.is_well_formed(text), token.key_hash) == (0, True, tokens.key_hash(text))
        assert token.networks == ["10.0.0.0/8", "2001:db8::/32"]
        assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)
        assert told.err == (
            f"Token {token.pk}, {text[:10]}… · billing-batch, is good until "
            f"{token.expires_at:%Y-%m-%dT%H:%M:%SZ}. It is not shown again.\n"
        )

    def test_the_reason_is_in_the_ledger(self, batch: ServiceAccount) -> None:
        run("issue", "service:billing-batch", "--days", "1", "--reason", "nightly run")
        assert last_data()["reason"] == "nightly run"

    def test_unknown_account(self) -> None:
        assert run("issue", "nobody", "--days", "1") == Told(3, "", "there is no service account `nobody`\n")

    def test_bad_network(self, batch: ServiceAccount) -> None:
        told = run("issue", "billing-batch", "--days", "1", "--network", "10.0.0.1/8")
        assert told == Told(1, "", "bad networks: “10.0.0.1/8” has host bits set: write 10.0.0.0/8.\n")
        assert not ServiceToken.objects.exists()

    @pytest.mark.parametrize("days", ["0", "367", "-1", "x", "1.5", "１"])
    def test_bad_lifetime_is_usage(self, batch: ServiceAccount, days: str) -> None:
        with pytest.raises(CommandError, match="expected 1 to 366 days"):
            run("issue", "billing-batch", f"--days={days}")

    @pytest.mark.parametrize("days", ["1", "366"])
    def test_good_lifetimes(self, batch: ServiceAccount, days: str) -> None:
        assert run("issue", "billing-batch", "--days", days).code == 0


class TestList:
    def test_lines_for_people(self, batch: ServiceAccount) -> None:
        token, text = issued(batch)
        told = run("list")
        until = f"{token.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        assert told == Told(0, f"{token.pk}\tbilling-batch\t{text[:10]}\tgood\t{until}\t-\t-\t-\t-\n", "")

    def test_json_for_machines(self, batch: ServiceAccount) -> None:
        first, _ = issued(batch)
        second, text = tokens.rotate(
            token=first, expires_at=timezone.now() + timedelta(days=30), overlap=timedelta(hours=1)
        )
        tokens.find(text, None, timezone.now())
        told = [json.loads(line) for line in run("list", "billing-batch", "--json").out.splitlines()]
        assert [(row["id"], row["state"], row["replaced_by"], row["last_used_at"] is None) for row in told] == [
            (first.pk, "replaced", second.pk, True),
            (second.pk, "good", None, False),
        ]
        assert set(told[0]) == {
            "id", "service_account", "hint", "state", "networks", "created_at", "created_by", "expires_at",
            "last_used_at", "last_used_address", "revoked_at", "replaced_by",
        }  # fmt: skip

    def test_of_one_account(self, batch: ServiceAccount) -> None:
        issued(ServiceAccount.objects.create(name="other"))
        assert run("list", "billing-batch") == Told(0, "", "")
        assert run("list", "nobody") == Told(3, "", "there is no service account `nobody`\n")

    def test_nothing_whole_is_shown(self, batch: ServiceAccount) -> None:
        token, text = issued(batch)
        shown = run("list").out + run("list", "--json").out
        assert text not in shown
        assert token.key_hash not in shown


class TestRevoke:
    @pytest.mark.parametrize("how", ["id", "hint", "hint…", "beginning", "whole"])
    def test_by_number_or_beginning(self, batch: ServiceAccount, how: str) -> None:
        token, text = issued(batch)
        name = {
            "id": str(token.pk), "hint": token.hint, "hint…": f"{token.hint}…", "beginning": token.hint[:7],
            "whole": text,
        }[how]  # fmt: skip
        told = run("revoke", name, "--reason", "leaked")
        assert told == Told(0, "", f"Revoked {token.hint}… · billing-batch, from now on.\n")
        token.refresh_from_db()
        assert token.revoked_at is not None
        assert last_data()["reason"] == "leaked"

    @pytest.mark.parametrize(
        "name", ["0", "99999999999999999999", "9999999999999999999", "zts_xxxxxx", "", "x", "%", "zts_\0"]
    )
    def test_unknown(self, batch: ServiceAccount, name: str) -> None:
        issued(batch)
        assert run("revoke", name).code == 3

    def test_several_that_begin_alike(self, batch: ServiceAccount) -> None:
        issued(batch)
        issued(batch)
        told = run("revoke", "zts_")
        assert told == Told(1, "", "several tokens begin with `zts_`: say which by its number\n")

    def test_case_counts(self, batch: ServiceAccount) -> None:
        issued(batch)
        ServiceToken.objects.update(hint="zts_AbCdEf")
        assert run("revoke", "zts_abcdef").code == 3
        assert run("revoke", "zts_AbCdEf").code == 0

    def test_twice(self, batch: ServiceAccount) -> None:
        token, _ = issued(batch)
        run("revoke", str(token.pk))
        told = run("revoke", str(token.pk))
        assert told == Told(1, "", f"token `{token.hint}…` of `service:billing-batch` is already revoked\n")


class TestRotate:
    def test_both_are_good_for_the_overlap(self, batch: ServiceAccount) -> None:
        old, old_text = issued(batch)
        told = run("rotate", str(old.pk), "--days", "90", "--overlap", "2h")
        text = told.out.removesuffix("\n")
        now = timezone.now()
        old.refresh_from_db()
        assert told.code == 0
        assert [tokens.find(found, None, now) for found in (old_text, text)] == [batch, batch]
        later = now + timedelta(hours=2, minutes=1)
        assert [tokens.find(found, None, later) for found in (old_text, text)] == [None, batch]
        assert told.err.endswith(
            f"The old one, {old.hint}… · billing-batch, is good until {old.expires_at:%Y-%m-%dT%H:%M:%SZ}.\n"
        )

    def test_a_day_if_not_said(self, batch: ServiceAccount) -> None:
        old, _ = issued(batch)
        run("rotate", str(old.pk), "--days", "90")
        old.refresh_from_db()
        left = old.expires_at - timezone.now()
        assert timedelta(hours=23) < left <= timedelta(hours=24)

    @pytest.mark.parametrize("overlap", ["x", "1", "-1h", "1w", "1.5h", ""])
    def test_bad_overlap_is_usage(self, batch: ServiceAccount, overlap: str) -> None:
        old, _ = issued(batch)
        with pytest.raises(CommandError, match="is no length of time"):
            run("rotate", str(old.pk), "--days", "90", f"--overlap={overlap}")

    def test_too_long_an_overlap_fails(self, batch: ServiceAccount) -> None:
        old, _ = issued(batch)
        assert run("rotate", str(old.pk), "--days", "90", "--overlap", "31d").code == 1
        assert run("rotate", str(old.pk), "--days", "90", "--overlap", "30d").code == 0

    def test_what_is_over_is_not_rotated(self, batch: ServiceAccount) -> None:
        old, _ = issued(batch)
        tokens.revoke(token=old)
        assert run("rotate", str(old.pk), "--days", "90").code == 1
        assert run("rotate", "999", "--days", "90").code == 3
