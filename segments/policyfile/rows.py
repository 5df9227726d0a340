"""One planned object into its row, through the row's own checks. Raises ValidationError."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from django.db import IntegrityError, models, transaction

from accounts.models import Role, ServiceAccount, User
from segments.models import Flow, Grant, Guardrail, Resource, Segment
from segments.policyfile.planning import Change, Kind, Values

Row = TypeVar("Row", bound=models.Model)


@dataclass(slots=True)
class Stored:
    """Rows by what a file calls them, each read once, and whoever makes the changes (None: the command line)."""

    by: User | None = None
    _read: dict[tuple[type[models.Model], str], models.Model] = field(default_factory=dict)

    def role(self, slug: str) -> Role:
        return self._one(Role, "slug", slug)

    def segment(self, slug: str) -> Segment:
        return self._one(Segment, "slug", slug)

    def user(self, username: str) -> User:
        return self._one(User, "username", username)

    def service_account(self, name: str) -> ServiceAccount:
        return self._one(ServiceAccount, "name", name)

    def holder(self, subject: str) -> User | ServiceAccount:
        """A person or a system by its subject id."""
        kind, _, name = subject.partition(":")
        return self.user(name) if kind == "user" else self.service_account(name)

    def _one(self, model: type[Row], key: str, name: str) -> Row:
        found = self._read.get((model, name))
        if not isinstance(found, model):
            found = model._default_manager.get(**{key: name})
            self._read[model, name] = found
        return found


def write(change: Change, values: Values, stored: Stored) -> None:
    """Make or change the row of a planned object."""
    _WRITERS[change.kind](change.row, values, stored)


def _saved(row: models.Model, values: Values) -> None:
    """Save a row. The database holds its constraints anyway: only when it refuses are they asked for words."""
    for name, value in values.items():
        setattr(row, name, value)
    row.full_clean(validate_constraints=False)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        row.full_clean()
        raise


def _role(row: models.Model | None, values: Values, _stored: Stored) -> None:
    _saved(row or Role(), values)


def _user(row: models.Model | None, values: Values, _stored: Stored) -> None:
    """A password is never in a file: somebody new cannot sign in before one is set."""
    person = row or User()
    if row is None and isinstance(person, User):
        person.set_unusable_password()
    same = {key: values[key] for key in ("username", "email", "name")}
    _saved(person, same | {"is_staff": values["staff"]})


def _service_account(row: models.Model | None, values: Values, _stored: Stored) -> None:
    _saved(row or ServiceAccount(), values)


def _segment(row: models.Model | None, values: Values, stored: Stored) -> None:
    segment = row if isinstance(row, Segment) else Segment()
    _saved(segment, {key: value for key, value in values.items() if key != "owners"})
    segment.owners.set([stored.user(owner) for owner in values["owners"]])


def _resource(row: models.Model | None, values: Values, stored: Stored) -> None:
    """Every field anew, so that nothing of another kind is left where the kind changes."""
    resource = Resource(pk=row.pk if row else None, segment=stored.segment(values["segment"]))
    resource._state.adding = row is None
    if "workload" in values:
        resource.kind = Resource.Kind.WORKLOAD
        _saved(resource, {"name": values["name"]} | values["workload"])
        return
    resource.kind = Resource.Kind.VIEW if "view" in values else Resource.Kind.WEB
    _saved(resource, {key: value for key, value in values.items() if key != "segment"})


def _grant(row: models.Model | None, values: Values, stored: Stored) -> None:
    same = ("actions", "networks", "hours", "not_before", "expires_at", "reason")
    named = {
        "segment": stored.segment(values["segment"]),
        "role": stored.role(values["role"]) if values["role"] else None,
        "user": stored.user(values["user"]) if values["user"] else None,
        "service_account": stored.service_account(values["service_account"]) if values["service_account"] else None,
    }
    _saved(row or Grant(granted_by=stored.by), named | {key: values[key] for key in same})


def _flow(row: models.Model | None, values: Values, stored: Stored) -> None:
    ends = {"source": stored.segment(values["from"]), "target": stored.segment(values["to"])}
    _saved(row or Flow(), ends | {"ports": values["ports"], "description": values["description"]})


def _guardrail(row: models.Model | None, values: Values, _stored: Stored) -> None:
    asked = {key: value for key, value in values.items() if key not in {"name", "expect"} and value is not None}
    _saved(row or Guardrail(), {"name": values["name"], "expect": values["expect"], "question": asked})


_WRITERS: Final[dict[Kind, Callable[[models.Model | None, Values, Stored], None]]] = {
    Kind.ROLE: _role,
    Kind.USER: _user,
    Kind.SERVICE_ACCOUNT: _service_account,
    Kind.SEGMENT: _segment,
    Kind.RESOURCE: _resource,
    Kind.GRANT: _grant,
    Kind.FLOW: _flow,
    Kind.GUARDRAIL: _guardrail,
}
