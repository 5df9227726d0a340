"""The nearest change that would turn a denial into an allow, found by asking the engine about each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product

from .circumstances import Circumstances
from .conditions import IPAddress
from .engine import Target, decide
from .model import Context, Factor, Policy, Verification
from .people import Assignment, Holder


@dataclass(frozen=True, slots=True)
class Fix:
    """What would open the target: a role to give, a factor to verify, another place, a later time. None: as it is."""

    role: str | None = None
    factor: Factor | None = None
    address: IPAddress | None = None
    at: datetime | None = None

    @property
    def cost(self) -> tuple[int, ...]:
        """Fewest changes first; of those, what the subject can do alone before what somebody has to give."""
        parts = (self.role, self.at, self.address, self.factor)
        return (sum(part is not None for part in parts), *(part is not None for part in parts))


def nearest_fix(
    policy: Policy, holder: Holder, verifications: tuple[Verification, ...], target: Target, context: Context
) -> Fix | None:
    """Return the nearest fix of a denial; None where no role, factor, place or time helps."""
    for fix in sorted(_candidates(policy, holder, target, context), key=lambda fix: fix.cost):
        given = replace(holder, assignments=(*holder.assignments, *((Assignment(fix.role),) if fix.role else ())))
        there = Context(at=fix.at or context.at, address=fix.address or context.address)
        verified = (*verifications, *((Verification(fix.factor, there.at),) if fix.factor else ()))
        if decide(policy, given.subject(there.at, *verified), target, there).allowed:
            return fix
    return None


def _candidates(policy: Policy, holder: Holder, target: Target, context: Context) -> Iterator[Fix]:
    around = Circumstances(policy)
    segments = around.segments_of(target, context.at)
    held = holder.roles(context.at)
    roles = sorted({grant.role for grant in around.grants_on(segments) if grant.role and grant.role not in held})
    places = [address for address in around.addresses(segments) if address is not None]
    times = [at for at in around.moments(segments, holder, context.at) if at > context.at]
    factors = (None, Factor.TOTP, Factor.WEBAUTHN)
    for role, factor, address, at in product((None, *roles), factors, (None, *places), (None, *times)):
        yield Fix(role, factor, address, at)
