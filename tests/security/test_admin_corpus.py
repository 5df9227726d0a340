"""The attacks of `admin_corpus.jsonl` on our own admin, one test an id, each with the control that is let through.

The corpus names the models of a stock project: its membership is our role assignment, its rule our resource, its audit
event our ledger entry. carol-staff is the access administrator, carol-viewonly the auditor, super is sam.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import get_resolver, reverse

from accounts.models import Role, RoleAssignment, TOTPDevice, User
from audit.models import Entry
from segments.models import Grant, Resource, Segment
from tests import factories
from tests.page_forms import add_row, errors, open_form, save
from tests.segments import rows
from tests.staff_cast import signed_in

pytestmark = pytest.mark.django_db

CORPUS = Path(__file__).with_name("admin_corpus.jsonl")
SECRET_COLUMNS = ("password", "last_login")


@pytest.fixture
def finance() -> Segment:
    segment = rows.segment("finance")
    rows.web(segment, "app.example.test", "/finance", name="app-finance")
    rows.grant(segment, factories.role("accountant"))
    return segment


@pytest.fixture
def alice() -> User:
    return factories.alice(email="alice@example.test")


def page(row: Any, what: str = "change") -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{what}", args=[row.pk])


def stored(row: Any) -> dict[str, Any]:
    """The row as it is in the database, with the names in its many-to-many fields."""
    found = type(row)._default_manager.get(pk=row.pk)
    many = {field.name: sorted(map(str, getattr(found, field.name).all())) for field in row._meta.many_to_many}
    return {name: value for name, value in vars(found).items() if name not in ("_state", *SECRET_COLUMNS)} | many


def test_every_case_has_its_test() -> None:
    ids = [json.loads(line)["id"] for line in CORPUS.read_text().splitlines()]
    named = {name for name in globals() if name.startswith("test_sec_")}
    assert {f"test_{case.lower().replace('-', '_')}" for case in ids} == named


def test_sec_admin_001(administrator: Client, carol: User, superuser: Client, alice: User) -> None:
    """Staff do not promote themselves, nor anybody else; a superuser does."""
    before = stored(carol)
    save(administrator, page(carol), "user", is_superuser="on")
    assert stored(carol) == before
    save(administrator, page(alice), "user", is_superuser="on")
    assert stored(alice)["is_superuser"] is False
    assert save(superuser, page(alice), "user", is_superuser="on").status_code == 302
    assert stored(alice)["is_superuser"] is True


def test_sec_admin_003(administrator: Client, carol: User, superuser: Client) -> None:
    """Staff do not join a stronger group."""
    stronger = Group.objects.create(name="Administrators")
    before = stored(carol)
    save(administrator, page(carol), "user", groups=[str(stronger.pk)])
    assert stored(carol) == before
    assert save(superuser, page(carol), "user", groups=[str(stronger.pk)]).status_code == 302
    assert stored(carol)["groups"] == ["Administrators"]


def test_sec_admin_004(administrator: Client, carol: User, alice: User, finance: Segment) -> None:
    """Staff assign neither a role nor a segment to themselves."""
    accountant = Role.objects.get(slug="accountant")
    add = reverse("admin:accounts_roleassignment_add")
    answer = administrator.post(add, {"role": accountant.pk, "user": carol.pk})
    assert errors(answer) == ["Nobody gives a role to themselves: ask another administrator."]
    data = open_form(administrator, page(finance), "segment")
    answer = administrator.post(page(finance), add_row(data, "grants-2", user=str(carol.pk), actions_known=["read"]))
    assert errors(answer) == ["Nobody grants anything to themselves: ask another administrator."]
    assert not RoleAssignment.objects.filter(role=accountant).exists()
    assert not Grant.objects.filter(user=carol).exists()
    assert administrator.post(add, {"role": accountant.pk, "user": alice.pk}).status_code == 302


def test_sec_admin_007(administrator: Client, superuser: Client, sam: User, alice: User) -> None:
    """Staff do not set a superuser's password."""
    form = {"password1": "moss Tidal 41 lantern", "password2": "moss Tidal 41 lantern", "usable_password": "true"}
    before = User.objects.get(pk=sam.pk).password
    path = reverse("admin:auth_user_password_change", args=[sam.pk])
    assert administrator.post(path, form).status_code == 403
    assert User.objects.get(pk=sam.pk).password == before
    path = reverse("admin:auth_user_password_change", args=[alice.pk])
    assert superuser.post(path, form).status_code == 302
    assert User.objects.get(pk=alice.pk).check_password("moss Tidal 41 lantern")


