"""Attacks and controls in files of JSON lines. Each case has a test, named by its id; `Corpus.uncovered` tells."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

REPEATED: Final = re.compile(r"\{\{repeat:(.+?):(\d+)\}\}")
Case = dict[str, Any]


class Corpus:
    """The cases of one file."""

    def __init__(self, path: Path) -> None:
        lines = path.read_text().splitlines()
        self.cases: Final[dict[str, Case]] = {case["id"]: case for case in map(json.loads, lines)}
        self._covered: Final[set[str]] = set()

    @property
    def uncovered(self) -> set[str]:
        """The ids that no imported test stands for."""
        return set(self.cases) - self._covered

    def of(self, category: str, *, having: str, but: tuple[str, ...] = ()) -> Any:
        """Parametrize with the cases of `category` whose input has the key `having`, `but` those that go elsewhere."""
        return self._parametrized(
            [
                case
                for number, case in self.cases.items()
                if case["category"] == category and having in case["input"] and number not in but
            ]
        )

    def scenario(self, *ids: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Mark a test as the one of these cases; their own words are in the corpus."""
        return self._parametrized([self.cases[number] for number in ids])

    def _parametrized(self, found: list[Case]) -> Any:
        self._covered.update(case["id"] for case in found)
        return pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in found])


def expanded(text: str) -> str:
    """`{{repeat:X:n}}` is X, n times."""
    return REPEATED.sub(lambda found: found[1] * int(found[2]), text)
