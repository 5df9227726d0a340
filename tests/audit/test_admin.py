"""The ledger in the admin: read by whoever may, changed by nobody."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.sites import AdminSite
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from audit import ledger
from audit.admin import EntryAdmin, as_list
from audit.models import Entry
from audit.verification import Verification

ADMIN = EntryAdmin(Entry, AdminSite())


def request_of(user: AbstractBaseUser, method: str = "get", **data: str) -> HttpRequest:
    request: HttpRequest = getattr(RequestFactory(), method)("/admin/audit/entry/", data)
    request.user = user
    request._dont_enforce_csrf_checks = True
    return request


def content_of(view: Callable[..., Any], *arguments: Any) -> str:
    response = view(*arguments)
    assert response.status_code == 200
    return str(response.render().content.decode())


@pytest.fixture
def root(db: None) -> AbstractBaseUser:
    return get_user_model().objects.create_user("root", is_staff=True, is_superuser=True)


@pytest.fixture
def carol(db: None) -> AbstractBaseUser:
    """Staff, without any permission."""
    return get_user_model().objects.create_user("carol", is_staff=True)


@pytest.fixture
def auditor(db: None) -> AbstractBaseUser:
    """Staff who may see entries of the ledger."""
    user = get_user_model().objects.create_user("ann", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_entry", content_type__app_label="audit"))
    return user


class TestReading:
    def test_list_is_for_whoever_may_see_entries(self, five: list[Entry], auditor: Any, carol: Any) -> None:
        content = content_of(ADMIN.changelist_view, request_of(auditor))
        assert [f">{entry.reference}</a>" in content for entry in five] == [True] * 5
        with pytest.raises(PermissionDenied):
            ADMIN.changelist_view(request_of(carol))

    @pytest.mark.usefixtures("five")
    def test_entry_is_for_whoever_may_see_entries(self, auditor: Any, carol: Any) -> None:
        content = content_of(ADMIN.change_view, request_of(auditor), "3")
        assert "<dt>reason</dt><dd>no_grant</dd>" in content
        with pytest.raises(PermissionDenied):
            ADMIN.change_view(request_of(carol), "3")

    @pytest.mark.usefixtures("five")
    @pytest.mark.parametrize(
        ("filters", "shown"),
        [
            ({}, ["D-5", "D-4", "D-3", "D-2", "D-1"]),
            ({"q": "D-3"}, ["D-3"]),
            ({"q": " d-3 "}, ["D-3"]),
            ({"q": "alice"}, ["D-5", "D-4", "D-3", "D-2", "D-1"]),
            ({"q": "bob-2"}, ["D-2"]),
            ({"q": "mallory"}, []),
            ({"kind": "decision"}, ["D-5", "D-4", "D-3", "D-2", "D-1"]),
            ({"kind": "sign_out"}, []),
            ({"at__year": "2026", "at__month": "11", "at__day": "24"}, ["D-5", "D-4", "D-3", "D-2", "D-1"]),
            ({"at__year": "2026", "at__month": "11", "at__day": "25"}, []),
        ],
    )
    def test_search_and_filters(self, root: Any, filters: dict[str, str], shown: list[str]) -> None:
        response: Any = ADMIN.changelist_view(request_of(root, **filters))
        assert [entry.reference for entry in response.context_data["cl"].result_list] == shown

    @pytest.mark.parametrize("count", [1, 30])
    def test_list_takes_as_many_queries_for_one_row_as_for_thirty(self, root: Any, count: int) -> None:
        for _ in range(count):
            ledger.record(kind="decision", subject="user:bob")
        for filters, queries in (({}, 3), ({"q": "bob"}, 3), ({"kind": "decision"}, 3)):
            with CaptureQueriesContext(connection) as captured:
                content = content_of(ADMIN.changelist_view, request_of(root, **filters))
            assert (len(captured), content.count('<th class="field-reference">')) == (queries, count)


class TestChanging:
    def test_not_even_a_superuser_may(self, five: list[Entry], root: Any) -> None:
        assert root.has_perm("audit.change_entry")
        assert ADMIN.get_model_perms(request_of(root)) == {"add": False, "change": False, "delete": False, "view": True}
        with pytest.raises(PermissionDenied):
            ADMIN.add_view(request_of(root))
        with pytest.raises(PermissionDenied):
            ADMIN.add_view(request_of(root, "post", kind="decision"))
        with pytest.raises(PermissionDenied):
            ADMIN.change_view(request_of(root, "post", kind="sign_out"), "3")
        with pytest.raises(PermissionDenied):
            ADMIN.delete_view(request_of(root), "3")
        with pytest.raises(PermissionDenied):
            ADMIN.delete_view(request_of(root, "post", post="yes"), "3")
        assert ledger.verify() == Verification(5, five[4].hash)

    @pytest.mark.usefixtures("five")
    def test_there_is_no_action_and_no_button(self, root: Any) -> None:
        response: Any = ADMIN.changelist_view(request_of(root, "post", action="delete_selected", _selected_action="3"))
        content = response.render().content.decode()
        assert ADMIN.get_actions(request_of(root)) == {}
        assert 'name="action"' not in content
        assert 'name="_save"' not in content_of(ADMIN.change_view, request_of(root), "3")
        assert Entry.objects.count() == 5


@pytest.mark.parametrize(
    ("value", "html"),
    [
        ({}, "<dl></dl>"),
        ({"a": 1, "b": None}, "<dl><dt>a</dt><dd>1</dd><dt>b</dt><dd>null</dd></dl>"),
        (
            {"a": {"b": [True, "x"]}},
            "<dl><dt>a</dt><dd><dl><dt>b</dt><dd><ul><li>true</li><li>x</li></ul></dd></dl></dd></dl>",
        ),
        (
            {"<b>": "</script><script>1</script>"},
            "<dl><dt>&lt;b&gt;</dt><dd>&lt;/script&gt;&lt;script&gt;1&lt;/script&gt;</dd></dl>",
        ),
        ({"a": "{0} %s \u202e\x1b"}, r"<dl><dt>a</dt><dd>{0} %s \u202e\x1b</dd></dl>"),
        ("no longer JSON", "no longer JSON"),
    ],
)
def test_data_is_shown_as_escaped_lists(value: Any, html: str) -> None:
    assert as_list(value) == html


@pytest.mark.django_db
def test_text_from_outside_is_shown_and_not_obeyed(root: Any) -> None:
    ledger.record(kind="decision", actor="<script>1</script>", subject="\u202efdp.exe")
    for content in (
        content_of(ADMIN.changelist_view, request_of(root)),
        content_of(ADMIN.change_view, request_of(root), "1"),
    ):
        assert "<script>1" not in content
        assert "&lt;script&gt;1&lt;/script&gt;" in content
        assert r"\u202efdp.exe" in content
        assert "\u202e" not in content
