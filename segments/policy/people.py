"""Who could ask, at any time: a person or a system with every role it has, had or will have."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .model import EVERYBODY, Subject, SubjectKind, Verification


@dataclass(frozen=True, slots=True)
class Assignment:
    """A role from `not_before` (included) until `expires_at` (excluded), both aware."""

    role: str
    not_before: datetime | None = None
    expires_at: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Tell whether the role is held at `at`."""
        if self.not_before is not None and at < self.not_before:
            return False
        return self.expires_at is None or at < self.expires_at


@dataclass(frozen=True, slots=True)
class Holder:
    """A person or a system, outside of any session. A person always holds `everybody`."""

    id: str
    name: str
    kind: SubjectKind = SubjectKind.USER
    assignments: tuple[Assignment, ...] = ()
    active: bool = True
    quarantined: bool = False

    @property
    def possible_roles(self) -> frozenset[str]:
        """Every role that is held at some time."""
        return self._with_everybody(assignment.role for assignment in self.assignments)

    def roles(self, at: datetime) -> frozenset[str]:
        """The roles held at `at`."""
        return self._with_everybody(assignment.role for assignment in self.assignments if assignment.holds(at))

    def subject(self, at: datetime, *verifications: Verification) -> Subject:
        """The holder as a subject that asks at `at`, enrolled and in a live session."""
        return Subject(
            id=self.id,
            name=self.name,
            kind=self.kind,
            roles=self.roles(at),
            active=self.active,
            quarantined=self.quarantined,
            verifications=verifications,
        )

    def _with_everybody(self, roles: Iterable[str]) -> frozenset[str]:
        everybody = (EVERYBODY,) if self.kind is SubjectKind.USER else ()
        return frozenset((*roles, *everybody))