def test_sec_admin_008(administrator: Client, sam: User, alice: User) -> None:
    """A superuser's address is not theirs to change."""
    before = stored(sam)
    assert administrator.post(page(sam), {"email": "carol@example.test"}).status_code == 403
    assert stored(sam) == before
    assert save(administrator, page(alice), "user", email="a@example.test").status_code == 302
    assert stored(alice)["email"] == "a@example.test"


def test_sec_admin_009(administrator: Client, superuser: Client, carol: User, sam: User) -> None:
    """No page re-owns a device: devices have none."""
    device = TOTPDevice.objects.get(user=sam)
    for client in (administrator, superuser):
        for path in (
            f"/admin/otp_totp/totpdevice/{device.pk}/change/",
            f"/admin/accounts/totpdevice/{device.pk}/change/",
        ):
            assert client.post(path, {"user": carol.pk}).status_code == 404
    assert TOTPDevice.objects.get(pk=device.pk).user == sam
    assert TOTPDevice not in admin.site._registry


def test_sec_admin_010(administrator: Client, superuser: Client, sam: User, alice: User) -> None:
    """No page shows a QR code or a key; a person's own page tells that there is an app."""
    device = TOTPDevice.objects.get(user=sam)
    for client in (administrator, superuser):
        assert client.get(f"/admin/otp_totp/totpdevice/{device.pk}/config/").status_code == 404
        text = client.get(page(sam)).content.decode()
        assert [
            secret for secret in (device.typed_key, device.typed_key.replace(" ", ""), "otpauth://") if secret in text
        ] == []
        assert "<td>Authenticator app</td>" in text
    views = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    assert not [name for name in views if "qrcode" in name or "config" in name]


def test_sec_admin_012(auditor: Client, alice: User) -> None:
    """Whoever may look does not see a hash."""
    answer = auditor.get(page(alice))
    text = answer.content.decode()
    assert (answer.status_code, "alice@example.test" in text) == (200, True)
    assert "bcrypt" not in text
    assert alice.password.rsplit("$", 1)[1] not in text


def test_sec_admin_013(auditor: Client, administrator: Client, finance: Segment) -> None:
    """To view is not to change."""
    before = stored(finance)
    assert auditor.post(page(finance), {"name": "x", "slug": "finance"}).status_code == 403
    assert stored(finance) == before
    assert save(administrator, page(finance), "segment", name="x").status_code == 302
    assert stored(finance)["name"] == "x"


def test_sec_admin_016(carol: User, finance: Segment, alice: User) -> None:
    """A forged part without its permission adds no row."""
    group = carol.groups.get()
    group.permissions.remove(
        *group.permissions.filter(codename__in=["add_grant", "add_roleassignment", "add_resource"])
    )
    client = signed_in(carol)
    before = [list(model.objects.order_by("pk").values()) for model in (Grant, Resource, RoleAssignment)]
    management = {"TOTAL_FORMS": "1", "INITIAL_FORMS": "0", "MIN_NUM_FORMS": "0", "MAX_NUM_FORMS": "1000"}
    grant = {"grants-2-0-user": str(alice.pk), "grants-2-0-actions_known": "read"}
    data = open_form(client, page(finance), "segment") | {f"grants-2-{name}": text for name, text in management.items()}
    resource = {"resources-1-kind": "web", "resources-1-name": "x", "resources-1-host": "x.example.test"}
    client.post(page(finance), data | grant | resource | {"resources-TOTAL_FORMS": "2"})
    data = open_form(client, page(alice), "user") | {
        f"role_assignments-2-{name}": text for name, text in management.items()
    }
    client.post(page(alice), data | {"role_assignments-2-0-role": Role.objects.get(slug="accountant").pk})
    assert [list(model.objects.order_by("pk").values()) for model in (Grant, Resource, RoleAssignment)] == before
    group.permissions.add(*_permissions("add_grant"))
    client = signed_in(User.objects.get(pk=carol.pk))
    data = open_form(client, page(finance), "segment")
    assert (
        client.post(page(finance), add_row(data, "grants-2", user=str(alice.pk), actions_known=["read"])).status_code
        == 302
    )
    assert Grant.objects.filter(user=alice).exists()


def _permissions(*codenames: str) -> Any:
    return Permission.objects.filter(codename__in=codenames)


def test_sec_admin_017(administrator: Client, superuser: Client, auditor: Client) -> None:
    """A ledger entry is read, never changed."""
    entry = Entry.objects.latest("pk")
    for client in (administrator, superuser, auditor):
        assert client.post(page(entry), {"kind": "decision", "data": "{}"}).status_code == 403
    assert vars(Entry.objects.get(pk=entry.pk))["hash"] == entry.hash
    assert auditor.get(page(entry)).status_code == 200


