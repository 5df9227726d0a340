"""concurrency: what may happen once happens once, and what is taken away is gone for whoever comes after."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from accounts.authenticators import recovery, throttle
from accounts.authenticators.recovery import RecoveryCode
from accounts.models import PasswordThrottle, RoleAssignment, Session, TOTPDevice, User
from accounts.roles import RoleError, grant_role, revoke_role
from audit import ledger
from segments import snapshot
from tests import factories
from tests.accounts.cases import scenario
from tests.at_once import WORKERS, at_once
from tests.segments import rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def posting(browser: Client, path: str, data: dict[str, str]) -> Callable[[], int]:
    return lambda: browser.post(path, data).status_code


def half_way(person: User, count: int) -> list[Client]:
    browsers = [factories.browser() for _ in range(count)]
    for browser in browsers:
        factories.enter_password(browser, person)
    return browsers


@scenario("SEC-RACE-001")
def test_same_code_in_many_sessions_lets_one_in(case: object) -> None:
    alice = factories.alice()
    code = factories.code(TOTPDevice.objects.get(user=alice))
    found = at_once([posting(browser, "/login/verify/", {"code": code}) for browser in half_way(alice, 50)])
    assert Counter(found)[302] == 1
    assert Session.objects.filter(user=alice).count() == 1


def test_same_recovery_code_in_many_sessions_lets_one_in() -> None:
    alice = factories.alice()
    code = factories.recovery_codes(alice)[0]
    found = at_once([posting(browser, "/login/recovery/", {"code": code}) for browser in half_way(alice, 20)])
    assert Counter(found)[302] == 1
    assert RecoveryCode.objects.filter(used_at=None).count() == 9


@scenario("SEC-RACE-005")
def test_there_are_no_invitations(case: object) -> None:
    browser = factories.browser()
    for path in ("/invitation/abc/", "/login/invitation/abc/", "/register/", "/signup/"):
        assert (browser.get(path).status_code, browser.post(path).status_code) == (404, 404)


@scenario("SEC-RACE-006")
def test_parallel_wrong_passwords_are_counted_each(case: object) -> None:
    factories.alice()
    data = {"username": "alice", "password": "wrong-Password-1"}
    browsers = [factories.browser() for _ in range(WORKERS)]
    found = Counter(at_once([posting(browsers[number % WORKERS], "/login/", data) for number in range(200)]))
    assert set(found) == {200, 429}
    assert found[200] <= 5 + 1  # one more where thirty seconds pass
    assert PasswordThrottle.objects.get().failures == found[200]


@scenario("SEC-RACE-007")
def test_parallel_wrong_codes_are_counted_each(case: object) -> None:
    alice = factories.alice()
    code = factories.wrong_code(TOTPDevice.objects.get(user=alice))
    browsers = half_way(alice, WORKERS)
    jobs = [posting(browsers[number % WORKERS], "/login/verify/", {"code": code}) for number in range(200)]
    found = Counter(at_once(jobs))
    assert set(found) == {200, 429}
    assert found[429] >= 200 - 5 * WORKERS
    assert User.objects.get(pk=alice.pk).factor_failures <= 5  # as many were looked at


@scenario("SEC-RACE-008")
def test_no_request_that_begins_after_a_role_is_revoked_is_allowed(case: object) -> None:
    carol = factories.carol()
    browsers = [factories.browser() for _ in range(4)]
    for browser in browsers:
        factories.sign_in(browser, carol)
    over = threading.Event()
    revoked_at = 0.0

    def asking(browser: Client) -> list[tuple[float, int]]:
        found = []
        while not over.is_set():
            found.append((time.monotonic(), browser.get("/admin/").status_code))
        return found

    def revoking() -> list[tuple[float, int]]:
        nonlocal revoked_at
        time.sleep(0.5)
        revoke_role(assignment=RoleAssignment.objects.get(user=carol))
        revoked_at = time.monotonic()
        time.sleep(0.5)
        over.set()
        return []

    jobs = [revoking, *(lambda browser=browser: asking(browser) for browser in browsers)]  # type: ignore[misc]
    found = [answer for answers in at_once(jobs, workers=5) for answer in answers]
    assert {status for begun, status in found if begun > revoked_at} == {403}
    assert 200 in {status for begun, status in found if begun < revoked_at}


@scenario("SEC-RACE-009")
def test_two_administrators_at_once_one_is_told(case: object) -> None:
    alice, role = factories.alice(enrolled=False), factories.role("accountant")
    staff = [factories.carol(enrolled=False), factories.sam(enrolled=False)]

    def granting(by: User) -> str:
        try:
            grant_role(role=role, holder=alice, by=by, reason=by.username)
        except RoleError as error:
            return str(error)
        return "granted"

    found = at_once([lambda by=by: granting(by) for by in staff])  # type: ignore[misc]
    told = "`user:alice` already has role `accountant`: revoke that assignment first"
    assert sorted(found) == [told, "granted"]
    assert RoleAssignment.objects.unrevoked().filter(user=alice).count() == 1


@scenario("SEC-RACE-010")
def test_every_policy_that_is_read_is_one_whole_version(case: object) -> None:
    role = factories.role("accountant")
    over = threading.Event()

    def changing() -> set[int]:
        for number in range(10):
            with transaction.atomic():
                segment = rows.segment(f"segment-{number}")
                rows.web(segment, f"s{number}.example.test")
                rows.grant(segment, role)
            time.sleep(0.05)  # a policy that moves all the time is a failed decision, not a torn one
        over.set()
        return set()

    def reading() -> set[int]:
        seen = set()
        while not over.is_set():
            policy = snapshot.current()
            ours = {segment.slug for segment in policy.segments if segment.slug.startswith("segment-")}
            assert {grant.segment for grant in policy.grants} & ours == ours
            assert {resource.segment for resource in policy.resources if resource.id.endswith("test")} == ours
            seen.add(policy.version)
        return seen

    found: list[Any] = at_once([changing, *[reading] * 4], workers=5)
    assert any(found[1:])


def until_somebody_waits() -> None:
    """Return when another transaction of this database waits for a lock, or after five seconds."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    end = time.monotonic() + 5
    with connection.cursor() as cursor:
        while time.monotonic() < end and cursor.execute(waiting).fetchone()[0] == 0:
            time.sleep(0.02)


