"""The shape of everything a policy file may hold: its keys, and what leaving one out means."""

from collections.abc import Collection
from typing import Any, Final

from segments.policyfile import fields
from segments.policyfile.entries import Entry, Key, Problems, Shape, entry, found, refuse
from segments.policyfile.nodes import Mapping, Node, Scalar
from segments.policyfile.problems import Problem

HOLDERS: Final = ("role", "user", "service_account")
ASKERS: Final = ("role", "user", "any_user")
ASKED: Final = ("segment", "url", "view")

ROLE: Final[Shape] = {
    "slug": Key(fields.text, required=True),
    "name": Key(fields.text),
    "description": Key(fields.text, ""),
}
ASSIGNMENT: Final[Shape] = {
    "role": Key(fields.text, required=True),
    "not_before": Key(fields.moment),
    "expires_at": Key(fields.moment),
    "reason": Key(fields.text),
}
VIEW: Final[Shape] = {
    "name": Key(fields.text),
    "view": Key(fields.text, required=True),
    "anonymous": Key(fields.truth, default=False),
}
WEB: Final[Shape] = {
    "name": Key(fields.text, required=True),
    "host": Key(fields.host, required=True),
    "path": Key(fields.text, "/"),
    "methods": Key(fields.methods),
    "upstream": Key(fields.upstream, ""),
    "case_insensitive": Key(fields.truth, default=False),
    "anonymous": Key(fields.truth, default=False),
}
SELECTOR: Final[Shape] = {
    "cidrs": Key(fields.networks, []),
    "namespace": Key(fields.text, ""),
    "labels": Key(fields.labels, {}),
}
_selector: Final = entry(SELECTOR)


def selector(node: Node, problems: Problems) -> dict[str, Any] | None:
    """What a workload is selected by, every key of it."""
    made: Entry | None = _selector(node, problems)
    return None if made is None else made.values


WORKLOAD: Final[Shape] = {"name": Key(fields.text, required=True), "workload": Key(selector, required=True)}
RESOURCES: Final = {"view": VIEW, "host": WEB, "workload": WORKLOAD}
GRANT: Final[Shape] = {
    "role": Key(fields.text),
    "user": Key(fields.username),
    "service_account": Key(fields.username),
    "actions": Key(fields.actions, ["read"]),
    "networks": Key(fields.networks, []),
    "hours": Key(fields.hours),
    "not_before": Key(fields.moment),
    "expires_at": Key(fields.moment),
    "reason": Key(fields.text, ""),
}
FLOW: Final[Shape] = {
    "from": Key(fields.text, required=True),
    "to": Key(fields.text, required=True),
    "ports": Key(fields.ports, required=True),
    "description": Key(fields.text, ""),
}
GUARDRAIL: Final[Shape] = {
    "name": Key(fields.text, required=True),
    "expect": Key(fields.choice("allow", "deny"), required=True),
    "role": Key(fields.text),
    "user": Key(fields.username),
    "any_user": Key(fields.only_true),
    "segment": Key(fields.text),
    "url": Key(fields.url),
    "view": Key(fields.text),
    "method": Key(fields.method),
    "factor": Key(fields.choice("none", "totp", "webauthn", "recovery")),
    "factor_age": Key(fields.question_age),
    "ip": Key(fields.address),
    "at": Key(fields.question_time),
}


def _exactly_one(keys: Collection[str], made: Entry, problems: Problems) -> None:
    named = [key for key in keys if made.values[key] is not None or key in made.given]
    if len(named) != 1:
        said = " and ".join(f"`{key}`" for key in named) if named else "none"
        problems.append(Problem(made.place, f"expected exactly one of {', '.join(keys)}, found {said}"))


def _window(made: Entry, problems: Problems) -> None:
    begins, ends = made["not_before"], made["expires_at"]
    if begins and ends and ends <= begins:
        message = f"`expires_at` must be later than `not_before` ({begins.isoformat()})"
        problems.append(Problem(made.place_of("expires_at"), message))


def _settle_grant(made: Entry, problems: Problems) -> None:
    _exactly_one(HOLDERS, made, problems)
    _window(made, problems)


