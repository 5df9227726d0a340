"""Nested values as YAML with comments. Every string is quoted as JSON quotes it, so that none can be read otherwise.

Texts of several lines stand as they are: every line of theirs is indented, so that none can end the text.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

Value: TypeAlias = "str | int | float | bool | Sequence[Value] | Mapping[str, Value]"
BLOCK: Final = re.compile(r"[!-~][ -~]*\n(?:[ -~]*\n)*(?:[ -~]*[!-~]\n)")


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
    elif isinstance(value, str) and BLOCK.fullmatch(value):
        yield f"{indent}{name}: |"
        yield from (f"{indent}  {line}" if line else "" for line in value[:-1].split("\n"))
    else:
        yield f"{indent}{name}: {json.dumps(value)}"


def _item(item: Value, comments: dict[str, str], indent: str) -> Iterator[str]:
    assert isinstance(item, Mapping)
    lines = list(_mapping(item, comments, indent + "  "))
    first = next(number for number, line in enumerate(lines) if not line.lstrip().startswith("#"))
    yield from lines[:first]
    yield f"{indent}- {lines[first].lstrip()}"
    yield from lines[first + 1 :]
