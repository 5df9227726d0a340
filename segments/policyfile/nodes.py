"""YAML (or JSON) text into nodes that know their line and their path. Nothing is guessed and nothing is built here.

Of YAML only what a policy needs: no anchors and aliases (a few lines of them can stand for gigabytes), no tags, one
document, a bounded size and depth. Keys are text and may be there once.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from segments.policyfile.problems import Place, PolicyFileError, Problem

LARGEST: Final = 16 * 1024 * 1024  # bytes: some 10,000 segments with all they hold
DEEPEST: Final = 12
_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG: Final = "tag:yaml.org,2002:"
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_ESCAPE: Final = re.compile(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)")


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as written; `kind` is what YAML takes it for: str, int, float, bool, null, timestamp."""

    place: Place
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of nodes."""

    place: Place
    items: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Mapping:
    """Nodes by key, and where each key stands."""

    place: Place
    values: dict[str, "Node"] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


def parse(data: bytes, file: str) -> tuple[Mapping, list[Problem]]:
    """The top mapping of a document, and the keys that are there twice. Raises PolicyFileError if it is no document."""
    try:
        return _Builder(_text(data)).document()
    except _Refusal as refusal:
        raise PolicyFileError(file, [refusal.problem]) from None


class _Refusal(Exception):
    def __init__(self, line: int, message: str, path: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(Place(line, path), message)


def _text(data: bytes) -> str:
    if len(data) > LARGEST:
        raise _Refusal(1, f"the file has {len(data)} bytes: at most {LARGEST} are read")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Refusal(data.count(b"\n", 0, error.start) + 1, "the file is not UTF-8: save it as UTF-8") from None
    return _json_as_yaml(text) if text.lstrip().startswith("{") and _is_json(text) else text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _json_as_yaml(text: str) -> str:
    """JSON is YAML, but for two things: tabs may indent it, and some characters are written as surrogate pairs."""
    return _ESCAPE.sub(_joined, text.replace("\t", " "))  # in JSON a raw tab is never part of a value


def _joined(escape: re.Match[str]) -> str:
    return bytes.fromhex(escape[1] + escape[2]).decode("utf-16-be") if escape[1] else escape[0]


class _Builder:
    """Builds nodes from the events of the YAML parser, which has no recursion that a file could exhaust."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.problems: list[Problem] = []
        self.open: list[Sequence | Mapping] = []
        self.key: list[tuple[str, Place] | None] = []  # one for each open node: the key whose value comes next
        self.top: Node | None = None

    def document(self) -> tuple[Mapping, list[Problem]]:
        try:
            for event in self._events():
                self._take(event)
        except yaml.YAMLError as error:
            raise _Refusal(*self._said(error)) from None
        if not isinstance(self.top, Mapping):
            raise _Refusal(1, "expected keys and values: begin with `version: 1`")
        return self.top, self.problems

    def _events(self) -> Iterator[Any]:
        loader = _Loader(self.text)
        self.resolve = loader.resolve
        try:
            while loader.check_event():
                yield loader.get_event()
        finally:
            loader.dispose()

    def _said(self, error: yaml.YAMLError) -> tuple[int, str]:
        mark = getattr(error, "problem_mark", None)
        if mark is not None:
            return mark.line + 1, f"not YAML: {getattr(error, 'problem', '') or 'it cannot be read'}"
        position = getattr(error, "position", 0)
        return self.text.count("\n", 0, position) + 1, "not YAML: a character that is not allowed"

    def _take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent) and self.top is not None:
            raise _Refusal(line, "a second document: keep one policy in one file")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refusal(line, f"`{event.anchor}` is an anchor or alias: write the value out where it is needed")
        if isinstance(event, yaml.ScalarEvent):
            self._add(event, line)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.open.pop()
            self.key.pop()

    def _begin(self, event: Any, line: int) -> None:
        if len(self.open) >= DEEPEST:
            raise _Refusal(line, f"nested more than {DEEPEST} levels deep")
        if not event.implicit:
            raise _Refusal(line, f"`{event.tag}` is a tag: write the value without")
        place = self._place(line)
        node = Mapping(place) if isinstance(event, yaml.MappingStartEvent) else Sequence(place)
        self._attach(node)
        self.open.append(node)
        self.key.append(None)

    def _add(self, event: Any, line: int) -> None:
        if not any(event.implicit):
            raise _Refusal(line, f"`{event.tag}` is a tag: write the value without")
        text = self._clean(event.value, line)
        if self.open and isinstance(self.open[-1], Mapping) and self.key[-1] is None:
            self.key[-1] = (text, self._below(line, text))
            return
        tag = self.resolve(yaml.ScalarNode, text, event.implicit)
        self._attach(Scalar(self._place(line), text, str(tag).removeprefix(_TAG)))

    def _clean(self, text: str, line: int) -> str:
        """The text, refused where it holds what no database stores: NUL, or half a surrogate pair."""
        if _UNSTORABLE.search(text):
            raise _Refusal(line, "a NUL character or half a surrogate pair")
        return text

    def _place(self, line: int) -> Place:
        if not self.open:
            return Place(line)
        parent = self.open[-1]
        if isinstance(parent, Sequence):
            return Place(line, f"{parent.place.path}[{len(parent.items)}]")
        return Place(line, self.key[-1][1].path if self.key[-1] else parent.place.path)

    def _below(self, line: int, key: str) -> Place:
        return Place(line, ".".join(filter(None, (self.open[-1].place.path, key))))

    def _attach(self, node: Node) -> None:
        if not self.open:
            self.top = node
            return
        parent = self.open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return
        if self.key[-1] is None:
            raise _Refusal(node.place.line, "a key must be text", parent.place.path)
        name, place = self.key[-1]
        self.key[-1] = None
        if name in parent.values:
            first = parent.keys[name].line
            self.problems.append(Problem(place, f"`{name}` is there twice: the first is in line {first}"))
            return
        parent.values[name] = node
        parent.keys[name] = place
