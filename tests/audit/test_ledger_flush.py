"""Tests that commit end with a flush; each finds the ledger empty, begun and protected."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import TransactionTestCase

from audit import chain, ledger, triggers
from audit.models import Entry
from audit.verification import Verification


def find_a_new_ledger() -> None:
    assert ledger.verify() == Verification(0, chain.GENESIS)
    assert triggers.missing(connection) == []
    ledger.record(kind="decision", reference="D-1")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_time", range(2))
def test_after_a_test_of_pytest(_time: int) -> None:
    find_a_new_ledger()


class AfterATestOfDjango(TransactionTestCase):
    def test_first(self) -> None:
        find_a_new_ledger()

    def test_second(self) -> None:
        find_a_new_ledger()


@pytest.mark.django_db(transaction=True)
def test_outside_of_tests_the_ledger_cannot_be_flushed() -> None:
    ledger.record(kind="decision")
    with pytest.raises(CommandError):
        call_command("flush", interactive=False, verbosity=0)
    assert Entry.objects.count() == 1
