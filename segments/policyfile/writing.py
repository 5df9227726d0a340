"""Rows as the policy file writes them, and the whole policy as a file: stable order, defaults left out, no secrets."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml

from accounts.models import Role, RoleAssignment, ServiceAccount, User
from segments.models import Flow, Grant, Guardrail, Resource, Segment
from segments.notation import plain
from segments.policyfile import reading, shapes
from segments.policyfile.entries import Shape
from segments.policyfile.problems import PolicyFileError
from segments.validation import DAYS

Values = dict[str, Any]
_RESOURCE_SHAPES: Final[dict[str, Shape]] = {
    Resource.Kind.VIEW: shapes.VIEW,
    Resource.Kind.WEB: shapes.WEB,
    Resource.Kind.WORKLOAD: shapes.WORKLOAD,
}


def role_values(row: Role) -> Values:
    return {"slug": row.slug, "name": row.name, "description": row.description}


def user_values(row: User) -> Values:
    return {"username": row.username, "email": row.email, "name": row.name, "staff": row.is_staff}


def service_account_values(row: ServiceAccount) -> Values:
    return {"name": row.name, "networks": row.networks}


def assignment_values(row: RoleAssignment) -> Values:
    return {
        "role": row.role.slug,
        "not_before": row.not_before,
        "expires_at": row.expires_at,
        "reason": row.reason,
    }


def segment_values(row: Segment) -> Values:
    same = (
        "slug",
        "name",
        "description",
        "sensitivity",
        "state",
        "assurance",
        "reauth_after",
        "allow_service_accounts",
    )
    return {key: getattr(row, key) for key in same} | {
        "owners": sorted(owner.username for owner in row.owners.all()),
        "networks": row.networks,
        "hours": _hours(row.hours),
    }


def resource_values(row: Resource) -> Values:
    """With its segment, which is where it stands in a file."""
    if row.kind == Resource.Kind.WORKLOAD:
        selector = {"cidrs": row.cidrs, "namespace": row.namespace, "labels": dict(sorted(row.labels.items()))}
        return {"segment": row.segment.slug, "name": row.name, "workload": selector}
    values = {key: getattr(row, key) for key in _RESOURCE_SHAPES[row.kind]}
    if values.get("methods") is not None:
        values["methods"] = sorted(values["methods"])
    return {"segment": row.segment.slug} | values


def grant_values(row: Grant) -> Values:
    """With its segment, which is where it stands in a file."""
    same = ("networks", "not_before", "expires_at", "reason")
    return {
        "segment": row.segment.slug,
        "role": row.role and row.role.slug,
        "user": row.user and row.user.username,
        "service_account": row.service_account and row.service_account.name,
        "actions": sorted(row.actions),
        "hours": _hours(row.hours),
    } | {key: getattr(row, key) for key in same}


def flow_values(row: Flow) -> Values:
    return {"from": row.source.slug, "to": row.target.slug, "ports": row.ports, "description": row.description}


def guardrail_values(row: Guardrail) -> Values:
    try:
        return reading.question(row.name, row.expect, row.question)
    except PolicyFileError:  # stored past the checks: shown as it is, and refused when it is loaded
        return {**row.question, "name": row.name, "expect": row.expect}


def dump() -> Values:
    """The whole stored policy as a document. Loading it changes nothing."""
    assignments = _assignments()
    resources = _by_segment(Resource.objects.select_related("segment").order_by("name"), resource_values, _resource)
    grants = _by_segment(
        Grant.objects.select_related("segment", "role", "user", "service_account").order_by("pk"), grant_values, _grant
    )
    return {"version": 1} | _filled(
        {
            "roles": [_brief(shapes.ROLE, role_values(row), "name") for row in Role.objects.order_by("slug")],
            "users": [
                _brief(shapes.USER, user_values(row) | {"roles": assignments.get(row.subject_id, [])})
                for row in User.objects.order_by("username")
            ],
            "service_accounts": [
                _brief(
                    shapes.SERVICE_ACCOUNT, service_account_values(row) | {"roles": assignments.get(row.subject_id, [])}
                )
                for row in ServiceAccount.objects.order_by("name")
            ],
            "segments": [
                _segment(segment_values(row), resources.get(row.slug, []), grants.get(row.slug, []))
                for row in Segment.objects.prefetch_related("owners").order_by("slug")
            ],
            "flows": [
                _brief(shapes.FLOW, flow_values(row))
                for row in Flow.objects.select_related("source", "target").order_by("source__slug", "target__slug")
            ],
            "guardrails": [
                _brief(shapes.GUARDRAIL, guardrail_values(row)) for row in Guardrail.objects.order_by("name")
            ],
        }
    )


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002
        super().increase_indent(flow, indentless=False)  # list items stand below their key, indented


def as_yaml(document: Mapping[str, Any]) -> str:
    """One line for what holds no lists or mappings of its own, so that a change of it is a change of one line."""
    return yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=10**6
    )


def _assignments() -> dict[str, list[Any]]:
    """By subject id; a role without window and reason is only its slug."""
    found: dict[str, list[Any]] = {}
    rows = RoleAssignment.objects.unrevoked().select_related("role", "user", "service_account").order_by("role__slug")
    for row in rows:
        brief = _brief(shapes.ASSIGNMENT, assignment_values(row))
        found.setdefault(row.holder.subject_id, []).append(brief["role"] if len(brief) == 1 else brief)
    return found


def _by_segment(rows: Iterable[Any], values: Any, brief: Any) -> dict[str, list[Values]]:
    found: dict[str, list[Values]] = {}
    for row in rows:
        made = values(row)
        found.setdefault(made.pop("segment"), []).append(brief(made))
    return found


def _segment(values: Values, resources: list[Values], grants: list[Values]) -> Values:
    """`state` only where it is a quarantine: loading an old dump must not lift one."""
    state = None if values["state"] == Segment.State.ENFORCED else values["state"]
    held = {"state": state, "resources": resources, "grants": sorted(grants, key=_holder)}
    return _brief(shapes.SEGMENT, values | held, "name")


def _resource(values: Values) -> Values:
    shape = next(shape for key, shape in shapes.RESOURCES.items() if key in values)
    brief = _brief(shape, values)
    if "workload" in brief:
        brief["workload"] = _brief(shapes.SELECTOR, brief["workload"])
    return {key: value for key, value in brief.items() if key != "name" or value != brief.get("view")}


def _grant(values: Values) -> Values:
    return _brief(shapes.GRANT, values)


def _holder(grant: Values) -> tuple[int, str]:
    kind = next(index for index, key in enumerate(shapes.HOLDERS) if key in grant)
    return kind, grant[shapes.HOLDERS[kind]]


def _brief(shape: Shape, values: Values, *always: str) -> Values:
    """In the order of the shape, without what a file may leave out."""
    return {
        name: plain(values[name])
        for name, key in shape.items()
        if name in always or key.required or values.get(name) not in (None, "", key.default)
    }


def _filled(sections: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: items for name, items in sections.items() if items}


def _hours(stored: dict[str, Any] | None) -> dict[str, Any] | None:
    """Hours with their keys in the order of the file and their days in the order of the week."""
    if stored is None:
        return None
    return {"days": sorted(stored["days"], key=DAYS.index)} | {key: stored[key] for key in ("from", "to", "tz")}