def test_sec_admin_018(superuser: Client) -> None:
    """Not even a superuser deletes from the ledger."""
    entry = Entry.objects.latest("pk")
    data = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
    superuser.post(reverse("admin:audit_entry_changelist"), data)
    assert superuser.post(page(entry, "delete"), {"post": "yes"}).status_code == 403
    assert Entry.objects.filter(pk=entry.pk).exists()
    assert superuser.get(page(entry)).status_code == 200


def test_sec_admin_021(administrator: Client, superuser: Client) -> None:
    """A look-up that the page does not offer is refused, on every list."""
    for model, model_admin in admin.site._registry.items():
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for query in ("_connector=OR+1%3D1", "_negated=True"):
            answer = superuser.get(f"{path}?{query}")
            assert answer.status_code in {400, 302}, (path, query, model_admin)
    assert administrator.get("/admin/accounts/user/?_connector=OR+1=1").status_code == 400
    assert administrator.get("/admin/accounts/user/?is_staff__exact=1").status_code == 200


def test_sec_admin_022(administrator: Client, help_desk: Client) -> None:
    """Autocomplete answers about fields that point somewhere, to those who may see where."""
    password = {"app_label": "accounts", "model_name": "user", "field_name": "password", "term": "a"}
    assert administrator.get("/admin/autocomplete/", password).status_code == 403
    stock = password | {"app_label": "auth"}
    assert administrator.get("/admin/autocomplete/", stock).status_code == 403
    role = {"app_label": "accounts", "model_name": "roleassignment", "field_name": "role", "term": "everybod"}
    assert help_desk.get("/admin/autocomplete/", role).status_code == 403
    assert administrator.get("/admin/autocomplete/", role).json()["results"] == [
        {"id": str(Role.objects.get(slug="everybody").pk), "text": "Everybody"}
    ]


