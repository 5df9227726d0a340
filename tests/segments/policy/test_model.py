"""Values that are wrong cannot be built, and say what is wrong and the way out."""

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from segments.policy.model import (
    Context,
    Decision,
    Factor,
    Grant,
    Policy,
    Reason,
    Segment,
    Subject,
    SubjectKind,
    Verification,
    ViewResource,
    WebResource,
    WorkloadResource,
)
from segments.policy.target import shown
from tests.segments.policy.cast import FINANCE_SITE, HOST, NOW, POLICY, PUBLIC_SITE, exactly

EARLIER = NOW - timedelta(hours=1)


def web(**parts: Any) -> WebResource:
    return WebResource(**{"id": "r", "segment": "public", "host": HOST} | parts)


def grant(**parts: Any) -> Grant:
    return Grant(**{"id": "g", "segment": "public", "role": "clerk"} | parts)


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        [
            "/",
            "/public",
            "/public/a/b",
            "/..hidden/x",
            "/.well-known/acme",
            "/c++",
            "/a.b",
            "/a~b",
            "/a@b:c",
            "/a=1,b!&'",
            "/" + "x" * 1023,
        ],
    )
    def test_a_plain_prefix_is_accepted(self, path: str) -> None:
        assert web(path=path).path == path

    @pytest.mark.parametrize(
        ("path", "error"),
        [
            ("", "path `` does not start with `/`: write a prefix from the root, such as /finance"),
            ("public", "path `public` does not start with `/`: write a prefix from the root, such as /finance"),
            ("*", "path `*` does not start with `/`: write a prefix from the root, such as /finance"),
            ("/public/", "path `/public/` ends in `/`: write `/public`, which covers all below it"),
            ("//", "path `//` ends in `/`: write `/`, which covers all below it"),
            (
                "/finance/*",
                "path `/finance/*` has a `*`: a path is a literal prefix, not a pattern, and covers all below it",
            ),
            ("/(a+)", "path `/(a+)` has a `(`: a path is a literal prefix, not a pattern, and covers all below it"),
            ("/x$", "path `/x$` has a `$`: a path is a literal prefix, not a pattern, and covers all below it"),
            ("/{a,b}", "path `/{a,b}` has a `{`: a path is a literal prefix, not a pattern, and covers all below it"),
            ("/a%2fb", "path `/a%2fb` has a `%`: write the decoded prefix, without query, fragment and parameters"),
            ("/a?b", "path `/a?b` has a `?`: write the decoded prefix, without query, fragment and parameters"),
            ("/x#y", "path `/x#y` has a `#`: write the decoded prefix, without query, fragment and parameters"),
            ("/a;b", "path `/a;b` has a `;`: write the decoded prefix, without query, fragment and parameters"),
            ("/a\\b", "path `/a\\b` has a `\\`: write the decoded prefix, without query, fragment and parameters"),
            ("/a//b", "path `/a//b` can be read in several ways: write it without `//`, `/./` and `/../`"),
            ("/a/../b", "path `/a/../b` can be read in several ways: write it without `//`, `/./` and `/../`"),
            ("/a/.", "path `/a/.` can be read in several ways: write it without `//`, `/./` and `/../`"),
            ("/a b", "path `/a b` has a character U+0020 that no plain path has: use the ASCII prefix above it"),
            ("/a\n", "path `/a\\n` has a character U+000A that no plain path has: use the ASCII prefix above it"),
            (
                "/\u202efinance",
                "path `/\\u202efinance` has a character U+202E that no plain path has: use the ASCII prefix above it",
            ),
            (
                "/caf\u00e9",
                "path `/caf\u00e9` has a character U+00E9 that no plain path has: use the ASCII prefix above it",
            ),
            (
                "/" + "x" * 1024,
                "path `/" + "x" * 99 + "…` is longer than 1024 characters: use a shorter prefix",
            ),
        ],
    )
    def test_another_path_is_refused(self, path: str, error: str) -> None:
        with pytest.raises(ValueError, match=exactly(error)):
            web(path=path)


