"""The attacks and controls of corpus.jsonl. Each has a test, named by its id; test_corpus_is_covered counts them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

CORPUS: Final = Path(__file__).parent / "corpus.jsonl"
CASES: Final = {case["id"]: case for case in map(json.loads, CORPUS.read_text().splitlines())}
REPEATED: Final = re.compile(r"\{\{repeat:(.+?):(\d+)\}\}")

covered: Final[set[str]] = set()


def cases(category: str, *, having: str) -> Any:
    """Parametrize with the cases of `category` whose input has the key `having`."""
    found = [case for case in CASES.values() if case["category"] == category and having in case["input"]]
    covered.update(case["id"] for case in found)
    return pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in found])


def scenario(*ids: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Mark a test as the one of these cases; their own words are in the corpus."""
    assert set(ids) <= set(CASES)
    covered.update(ids)

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        return pytest.mark.parametrize("case", [pytest.param(CASES[number], id=number) for number in ids])(test)

    return mark


def expanded(text: str) -> str:
    """`{{repeat:X:n}}` is X, n times."""
    return REPEATED.sub(lambda found: found[1] * int(found[2]), text)