def test_sec_admin_024(administrator: Client, superuser: Client, sam: User, alice: User) -> None:
    """Nobody is deleted, a superuser least of all. Deactivating somebody else is possible."""
    path = reverse("admin:accounts_user_changelist")
    for client in (administrator, superuser):
        client.post(path, {"action": "delete_selected", "_selected_action": [sam.pk, alice.pk], "post": "yes"})
        assert client.post(page(sam, "delete"), {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk__in=[sam.pk, alice.pk]).count() == 2
    close = {"action": "deactivate", "_selected_action": [alice.pk], "confirmed": "yes", "reason": "left"}
    assert administrator.post(path, close).status_code == 302
    assert stored(alice)["is_active"] is False


def test_sec_admin_026(superuser: Client) -> None:
    """The role of administrators cannot be deleted; another one can."""
    role = Role.objects.get(slug=Role.ADMINISTRATOR)
    assert superuser.post(page(role, "delete"), {"post": "yes"}).status_code == 403
    other = factories.role("auditor")
    assert superuser.post(page(other, "delete"), {"post": "yes"}).status_code == 302
    assert list(Role.objects.values_list("slug", flat=True)) == ["administrator", "everybody"]


def test_sec_admin_027(alice: User, superuser: Client) -> None:
    """Somebody who is not staff does not enter: not without the role, and not with the role alone."""
    client = signed_in(alice)
    assert client.get("/admin/").status_code == 403
    factories.assignment(alice, Role.objects.get(slug=Role.ADMINISTRATOR))
    answer = client.get("/admin/")
    assert (answer.status_code, answer.headers.get("Location")) == (302, "/admin/login/?next=/admin/")
    assert client.get("/admin/login/?next=/admin/").status_code == 403  # and not round in circles
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    assert client.get("/admin/").status_code == 200
    RoleAssignment.objects.filter(user=alice).delete()
    assert client.get("/admin/").status_code == 403
    assert superuser.get("/admin/").status_code == 200


def test_sec_admin_030(administrator: Client, superuser: Client, auditor: Client) -> None:
    """Markup in names is text on every page."""
    markup = "<img src=x onerror=1>"
    form = {"name": markup, "slug": "odd", "description": markup}
    assert save(administrator, reverse("admin:segments_segment_add"), "segment", **form).status_code == 302
    odd = Segment.objects.get(slug="odd")
    reader = factories.user("reader", roles=("reader",))
    rows.grant(odd, Role.objects.get(slug="reader"))
    theirs = signed_in(reader)
    paths = [
        reverse("admin:segments_segment_changelist"),
        page(odd),
        page(odd, "history"),
        page(odd, "delete"),
        "/admin/",
    ]
    pages = [superuser.get(path) for path in paths] + [
        auditor.get(page(Entry.objects.filter(kind="policy.changed")[0]))
    ]
    pages += [theirs.get("/"), theirs.get("/segments/odd/")]
    for answer in pages:
        text = answer.content.decode()
        assert answer.status_code == 200
        assert "<img src=x" not in text
    assert "&lt;img src=x onerror=1&gt;" in pages[0].content.decode()


def test_sec_admin_032(administrator: Client, finance: Segment) -> None:
    """A path is stored as it will be matched, or refused."""
    data = open_form(administrator, page(finance), "segment")
    bad = {"kind": "web", "name": "x", "host": "app.example.test", "path": "/finance/../public/"}
    answer = administrator.post(page(finance), add_row(data, "resources", **bad))
    assert len(errors(answer)) == 1
    assert "/finance/../public/" in errors(answer)[0]
    assert finance.resources.count() == 1
    good = bad | {"path": "/finance/reports"}
    assert administrator.post(page(finance), add_row(data, "resources", **good)).status_code == 302
    assert finance.resources.filter(path="/finance/reports").exists()


@pytest.mark.parametrize("door", ["/admin/", "/admin/login/", "/login/"])
def test_sec_admin_033(sam: User, door: str) -> None:
    """Signing in leads to this host and nowhere else."""
    client = factories.browser()
    answer = client.get(door, {"next": "//evil.test"})
    while answer.status_code == 302:
        assert answer["Location"].startswith("/"), answer["Location"]
        assert not answer["Location"].startswith("//")
        answer = client.get(answer["Location"])
    device = TOTPDevice.objects.get(user=sam)
    target = answer.context["target"]
    answer = factories.enter_password(client, sam, next=target)
    answer = client.post(answer["Location"], {"code": factories.code(device)})
    assert (answer.status_code, answer["Location"].startswith("/"), answer["Location"][:2] == "//") == (
        302,
        True,
        False,
    )


def test_sec_admin_034(administrator: Client, carol: User, finance: Segment, alice: User) -> None:
    """Only declared fields are written, on every form."""
    extra = {"is_staff": "on", "is_superuser": "on", "id": "1", "user": "1", "user_id": "1", "built_in": "on"}
    extra |= {"password": "x", "username": "mallory", "quarantined_at": "", "granted_by": str(carol.pk)}
    assert save(administrator, page(alice), "user", name="Alice A", **extra).status_code == 302
    assert stored(alice) | {"name": "Alice"} == stored(alice) | {
        "name": "Alice",
        "is_staff": False,
        "is_superuser": False,
    }
    assert (stored(alice)["username"], stored(alice)["name"]) == ("alice", "Alice A")
    path = reverse("admin:accounts_user_add")
    assert save(administrator, path, "user", **extra | {"username": "erin"}).status_code == 302
    erin = stored(User.objects.get(username="erin"))
    assert (erin["is_staff"], erin["is_superuser"], erin["user_permissions"]) == (False, False, [])
    role = factories.role("auditor")
    assert save(administrator, page(role), "role", description="d", **extra).status_code == 302
    assert (stored(role)["built_in"], stored(role)["description"]) == (False, "d")
    assert save(administrator, page(finance), "segment", **extra | {"state": "quarantined"}).status_code == 302
    assert (stored(finance)["built_in"], stored(finance)["state"]) == (False, "enforced")


def test_sec_admin_035(administrator: Client, finance: Segment) -> None:
    """There is no programming interface that writes segments."""
    assert administrator.post("/api/segments/", {"owner": "1", "created_by": "1"}).status_code == 404
    assert Segment.objects.count() == 3


def test_sec_race_009(administrator: Client, superuser: Client, finance: Segment) -> None:
    """Of two who edit the same thing, the second is told, and nothing of the first is lost."""
    mine = open_form(administrator, page(finance), "segment") | {"resources-0-path": "/mine"}
    theirs = open_form(superuser, page(finance), "segment") | {"resources-0-path": "/theirs"}
    assert superuser.post(page(finance), theirs).status_code == 302
    assert errors(administrator.post(page(finance), mine))[0].startswith("Somebody else changed this")
    assert finance.resources.get().path == "/theirs"
    again = open_form(administrator, page(finance), "segment") | {"resources-0-path": "/mine"}
    assert administrator.post(page(finance), again).status_code == 302
    assert finance.resources.get().path == "/mine"
