"""The engine agrees with a naive second one on ten thousand random worlds, reason for reason."""

import random
from collections.abc import Iterator

import pytest

from segments.policy.engine import Target, decide
from segments.policy.model import Context, Policy, Reason, Subject
from tests.segments.policy import oracle, worlds

WORLDS = 10_000
QUESTIONS = 3
CHUNK = 500

Question = tuple[Subject | None, Target, Context, str | None]


def questions(seed: int) -> Iterator[tuple[Policy, Question]]:
    chance = random.Random(seed)
    policy = worlds.policy(chance)
    for _ in range(QUESTIONS):
        target = worlds.target(policy, chance)
        yield policy, (worlds.subject(chance), target, worlds.context(chance), worlds.action(chance))


@pytest.mark.parametrize("first", range(0, WORLDS, CHUNK))
def test_engine_and_oracle_agree(first: int) -> None:
    for seed in range(first, first + CHUNK):
        for policy, (subject, target, context, action) in questions(seed):
            decision = decide(policy, subject, target, context, action=action)
            answer = oracle.Answer(
                decision.allowed,
                decision.reason.value,
                decision.segment,
                decision.resource,
                frozenset(decision.grants),
            )
            assert answer == oracle.decide(policy, subject, target, context, action), (seed, target)


def test_worlds_reach_every_reason_of_the_engine() -> None:
    reached = {
        decide(policy, subject, target, context, action=action).reason
        for seed in range(CHUNK)
        for policy, (subject, target, context, action) in questions(seed)
    }
    assert reached == set(Reason) - {Reason.POLICY_ERROR}