class TestHosts:
    @pytest.mark.parametrize(
        "host",
        [
            HOST,
            "localhost",
            "xn--bcher-kva.example.test",
            "*.example.test",
            "10.1.2.3",
            "[2001:db8::1]",
            "a" * 63 + ".test",
        ],
    )
    def test_a_canonical_host_is_accepted(self, host: str) -> None:
        assert web(host=host).host == host

    @pytest.mark.parametrize(
        ("host", "error"),
        [
            (
                "App.example.test",
                "host `App.example.test` is not in the form hosts are compared in: write `app.example.test`",
            ),
            (
                "app.example.test.",
                "host `app.example.test.` is not in the form hosts are compared in: write `app.example.test`",
            ),
            (
                "app.example.test:443",
                "host `app.example.test:443` is not in the form hosts are compared in: write `app.example.test`",
            ),
            (
                "*.Example.test",
                "host `*.Example.test` is not in the form hosts are compared in: write `*.example.test`",
            ),
            ("[2001:DB8::1]", "host `[2001:DB8::1]` is not in the form hosts are compared in: write `[2001:db8::1]`"),
            ("*", "host `*` has a `*`: only `*.` in front is a wildcard, for exactly one label"),
            ("*.*.test", "host `*.*.test` has a `*`: only `*.` in front is a wildcard, for exactly one label"),
            (
                "a*.example.test",
                "host `a*.example.test` has a `*`: only `*.` in front is a wildcard, for exactly one label",
            ),
            ("*.test", "host `*.test` is a wildcard above a registrable name: name a domain, such as *.example.test"),
            (
                "*.localhost",
                "host `*.localhost` is a wildcard above a registrable name: name a domain, such as *.example.test",
            ),
            (
                "*.10.1.2.3",
                "host `*.10.1.2.3` is a wildcard above a registrable name: name a domain, such as *.example.test",
            ),
            ("2130706433", "host `2130706433` is neither a name nor an address: write an IPv4 address in four parts"),
            ("0x7f000001", "host `0x7f000001` is neither a name nor an address: write an IPv4 address in four parts"),
            ("10.1.2.03", "host `10.1.2.03` is neither a name nor an address: write an IPv4 address in four parts"),
        ],
    )
    def test_another_form_is_refused(self, host: str, error: str) -> None:
        with pytest.raises(ValueError, match=exactly(error)):
            web(host=host)

    @pytest.mark.parametrize(
        "host",
        [
            "",
            "a_b.test",
            "b\u00fccher.test",
            "https://app.test",
            "app.test/x",
            "u@app.test",
            "-a.test",
            "a..b",
            "[::1",
            "a b",
        ],
    )
    def test_what_is_no_host_is_refused(self, host: str) -> None:
        with pytest.raises(
            ValueError,
            match=exactly(
                f"host `{shown(host)}` is not a host name: write the name alone, without scheme and path, "
                "international names in A-form (`xn--`)"
            ),
        ):
            web(host=host)


