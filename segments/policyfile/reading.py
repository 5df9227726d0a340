"""A policy file as values: everything it declares, or everything that is wrong with it. Asks no database.

What is left out of an entry takes its default: a segment, a resource or a grant is what the file says it is. Three
things are left as they are instead, because a file that does not speak of them has nothing to say about them: the
data of people, the reason of a role assignment, and the `state` of a segment (a quarantine is lifted by saying so).
"""

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from segments.policyfile import nodes, shapes
from segments.policyfile.entries import Entry, Problems, entry
from segments.policyfile.problems import PolicyFileError, Problem

_document = entry(shapes.DOCUMENT)


@dataclass(frozen=True, slots=True)
class Document:
    """Everything a policy file declares, and what is wrong with it so far."""

    file: str
    roles: tuple[Entry, ...] = ()
    users: tuple[Entry, ...] = ()
    service_accounts: tuple[Entry, ...] = ()
    segments: tuple[Entry, ...] = ()
    flows: tuple[Entry, ...] = ()
    guardrails: tuple[Entry, ...] = ()
    problems: tuple[Problem, ...] = ()

    def assignments(self) -> Iterator[tuple[str, str, Entry]]:
        """Every role assignment: the kind of its holder, the holder's name, the assignment."""
        for kind, key, holders in (
            ("user", "username", self.users),
            ("service_account", "name", self.service_accounts),
        ):
            for holder in holders:
                for assignment in holder["roles"] or ():
                    yield kind, holder[key], assignment

    def resources(self) -> Iterator[tuple[Entry, Entry]]:
        """Every resource with its segment."""
        return ((segment, resource) for segment in self.segments for resource in segment["resources"] or ())

    def grants(self) -> Iterator[tuple[Entry, Entry]]:
        """Every grant with its segment."""
        return ((segment, grant) for segment in self.segments for grant in segment["grants"] or ())


def read(data: bytes, file: str = "policy") -> Document:
    """Read a file. Its problems are in the document, so that unknown references can still be told beside them.

    Raises PolicyFileError for what is no YAML or JSON at all.
    """
    top, problems = nodes.parse(data, file)
    made = _document(top, problems)
    sections = {name: tuple(made[name] or ()) for name in shapes.DOCUMENT if name != "version"}
    document = Document(file=file, **sections)
    problems += _twice(document)
    return Document(file=file, **sections, problems=tuple(problems))


def question(name: str, expect: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The question of a guardrail, as the file would write it, in its one spelling. Raises PolicyFileError."""
    written = json.dumps({**asked, "name": name, "expect": expect}).encode()
    node, problems = nodes.parse(written, "guardrail")
    made: Entry | None = shapes.guardrail(node, problems)
    if problems or made is None:
        raise PolicyFileError("guardrail", problems)
    return made.values


def typed_question(text: str) -> dict[str, Any]:
    """The question of a guardrail as staff type it: the keys of the file, but its name and what it expects.

    Raises PolicyFileError.
    """
    node, problems = nodes.parse(text.encode(errors="replace"), "question")
    made: Entry | None = shapes.question(node, problems)
    if problems or made is None:
        raise PolicyFileError("question", problems)
    return {key: value for key, value in made.values.items() if value is not None}


def in_order(question: Mapping[str, Any]) -> dict[str, Any]:
    """A stored question with its keys as the file has them: PostgreSQL keeps them in an order of its own."""
    return {key: question[key] for key in (*shapes.GUARDRAIL, *question) if key in question}


def _twice(document: Document) -> Problems:
    repeated = [
        *_repeated("role", ((one["slug"], one) for one in document.roles)),
        *_repeated("user", ((one["username"], one) for one in document.users)),
        *_repeated("service account", ((one["name"], one) for one in document.service_accounts)),
        *_repeated("segment", ((one["slug"], one) for one in document.segments)),
        *_repeated("view", ((one.values.get("view"), one) for _, one in document.resources())),
        *_repeated("resource", ((one["name"], one) for _, one in document.resources())),
        *_repeated("role", (((kind, holder, one["role"]), one) for kind, holder, one in document.assignments())),
        *_repeated("flow", (((one["from"], one["to"]), one) for one in document.flows)),
        *_repeated("guardrail", ((one["name"], one) for one in document.guardrails)),
    ]
    return list({problem.place: problem for problem in reversed(repeated)}.values())  # a view may be its own name


def _repeated(kind: str, named: Iterable[tuple[Hashable, Entry]]) -> Iterator[Problem]:
    first: dict[Hashable, Entry] = {}
    for name, one in named:
        if name is None or None in (name if isinstance(name, tuple) else ()):
            continue
        if name in first:
            said = (name[2] if kind == "role" else " → ".join(name)) if isinstance(name, tuple) else name
            yield Problem(one.place, f"{kind} `{said}` is there twice: the first is in line {first[name].place.line}")
        first.setdefault(name, one)
