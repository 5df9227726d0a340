"""What a change did to a row: its state before and after, as JSON for the ledger and as a mark for forms.

Flat, so that a difference is a comparison of two dictionaries: `{"name": …, "owners": […], "grants:12": {…}}`.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import BinaryField, Model
from django.utils.crypto import salted_hmac
from django.utils.duration import duration_string
from django.utils.functional import Promise

from audit import ledger
from audit.models import Entry

State = dict[str, Any]
LONGEST_VALUE: Final = 2000  # characters of one text; what is cut still counts in the mark
LONGEST_PART: Final = ledger.LONGEST_DATA // 4  # of JSON before escaping, which can grow it


def state_of(row: Model, *, without: Collection[str] = (), relations: Collection[str] = ()) -> State:
    """The columns of `row`, the names in its many-to-many fields, and each row of `relations` under its number."""
    state = _columns(row, {*without, row._meta.pk.name})
    for field in row._meta.many_to_many:
        if field.name not in without:
            state[field.name] = sorted(name_of(other) for other in getattr(row, field.name).all())
    for relation in relations:
        state |= _related(row, relation)
    return state


def name_of(row: Model) -> str:
    """How the ledger names a row: `user:alice`, `segment:finance`, or its model and number."""
    own = getattr(row, "subject_id", None)
    identity = next((getattr(row, name) for name in ("slug", "codename", "name") if getattr(row, name, "")), row.pk)
    return str(own or f"{row._meta.model_name}:{identity}")[: ledger.LONGEST_TEXT]


def difference(before: State, after: State) -> tuple[State, State]:
    """What of `before` is gone or other, and what of `after` is new or other."""
    return (
        {name: value for name, value in before.items() if name not in after or after[name] != value},
        {name: value for name, value in after.items() if name not in before or before[name] != value},
    )


def mark(state: State) -> str:
    """A text that is another one for another state, and tells nothing of it."""
    return salted_hmac("audit.changes.mark", json.dumps(state, sort_keys=True), algorithm="sha256").hexdigest()


def record(*, kind: str, actor: str, subject: str, before: State, after: State, reason: str = "") -> list[Entry]:
    """Write what differs. Several entries where one would be too long for the ledger, none where nothing differs."""
    old, new = difference(before, after)
    parts = list(_parts({name: (old.get(name), new.get(name)) for name in (old | new)}))
    return [
        ledger.record(kind=kind, actor=actor, subject=subject, data=_data(part, old, new, reason, (number, len(parts))))
        for number, part in enumerate(parts, start=1)
    ]


def _data(names: Collection[str], old: State, new: State, reason: str, place: tuple[int, int]) -> dict[str, Any]:
    data: dict[str, Any] = {
        "before": {name: _shortened(old[name]) for name in names if name in old},
        "after": {name: _shortened(new[name]) for name in names if name in new},
    }
    if reason:
        data["reason"] = reason
    if place[1] > 1:
        data["part"] = f"{place[0]} of {place[1]}"
    return data


def _parts(values: Mapping[str, Any]) -> Iterator[list[str]]:
    """The names, in lists whose values fit into an entry together."""
    part: list[str] = []
    length = 0
    for name in sorted(values):
        size = len(json.dumps([name, [_shortened(value) for value in values[name]]]))
        if part and length + size > LONGEST_PART:
            yield part
            part, length = [], 0
        part.append(name)
        length += size
    if part:
        yield part


def _columns(row: Model, without: Collection[str]) -> State:
    return {
        field.name: _plain(getattr(row, field.name))
        for field in row._meta.concrete_fields
        if field.name not in without and not isinstance(field, BinaryField)
    }


def _related(row: Model, relation: str) -> State:
    rows = getattr(row, relation).all()
    back = getattr(row, relation).field.name
    keys = [field.name for field in rows.model._meta.concrete_fields if field.is_relation]
    return {
        f"{relation}:{other.pk}": _columns(other, {back, other._meta.pk.name})
        for other in rows.select_related(*keys).order_by("pk")
    }


def _plain(value: Any) -> Any:
    """A column's value as JSON."""
    if isinstance(value, Model):
        return name_of(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return duration_string(value)
    if isinstance(value, Promise) or not isinstance(value, str | int | float | bool | list | dict | None):
        return str(value)
    return value


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        return f"{value[:LONGEST_VALUE]}… ({len(value)} characters)"
    if isinstance(value, dict):
        return {name: _shortened(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner) for inner in value]
    return value
