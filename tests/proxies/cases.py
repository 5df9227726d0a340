"""The attacks and controls of corpus.jsonl; `test_corpus_is_covered` counts them."""

from pathlib import Path
from typing import Final

from tests.cases import Corpus

CORPUS: Final = Corpus(Path(__file__).with_name("corpus.jsonl"))
