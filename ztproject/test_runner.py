"""`manage.py test` runs pytest, and takes labels and options as Django's users know them."""

from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.test.runner import parallel_type
from pytest_django import runner


class TestRunner(runner.TestRunner):
    """Translates Django's test options to pytest's; what it does not know is refused by the command itself."""

    def __init__(
        self,
        *,
        patterns: Iterable[str] = (),
        tags: Iterable[str] = (),
        exclude_tags: Iterable[str] = (),
        parallel: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.patterns = list(patterns or ())
        self.tags = list(tags or ())
        self.exclude_tags = list(exclude_tags or ())
        self.parallel = parallel

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--failfast", action="store_true", help="Stops the run at the first failure.")
        parser.add_argument(
            "-k",
            action="append",
            dest="patterns",
            metavar="PATTERN",
            help="Only tests whose name matches; may be repeated.",
        )
        parser.add_argument("--tag", action="append", dest="tags", help="Only tests with this marker; may be repeated.")
        parser.add_argument(
            "--exclude-tag",
            action="append",
            dest="exclude_tags",
            help="Not the tests with this marker; may be repeated.",
        )
        parser.add_argument(
            "--parallel",
            nargs="?",
            const="auto",
            default=0,
            type=parallel_type,
            metavar="N",
            help="Runs tests in N processes, without N in one per processor.",
        )

    def run_tests(self, test_labels: Iterable[str], **kwargs: Any) -> int:
        """Run the tests of the labels and return pytest's exit code; no test at all is a failure as well."""
        return int(super().run_tests([*self.selection(), *map(path_of, test_labels)], **kwargs))

    def selection(self) -> list[str]:
        """The options of pytest that the base class does not know."""
        arguments = []
        if self.patterns:
            arguments.append(f"-k={any_of(map(name_expression, self.patterns))}")
        if self.tags or self.exclude_tags:
            wanted = [any_of(self.tags)] if self.tags else []
            arguments.append("-m=" + " and ".join([*wanted, *(f"not {tag}" for tag in self.exclude_tags)]))
        if self.parallel > 1:
            arguments.append(f"--numprocesses={self.parallel}")
        return arguments


def any_of(expressions: Iterable[str]) -> str:
    return f"({' or '.join(expressions)})"


def name_expression(pattern: str) -> str:
    """Django's `test_*_denied` in pytest's words: names that hold every part."""
    parts = [part for part in pattern.split("*") if part]
    return f"({' and '.join(parts)})" if parts else "test"


def path_of(label: str) -> str:
    """Where a label's tests lie: `tests.audit.test_ledger.ChainTests` is `tests/audit/test_ledger.py::ChainTests`.

    An application's label stands for the folder of `tests` that mirrors it. Paths, and the unknown, are left to pytest.
    """
    if "/" in label or label.partition("::")[0].endswith(".py"):
        return label
    parts = label.split(".")
    if Path("tests", parts[0]).is_dir():
        parts = ["tests", *parts]
    if Path(*parts).is_dir():
        return str(Path(*parts))
    for length in range(len(parts), 0, -1):
        module = Path(f"{Path(*parts[:length])}.py")
        if module.is_file():
            return "::".join([str(module), *parts[length:]])
    return label