def _settle_guardrail(made: Entry, problems: Problems) -> None:
    _exactly_one(ASKERS, made, problems)
    _exactly_one(ASKED, made, problems)


def _settle_named(made: Entry, problems: Problems) -> None:
    """A name that is left out is made from the slug: `site-office` is called “Site office”."""
    if made["name"] is None and made["slug"]:
        made.values["name"] = default_name(made["slug"])


def _settle_view(made: Entry, problems: Problems) -> None:
    made.values["name"] = made["name"] or made["view"]


def default_name(slug: str) -> str:
    return slug.replace("-", " ").replace("_", " ").strip().capitalize() or slug


_resources: Final = {
    "view": entry(VIEW, _settle_view),
    "host": entry(WEB),
    "workload": entry(WORKLOAD),
}
_assignment: Final = entry(ASSIGNMENT, _window)


def resource(node: Node, problems: Problems) -> Entry | None:
    """A view, a web application or a workload, told apart by the key that each has to itself."""
    if not isinstance(node, Mapping):
        return refuse(node, problems, f"expected keys and values, found {found(node)}")
    kinds = [kind for kind in _resources if kind in node.values]
    if len(kinds) != 1:
        said = " and ".join(f"`{kind}`" for kind in kinds) or "none"
        return refuse(node, problems, f"expected exactly one of {', '.join(_resources)}, found {said}")
    made: Entry | None = _resources[kinds[0]](node, problems)
    return made


def assignment(node: Node, problems: Problems) -> Entry | None:
    """A role by its slug alone, or with its window and its reason."""
    if not isinstance(node, Scalar):
        made: Entry | None = _assignment(node, problems)
        return made
    slug = fields.text(node, problems)
    return Entry(
        node.place, {"role": slug, "not_before": None, "expires_at": None, "reason": None}, {"role": node.place}
    )


USER: Final[Shape] = {
    "username": Key(fields.username, required=True),
    "email": Key(fields.email),
    "name": Key(fields.text),
    "staff": Key(fields.truth),
    "roles": Key(fields.list_of(assignment), []),
}
SERVICE_ACCOUNT: Final[Shape] = {
    "name": Key(fields.username, required=True),
    "networks": Key(fields.networks, []),
    "roles": Key(fields.list_of(assignment), []),
}
SEGMENT: Final[Shape] = {
    "slug": Key(fields.text, required=True),
    "name": Key(fields.text),
    "description": Key(fields.text, ""),
    "sensitivity": Key(fields.choice("low", "moderate", "high"), "moderate"),
    "owners": Key(fields.names, []),
    "state": Key(fields.choice("enforced", "quarantined")),
    "assurance": Key(fields.choice("mfa", "phishing_resistant"), "mfa"),
    "reauth_after": Key(fields.duration),
    "allow_service_accounts": Key(fields.truth, default=False),
    "networks": Key(fields.networks, []),
    "hours": Key(fields.hours),
    "resources": Key(fields.list_of(resource), []),
    "grants": Key(fields.list_of(entry(GRANT, _settle_grant)), []),
}


def version(node: Node, problems: Problems) -> int | None:
    if isinstance(node, Scalar) and node.kind == "int" and node.text == "1":
        return 1
    return refuse(node, problems, f"expected version 1, found {found(node)}")


guardrail: Final = entry(GUARDRAIL, _settle_guardrail)
question: Final = entry(
    {key: read for key, read in GUARDRAIL.items() if key not in {"name", "expect"}}, _settle_guardrail
)
DOCUMENT: Final[Shape] = {
    "version": Key(version, required=True),
    "roles": Key(fields.list_of(entry(ROLE, _settle_named)), []),
    "users": Key(fields.list_of(entry(USER)), []),
    "service_accounts": Key(fields.list_of(entry(SERVICE_ACCOUNT)), []),
    "segments": Key(fields.list_of(entry(SEGMENT, _settle_named)), []),
    "flows": Key(fields.list_of(entry(FLOW)), []),
    "guardrails": Key(fields.list_of(guardrail), []),
}
