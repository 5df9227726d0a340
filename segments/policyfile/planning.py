"""What loading a document would change: every object that would be made, changed or taken away. Writes nothing."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db import models

from accounts.models import Role, RoleAssignment, ServiceAccount, User
from segments.models import Flow, Grant, Guardrail, Resource, Segment
from segments.notation import plain
from segments.policyfile import references, writing
from segments.policyfile.entries import Entry
from segments.policyfile.problems import Place, Problem
from segments.policyfile.reading import Document
from segments.policyfile.shapes import HOLDERS

Values = dict[str, Any]


class Kind(StrEnum):
    """What a change is about, in the order in which changes are shown and made."""

    ROLE = "role"
    USER = "user"
    SERVICE_ACCOUNT = "service_account"
    SEGMENT = "segment"
    RESOURCE = "resource"
    GRANT = "grant"
    FLOW = "flow"
    GUARDRAIL = "guardrail"
    ROLE_ASSIGNMENT = "role_assignment"


@dataclass(frozen=True, slots=True)
class Change:
    """One object before and after, as a file would write it. No `before`: it is made. No `after`: it is taken away."""

    kind: Kind
    name: str
    before: Values | None
    after: Values | None
    row: models.Model | None = field(default=None, compare=False, repr=False)
    entry: Entry | None = field(default=None, compare=False, repr=False)

    @property
    def differences(self) -> dict[str, tuple[Any, Any]]:
        """Of a changed object, each key that differs: before and after."""
        before, after = self.before or {}, self.after or {}
        return {key: (before.get(key), after[key]) for key in after if before.get(key) != after[key]}

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind.value, "name": self.name, "before": plain(self.before), "after": plain(self.after)}


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that loading a document would change, and what somebody should know beside it."""

    file: str = "policy"
    changes: tuple[Change, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def created(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.before is None)

    @property
    def changed(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.before is not None and change.after is not None)

    @property
    def removed(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.after is None)


def plan(document: Document, *, prune: bool = False) -> Changes:
    """What loading `document` would change. Raises PolicyFileError for its problems and for references to nothing.

    With `prune`, what the file does not name is taken away, too: role assignments, resources, grants, flows,
    guardrails, segments and roles. People and service accounts stay, and so does what is built in.
    """
    references.check(document)
    kept = _Kept(document) if prune else None
    changes = [
        *_roles(document, kept),
        *_users(document),
        *_service_accounts(document),
        *_segments(document, kept),
        *_resources(document, kept),
        *_grants(document, kept),
        *_flows(document, kept),
        *_guardrails(document, kept),
        *_assignments(document, kept),
    ]
    warnings = references.warnings(document)
    return Changes(document.file, tuple(changes), (*warnings, *(_roles_on_record(document) if prune else ())))


class _Kept:
    """What a document names, by being declared or by being referred to: pruning leaves it alone."""

    def __init__(self, document: Document) -> None:
        self.roles = {one["slug"] for one in document.roles}
        self.roles |= {one["role"] for _, _, one in document.assignments()}
        self.roles |= {one["role"] for _, one in document.grants()} | {one["role"] for one in document.guardrails}
        self.segments = {one["slug"] for one in document.segments}
        self.segments |= {one[end] for one in document.flows for end in ("from", "to")}
        self.segments |= {one["segment"] for one in document.guardrails}


def _compared(
    kind: Kind, name: str, row: models.Model | None, before: Values | None, after: Values, entry: Entry
) -> Iterator[Change]:
    if before != after:
        yield Change(kind, name, before, after, row, entry)


def _roles(document: Document, kept: _Kept | None) -> Iterator[Change]:
    rows = {row.slug: row for row in Role.objects.all()}
    for entry in document.roles:
        row = rows.get(entry["slug"])
        before = writing.role_values(row) if row else None
        yield from _compared(Kind.ROLE, entry["slug"], row, before, entry.values, entry)
    prunable = Role.objects.filter(built_in=False, assignments=None).exclude(grants__segment__built_in=True)
    for row in prunable if kept else ():
        if kept and row.slug not in kept.roles:
            yield Change(Kind.ROLE, row.slug, writing.role_values(row), None, row)


def _roles_on_record(document: Document) -> Iterator[Problem]:
    named = _Kept(document).roles
    for row in Role.objects.filter(built_in=False, assignments__isnull=False).distinct():
        if row.slug not in named:
            yield Problem(
                Place(1), f"role `{row.slug}` is kept: who held it stays on record. It holds and opens nothing"
            )


def _users(document: Document) -> Iterator[Change]:
    rows = _rows_by(User.objects, "username", (entry["username"] for entry in document.users))
    for entry in document.users:
        row = rows.get(entry["username"])
        before = writing.user_values(row) if row else None
        stays = before or {"email": "", "name": "", "staff": False}
        after = {key: stays[key] if entry[key] is None else entry[key] for key in ("email", "name", "staff")}
        after = {"username": entry["username"]} | after
        yield from _compared(Kind.USER, entry["username"], row, before, after, entry)


def _service_accounts(document: Document) -> Iterator[Change]:
    rows = _rows_by(ServiceAccount.objects, "name", (entry["name"] for entry in document.service_accounts))
    for entry in document.service_accounts:
        row = rows.get(entry["name"])
        before = writing.service_account_values(row) if row else None
        after = {"name": entry["name"], "networks": entry["networks"]}
        yield from _compared(Kind.SERVICE_ACCOUNT, entry["name"], row, before, after, entry)


def _segments(document: Document, kept: _Kept | None) -> Iterator[Change]:
    rows = {row.slug: row for row in Segment.objects.prefetch_related("owners")}
    for entry in document.segments:
        row = rows.get(entry["slug"])
        before = writing.segment_values(row) if row else None
        after = {key: value for key, value in entry.values.items() if key not in {"resources", "grants"}}
        after["state"] = entry["state"] or (row.state if row else Segment.State.ENFORCED.value)
        yield from _compared(Kind.SEGMENT, entry["slug"], row, before, after, entry)
    for row in rows.values() if kept else ():
        if kept and not row.built_in and row.slug not in kept.segments:
            yield Change(Kind.SEGMENT, row.slug, writing.segment_values(row), None, row)


def _resources(document: Document, kept: _Kept | None) -> Iterator[Change]:
    """A view is known by its view, everything else by its name."""
    rows = list(Resource.objects.select_related("segment").order_by("name"))
    by_name = {row.name: row for row in rows}
    by_view = {row.view: row for row in rows if row.view}
    named: set[Any] = set()
    for segment, entry in document.resources():
        row = by_view.get(entry.values.get("view", "")) or by_name.get(entry["name"])
        named.add(row and row.pk)
        before = writing.resource_values(row) if row else None
        after = {"segment": segment["slug"]} | entry.values
        yield from _compared(Kind.RESOURCE, entry["name"], row, before, after, entry)
    for row in rows if kept else ():
        if row.pk not in named and not row.segment.built_in:
            yield Change(Kind.RESOURCE, row.name, writing.resource_values(row), None, row)


def _grants(document: Document, kept: _Kept | None) -> Iterator[Change]:
    """The grants that a file gives a holder in a segment are all that it has there: so that narrowing one narrows."""
    stored: dict[str, list[tuple[Grant, Values]]] = defaultdict(list)
    for row in Grant.objects.select_related("segment", "role", "user", "service_account").order_by("pk"):
        values = writing.grant_values(row)
        stored[grant_name(values)].append((row, values))
    declared: dict[str, list[tuple[Entry, Values]]] = defaultdict(list)
    for segment, entry in document.grants():
        values = {"segment": segment["slug"]} | entry.values
        declared[grant_name(values)].append((entry, values))
    for name, entries in declared.items():
        yield from _grants_of(name, stored.pop(name, []), entries)
    for name, rows in stored.items() if kept else ():
        for row, before in rows:
            if not row.segment.built_in:
                yield Change(Kind.GRANT, name, before, None, row)


def _grants_of(name: str, rows: list[tuple[Grant, Values]], entries: list[tuple[Entry, Values]]) -> Iterator[Change]:
    new = []
    for entry, after in entries:
        same = next((pair for pair in rows if pair[1] == after), None)
        if same:
            rows.remove(same)
        else:
            new.append((entry, after))
    for (row, before), (entry, after) in zip(rows, new, strict=False):
        yield Change(Kind.GRANT, name, before, after, row, entry)
    for entry, after in new[len(rows) :]:
        yield Change(Kind.GRANT, name, None, after, None, entry)
    for row, before in rows[len(new) :]:
        yield Change(Kind.GRANT, name, before, None, row)


def grant_name(values: Mapping[str, Any]) -> str:
    """`accountant → finance`, `user:bob → finance`."""
    kind = next(kind for kind in HOLDERS if values[kind])
    prefix = {"role": "", "user": "user:", "service_account": "service:"}[kind]
    return f"{prefix}{values[kind]} → {values['segment']}"


def _flows(document: Document, kept: _Kept | None) -> Iterator[Change]:
    rows = {(row.source.slug, row.target.slug): row for row in Flow.objects.select_related("source", "target")}
    for entry in document.flows:
        ends = (entry["from"], entry["to"])
        row = rows.pop(ends, None)
        before = writing.flow_values(row) if row else None
        yield from _compared(Kind.FLOW, " → ".join(ends), row, before, entry.values, entry)
    for ends, row in rows.items() if kept else ():
        yield Change(Kind.FLOW, " → ".join(ends), writing.flow_values(row), None, row)


def _guardrails(document: Document, kept: _Kept | None) -> Iterator[Change]:
    rows = {row.name: row for row in Guardrail.objects.all()}
    for entry in document.guardrails:
        row = rows.pop(entry["name"], None)
        before = writing.guardrail_values(row) if row else None
        yield from _compared(Kind.GUARDRAIL, entry["name"], row, before, entry.values, entry)
    for name, row in rows.items() if kept else ():
        yield Change(Kind.GUARDRAIL, name, writing.guardrail_values(row), None, row)


def _assignments(document: Document, kept: _Kept | None) -> Iterator[Change]:
    unrevoked = RoleAssignment.objects.unrevoked().select_related("role", "user", "service_account")
    rows = {(row.holder.subject_id, row.role.slug): row for row in unrevoked.order_by("pk")}
    for kind, holder, entry in document.assignments():
        subject = f"{'user' if kind == 'user' else 'service'}:{holder}"
        row = rows.pop((subject, entry["role"]), None)
        before = _assignment_values(row) if row else None
        reason = entry["reason"] if entry["reason"] is not None else (row.reason if row else "")
        after = {"holder": subject} | entry.values | {"reason": reason}
        yield from _compared(Kind.ROLE_ASSIGNMENT, f"{entry['role']} → {subject}", row, before, after, entry)
    for (subject, role), row in rows.items() if kept else ():
        yield Change(Kind.ROLE_ASSIGNMENT, f"{role} → {subject}", _assignment_values(row), None, row)


def _assignment_values(row: RoleAssignment) -> Values:
    return {"holder": row.holder.subject_id} | writing.assignment_values(row)


def _rows_by(manager: Any, key: str, names: Iterable[str]) -> dict[str, Any]:
    return {getattr(row, key): row for row in manager.filter(**{f"{key}__in": list(names)})}
