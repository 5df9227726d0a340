"""Nested values as YAML with comments. Every string is quoted as JSON quotes it, so that none can be read otherwise."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

Value: TypeAlias = "str | int | float | bool | Sequence[Value] | Mapping[str, Value]"


def emit(value: Mapping[str, Value], comments: Mapping[str, str]) -> str:
    """Write a mapping; above each key that has a comment stands that comment, the first time."""
    waiting = dict(comments)
    return "\n".join(_mapping(value, waiting, "")) + "\n"


def _mapping(value: Mapping[str, Value], comments: dict[str, str], indent: str) -> Iterator[str]:
    for key, inner in value.items():
        for line in comments.pop(key, "").splitlines():
            yield f"{indent}# {line}"
        yield from _pair(key, inner, comments, indent)


def _pair(key: str, value: Value, comments: dict[str, str], indent: str) -> Iterator[str]:
    name = key if key.replace("_", "").replace("-", "").isalnum() else json.dumps(key)
    if isinstance(value, Mapping) and value:
        yield f"{indent}{name}:"
        yield from _mapping(value, comments, indent + "  ")
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        yield f"{indent}{name}:"
        for item in value:
            yield from _item(item, comments, indent)
    else:
        yield f"{indent}{name}: {json.dumps(value)}"


def _item(item: Value, comments: dict[str, str], indent: str) -> Iterator[str]:
    assert isinstance(item, Mapping)
    lines = list(_mapping(item, comments, indent + "  "))
    first = next(number for number, line in enumerate(lines) if not line.lstrip().startswith("#"))
    yield from lines[:first]
    yield f"{indent}- {lines[first].lstrip()}"
    yield from lines[first + 1 :]
