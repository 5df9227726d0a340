"""Where a verb writes: data on stdout, everything else on stderr; and its exit codes."""

import json
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from django.core.management.base import OutputWrapper


class Exit(IntEnum):
    """What a verb ended with."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    DENIED = 4


class VerbError(Exception):
    """A verb that cannot go on: one line for people, and the exit code."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Output:
    """The two streams of a command."""

    stdout: OutputWrapper
    stderr: OutputWrapper

    def data(self, text: str) -> None:
        self.stdout.write(text)

    def say(self, text: str) -> None:
        self.stderr.write(text, lambda line: line)  # progress is no error: no colour

    def complain(self, text: str) -> None:
        self.stderr.write(text)

    def json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, ensure_ascii=False))
