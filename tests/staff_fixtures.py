"""Staff before the admin, as fixtures: the person under a name, the browser under the kind."""

import pytest
from django.test import Client

from accounts.models import User
from tests.staff_cast import KINDS, signed_in


@pytest.fixture
def sam(db: None) -> User:
    return KINDS["superuser"]()


@pytest.fixture
def carol(db: None) -> User:
    return KINDS["access administrator"]()


@pytest.fixture
def hedy(db: None) -> User:
    return KINDS["help desk"]()


@pytest.fixture
def audrey(db: None) -> User:
    return KINDS["auditor"]()


@pytest.fixture
def superuser(sam: User) -> Client:
    return signed_in(sam)


@pytest.fixture
def administrator(carol: User) -> Client:
    return signed_in(carol)


@pytest.fixture
def help_desk(hedy: User) -> Client:
    return signed_in(hedy)


@pytest.fixture
def auditor(audrey: User) -> Client:
    return signed_in(audrey)
