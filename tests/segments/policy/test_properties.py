"""What has to hold for every path and every world: readings never widen, grants only open."""

import random
import re
from dataclasses import replace

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from segments.policy.engine import decide
from segments.policy.model import Policy
from segments.policy.target import MalformedTargetError, canonical_host, readings
from tests.segments.policy import worlds

SEEDS = st.integers(min_value=0, max_value=2**32)
PATHS = st.lists(st.sampled_from((*worlds.PIECES, "/")), min_size=1, max_size=8).map(
    lambda pieces: "/" + "".join(pieces)
)
TARGETS = st.one_of(PATHS, st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40).map("/".__add__))
UNREAD = re.compile(r"%[0-9A-Fa-f]{2}|[\\;?#]|//|/\.\.?(?:/|\Z)")
QUICK = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read(target: str) -> tuple[str, ...]:
    try:
        return readings(target)
    except MalformedTargetError:
        assume(False)
        raise


@QUICK
@given(TARGETS)
def test_the_raw_path_is_the_first_reading_and_each_is_there_once(target: str) -> None:
    found = read(target)
    assert found[0] == target.partition("?")[0]
    assert len(set(found)) == len(found)
    assert all(reading.startswith("/") for reading in found)


@QUICK
@given(TARGETS)
def test_readings_are_idempotent(target: str) -> None:
    """Whatever can be sent on reads as nothing new: no chain of hops gets further than the first one."""
    found = read(target)
    for reading in found:
        assert set(read_again(reading)) <= set(found)


def read_again(reading: str) -> tuple[str, ...]:
    try:
        return readings(reading)
    except MalformedTargetError:
        return ()  # it has a space or a letter outside ASCII, which nobody can send


@QUICK
@given(TARGETS)
def test_one_reading_is_the_last_word(target: str) -> None:
    assert any(UNREAD.search(reading) is None for reading in read(target))


@QUICK
@given(TARGETS, st.sampled_from(["?", "?a", "?a=/x/../y", "?%zz%00"]))
def test_a_query_changes_nothing(target: str, query: str) -> None:
    path = target.partition("?")[0]
    assert read(path + query) == read(path)


@QUICK
@given(st.text(max_size=30))
def test_a_host_has_one_canonical_form(host: str) -> None:
    try:
        canonical = canonical_host(host)
    except MalformedTargetError:
        return
    assert canonical_host(canonical) == canonical
    assert canonical_host(canonical.upper() + ":443") == canonical


@QUICK
@given(SEEDS, SEEDS)
def test_removing_a_grant_never_opens_and_adding_one_never_closes(seed: int, question: int) -> None:
    policy = worlds.policy(random.Random(seed))
    for removed in policy.grants:
        rest = tuple(grant for grant in policy.grants if grant is not removed)
        assert not (allows(replace(policy, grants=rest), policy, question) and not allows(policy, policy, question))


@QUICK
@given(SEEDS, SEEDS)
def test_a_narrower_grant_never_opens_more(seed: int, question: int) -> None:
    policy = worlds.policy(random.Random(seed))
    narrower = tuple(replace(grant, actions=grant.actions & {"read"} or grant.actions) for grant in policy.grants)
    assert allows(policy, policy, question) or not allows(replace(policy, grants=narrower), policy, question)


@QUICK
@given(SEEDS, SEEDS)
def test_quarantine_closes_and_opens_nothing(seed: int, question: int) -> None:
    policy = worlds.policy(random.Random(seed))
    for closed in policy.segments:
        segments = tuple(replace(one, quarantined=one.quarantined or one is closed) for one in policy.segments)
        assert allows(policy, policy, question) or not allows(replace(policy, segments=segments), policy, question)


@QUICK
@given(SEEDS, SEEDS)
def test_asking_why_changes_no_answer(seed: int, question: int) -> None:
    policy = worlds.policy(random.Random(seed))
    chance = random.Random(question)
    asked = (worlds.subject(chance), worlds.target(policy, chance), worlds.context(chance))
    assert decide(policy, *asked, trace=[]) == decide(policy, *asked)


def allows(policy: Policy, known: Policy, question: int) -> bool:
    """Put one question, made for the policy `known`, to another."""
    chance = random.Random(question)
    target = worlds.target(known, chance)
    return decide(policy, worlds.subject(chance), target, worlds.context(chance)).allowed