class TestOtherNames:
    @pytest.mark.parametrize("view", ["home", "payroll:run", "payroll:*", "a:b:c", "a:b:*", "app.views.show", "x-y_z"])
    def test_a_view_name_or_a_namespace_is_accepted(self, view: str) -> None:
        assert ViewResource("r", "public", view).view == view

    @pytest.mark.parametrize("view", ["", "*", ":run", "payroll:", "payroll*", "pay roll:run", "a:*:b", "a::b", "a:\n"])
    def test_another_view_is_refused(self, view: str) -> None:
        with pytest.raises(
            ValueError,
            match=exactly(
                f"view `{shown(view)}` is not a view name: write `payroll:run`, or `payroll:*` for all of them"
            ),
        ):
            ViewResource("r", "public", view)

    @pytest.mark.parametrize("slug", ["", "a b", "caf\u00e9", "a:b", "a\n", "x" * 101])
    def test_a_bad_slug_is_refused(self, slug: str) -> None:
        with pytest.raises(
            ValueError, match=exactly(f"segment `{shown(slug)}` is not a slug: use ASCII letters, digits, `-` and `_`")
        ):
            Segment(slug)

    @pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "get", "", "GET ", "GET\n"])
    def test_a_method_that_is_never_allowed_is_refused(self, method: str) -> None:
        error = f"method `{shown(method)}` is never allowed: use GET, POST and the like, in capitals"
        with pytest.raises(ValueError, match=exactly(error)):
            web(methods=frozenset({method}))

    def test_a_resource_without_methods_is_refused_and_with_all_is_not(self) -> None:
        with pytest.raises(ValueError, match=exactly("resource `r` names no method: leave methods out to cover all")):
            web(methods=frozenset())
        assert web(methods=None).answered_methods is None

    def test_head_is_answered_where_get_is(self) -> None:
        assert web(methods=frozenset({"GET"})).answered_methods == frozenset({"GET", "HEAD"})
        assert web(methods=frozenset({"POST"})).answered_methods == frozenset({"POST"})

    def test_nothing_goes_without_an_id(self) -> None:
        with pytest.raises(ValueError, match=exactly("resource has no id")):
            web(id="")
        with pytest.raises(ValueError, match=exactly("grant has no id")):
            grant(id="")


class TestGrants:
    def test_least_privilege_is_the_default(self) -> None:
        assert grant().actions == {"read"}

    @pytest.mark.parametrize("holders", [{"role": None}, {"subject": "user:bob"}])
    def test_a_grant_has_exactly_one_holder(self, holders: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=exactly("grant `g` needs either a role or a subject: give exactly one")):
            grant(**holders)
        assert grant(role=None, subject="user:bob").holder == "user:bob"
        assert grant().holder == "clerk"

    @pytest.mark.parametrize("subject", ["bob", "user:", "role:bob", "user:b b", "user:bob\n", ""])
    def test_a_subject_says_what_it_is(self, subject: str) -> None:
        with pytest.raises(
            ValueError, match=exactly(f"subject `{shown(subject)}` is neither a user nor a service: write `user:bob`")
        ):
            grant(role=None, subject=subject)

    def test_a_grant_of_no_action_is_refused(self) -> None:
        with pytest.raises(ValueError, match=exactly("grant to `clerk` names no action: use read, write or both")):
            grant(actions=frozenset())

    @pytest.mark.parametrize("action", ["", "a b", "read\n", "\u202eread"])
    def test_a_bad_action_is_refused(self, action: str) -> None:
        error = f"action `{shown(action)}` is not a name: use `read`, `write` or a name without spaces"
        with pytest.raises(ValueError, match=exactly(error)):
            grant(actions=frozenset({action}))

    def test_a_window_that_ends_before_it_begins_is_refused(self) -> None:
        with pytest.raises(
            ValueError, match=exactly(f"grant expires `{NOW}` before it begins `{NOW}`: swap the two times")
        ):
            grant(not_before=NOW, expires_at=NOW)
        assert grant(not_before=EARLIER, expires_at=NOW).expires_at == NOW

    def test_a_time_without_zone_is_refused(self) -> None:
        naive = datetime(2026, 11, 24)  # noqa: DTZ001 (what is refused)
        with pytest.raises(
            ValueError, match=exactly("grant time `2026-11-24 00:00:00` has no time zone: give an aware time")
        ):
            grant(expires_at=naive)
        with pytest.raises(
            ValueError, match=exactly("context time `2026-11-24 00:00:00` has no time zone: give an aware time")
        ):
            Context(naive)
        with pytest.raises(
            ValueError, match=exactly("verification time `2026-11-24 00:00:00` has no time zone: give an aware time")
        ):
            Verification(Factor.TOTP, naive)
        assert Context(naive.replace(tzinfo=UTC)).at.tzinfo is UTC

    def test_mapped_networks_become_ipv4(self) -> None:
        assert grant(networks=(ip_network("::ffff:10.0.0.0/104"),)).networks == (ip_network("10.0.0.0/8"),)
        assert Segment("s", networks=(ip_network("::/0"),)).networks == (ip_network("::/0"),)

    def test_a_network_as_text_is_refused(self) -> None:
        with pytest.raises(ValueError, match=exactly("`10.0.0.0/8` is not a network: use a CIDR such as 10.0.0.0/8")):
            Segment("s", networks=("10.0.0.0/8",))  # type: ignore[arg-type]


