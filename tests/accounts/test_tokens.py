"""Tokens of service accounts: their form, their life, and what one proves, with near misses beside each hit."""

import json
import zlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from django.core.serializers import serialize
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts import tokens
from accounts.models import ServiceAccount, ServiceToken, User
from accounts.networks import lies_within
from accounts.tokens import State, TokenError
from audit import ledger
from audit.models import Entry
from tests.at_once import at_once

DAY = timedelta(days=1)
HERE = ip_address("10.1.2.3")
ANY_TOKEN = st.text(tokens.ALPHABET, min_size=tokens.RANDOM, max_size=tokens.RANDOM).map(
    lambda body: tokens.PREFIX + body + checksum(body)
)


def checksum(body: str) -> str:
    """Written once more, from the words of the documentation."""
    number = zlib.crc32(body.encode("ascii"))
    return "".join(tokens.ALPHABET[number // 62**place % 62] for place in (5, 4, 3, 2, 1, 0))


@pytest.fixture
def batch(db: None) -> ServiceAccount:
    return ServiceAccount.objects.create(name="billing-batch")


def issued(account: ServiceAccount, *, days: float = 30, **options: Any) -> tuple[ServiceToken, str]:
    return tokens.issue(account=account, expires_at=timezone.now() + timedelta(days=days), **options)


def entries(kind: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [(found.actor, found.subject, found.data) for found in Entry.objects.filter(kind=kind).order_by("pk")]


class TestForm:
    @given(ANY_TOKEN)
    def test_what_is_made_so_is_well_formed(self, text: str) -> None:
        assert tokens.is_well_formed(text)
        assert tokens.looks_like_token(text)

    @given(ANY_TOKEN, st.integers(0, 42), st.sampled_from(tokens.ALPHABET))
    def test_one_other_character_is_noticed(self, text: str, place: int, other: str) -> None:
        changed = text[:place] + other + text[place + 1 :]
        assert tokens.is_well_formed(changed) == (changed == text)

    @given(st.text())
    def test_anything_else_is_not(self, text: str) -> None:
        assert not tokens.is_well_formed(text)
        assert not tokens.is_well_formed(tokens.PREFIX + text)

    @pytest.mark.parametrize(
        "change",
        [
            lambda text: text + "\n",
            lambda text: " " + text,
            lambda text: text[:-1],
            lambda text: text + "0",
            lambda text: text.upper(),
            lambda text: text.replace("zts_", "ZTS_"),
            lambda text: text.replace("zts_", "ghp_"),
            lambda text: text[4:],
            lambda text: text[:4] + "１" + text[5:],
            lambda text: text[:4] + "\udc80" + text[5:],
            lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
        ],
    )
    def test_near_misses(self, change: Callable[[str], str]) -> None:
        body = "0123456789abcdefghijklmnopqrstuvw"
        text = tokens.PREFIX + body + checksum(body)
        assert tokens.is_well_formed(text)
        assert not tokens.is_well_formed(change(text))

    def test_the_prefix_alone_says_what_is_meant(self) -> None:
        assert tokens.looks_like_token("zts_")
        assert not tokens.looks_like_token("zts-abc")
        assert not tokens.looks_like_token("Zts_abc")

    def test_hidden_are_at_least_160_bits(self) -> None:
        hidden = tokens.RANDOM - (tokens.HINT - len(tokens.PREFIX))
        assert 62**hidden > 2**160


class TestIssue:
    def test_told_once_and_stored_as_a_hash(self, batch: ServiceAccount, sam: User) -> None:
        token, text = issued(batch, networks=["10.0.0.0/8", "10.0.0.0/8"], by=sam, reason="nightly run")
        assert tokens.is_well_formed(text)
        assert (token.hint, token.networks, token.created_by) == (text[:10], ["10.0.0.0/8"], sam)
        rows = serialize("json", ServiceToken.objects.all()) + serialize("json", Entry.objects.all())
        assert text not in rows
        assert text[10:] not in rows
        assert entries("service_token.issued") == [
            (
                "user:sam",
                "service:billing-batch",
                {
                    "id": token.pk,
                    "hint": text[:10],
                    "expires_at": token.expires_at.isoformat(),
                    "networks": ["10.0.0.0/8"],
                    "reason": "nightly run",
                },
            )
        ]

    def test_no_two_are_alike(self, batch: ServiceAccount) -> None:
        assert len({issued(batch)[1] for _ in range(20)}) == 20

    def test_by_nobody_is_by_the_system(self, batch: ServiceAccount) -> None:
        issued(batch)
        assert entries("service_token.issued")[0][:2] == ("", "service:billing-batch")

    @pytest.mark.parametrize(
        ("days", "problem"),
        [
            (366, ""),
            (366.001, "a token lives for 366 days at most"),
            (1 / 86400, ""),
            (-1 / 86400, "it is over"),
            (0, "it is over"),
        ],
    )
    def test_lives_for_a_year_at_most(self, batch: ServiceAccount, days: float, problem: str) -> None:
        if not problem:
            assert issued(batch, days=days)
            return
        with pytest.raises(TokenError, match=problem):
            issued(batch, days=days)
        assert not ServiceToken.objects.exists()

    def test_an_end_without_a_zone_is_refused(self, batch: ServiceAccount) -> None:
        with pytest.raises(TokenError, match="it has no time zone"):
            tokens.issue(account=batch, expires_at=datetime(2099, 1, 1))  # noqa: DTZ001 (that is the point)

    @pytest.mark.parametrize("network", ["10.0.0.1/8", "nonsense", "", "10.0.0.0/33", "fe80::1%eth0/64"])
    def test_what_is_no_network_is_refused(self, batch: ServiceAccount, network: str) -> None:
        with pytest.raises(TokenError, match="bad networks: “"):
            issued(batch, networks=["10.0.0.0/8", network])
        assert entries("service_token.issued") == []

    def test_an_account_that_is_not_active_gets_none(self, batch: ServiceAccount) -> None:
        ServiceAccount.objects.update(is_active=False)
        with pytest.raises(TokenError, match="`service:billing-batch` is not active"):
            issued(batch)
        ServiceAccount.objects.update(is_active=True)
        assert issued(batch)

    def test_the_ledger_redacts_one_that_slips_into_a_reason(self, batch: ServiceAccount) -> None:
        _, first = issued(batch)
        issued(batch, reason=f"instead of {first}")
        assert [data["reason"] for _actor, _subject, data in entries("service_token.issued")] == [
            "",
            "instead of [redacted]",
        ]


class TestRevoke:
    def test_ends_it_once(self, batch: ServiceAccount, sam: User) -> None:
        token, text = issued(batch)
        assert tokens.find(text, HERE, timezone.now()) == batch
        tokens.revoke(token=token, by=sam, reason="found in a log")
        assert tokens.find(text, HERE, timezone.now()) is None
        assert (token.revoked_by, tokens.state_of(token, timezone.now())) == (sam, State.REVOKED)
        with pytest.raises(TokenError, match=r"token `zts_.{6}…` of `service:billing-batch` is already revoked"):
            tokens.revoke(token=token)
        ((actor, subject, data),) = entries("service_token.revoked")
        assert (actor, subject, data["id"], data["reason"]) == (
            "user:sam",
            "service:billing-batch",
            token.pk,
            "found in a log",
        )


class TestRotate:
    def rotated(self, token: ServiceToken, **options: Any) -> tuple[ServiceToken, str]:
        given = {"expires_at": timezone.now() + 90 * DAY, "overlap": DAY} | options
        return tokens.rotate(token=token, **given)

    def test_both_are_good_for_the_overlap_then_the_new_one_alone(self, batch: ServiceAccount, sam: User) -> None:
        old, old_text = issued(batch, networks=["10.0.0.0/8"])
        before = timezone.now()
        new, new_text = self.rotated(old, by=sam, reason="yearly")
        old.refresh_from_db()
        assert (old.replaced_by, new.networks, tokens.state_of(old, before)) == (new, ["10.0.0.0/8"], State.REPLACED)
        assert before + DAY <= old.expires_at <= timezone.now() + DAY
        for at, good in [
            (before, [True, True]),
            (old.expires_at - timedelta(microseconds=1), [True, True]),
            (old.expires_at, [False, True]),
        ]:
            assert [tokens.find(text, HERE, at) == batch for text in (old_text, new_text)] == good
        ((actor, _subject, data),) = entries("service_token.rotated")
        assert actor == "user:sam"
        assert data == {
            "id": new.pk,
            "hint": new.hint,
            "expires_at": new.expires_at.isoformat(),
            "networks": ["10.0.0.0/8"],
            "replaces": old.pk,
            "replaced_hint": old.hint,
            "replaced_until": old.expires_at.isoformat(),
            "reason": "yearly",
        }

    def test_the_overlap_makes_no_token_live_longer(self, batch: ServiceAccount) -> None:
        old, _ = issued(batch, days=1)
        end = old.expires_at
        self.rotated(old, overlap=7 * DAY)
        old.refresh_from_db()
        assert old.expires_at == end

    def test_without_overlap_the_old_one_ends_at_once(self, batch: ServiceAccount) -> None:
        old, text = issued(batch)
        self.rotated(old, overlap=timedelta(0))
        assert tokens.find(text, HERE, timezone.now()) is None

    @pytest.mark.parametrize(
        ("overlap", "refused"),
        [(timedelta(seconds=-1), True), (timedelta(0), False), (30 * DAY, False), (31 * DAY, True)],
    )
    def test_overlaps_from_none_to_thirty_days(self, batch: ServiceAccount, overlap: timedelta, refused: bool) -> None:
        old, _ = issued(batch)
        if not refused:
            assert self.rotated(old, overlap=overlap)
            return
        with pytest.raises(TokenError, match="bad overlap"):
            self.rotated(old, overlap=overlap)

    @pytest.mark.parametrize("state", ["revoked", "expired", "replaced"])
    def test_what_is_over_or_replaced_is_not_rotated(self, batch: ServiceAccount, state: str) -> None:
        old, _ = issued(batch)
        if state == "revoked":
            tokens.revoke(token=old)
        elif state == "expired":
            ServiceToken.objects.update(expires_at=timezone.now())
        else:
            self.rotated(old)
        with pytest.raises(TokenError, match=f"is already {state}"):
            self.rotated(old)

    def test_a_refused_rotation_changes_nothing(self, batch: ServiceAccount) -> None:
        old, _ = issued(batch)
        before = ServiceToken.objects.values().get()
        for options in ({"expires_at": timezone.now() + 367 * DAY}, {"expires_at": timezone.now() - DAY}):
            with pytest.raises(TokenError, match="bad end"):
                self.rotated(old, **options)
        assert ServiceToken.objects.values().get() == before


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_many_who_rotate_the_same_token_one_does() -> None:
    batch = ServiceAccount.objects.create(name="billing-batch")
    token, _ = issued(batch)

    def job() -> str:
        try:
            tokens.rotate(token=token, expires_at=timezone.now() + 90 * DAY, overlap=DAY)
        except TokenError as error:
            return str(error).rpartition(" ")[2]
        return "rotated"

    assert Counter(at_once([job] * 4)) == {"rotated": 1, "replaced": 3}
    assert ServiceToken.objects.count() == 2
    assert len(entries("service_token.rotated")) == 1
    assert ledger.verify().ok


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_token_used_by_many_at_once_is_noted_once() -> None:
    batch = ServiceAccount.objects.create(name="billing-batch")
    token, text = issued(batch)
    at = timezone.now()
    jobs = [lambda last=last: tokens.find(text, ip_address(f"10.0.0.{last}"), at) for last in range(8)]
    assert at_once(jobs) == [batch] * 8
    token.refresh_from_db()
    assert token.last_used_at == at


class TestFind:
    @pytest.mark.parametrize(
        ("facts", "cause"),
        [
            ({}, ""),
            ({"at": timedelta(seconds=-1)}, ""),
            ({"at": timedelta(0)}, "expired"),
            ({"at": timedelta(seconds=1)}, "expired"),
            ({"revoked": True}, "revoked"),
            ({"revoked": True, "at": timedelta(seconds=1)}, "revoked"),
            ({"networks": ["10.1.2.0/24"]}, ""),
            ({"networks": ["10.1.2.3/32"]}, ""),
            ({"networks": ["10.1.2.4/32"]}, "outside_token_networks"),
            ({"networks": ["10.1.3.0/24", "10.1.2.0/24"]}, ""),
            ({"networks": ["10.1.2.0/24"], "address": "10.1.3.0"}, "outside_token_networks"),
            ({"networks": ["10.1.2.0/24"], "address": "10.1.1.255"}, "outside_token_networks"),
            ({"networks": ["10.1.2.0/24"], "address": "::ffff:10.1.2.3"}, ""),
            ({"networks": ["10.1.2.0/24"], "address": "::ffff:10.1.3.3"}, "outside_token_networks"),
            ({"networks": ["10.1.2.0/24"], "address": "2001:db8::1"}, "outside_token_networks"),
            ({"networks": ["2001:db8::/32"], "address": "2001:db8::1"}, ""),
            ({"networks": ["2001:db8::/32"], "address": "2001:db9::1"}, "outside_token_networks"),
            ({"networks": ["10.1.2.0/24"], "address": None}, "outside_token_networks"),
            ({"address": None}, ""),
            ({"account_networks": ["10.1.2.0/24"]}, ""),
            ({"account_networks": ["10.1.3.0/24"]}, "outside_account_networks"),
            ({"account_networks": ["10.1.2.0/24"], "address": None}, "outside_account_networks"),
            ({"account_networks": ["10.0.0.0/8"], "networks": ["10.1.2.0/24"]}, ""),
            ({"account_networks": ["10.1.3.0/24"], "networks": ["10.1.2.0/24"]}, "outside_account_networks"),
            ({"account_networks": ["10.1.2.0/24"], "networks": ["10.1.3.0/24"]}, "outside_token_networks"),
        ],
    )
    def test_table(self, batch: ServiceAccount, facts: dict[str, Any], cause: str) -> None:
        ServiceAccount.objects.update(networks=facts.get("account_networks", []))
        token, text = issued(batch, networks=facts.get("networks", []))
        if facts.get("revoked"):
            tokens.revoke(token=token)
        told = facts.get("address", "10.1.2.3")
        found = tokens.find(text, ip_address(told) if told else None, token.expires_at + facts.get("at", -DAY))
        assert found == (None if cause else batch)
        shown = told and told.removeprefix("::ffff:")
        refused = {"id": token.pk, "hint": token.hint, "cause": cause, "address": shown}
        own = "service:billing-batch"
        assert entries("service_token.refused") == ([(own, own, refused)] if cause else [])

    @pytest.mark.parametrize(
        "change",
        [
            lambda text: "",
            lambda text: "zts_",
            lambda text: text[:-1],
            lambda text: text + " ",
            lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
            lambda text: text.swapcase(),
            lambda text: tokens.PREFIX + "0" * 33 + checksum("0" * 33),  # whole, and nobody's
        ],
    )
    def test_what_is_unknown_proves_nothing_and_leaves_no_entry(
        self, batch: ServiceAccount, change: Callable[[str], str]
    ) -> None:
        _, text = issued(batch)
        count = Entry.objects.count()
        assert tokens.find(change(text), HERE, timezone.now()) is None
        assert Entry.objects.count() == count
        assert tokens.find(text, HERE, timezone.now()) == batch

    def test_what_is_stored_is_no_token(self, batch: ServiceAccount) -> None:
        token, _ = issued(batch)
        assert tokens.find(token.key_hash, HERE, timezone.now()) is None
        assert tokens.find(token.hint, HERE, timezone.now()) is None

    def test_an_account_that_is_not_active_is_returned_for_the_engine_to_refuse(self, batch: ServiceAccount) -> None:
        _, text = issued(batch)
        ServiceAccount.objects.update(is_active=False)
        found = tokens.find(text, HERE, timezone.now())
        assert (found, found and found.is_active) == (batch, False)
        assert entries("service_token.refused") == []

    def test_reads_once_and_writes_once_a_minute(self, batch: ServiceAccount) -> None:
        token, text = issued(batch)
        at = timezone.now()
        seen = []
        for after, last in [(0, 3), (59, 4), (60, 5), (61, 6), (-5, 7)]:
            with CaptureQueriesContext(connection) as captured:
                assert tokens.find(text, ip_address(f"10.1.2.{last}"), at + timedelta(seconds=after)) == batch
            token.refresh_from_db()
            verbs = [query["sql"].split()[0] for query in captured]
            seen.append((verbs, (token.last_used_at - at).total_seconds(), token.last_used_address))  # type: ignore[operator]
        assert seen == [
            (["SELECT", "UPDATE"], 0, "10.1.2.3"),
            (["SELECT"], 0, "10.1.2.3"),
            (["SELECT", "UPDATE"], 60, "10.1.2.5"),
            (["SELECT"], 60, "10.1.2.5"),
            (["SELECT"], 60, "10.1.2.5"),
        ]

    def test_a_refusal_is_no_use(self, batch: ServiceAccount) -> None:
        token, text = issued(batch, networks=["192.0.2.0/24"])
        assert tokens.find(text, HERE, timezone.now()) is None
        token.refresh_from_db()
        assert token.last_used_at is None
        assert text not in json.dumps(entries("service_token.refused"))


@pytest.mark.parametrize(
    ("address", "networks", "expected"),
    [
        ("10.0.0.1", [], True),
        (None, [], True),
        ("10.0.0.1", ["::ffff:10.0.0.0/104"], True),
        ("11.0.0.1", ["::ffff:10.0.0.0/104"], False),
        ("10.0.0.1", ["::/0"], False),
        ("10.0.0.1", ["not one", "10.0.0.0/8"], True),
        ("10.0.0.1", ["not one"], False),
        ("10.0.0.1", [None, 7], False),
        ("10.0.0.1", None, False),
        ("10.0.0.1", {}, False),
        ("10.0.0.1", "10.0.0.0/8", False),
    ],
)
def test_what_is_no_network_holds_nothing(address: str | None, networks: Any, expected: bool) -> None:
    assert lies_within(ip_address(address) if address else None, networks) == expected


def test_states_at_their_edges() -> None:
    at = datetime(2026, 11, 26, 12, tzinfo=UTC)
    token = ServiceToken(expires_at=at)
    second = timedelta(seconds=1)
    assert [tokens.state_of(token, at + step) for step in (-second, timedelta(0))] == [State.GOOD, State.EXPIRED]
