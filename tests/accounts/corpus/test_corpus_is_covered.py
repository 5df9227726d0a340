"""No case without a test."""

from importlib import import_module
from pathlib import Path

from tests.accounts.cases import CASES, covered


def test_every_case_has_a_test() -> None:
    for path in Path(__file__).parent.glob("test_*.py"):
        import_module(f"tests.accounts.corpus.{path.stem}")
    assert set(CASES) - covered == set()
    assert len(CASES) == 161
