"""No case without a test."""

from importlib import import_module

from tests.segments.enforcement.corpus_cases import CORPUS

MODULES = (
    "tests.segments.enforcement.test_application_pages",
    "tests.segments.enforcement.test_forward_auth",
    "tests.walk.decision_point.test_answers",
    "tests.walk.decision_point.test_corpus",
    "tests.walk.decision_point.test_faults",
)


def test_every_case_has_a_test() -> None:
    for name in MODULES:
        import_module(name)
    assert CORPUS.uncovered == set()
    assert len(CORPUS.cases) == 217
