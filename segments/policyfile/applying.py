"""Planned changes into rows: one transaction, every row through its own checks, every change in the ledger."""

from collections.abc import Iterator
from typing import Final

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import transaction

from accounts.models import RoleAssignment, User
from accounts.roles import RoleError, grant_role, revoke_role
from audit.changes import record
from audit.ledger import LONGEST_TEXT
from segments.models import Resource
from segments.notation import plain
from segments.policyfile import rows
from segments.policyfile.planning import Change, Changes, Kind, Values
from segments.policyfile.problems import Place, PolicyFileError, Problem
from segments.policyfile.rows import Stored

REASON: Final = "policy file"
# Where a row names a thing otherwise than the file does.
_KEYS: Final = {
    "is_staff": "staff",
    "source": "from",
    "target": "to",
    "cidrs": "workload",
    "namespace": "workload",
    "labels": "workload",
}


@transaction.atomic
def apply(changes: Changes, *, by: User | None = None) -> None:
    """Make the changes, or none of them. `by` is None for the command line.

    Raises PolicyFileError with everything that the rows' own checks refuse.
    """
    writer = _Writer(changes, by)
    writer.take_away(Kind.GUARDRAIL, Kind.FLOW, Kind.GRANT, Kind.RESOURCE)
    writer.park_resources()
    writer.write()
    writer.take_away(Kind.SEGMENT, Kind.ROLE)
    writer.stop_at_problems()
    # Last, because the ledger is locked from its first entry to the end of the transaction.
    writer.assign_roles()
    writer.stop_at_problems()
    writer.record()


class _Writer:
    def __init__(self, changes: Changes, by: User | None) -> None:
        self.file = changes.file
        self.changes = changes.changes
        self.stored = Stored(by)
        self.actor = by.subject_id if by else ""
        self.problems: list[Problem] = []

    def stop_at_problems(self) -> None:
        if self.problems:
            raise PolicyFileError(self.file, self.problems)

    def of(self, kind: Kind) -> Iterator[Change]:
        return (change for change in self.changes if change.kind == kind)

    def take_away(self, *kinds: Kind) -> None:
        for kind in kinds:
            for change in self.of(kind):
                if change.after is None and change.row is not None:
                    change.row.delete()

    def park_resources(self) -> None:
        """Free what the resources that change are known by: two of them may be about to swap it."""
        for change in self.of(Kind.RESOURCE):
            if isinstance(change.row, Resource) and change.after is not None:
                aside: dict[str, str] = {"name": f"~{change.row.pk}"}
                aside |= {"view": f"~{change.row.pk}"} if change.row.view else {}
                aside |= {"host": f"~{change.row.pk}"} if change.row.host else {}
                Resource.objects.filter(pk=change.row.pk).update(**aside)

    def write(self) -> None:
        """Everything but role assignments, in the order of the plan: what is referred to comes first."""
        for change in self.changes:
            if change.after is not None and change.kind is not Kind.ROLE_ASSIGNMENT:
                self._write(change, change.after)

    def _write(self, change: Change, values: Values) -> None:
        try:
            rows.write(change, values, self.stored)
        except ValidationError as error:
            self.problems.extend(_problems(change, error))
        except ObjectDoesNotExist:
            if not self.problems:  # what it refers to was refused, and that has been said
                raise

    def assign_roles(self) -> None:
        """A role assignment that changes is revoked and given anew: the record shows both."""
        for change in self.of(Kind.ROLE_ASSIGNMENT):
            try:
                self._assign_role(change)
            except RoleError as error:
                self.problems.append(Problem(change.entry.place if change.entry else Place(1), str(error)))

    def _assign_role(self, change: Change) -> None:
        by = self.stored.by
        if isinstance(change.row, RoleAssignment):
            revoke_role(assignment=change.row, by=by, reason=REASON)
        if change.after is not None:
            values = {key: change.after[key] for key in ("reason", "not_before", "expires_at")}
            holder = self.stored.holder(change.after["holder"])
            grant_role(role=self.stored.role(change.after["role"]), holder=holder, by=by, **values)

    def record(self) -> None:
        for change in self.changes:
            if change.kind is not Kind.ROLE_ASSIGNMENT:  # recorded by the verbs that made it
                name = f"{change.kind.value}:{change.name}"
                before = {name: plain(change.before)} if change.before else {}
                after = {name: plain(change.after)} if change.after else {}
                record(kind="policy.changed", actor=self.actor, subject=_subject(change), before=before, after=after)


def _subject(change: Change) -> str:
    """What the entry is found by, named as the ledger names things: resources and grants by their segment."""
    values = change.after or change.before or {}
    if change.kind in {Kind.RESOURCE, Kind.GRANT}:
        return f"segment:{values['segment']}"
    prefix = "service" if change.kind is Kind.SERVICE_ACCOUNT else change.kind.value
    return f"{prefix}:{change.name}"[:LONGEST_TEXT]


def _problems(change: Change, error: ValidationError) -> Iterator[Problem]:
    """What a row's checks refuse, at the keys of the file."""
    by_field = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
    for field, messages in by_field.items():
        place = change.entry.place_of(_KEYS.get(field, field)) if change.entry else Place(1)
        yield from (Problem(place, message) for message in messages)