class TestSegmentsAndSubjects:
    @pytest.mark.parametrize("age", [timedelta(), timedelta(seconds=-1)])
    def test_an_age_that_nobody_can_meet_is_refused(self, age: timedelta) -> None:
        with pytest.raises(
            ValueError, match=exactly(f"reauth_after `{age}` is no time at all: give a positive duration or none")
        ):
            Segment("s", reauth_after=age)
        assert Segment("s", reauth_after=timedelta(seconds=1)).reauth_after == timedelta(seconds=1)

    def test_a_workload_that_selects_nothing_is_refused(self) -> None:
        error = "workload `w` selects nothing: give networks, or labels and a namespace"
        with pytest.raises(ValueError, match=exactly(error)):
            WorkloadResource("w", "s")
        assert WorkloadResource("w", "s", namespace="db").namespace == "db"

    def test_the_id_of_a_subject_says_its_kind(self) -> None:
        with pytest.raises(ValueError, match=exactly("subject `user:batch` is not a service: write `service:NAME`")):
            Subject("user:batch", "batch", SubjectKind.SERVICE, frozenset())
        assert Subject("service:batch", "batch", SubjectKind.SERVICE, frozenset()).active

    def test_a_mapped_address_is_its_ipv4_address(self) -> None:
        assert Context(NOW, ip_address("::ffff:10.1.2.3")) == Context(NOW, ip_address("10.1.2.3"))


class TestPolicies:
    @pytest.mark.parametrize(
        ("parts", "error"),
        [
            ({"segments": (Segment("public"), Segment("public"))}, "segment `public` is there twice: names are unique"),
            ({"resources": (PUBLIC_SITE, PUBLIC_SITE)}, "resource `public-site` is there twice: names are unique"),
            ({"grants": (grant(), grant())}, "grant `g` is there twice: names are unique"),
            ({"grants": (grant(segment="db"),)}, "unknown segment `db` in grant to `clerk`"),
            ({"resources": (web(segment="db"),)}, "unknown segment `db` in resource `r`"),
            ({"resources": (ViewResource("v", "db", "home"),)}, "unknown segment `db` in resource `v`"),
        ],
    )
    def test_a_policy_that_does_not_hang_together_is_refused(self, parts: dict[str, Any], error: str) -> None:
        with pytest.raises(ValueError, match=exactly(error)):
            replace(POLICY, **parts)

    def test_a_policy_finds_its_segments(self) -> None:
        assert POLICY.segment("public") == Segment("public")
        with pytest.raises(KeyError):
            POLICY.segment("db")

    def test_values_do_not_change(self) -> None:
        with pytest.raises(FrozenInstanceError):
            FINANCE_SITE.path = "/"  # type: ignore[misc]
        with pytest.raises(AttributeError):
            Decision(allowed=False, reason=Reason.NOT_GRANTED).allowed = True  # type: ignore[misc]

    def test_equal_policies_are_equal(self) -> None:
        assert Policy(POLICY.version, POLICY.segments, POLICY.resources, POLICY.grants) == POLICY
        assert replace(POLICY, version=2) != POLICY
