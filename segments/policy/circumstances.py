"""The places and times that can make a difference to a decision: what is left open is asked at its most favourable.

Whether a network covers an address changes only at the edges of networks, and networks either nest or are apart: the
first address of each network concerned stands for every address. Whether a window is open changes only at its edges:
now and every later beginning stand for all time to come. Weekly hours repeat, so eight days of them are looked at from
each beginning (where two time zones change their clocks on different days, an overlap in those days alone is missed).
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Final

from .conditions import Hours, IPAddress
from .engine import Target, decide
from .model import Context, Decision, Grant, Policy, Segment, Step, Subject
from .people import Holder

HORIZON: Final = 8  # days

Asking = Callable[[datetime], Subject | None]


class Circumstances:
    """What the decisions of one policy can depend on, by segment."""

    def __init__(self, policy: Policy) -> None:
        self.policy: Final = policy
        self._grants: Final[dict[str, list[Grant]]] = {}
        for grant in policy.grants:
            self._grants.setdefault(grant.segment, []).append(grant)

    def segments_of(self, target: Target, at: datetime) -> tuple[str, ...]:
        """Return the slugs of every segment that some reading of a target falls into."""
        trace: list[Step] = []
        decide(self.policy, None, target, Context(at), trace=trace)
        details = (step.detail for step in trace if step.criterion == "resource")
        return tuple(dict.fromkeys(str(detail["segment"]) for detail in details if not isinstance(detail, str)))

    def grants_on(self, segments: Iterable[str]) -> tuple[Grant, ...]:
        """Return every grant that opens one of the segments to anybody."""
        return tuple(grant for slug in segments for grant in self._grants.get(slug, ()))

    def addresses(self, segments: Iterable[str]) -> tuple[IPAddress | None, ...]:
        """Return addresses that stand for all: one in every network concerned, and none at all."""
        networks = (network for one in self._narrowed(tuple(segments)) for network in one.networks)
        return (*dict.fromkeys(network.network_address for network in networks), None)

    def moments(self, segments: Iterable[str], holder: Holder | None, now: datetime) -> tuple[datetime, ...]:
        """Return times from `now` on that stand for all: every beginning that can matter, the earliest first."""
        segments = tuple(segments)
        begin = [grant.not_before for grant in self.grants_on(segments)]
        begin += [assignment.not_before for assignment in (holder.assignments if holder else ())]
        bases = {now, *(at for at in begin if at is not None and at > now)}
        hours = {one.hours for one in self._narrowed(segments) if one.hours is not None}
        openings = (opening for each in hours for base in bases for opening in _openings(each, base))
        return tuple(sorted({*bases, *openings}))

    def _narrowed(self, segments: tuple[str, ...]) -> list[Segment | Grant]:
        return [*map(self.policy.segment, segments), *self.grants_on(segments)]


def _openings(hours: Hours, base: datetime) -> Iterator[datetime]:
    today = base.astimezone(hours.zone).date()
    for days in range(HORIZON + 1):
        opening = datetime.combine(today + timedelta(days), hours.start, hours.zone).astimezone(UTC)
        if opening >= base:
            yield opening


def most_favourable(
    policy: Policy, asking: Asking, target: Target, contexts: Iterable[Context], action: str | None = None
) -> tuple[Decision, Context]:
    """The first of the contexts that allows, with its decision; else the first of all. There is at least one."""
    first: tuple[Decision, Context] | None = None
    for context in contexts:
        answer = decide(policy, asking(context.at), target, context, action=action), context
        if answer[0].allowed:
            return answer
        first = first or answer
    if first is None:
        raise ValueError("no context to decide in: give at least one time and one place")
    return first


def contexts(times: Iterable[datetime], places: Iterable[IPAddress | None]) -> Iterator[Context]:
    """Every time with every place."""
    return (Context(at=at, address=address) for at, address in product(times, places))
