"""No case without a test."""

from importlib import import_module
from pathlib import Path

from tests.accounts.cases import CORPUS


def test_every_case_has_a_test() -> None:
    for path in Path(__file__).parent.glob("test_*.py"):
        import_module(f"tests.accounts.corpus.{path.stem}")
    assert CORPUS.uncovered == set()
    assert len(CORPUS.cases) == 161
