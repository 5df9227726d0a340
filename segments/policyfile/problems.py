"""What is wrong with a policy file, and where."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line (from 1) and the way there: `segments[2].networks`."""

    line: int
    path: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, at one place."""

    place: Place
    message: str

    def text(self, file: str) -> str:
        """One line: `policy.yaml:14: segments[2].networks: …`."""
        return ": ".join(filter(None, (f"{file}:{self.place.line}", self.place.path, self.message)))


class PolicyFileError(ValueError):
    """A policy file that cannot be loaded, with everything that is wrong with it, in the order of its lines."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = tuple(sorted(problems, key=lambda problem: problem.place))
        super().__init__("\n".join(problem.text(file) for problem in self.problems))