@pytest.mark.postgres
def test_cutting_off_many_and_a_sign_in_of_one_of_them_both_end() -> None:
    people = [factories.alice(), factories.bob()]
    staff = factories.browser()
    factories.sign_in(staff, factories.sam())
    held = threading.Event()

    def verifying() -> int:
        """What a code that is right takes: the account, then the head of the ledger."""
        with transaction.atomic():
            bob = throttle.lock_account(people[1].pk)
            held.set()
            until_somebody_waits()
            ledger.record(kind="factor.verified", actor=bob.subject_id, subject=bob.subject_id)
        return 0

    def cutting_off() -> int:
        held.wait()
        chosen = {"action": "quarantine", "_selected_action": [person.pk for person in people]}
        return staff.post("/admin/accounts/user/", chosen | {"confirmed": "1", "reason": "stolen laptops"}).status_code

    assert at_once([verifying, cutting_off], workers=2) == [0, 302]
    assert User.objects.filter(quarantined_at__isnull=False).count() == 2


@pytest.mark.postgres
def test_a_recovery_code_and_a_new_set_both_end() -> None:
    alice = factories.alice()
    codes = factories.recovery_codes(alice)
    browser = half_way(alice, 1)[0]
    held = threading.Event()

    def issuing() -> int:
        """What new codes take: the account, then the set."""
        with transaction.atomic():
            throttle.lock_account(alice.pk)
            held.set()
            until_somebody_waits()
            recovery.issue(alice)
        return 0

    def using() -> int:
        held.wait()
        return browser.post("/login/recovery/", {"code": codes[0]}).status_code

    assert at_once([issuing, using], workers=2) == [0, 200]  # the old code is void: refused, and no failure
