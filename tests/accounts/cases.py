"""The attacks and controls of corpus.jsonl. Each has a test, named by its id; test_corpus_is_covered counts them."""

from pathlib import Path
from typing import Final

from tests.cases import Corpus, expanded

__all__ = ["CORPUS", "cases", "expanded", "scenario"]

CORPUS: Final = Corpus(Path(__file__).parent / "corpus.jsonl")
cases, scenario = CORPUS.of, CORPUS.scenario
