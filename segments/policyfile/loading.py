"""Loading a document: rehearsed first, so that people see what it would do; then for good, if every guardrail holds."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.models import Role, RoleAssignment, User
from segments import guardrails, snapshot
from segments.models import PolicyVersion
from segments.policy.guardrails import Break
from segments.policy.impact import World
from segments.policyfile.applying import apply
from segments.policyfile.planning import Change, Changes, plan
from segments.policyfile.problems import Place, PolicyFileError, Problem
from segments.policyfile.reading import Document


class GuardrailsBroken(Exception):
    """The change would break guardrails, so it was not made."""

    def __init__(self, breaks: tuple[Break, ...]) -> None:
        self.breaks = breaks
        super().__init__(", ".join(f"guardrail `{broken.guardrail.name}` would be broken" for broken in breaks))


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What loading a document would do: the changes, the world before and after, the guardrails that would break."""

    changes: Changes
    before: World
    after: World
    breaks: tuple[Break, ...]


@transaction.atomic
def rehearse(document: Document, *, now: datetime, prune: bool = False) -> Rehearsal:
    """Load a document, look around, and undo it. Raises PolicyFileError."""
    before = World(snapshot.build(), snapshot.holders())
    with transaction.atomic():
        changes = _applied(document, now=now, prune=prune)
        after = World(snapshot.build(), snapshot.holders())
        broken = guardrails.broken(now)
        transaction.set_rollback(True)
    return Rehearsal(changes, before, after, broken)


@transaction.atomic
def load(document: Document, *, now: datetime, prune: bool = False, by: User | None = None) -> Changes:
    """Load a document: everything, or nothing. Raises PolicyFileError and GuardrailsBroken."""
    changes = _applied(document, now=now, prune=prune, by=by)
    broken = guardrails.broken(now)
    if broken:
        raise GuardrailsBroken(broken)
    return changes


def _applied(document: Document, *, now: datetime, prune: bool, by: User | None = None) -> Changes:
    # Whoever else changes the policy moves this row, and so waits until this is over, or is over before this begins.
    PolicyVersion.objects.select_for_update().get()
    changes = plan(document, prune=prune)
    administered = _is_administered(now)
    apply(changes, by=by)
    problems = list(_as_a_whole(document, changes))
    if administered and not _is_administered(now):
        message = f"nobody would be left with the role `{Role.ADMINISTRATOR}`: give it to at least one person"
        problems.append(Problem(Place(1), message))
    if problems:
        raise PolicyFileError(document.file, problems)
    return changes


def _is_administered(now: datetime) -> bool:
    held = RoleAssignment.objects.active(now).filter(role__slug=Role.ADMINISTRATOR)
    return held.filter(user__is_active=True, user__quarantined_at=None).exists()


def _as_a_whole(document: Document, changes: Changes) -> Iterator[Problem]:
    """What only shows when everything is put together, such as resources that overlap in another case."""
    try:
        snapshot.build()
        guardrails.stored()
    except ValueError as error:
        yield Problem(_place_of(changes.changes, str(error)), str(error))


def _place_of(changes: tuple[Change, ...], message: str) -> Place:
    """The place of the last change that the message names."""
    named = (change.entry.place for change in reversed(changes) if change.entry and f"`{change.name}`" in message)
    return next(named, Place(1))
