"""The attacks and controls of corpus.jsonl that reach the decision point. test_corpus_is_covered counts their tests."""

from pathlib import Path
from typing import Final

from tests.cases import Corpus, expanded

__all__ = ["CORPUS", "cases", "expanded", "scenario"]

CORPUS: Final = Corpus(Path(__file__).parent / "corpus.jsonl")
cases, scenario = CORPUS.of, CORPUS.scenario
