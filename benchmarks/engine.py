"""How long one decision takes, and how little that depends on the size of the policy.

    python benchmarks/engine.py [--rounds 7] [--cases 10000] [--json]

Builds a policy of 100 and one of 10,000 segments with ten resources each, and asks both the same number of questions,
round by round in turn: every segment, host and person is as likely as any other, which is the worst that can happen to
the processor's cache. Questions are built before the clock starts. Each decision is timed alone, so reading the clock
(0.1 µs) is in the figures: p50 and p99 are medians over the rounds, `least` is the p50 of the quietest round.
"""

import argparse
import gc
import json
import platform
import random
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from segments.policy.engine import decide
from segments.policy.model import (
    Assurance,
    Context,
    Factor,
    Grant,
    Policy,
    Segment,
    Subject,
    SubjectKind,
    Verification,
    WebResource,
    WebTarget,
)

SIZES = (100, 10_000)
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
AREAS = ("", "reports", "invoices", "api/v1", "api/v2", "admin", "static", "exports", "healthz", "archive/2025")
OFFICE = ip_network("10.0.0.0/8")


@dataclass(frozen=True, slots=True)
class Figures:
    """Microseconds a decision at one size: medians over the rounds, and the p50 of the quietest round."""

    segments: int
    resources: int
    grants: int
    build_seconds: float
    p50: float
    p99: float
    least: float


def build_policy(size: int, seed: int) -> Policy:
    """Build a policy of `size` segments with ten resources and two to four grants each."""
    chance = random.Random(seed)
    segments = tuple(_segment(number, chance) for number in range(size))
    resources = tuple(
        WebResource(
            f"r{number}-{area}", f"s{number}", f"app{number}.example.test", f"/{area}", anonymous=area == "healthz"
        )
        for number in range(size)
        for area in AREAS
    )
    grants = tuple(grant for number in range(size) for grant in _grants(number, size, chance))
    return Policy(1, segments, resources, grants)


def _segment(number: int, chance: random.Random) -> Segment:
    return Segment(
        f"s{number}",
        assurance=Assurance.PHISHING_RESISTANT if chance.random() < 0.1 else Assurance.MFA,
        reauth_after=timedelta(hours=1) if chance.random() < 0.1 else None,
        networks=(OFFICE,) if chance.random() < 0.1 else (),
    )


def _grants(number: int, size: int, chance: random.Random) -> list[Grant]:
    both = frozenset({"read", "write"})
    people = [f"user:u{chance.randrange(size * 100)}" for _ in range(chance.randrange(3))]
    return [
        Grant(f"g{number}-role", f"s{number}", role=_role(number, size), actions=both),
        Grant(f"g{number}-auditor", f"s{number}", role="auditor", expires_at=NOW + timedelta(days=30)),
        *(Grant(f"g{number}-{extra}", f"s{number}", subject=person) for extra, person in enumerate(people)),
    ]


def _role(number: int, size: int) -> str:
    return f"role{number % (size // 10)}"


def questions(size: int, count: int, seed: int) -> Iterator[tuple[Subject, WebTarget, Context]]:
    """Yield questions, about four in five of which are allowed, each with values of its own as requests have."""
    chance = random.Random(seed)
    role_sets: dict[frozenset[str], frozenset[str]] = {}
    for _ in range(count):
        number = chance.randrange(size)
        duty = _role(number if chance.random() < 0.85 else chance.randrange(size), size)
        roles = frozenset({"everybody", duty, _role(chance.randrange(size), size)})
        roles = role_sets.setdefault(roles, roles)
        verification = Verification(Factor.WEBAUTHN, NOW - timedelta(minutes=chance.randrange(70)))
        name = f"u{chance.randrange(size * 100)}"
        path = f"/{chance.choice(AREAS)}/page/{chance.randrange(1000)}".replace("//", "/")
        yield (
            Subject(f"user:{name}", name, SubjectKind.USER, roles, verifications=(verification,)),
            WebTarget(f"app{number}.example.test", path, "GET"),
            Context(NOW, ip_address(f"10.1.2.{chance.randrange(256)}")),
        )


def timed(policy: Policy, asked: Iterable[tuple[Subject, WebTarget, Context]]) -> list[int]:
    """Return the nanoseconds of each decision."""
    clock = time.perf_counter_ns
    taken = []
    for subject, target, context in asked:
        start = clock()
        decide(policy, subject, target, context)
        taken.append(clock() - start)
    return taken


def measure(rounds: int, count: int, seed: int) -> list[Figures]:
    """Measure both sizes in turn, round by round; medians over the rounds."""
    built = {size: _timed_build(size, seed) for size in SIZES}
    asked = {size: list(questions(size, count, seed)) for size in SIZES}
    gc.collect()
    gc.freeze()
    quantiles: dict[int, list[tuple[float, float]]] = {size: [] for size in SIZES}
    for _ in range(rounds):
        for size in SIZES:
            taken = sorted(timed(built[size][0], asked[size]))
            quantiles[size].append((taken[len(taken) // 2] / 1000, taken[len(taken) * 99 // 100] / 1000))
    return [_figures(size, *built[size], quantiles[size]) for size in SIZES]


def _timed_build(size: int, seed: int) -> tuple[Policy, float]:
    start = time.perf_counter()
    policy = build_policy(size, seed)
    return policy, time.perf_counter() - start


def _figures(size: int, policy: Policy, seconds: float, quantiles: list[tuple[float, float]]) -> Figures:
    medians, tails = zip(*quantiles, strict=True)
    p50, p99 = statistics.median(medians), statistics.median(tails)
    return Figures(size, len(policy.resources), len(policy.grants), seconds, p50, p99, min(medians))


def machine() -> str:
    """Name what the figures were taken on."""
    return f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}"


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description="Microseconds a decision, at 100 and at 10,000 segments.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.rounds, options.cases, options.seed)
    growth = figures[-1].p50 / figures[0].p50
    if options.json:
        rows = [{name: getattr(row, name) for name in Figures.__slots__} for row in figures]
        print(json.dumps({"figures": rows, "growth": growth, "machine": machine()}))
        return
    print(f"{'segments':>9} {'resources':>10} {'grants':>8} {'build s':>8} {'p50 µs':>8} {'p99 µs':>8} {'least':>8}")
    for row in figures:
        print(
            f"{row.segments:>9,} {row.resources:>10,} {row.grants:>8,} "
            f"{row.build_seconds:>8.2f} {row.p50:>8.2f} {row.p99:>8.2f} {row.least:>8.2f}"
        )
    print(f"growth of p50: {growth:.2f} ×")
    print(f"machine: {machine()}")


if __name__ == "__main__":
    main()
