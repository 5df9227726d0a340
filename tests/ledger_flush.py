"""Lets tests that commit flush their tables, which the ledger's triggers refuse, as they should.

A pytest plugin. Django ends a transactional test with DELETE or TRUNCATE on every table; around that, and nowhere else,
the triggers are away. The next test finds them again, and a ledger that begins anew.
"""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import pytest
from django.db import connections
from django.test import TransactionTestCase

from audit import ledger, triggers


@pytest.fixture(scope="session", autouse=True)
def _ledger_can_be_flushed() -> Iterator[None]:
    flush = without_triggers(TransactionTestCase._fixture_teardown)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", flush)
        yield


def without_triggers(flush: Callable[..., None]) -> Callable[..., None]:
    @wraps(flush)
    def flushed(case: TransactionTestCase, *args: Any) -> None:
        aliases = case._databases_names(include_mirrors=False)
        for alias in aliases:
            triggers.remove(connections[alias])
        try:
            flush(case, *args)
        finally:
            for alias in aliases:
                triggers.install(connections[alias])
                ledger.begin(alias)

    return flushed
