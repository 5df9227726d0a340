"""Planned changes into rows: one transaction, every row through its own checks, every change in the ledger."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import models, transaction

from accounts.models import Role, RoleAssignment, ServiceAccount, User
from accounts.roles import RoleError, grant_role, revoke_role
from audit.changes import record
from audit.ledger import LONGEST_TEXT
from segments.models import Flow, Grant, Guardrail, Resource, Segment
from segments.notation import plain
from segments.policyfile.planning import Change, Changes, Kind
from segments.policyfile.problems import Place, PolicyFileError, Problem

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
    for kind in _ROWS:
        writer.write(kind)
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
        self.by = by
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

    def write(self, kind: Kind) -> None:
        for change in self.of(kind):
            if change.after is None:
                continue
            try:
                _ROWS[kind](change, change.after, self.by)
            except ValidationError as error:
                self.problems.extend(_problems(change, error))
            except models.ObjectDoesNotExist:
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
        if isinstance(change.row, RoleAssignment):
            revoke_role(assignment=change.row, by=self.by, reason=REASON)
        if change.after is not None:
            values = {key: change.after[key] for key in ("reason", "not_before", "expires_at")}
            holder = _holder(change.after["holder"])
            grant_role(role=Role.objects.get(slug=change.after["role"]), holder=holder, by=self.by, **values)

    def record(self) -> None:
        for change in self.changes:
            if change.kind is not Kind.ROLE_ASSIGNMENT:  # recorded by the verbs that made it
                name = f"{change.kind.value}:{change.name}"
                before = {name: plain(change.before)} if change.before else {}
                after = {name: plain(change.after)} if change.after else {}
                actor = self.by.subject_id if self.by else ""
                record(kind="policy.changed", actor=actor, subject=_subject(change), before=before, after=after)


def _subject(change: Change) -> str:
    """What the entry is found by, named as the ledger names things: resources and grants by their segment."""
    values = change.after or change.before or {}
    if change.kind in {Kind.RESOURCE, Kind.GRANT}:
        return f"segment:{values['segment']}"
    prefix = "service" if change.kind is Kind.SERVICE_ACCOUNT else change.kind.value
    return f"{prefix}:{change.name}"[:LONGEST_TEXT]


def _holder(subject: str) -> User | ServiceAccount:
    kind, _, name = subject.partition(":")
    return User.objects.get(username=name) if kind == "user" else ServiceAccount.objects.get(name=name)


def _saved(row: models.Model, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    row.full_clean()
    row.save()


def _write_role(change: Change, values: dict[str, Any], by: User | None) -> None:
    _saved(change.row or Role(), values)


def _write_user(change: Change, values: dict[str, Any], by: User | None) -> None:
    """A person's password is never in a file: somebody new cannot sign in before one is set."""
    row = change.row
    if row is None:
        row = User()
        row.set_unusable_password()
    _saved(
        row,
        {"username": values["username"], "email": values["email"], "name": values["name"], "is_staff": values["staff"]},
    )


def _write_service_account(change: Change, values: dict[str, Any], by: User | None) -> None:
    _saved(change.row or ServiceAccount(), values)


def _write_segment(change: Change, values: dict[str, Any], by: User | None) -> None:
    row = change.row or Segment()
    assert isinstance(row, Segment)
    _saved(row, {key: value for key, value in values.items() if key != "owners"})
    row.owners.set(User.objects.filter(username__in=values["owners"]))


def _write_resource(change: Change, values: dict[str, Any], by: User | None) -> None:
    """Every field, so that nothing of another kind is left where the kind changes."""
    row = Resource(pk=change.row.pk if change.row else None, segment=Segment.objects.get(slug=values["segment"]))
    row._state.adding = change.row is None
    if "workload" in values:
        row.kind = Resource.Kind.WORKLOAD
        _saved(row, {"name": values["name"]} | values["workload"])
        return
    row.kind = Resource.Kind.VIEW if "view" in values else Resource.Kind.WEB
    _saved(row, {key: value for key, value in values.items() if key != "segment"})


def _write_grant(change: Change, values: dict[str, Any], by: User | None) -> None:
    row = change.row or Grant(granted_by=by)
    _saved(
        row,
        {
            "segment": Segment.objects.get(slug=values["segment"]),
            "role": values["role"] and Role.objects.get(slug=values["role"]),
            "user": values["user"] and User.objects.get(username=values["user"]),
            "service_account": values["service_account"] and ServiceAccount.objects.get(name=values["service_account"]),
        }
        | {key: values[key] for key in ("actions", "networks", "hours", "not_before", "expires_at", "reason")},
    )


def _write_flow(change: Change, values: dict[str, Any], by: User | None) -> None:
    ends = {"source": Segment.objects.get(slug=values["from"]), "target": Segment.objects.get(slug=values["to"])}
    _saved(change.row or Flow(), ends | {"ports": values["ports"], "description": values["description"]})


def _write_guardrail(change: Change, values: dict[str, Any], by: User | None) -> None:
    asked = {key: value for key, value in values.items() if key not in {"name", "expect"} and value is not None}
    _saved(change.row or Guardrail(), {"name": values["name"], "expect": values["expect"], "question": asked})


_ROWS: Final[dict[Kind, Callable[[Change, dict[str, Any], User | None], None]]] = {
    Kind.ROLE: _write_role,
    Kind.USER: _write_user,
    Kind.SERVICE_ACCOUNT: _write_service_account,
    Kind.SEGMENT: _write_segment,
    Kind.RESOURCE: _write_resource,
    Kind.GRANT: _write_grant,
    Kind.FLOW: _write_flow,
    Kind.GUARDRAIL: _write_guardrail,
}


def _problems(change: Change, error: ValidationError) -> Iterator[Problem]:
    """What a row's checks refuse, at the keys of the file."""
    by_field = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
    for field, messages in by_field.items():
        place = change.entry.place_of(_KEYS.get(field, field)) if change.entry else Place(1)
        yield from (Problem(place, message) for message in messages)
