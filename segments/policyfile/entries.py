"""How one mapping of a policy file is read: strict keys, defaults, and every problem with its place."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from segments.policyfile.nodes import Mapping, Node, Scalar, Sequence
from segments.policyfile.problems import Place, Problem

Problems = list[Problem]
Read = Callable[[Node, Problems], Any]  # None for a value that is no good; the problem is in the list then

_SECRET: Final = re.compile(
    r"pass(word|wd|phrase|code)|secret|token|otp|recovery|credential|(api|private|totp)_?key|_codes?$|^codes?$"
)
_KINDS: Final = {
    "str": "the text `{}`",
    "bool": "the truth value `{}`",
    "int": "the number `{}`",
    "float": "the number `{}`",
    "timestamp": "the time `{}`",
    "null": "nothing",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a shape: how its value is read, and what leaving it out means. A default of None may be null."""

    read: Read
    default: Any = None
    required: bool = False


Shape = dict[str, Key]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing a file declares: every key of its shape with its value, and where the given ones stand."""

    place: Place
    values: dict[str, Any]
    given: dict[str, Place] = field(default_factory=dict)

    def place_of(self, key: str) -> Place:
        return self.given.get(key, self.place)

    def __getitem__(self, key: str) -> Any:
        return self.values[key]


def entry(shape: Shape, settle: Callable[[Entry, Problems], None] | None = None) -> Read:
    """A reader of one mapping. `settle` sees the entry last: what depends on more than one key is its part."""

    def read(node: Node, problems: Problems) -> Entry | None:
        if not isinstance(node, Mapping):
            return refuse(node, problems, f"expected keys and values, found {found(node)}")
        made = _read(shape, node, problems)
        if settle is not None:
            settle(made, problems)
        return made

    return read


def _read(shape: Shape, node: Mapping, problems: Problems) -> Entry:
    made = Entry(node.place, {})
    for name, place in node.keys.items():
        if name not in shape:
            problems.append(Problem(place, _unknown(name, shape)))
    for name, key in shape.items():
        value = node.values.get(name)
        if value is None:
            made.values[name] = key.default
            if key.required:
                problems.append(Problem(node.place, f"`{name}` is missing"))
            continue
        made.given[name] = Place(value.place.line, value.place.path)
        made.values[name] = _value(key, value, problems)
    return made


def _value(key: Key, node: Node, problems: Problems) -> Any:
    if key.default is None and not key.required and isinstance(node, Scalar) and node.kind == "null":
        return None
    return key.read(node, problems)


def _unknown(name: str, shape: Shape) -> str:
    if _SECRET.search(name.lower().replace("-", "_")):
        return f"`{name}`: secrets are never in a policy file, remove it; people get theirs when they first sign in"
    near = get_close_matches(name, shape, n=1)
    return f"unknown key `{name}`: " + (f"did you mean `{near[0]}`?" if near else f"expected one of {', '.join(shape)}")


def refuse(node: Node, problems: Problems, message: str) -> Any:
    """Note what is wrong with a node, and return the None that its reader returns."""
    problems.append(Problem(node.place, message))
    return None


def found(node: Node) -> str:
    """What a node is, in words."""
    if isinstance(node, Mapping):
        return "keys and values"
    if isinstance(node, Sequence):
        return "a list"
    return _KINDS.get(node.kind, "`{}`").format(node.text[:80])
