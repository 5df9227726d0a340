"""Every step of the evaluation, in its order: each refusal beside the twin that is allowed with one fact changed."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from ipaddress import ip_network
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from segments.policy.engine import decide
from segments.policy.model import (
    Assurance,
    Context,
    Decision,
    Factor,
    Grant,
    Hours,
    Obligation,
    Policy,
    Reason,
    Segment,
    Step,
    Subject,
    ViewResource,
    ViewTarget,
    WebResource,
    WebTarget,
)
from tests.segments.policy.cast import (
    ALICE,
    BOB,
    CLERKS,
    FINANCE,
    HOST,
    NOW,
    POLICY,
    PUBLIC_SITE,
    changed,
    context,
    get,
    person,
    post,
    system,
    verified,
)

SECOND = timedelta(seconds=1)
TEN_TO_ELEVEN = Hours(frozenset({1}), time(10), time(11), ZoneInfo("UTC"))
OFFICE = (ip_network("10.1.0.0/16"),)


def granted(*grants: str, path: str = "/public/x") -> Decision:
    return Decision(
        allowed=True,
        reason=Reason.GRANTED,
        segment="public",
        resource="public-site",
        grants=grants or ("clerks",),
        readings=(path,),
    )


def denied(reason: Reason, *obligations: Obligation, grants: tuple[str, ...] = ()) -> Decision:
    return Decision(
        allowed=False,
        reason=reason,
        segment="public",
        resource="public-site",
        grants=grants,
        obligations=obligations,
        readings=("/public/x",),
    )


def segment(**parts: Any) -> Policy:
    return changed(segments=(Segment("public", **parts), FINANCE))


def grants(*them: Grant) -> Policy:
    return changed(grants=them)


def clerks(**parts: Any) -> Grant:
    return replace(CLERKS, **parts)


class TestEmptiness:
    def test_an_empty_policy_denies_all(self) -> None:
        for target in (get(), get("/"), post(), ViewTarget("home", "GET")):
            assert decide(Policy(1), ALICE, target, context()).reason is Reason.UNKNOWN_RESOURCE

    def test_an_empty_criterion_matches_all(self) -> None:
        for address in ("10.1.2.3", "203.0.113.9", "2001:db8::1", None):
            assert decide(POLICY, ALICE, get(), context(address=address)) == granted()

    def test_a_grant_alone_opens_its_segment_alone(self) -> None:
        assert decide(POLICY, ALICE, get(), context()) == granted()
        assert decide(POLICY, ALICE, get("/finance/x"), context()) == Decision(
            allowed=False,
            reason=Reason.NOT_GRANTED,
            segment="finance",
            resource="finance-site",
            readings=("/finance/x",),
        )
        assert decide(POLICY, BOB, get("/finance/x"), context()).reason is Reason.GRANTED


class TestTargets:
    @pytest.mark.parametrize(
        "target",
        [
            WebTarget(HOST, "/public/x", "get"),
            WebTarget(HOST, "/public/x", "TRACE"),
            WebTarget(HOST, "/public/x", ""),
            WebTarget("app_.example.test", "/public/x", "GET"),
            WebTarget("", "/public/x", "GET"),
            WebTarget("*.example.test", "/public/x", "GET"),
            WebTarget(HOST, "public/x", "GET"),
            WebTarget(HOST, "/public/%00", "GET"),
            WebTarget("unknown.test", "/public/%00", "GET"),
            WebTarget(HOST, "/public/x#y", "GET"),
            ViewTarget("notices:list", "get"),
            ViewTarget("notices:list", "CONNECT"),
        ],
    )
    def test_malformed_target(self, target: WebTarget | ViewTarget) -> None:
        assert decide(POLICY, ALICE, target, context()) == Decision(allowed=False, reason=Reason.MALFORMED_TARGET)

    @pytest.mark.parametrize(
        ("path", "reason"),
        [
            ("/public", Reason.GRANTED),
            ("/public/", Reason.GRANTED),
            ("/public/a/b", Reason.GRANTED),
            ("/public/x?next=/finance", Reason.GRANTED),
            ("/public-finance/x", Reason.UNKNOWN_RESOURCE),
            ("/publi", Reason.UNKNOWN_RESOURCE),
            ("/publicx", Reason.UNKNOWN_RESOURCE),
            ("/", Reason.UNKNOWN_RESOURCE),
            ("/PUBLIC/x", Reason.UNKNOWN_RESOURCE),
            ("/x/public", Reason.UNKNOWN_RESOURCE),
            ("/%70ublic/x", Reason.UNKNOWN_RESOURCE),
        ],
    )
    def test_a_prefix_ends_at_a_slash(self, path: str, reason: Reason) -> None:
        assert decide(POLICY, ALICE, get(path), context()).reason is reason

    def test_the_longest_prefix_wins(self) -> None:
        policy = changed(
            resources=(
                WebResource("root", "public", HOST, "/"),
                WebResource("deep", "finance", HOST, "/a/b"),
                WebResource("deeper", "public", HOST, "/a/b/c"),
            )
        )
        found = {
            path: decide(policy, ALICE, get(path), context())
            for path in ("/", "/a", "/a/b", "/a/bc", "/a/b/c/d", "/a/b/cd")
        }
        assert {path: (decision.allowed, decision.resource) for path, decision in found.items()} == {
            "/": (True, "root"),
            "/a": (True, "root"),
            "/a/b": (False, "deep"),
            "/a/bc": (True, "root"),
            "/a/b/c/d": (True, "deeper"),
            "/a/b/cd": (False, "deep"),
        }

    def test_a_very_long_plain_path_is_cut_at_the_longest_prefix(self) -> None:
        long = "/" + "x" * 1023
        policy = changed(
            resources=(WebResource("long", "public", HOST, long), WebResource("root", "finance", HOST, "/"))
        )
        assert decide(policy, ALICE, get(long), context()).resource == "long"
        assert decide(policy, ALICE, get(long + "/a" * 3000), context()).resource == "long"
        assert decide(policy, ALICE, get(long + "x/a"), context()).resource == "root"

    def test_methods_never_fall_through_to_a_shorter_prefix(self) -> None:
        policy = changed(
            resources=(
                WebResource("root", "public", HOST, "/"),
                WebResource("reading", "public", HOST, "/api", frozenset({"GET"})),
                WebResource("paying", "finance", HOST, "/api", frozenset({"POST"})),
            )
        )
        found = {
            method: decide(policy, ALICE, WebTarget(HOST, "/api/x", method), context())
            for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS")
        }
        assert {method: (decision.reason, decision.resource) for method, decision in found.items()} == {
            "GET": (Reason.GRANTED, "reading"),
            "HEAD": (Reason.GRANTED, "reading"),
            "POST": (Reason.NOT_GRANTED, "paying"),
            "PUT": (Reason.UNKNOWN_RESOURCE, None),
            "OPTIONS": (Reason.UNKNOWN_RESOURCE, None),
        }

    def test_an_exact_host_comes_before_the_wildcard(self) -> None:
        policy = changed(
            resources=(
                WebResource("any", "public", "*.example.test", "/"),
                WebResource("app", "finance", HOST, "/finance"),
                WebResource("app-get", "finance", HOST, "/reports", frozenset({"GET"})),
            )
        )
        asked = {
            get("/finance/x"): (Reason.NOT_GRANTED, "app"),
            get("/other"): (Reason.GRANTED, "any"),  # the exact host has no prefix that covers it
            post("/reports"): (Reason.UNKNOWN_RESOURCE, None),  # it has one, for another method
            get("/finance/x", "api.example.test"): (Reason.GRANTED, "any"),
            get("/finance/x", "a.api.example.test"): (Reason.UNKNOWN_RESOURCE, None),
            get("/finance/x", "example.test"): (Reason.UNKNOWN_RESOURCE, None),
        }
        for target, expected in asked.items():
            decision = decide(policy, ALICE, target, context())
            assert (decision.reason, decision.resource) == expected, target

    def test_overlapping_resources_all_have_to_allow(self) -> None:
        """Rows are checked for overlaps; should two slip in at once, what both cover is closed, and nothing else."""
        twin = WebResource("twin", "finance", HOST, "/public", frozenset({"GET"}))
        policy = changed(resources=(PUBLIC_SITE, twin))
        both = replace(ALICE, roles=ALICE.roles | {"accountant"})
        assert decide(policy, ALICE, get(), context()).reason is Reason.NOT_GRANTED
        assert decide(policy, both, get(), context()) == granted("clerks", "accountants")
        assert decide(policy, ALICE, post(), context()).reason is Reason.GRANTED


class TestReadings:
    def test_every_reading_has_to_be_allowed(self) -> None:
        both = replace(ALICE, roles=ALICE.roles | {"accountant"})
        assert decide(POLICY, ALICE, get("/public/../finance"), context()) == Decision(
            allowed=False,
            reason=Reason.NOT_GRANTED,
            segment="finance",
            resource="finance-site",
            readings=("/public/../finance", "/finance"),
        )
        assert decide(POLICY, both, get("/public/../finance"), context()) == Decision(
            allowed=True,
            reason=Reason.GRANTED,
            segment="public",
            resource="public-site",
            grants=("clerks", "accountants"),
            readings=("/public/../finance", "/finance"),
        )

    def test_the_first_denied_reading_gives_the_reason(self) -> None:
        quarantined = changed(segments=(Segment("public"), Segment("finance", quarantined=True)))
        cases = {
            (POLICY, "//finance"): Reason.UNKNOWN_RESOURCE,  # as received it begins with an empty segment
            (POLICY, "/finance/../public"): Reason.NOT_GRANTED,
            (quarantined, "/public/..%2ffinance"): Reason.SEGMENT_QUARANTINED,
            (quarantined, "/public/../x/../finance"): Reason.SEGMENT_QUARANTINED,
            (quarantined, "/x/../finance"): Reason.UNKNOWN_RESOURCE,
        }
        for (policy, path), reason in cases.items():
            assert decide(policy, ALICE, get(path), context()).reason is reason, path

    def test_a_climb_into_an_anonymous_resource_is_no_way_around_a_grant(self) -> None:
        health = WebResource("health", "public", HOST, "/healthz", anonymous=True)
        policy = changed(resources=(*POLICY.resources, health))
        assert decide(policy, None, get("/healthz"), context()).reason is Reason.ANONYMOUS_RESOURCE
        assert decide(policy, None, get("/finance/../healthz"), context()).reason is Reason.SIGN_IN_REQUIRED
        assert decide(policy, None, get("/healthz/../finance"), context()).reason is Reason.SIGN_IN_REQUIRED


class TestCase:
    RESOURCES = (
        WebResource("app", "public", HOST, "/app", case_insensitive=True),
        WebResource("admin", "finance", HOST, "/app/Admin"),
    )

    @pytest.mark.parametrize(
        ("path", "reason", "resource"),
        [
            ("/app/x", Reason.GRANTED, "app"),
            ("/APP/x", Reason.GRANTED, "app"),
            ("/app/Admin", Reason.NOT_GRANTED, "admin"),
            ("/app/admin", Reason.NOT_GRANTED, "admin"),
            ("/APP/%41DMIN/x", Reason.NOT_GRANTED, "admin"),
            ("/app/administrators", Reason.GRANTED, "app"),
        ],
    )
    def test_the_folded_reading_counts_where_the_resource_says_so(
        self, path: str, reason: Reason, resource: str
    ) -> None:
        decision = decide(changed(resources=self.RESOURCES), ALICE, get(path), context())
        assert (decision.reason, decision.resource) == (reason, resource)

    def test_elsewhere_case_matters(self) -> None:
        policy = changed(resources=(replace(self.RESOURCES[0], case_insensitive=False), self.RESOURCES[1]))
        assert decide(policy, ALICE, get("/app/admin"), context()).reason is Reason.GRANTED
        assert decide(policy, ALICE, get("/APP/x"), context()).reason is Reason.UNKNOWN_RESOURCE

    def test_another_case_of_a_sensitive_resource_on_the_same_host_is_unknown(self) -> None:
        policy = changed(resources=(*self.RESOURCES, WebResource("other", "public", HOST, "/Other")))
        assert decide(policy, ALICE, get("/Other"), context()).reason is Reason.GRANTED
        assert decide(policy, ALICE, get("/other"), context()).reason is Reason.UNKNOWN_RESOURCE

    def test_letters_that_only_look_upper_case_fold_as_well(self) -> None:
        resources = (
            WebResource("root", "public", HOST, "/", case_insensitive=True),
            WebResource("keys", "finance", HOST, "/keys"),
        )
        kelvin, long_s = "/%E2%84%AAeys", "/key%C5%BF"
        for path in ("/KEYS", kelvin, long_s):
            assert decide(changed(resources=resources), ALICE, get(path), context()).reason is Reason.NOT_GRANTED
        assert decide(changed(resources=resources), ALICE, get("/keyz"), context()).reason is Reason.GRANTED


class TestViews:
    RESOURCES = (
        ViewResource("home", "public", "home"),
        ViewResource("payroll", "finance", "payroll:*"),
        ViewResource("notice", "public", "payroll:notice"),
        ViewResource("deep", "public", "payroll:archive:*"),
    )

    @pytest.mark.parametrize(
        ("name", "reason", "resource"),
        [
            ("home", Reason.GRANTED, "home"),
            ("homes", Reason.UNKNOWN_RESOURCE, None),
            ("Home", Reason.UNKNOWN_RESOURCE, None),
            ("payroll:run", Reason.NOT_GRANTED, "payroll"),
            ("payroll:run:now", Reason.NOT_GRANTED, "payroll"),
            ("payroll:notice", Reason.GRANTED, "notice"),
            ("payroll:notices", Reason.NOT_GRANTED, "payroll"),
            ("payroll:archive:show", Reason.GRANTED, "deep"),
            ("payroll:archive", Reason.NOT_GRANTED, "payroll"),
            ("payroll", Reason.UNKNOWN_RESOURCE, None),
            ("payroll2:run", Reason.UNKNOWN_RESOURCE, None),
            ("x:payroll:run", Reason.UNKNOWN_RESOURCE, None),
            ("", Reason.UNKNOWN_RESOURCE, None),
        ],
    )
    def test_a_view_belongs_to_its_own_resource_else_to_the_innermost_namespace(
        self, name: str, reason: Reason, resource: str | None
    ) -> None:
        decision = decide(changed(resources=self.RESOURCES), ALICE, ViewTarget(name, "GET"), context())
        assert (decision.reason, decision.resource, decision.readings) == (reason, resource, ())

    def test_the_method_of_a_view_is_its_action(self) -> None:
        policy = changed(resources=self.RESOURCES, grants=(clerks(actions=frozenset({"read"})),))
        assert decide(policy, ALICE, ViewTarget("home", "HEAD"), context()).reason is Reason.GRANTED
        assert decide(policy, ALICE, ViewTarget("home", "POST"), context()).reason is Reason.ACTION_NOT_GRANTED


class TestSegmentsAndAnonymous:
    def test_quarantine_closes_a_segment_for_everybody(self) -> None:
        quarantined = segment(quarantined=True)
        assert decide(quarantined, ALICE, get(), context()) == denied(Reason.SEGMENT_QUARANTINED)
        assert decide(quarantined, None, get(), context()) == denied(Reason.SEGMENT_QUARANTINED)
        assert decide(segment(quarantined=False), ALICE, get(), context()) == granted()

    def test_quarantine_closes_anonymous_resources_too(self) -> None:
        resources = (replace(PUBLIC_SITE, anonymous=True),)
        closed = changed(resources=resources, segments=(Segment("public", quarantined=True), FINANCE))
        assert decide(closed, None, get(), context()) == denied(Reason.SEGMENT_QUARANTINED)

    @pytest.mark.parametrize(
        "subject", [None, ALICE, BOB, replace(ALICE, active=False), person("eve", verifications=())]
    )
    def test_an_anonymous_resource_is_open_to_everybody(self, subject: Subject | None) -> None:
        policy = changed(resources=(replace(PUBLIC_SITE, anonymous=True),))
        assert decide(policy, subject, get(), context()) == Decision(
            allowed=True,
            reason=Reason.ANONYMOUS_RESOURCE,
            segment="public",
            resource="public-site",
            readings=("/public/x",),
        )

    def test_without_the_mark_nobody_is_anonymous(self) -> None:
        assert decide(POLICY, None, get(), context()) == denied(Reason.SIGN_IN_REQUIRED, Obligation.SIGN_IN)


class TestStanding:
    """The subject itself; ALICE is the twin of each."""

    @pytest.mark.parametrize(
        ("facts", "reason", "obligations"),
        [
            ({"active": False}, Reason.SUBJECT_DISABLED, ()),
            ({"quarantined": True}, Reason.SUBJECT_QUARANTINED, ()),
            ({"session_active": False}, Reason.SESSION_ENDED, (Obligation.SIGN_IN,)),
            ({"enrolled": False, "verifications": ()}, Reason.ENROLMENT_REQUIRED, (Obligation.ENROL,)),
            ({"enrolled": False}, Reason.ENROLMENT_REQUIRED, (Obligation.ENROL,)),
            ({"verifications": ()}, Reason.SECOND_FACTOR_REQUIRED, (Obligation.VERIFY_SECOND_FACTOR,)),
        ],
    )
    def test_one_fact_closes(self, facts: dict[str, Any], reason: Reason, obligations: tuple[Obligation, ...]) -> None:
        assert decide(POLICY, replace(ALICE, **facts), get(), context()) == denied(reason, *obligations)
        assert decide(POLICY, ALICE, get(), context()) == granted()

    def test_the_first_one_in_the_order_gives_the_reason(self) -> None:
        facts: dict[str, Any] = {"verifications": (), "enrolled": False, "session_active": False}
        facts |= {"quarantined": True, "active": False}
        order = [
            ("active", True, Reason.SUBJECT_DISABLED),
            ("quarantined", False, Reason.SUBJECT_QUARANTINED),
            ("session_active", True, Reason.SESSION_ENDED),
            ("enrolled", True, Reason.ENROLMENT_REQUIRED),
            ("verifications", (verified(),), Reason.SECOND_FACTOR_REQUIRED),
        ]
        for fact, mended, reason in order:
            assert decide(POLICY, replace(ALICE, **facts), get(), context()).reason is reason
            facts[fact] = mended
        assert decide(POLICY, replace(ALICE, **facts), get(), context()) == granted()

    @pytest.mark.parametrize("factor", list(Factor))
    def test_any_factor_is_a_second_factor(self, factor: Factor) -> None:
        assert (
            decide(POLICY, person("alice", "clerk", verifications=(verified(factor),)), get(), context()) == granted()
        )

    def test_a_system_enters_only_where_the_segment_lets_systems_in(self) -> None:
        batch = system("batch", "clerk")
        assert decide(POLICY, batch, get(), context()) == denied(Reason.SERVICE_ACCOUNT_NOT_ALLOWED)
        assert decide(segment(allow_service_accounts=True), batch, get(), context()) == granted()
        assert decide(segment(allow_service_accounts=True), system(), get(), context()) == denied(Reason.NOT_GRANTED)

    def test_a_system_is_disabled_before_it_is_not_allowed(self) -> None:
        batch = system("batch", "clerk", active=False)
        for allowed in (False, True):
            decision = decide(segment(allow_service_accounts=allowed), batch, get(), context())
            assert decision == denied(Reason.SUBJECT_DISABLED)

    def test_a_system_is_asked_for_no_factor(self) -> None:
        strict = segment(
            allow_service_accounts=True, assurance=Assurance.PHISHING_RESISTANT, reauth_after=timedelta(minutes=1)
        )
        assert decide(strict, system("batch", "clerk"), get(), context()) == granted()
        assert decide(strict, ALICE, get(), context()).reason is Reason.STRONGER_FACTOR_REQUIRED


class TestGrants:
    def test_no_grant_for_any_role(self) -> None:
        assert decide(POLICY, BOB, get(), context()) == denied(Reason.NOT_GRANTED)
        assert decide(POLICY, ALICE, get(), context()) == granted()

    @pytest.mark.parametrize("role", ["Clerk", "clerks", "cler", "user:alice"])
    def test_a_role_matches_by_its_whole_name(self, role: str) -> None:
        assert decide(POLICY, person("alice", role), get(), context()) == denied(Reason.NOT_GRANTED)

    def test_a_role_named_like_a_subject_is_not_that_subject(self) -> None:
        policy = grants(Grant("g", "public", subject="user:alice"))
        assert decide(policy, person("alice"), get(), context()) == granted("g")
        assert decide(policy, person("bob"), get(), context()) == denied(Reason.NOT_GRANTED)
        assert decide(policy, person("Alice"), get(), context()) == denied(Reason.NOT_GRANTED)

    def test_everybody_is_a_role_like_any_other(self) -> None:
        policy = grants(Grant("g", "public", role="everybody"))
        assert decide(policy, person("eve"), get(), context()) == granted("g")
        assert decide(policy, replace(person("eve"), roles=frozenset()), get(), context()) == denied(Reason.NOT_GRANTED)

    @pytest.mark.parametrize(
        ("narrowing", "at", "address", "reason"),
        [
            ({"actions": frozenset({"write"})}, NOW, "10.1.2.3", Reason.ACTION_NOT_GRANTED),
            ({"actions": frozenset({"read"})}, NOW, "10.1.2.3", None),
            ({"networks": OFFICE}, NOW, "10.2.0.0", Reason.OUTSIDE_GRANT_NETWORK),
            ({"networks": OFFICE}, NOW, "10.1.255.255", None),
            ({"networks": OFFICE}, NOW, "::ffff:10.1.0.0", None),
            ({"networks": OFFICE}, NOW, None, Reason.OUTSIDE_GRANT_NETWORK),
            ({"hours": TEN_TO_ELEVEN}, NOW - SECOND, "10.1.2.3", Reason.OUTSIDE_GRANT_HOURS),
            ({"hours": TEN_TO_ELEVEN}, NOW, "10.1.2.3", None),
            ({"hours": TEN_TO_ELEVEN}, NOW + timedelta(hours=1), "10.1.2.3", Reason.OUTSIDE_GRANT_HOURS),
            ({"hours": TEN_TO_ELEVEN}, NOW + timedelta(days=1), "10.1.2.3", Reason.OUTSIDE_GRANT_HOURS),
            ({"not_before": NOW}, NOW - SECOND, "10.1.2.3", Reason.GRANT_NOT_YET_VALID),
            ({"not_before": NOW}, NOW, "10.1.2.3", None),
            ({"expires_at": NOW}, NOW - SECOND, "10.1.2.3", None),
            ({"expires_at": NOW}, NOW, "10.1.2.3", Reason.GRANT_EXPIRED),
        ],
    )
    def test_a_narrowed_grant_opens_inside_and_not_outside(
        self, narrowing: dict[str, Any], at: datetime, address: str | None, reason: Reason | None
    ) -> None:
        decision = decide(grants(clerks(**narrowing)), ALICE, get(), context(at, address))
        assert decision == (granted() if reason is None else denied(reason, grants=("clerks",)))

    def test_read_is_the_default_and_write_is_every_other_method(self) -> None:
        policy = grants(Grant("g", "public", role="clerk"))
        for method in ("GET", "HEAD", "OPTIONS"):
            assert decide(policy, ALICE, WebTarget(HOST, "/public/x", method), context()) == granted("g")
        for method in ("POST", "PUT", "PATCH", "DELETE", "PURGE"):
            decision = decide(policy, ALICE, WebTarget(HOST, "/public/x", method), context())
            assert decision == denied(Reason.ACTION_NOT_GRANTED, grants=("g",))

    def test_a_custom_action_replaces_that_of_the_method(self) -> None:
        policy = grants(clerks(actions=frozenset({"approve"})))
        assert decide(policy, ALICE, get(), context(), action="approve") == granted()
        assert decide(policy, ALICE, get(), context()) == denied(Reason.ACTION_NOT_GRANTED, grants=("clerks",))
        assert decide(POLICY, ALICE, get(), context(), action="approve") == denied(
            Reason.ACTION_NOT_GRANTED, grants=("clerks",)
        )

    def test_the_nearest_grant_gives_the_reason(self) -> None:
        """It is the one that meets the most criteria in the order action, network, hours, beginning, end."""
        ladder = (
            (clerks(id="1", actions=frozenset({"write"})), Reason.ACTION_NOT_GRANTED),
            (clerks(id="2", networks=(ip_network("192.0.2.0/24"),), expires_at=NOW), Reason.OUTSIDE_GRANT_NETWORK),
            (clerks(id="3", hours=replace(TEN_TO_ELEVEN, days=frozenset({2}))), Reason.OUTSIDE_GRANT_HOURS),
            (clerks(id="4", not_before=NOW + SECOND), Reason.GRANT_NOT_YET_VALID),
            (clerks(id="5", expires_at=NOW), Reason.GRANT_EXPIRED),
        )
        for height in range(1, len(ladder) + 1):
            held = tuple(grant for grant, _ in ladder[:height])
            nearest, reason = ladder[height - 1]
            for order in (held, held[::-1]):
                assert decide(grants(*order), ALICE, get(), context()) == denied(reason, grants=(nearest.id,))

    def test_every_grant_that_comes_as_near_is_named(self) -> None:
        near = (clerks(id="1", expires_at=NOW), clerks(id="2", expires_at=NOW - SECOND), clerks(id="3", expires_at=NOW))
        decision = decide(grants(*near, clerks(id="4", actions=frozenset({"write"}))), ALICE, get(), context())
        assert (decision.reason, set(decision.grants)) == (Reason.GRANT_EXPIRED, {"1", "2", "3"})

    def test_every_grant_that_opens_is_named_and_no_other(self) -> None:
        policy = grants(
            clerks(id="role"),
            Grant("own", "public", subject="user:alice"),
            Grant("all", "public", role="everybody"),
            clerks(id="old", expires_at=NOW),
            Grant("other", "public", role="auditor"),
            Grant("elsewhere", "finance", role="clerk"),
        )
        assert set(decide(policy, ALICE, get(), context()).grants) == {"role", "own", "all"}


class TestRequirements:
    @pytest.mark.parametrize(
        ("requirement", "at", "address", "reason"),
        [
            ({"networks": OFFICE}, NOW, "10.2.0.0", Reason.OUTSIDE_SEGMENT_NETWORK),
            ({"networks": OFFICE}, NOW, None, Reason.OUTSIDE_SEGMENT_NETWORK),
            ({"networks": OFFICE}, NOW, "10.1.0.0", None),
            ({"hours": TEN_TO_ELEVEN}, NOW - SECOND, "10.1.2.3", Reason.OUTSIDE_SEGMENT_HOURS),
            ({"hours": TEN_TO_ELEVEN}, NOW, "10.1.2.3", None),
            ({"hours": TEN_TO_ELEVEN}, NOW + timedelta(hours=1), "10.1.2.3", Reason.OUTSIDE_SEGMENT_HOURS),
        ],
    )
    def test_place_and_time(
        self, requirement: dict[str, Any], at: datetime, address: str | None, reason: Reason | None
    ) -> None:
        for subject in (ALICE, system("batch", "clerk")):
            decision = decide(segment(allow_service_accounts=True, **requirement), subject, get(), context(at, address))
            assert decision == (granted() if reason is None else denied(reason, grants=("clerks",)))

    @pytest.mark.parametrize(
        ("factors", "reason"),
        [
            ((Factor.WEBAUTHN,), None),
            ((Factor.TOTP, Factor.WEBAUTHN), None),
            ((Factor.TOTP,), Reason.STRONGER_FACTOR_REQUIRED),
            ((Factor.RECOVERY,), Reason.STRONGER_FACTOR_REQUIRED),
            ((Factor.RECOVERY, Factor.TOTP), Reason.STRONGER_FACTOR_REQUIRED),
        ],
    )
    def test_only_a_passkey_resists_phishing(self, factors: tuple[Factor, ...], reason: Reason | None) -> None:
        subject = replace(ALICE, verifications=tuple(map(verified, factors)))
        decision = decide(segment(assurance=Assurance.PHISHING_RESISTANT), subject, get(), context())
        if reason is None:
            assert decision == granted()
        else:
            assert decision == denied(reason, Obligation.ENROL_STRONGER, grants=("clerks",))

    def test_whoever_has_a_passkey_is_asked_for_it(self) -> None:
        strict = segment(assurance=Assurance.PHISHING_RESISTANT)
        subject = replace(ALICE, factors=frozenset({Factor.TOTP, Factor.WEBAUTHN}))
        decision = decide(strict, subject, get(), context())
        assert decision == denied(Reason.STRONGER_FACTOR_REQUIRED, Obligation.STRONGER_FACTOR, grants=("clerks",))

    @pytest.mark.parametrize(
        ("assurance", "verifications", "recent"),
        [
            (Assurance.MFA, [(Factor.TOTP, 899)], True),
            (Assurance.MFA, [(Factor.TOTP, 900)], False),
            (Assurance.MFA, [(Factor.TOTP, 901)], False),
            (Assurance.MFA, [(Factor.TOTP, 900), (Factor.RECOVERY, 1)], True),
            (Assurance.MFA, [(Factor.RECOVERY, 1), (Factor.TOTP, 900)], True),
            (Assurance.MFA, [(Factor.TOTP, -5)], True),  # clocks of two nodes may differ a little
            (Assurance.PHISHING_RESISTANT, [(Factor.WEBAUTHN, 899)], True),
            (Assurance.PHISHING_RESISTANT, [(Factor.WEBAUTHN, 900)], False),
            (Assurance.PHISHING_RESISTANT, [(Factor.WEBAUTHN, 900), (Factor.TOTP, 1)], False),
        ],
    )
    def test_the_newest_factor_that_is_strong_enough_has_to_be_recent(
        self, assurance: Assurance, verifications: list[tuple[Factor, int]], recent: bool
    ) -> None:
        strict = segment(assurance=assurance, reauth_after=timedelta(minutes=15))
        subject = replace(ALICE, verifications=tuple(verified(factor, age * SECOND) for factor, age in verifications))
        decision = decide(strict, subject, get(), context())
        reauthenticate = denied(Reason.REAUTHENTICATION_REQUIRED, Obligation.REAUTHENTICATE, grants=("clerks",))
        assert decision == (granted() if recent else reauthenticate)

    def test_the_first_one_in_the_order_gives_the_reason(self) -> None:
        requirements: dict[str, Any] = {
            "networks": (ip_network("192.0.2.0/24"),),
            "hours": replace(TEN_TO_ELEVEN, days=frozenset({2})),
            "assurance": Assurance.PHISHING_RESISTANT,
            "reauth_after": SECOND,
        }
        reasons = {
            "networks": Reason.OUTSIDE_SEGMENT_NETWORK,
            "hours": Reason.OUTSIDE_SEGMENT_HOURS,
            "assurance": Reason.STRONGER_FACTOR_REQUIRED,
            "reauth_after": Reason.REAUTHENTICATION_REQUIRED,
        }
        for requirement, reason in reasons.items():
            assert decide(segment(**requirements), ALICE, get(), context()).reason is reason
            del requirements[requirement]
        assert decide(segment(**requirements), ALICE, get(), context()) == granted()

    def test_a_missing_grant_comes_before_a_missed_requirement(self) -> None:
        strict = segment(assurance=Assurance.PHISHING_RESISTANT, networks=(ip_network("192.0.2.0/24"),))
        assert decide(strict, BOB, get(), context()) == denied(Reason.NOT_GRANTED)
        expired = replace(strict, grants=(clerks(expires_at=NOW),))
        assert decide(expired, ALICE, get(), context()) == denied(Reason.GRANT_EXPIRED, grants=("clerks",))


class TestTrace:
    def names(self, policy: Policy, subject: Subject | None, path: str = "/public/x") -> dict[str, bool | None]:
        trace: list[Step] = []
        decision = decide(policy, subject, get(path), context(), trace=trace)
        assert decision == decide(policy, subject, get(path), context())
        return {step.criterion: step.passed for step in trace}

    def test_it_tells_every_criterion_of_an_allowed_request(self) -> None:
        trace: list[Step] = []
        decide(POLICY, ALICE, get(), context(), trace=trace)
        person_facts = {"subject": "user:alice", "factors": ("totp",)}
        verified_at = NOW - timedelta(minutes=1)
        assert trace == [
            Step("target", True, {"readings": ("/public/x",), "action": "read"}),
            Step("resource", True, {"resource": "public-site", "segment": "public"}),
            Step("segment_enforced", True, {"segment": "public"}),
            Step("anonymous", None, {"resource": "public-site"}),
            Step("signed_in", True, {"subject": "user:alice"}),
            Step("subject_active", True, person_facts),
            Step("subject_not_quarantined", True, person_facts),
            Step("session", True, person_facts),
            Step("enrolled", True, person_facts),
            Step("second_factor", True, person_facts),
            Step("grant", True, {"grant": "clerks", "holder": "clerk", "missed": ""}),
            Step("segment_network", True, {"networks": (), "address": "10.1.2.3"}),
            Step("segment_hours", True, {"hours": None, "at": NOW}),
            Step("assurance", True, {"assurance": "mfa", "verified_at": verified_at}),
            Step("freshness", True, {"reauth_after": None, "verified_at": verified_at, "at": NOW}),
        ]

    def test_it_tells_what_else_is_missing(self) -> None:
        strict = segment(assurance=Assurance.PHISHING_RESISTANT, networks=OFFICE)
        nobody = replace(ALICE, session_active=False, roles=frozenset())
        assert self.names(strict, nobody) == {
            "target": True,
            "resource": True,
            "segment_enforced": True,
            "anonymous": None,
            "signed_in": True,
            "subject_active": True,
            "subject_not_quarantined": True,
            "session": False,
            "enrolled": None,
            "second_factor": None,
            "grant": False,
            "segment_network": True,
            "segment_hours": True,
            "assurance": False,
            "freshness": None,
        }

    def test_it_tells_each_grant(self) -> None:
        trace: list[Step] = []
        policy = grants(
            clerks(id="old", expires_at=NOW), clerks(id="new"), Grant("own", "public", subject="user:alice")
        )
        decide(policy, ALICE, get(), context(), trace=trace)
        assert [step for step in trace if step.criterion == "grant"] == [
            Step("grant", False, {"grant": "old", "holder": "clerk", "missed": "grant_expired"}),
            Step("grant", True, {"grant": "new", "holder": "clerk", "missed": ""}),
            Step("grant", True, {"grant": "own", "holder": "user:alice", "missed": ""}),
        ]

    def test_it_ends_where_nothing_more_can_be_judged(self) -> None:
        assert self.names(POLICY, ALICE, "/x#y") == {"target": False}
        assert self.names(POLICY, ALICE, "/x") == {"target": True, "resource": False}
        entrance = {"target": True, "resource": True, "segment_enforced": True, "anonymous": None, "signed_in": False}
        assert self.names(POLICY, None) == entrance
        assert self.names(segment(quarantined=True), ALICE) == {
            "target": True,
            "resource": True,
            "segment_enforced": False,
        }
        anonymous = changed(resources=(replace(PUBLIC_SITE, anonymous=True),))
        assert self.names(anonymous, None) == {
            "target": True,
            "resource": True,
            "segment_enforced": True,
            "anonymous": True,
        }

    def test_a_system_is_judged_as_one(self) -> None:
        steps = self.names(segment(allow_service_accounts=True), system("batch", "clerk"))
        assert [name for name in steps if name in ("service_accounts", "second_factor", "assurance")] == [
            "service_accounts"
        ]

    def test_quoted_input_is_harmless(self) -> None:
        trace: list[Step] = []
        decide(POLICY, ALICE, get(host="a\r\nb"), context(), trace=trace)
        assert trace == [Step("target", False, "host `a\\r\\nb` is not a host name")]


def test_a_decision_names_its_segment_and_resource_whatever_the_reason() -> None:
    for policy, subject in ((segment(quarantined=True), ALICE), (POLICY, None), (POLICY, BOB), (POLICY, ALICE)):
        decision = decide(policy, subject, get(), Context(NOW))
        assert (decision.segment, decision.resource) == ("public", "public-site")
