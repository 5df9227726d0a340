"""Changes, impacts and broken guardrails, as lines for people and as plain data for machines."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from segments.notation import moment_text, plain
from segments.policy.guardrails import Break
from segments.policy.impact import Access, Impact
from segments.policy.model import Factor
from segments.policyfile import Change
from segments.traces import break_line, target_words, when

__all__ = ["break_data", "break_line", "change_line", "impact_data", "impact_lines", "target_words", "when"]

Row = tuple[str, str, str, tuple[str, ...]]  # subject, segment, resource, factors


def change_line(change: Change) -> str:
    """Such as: ~ grant accountant → finance: networks: [] → [10.0.0.0/8]."""
    what = f"{change.kind.value.replace('_', ' ')} {change.name}"
    if change.before is None:
        return f"+ {what}"
    if change.after is None:
        return f"- {what}"
    differences = (f"{key}: {_shown(old)} → {_shown(new)}" for key, (old, new) in change.differences.items())
    return f"~ {what}: {'; '.join(differences)}"


def _shown(value: Any) -> str:
    value = plain(value)
    if value in (None, "", [], {}):
        return _("nothing")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def impact_lines(found: Impact) -> Iterator[str]:
    """One line for each subject and resource; what opens with one kind of factor alone says so."""
    for sign, accesses in (("+", found.gained), ("-", found.lost)):
        for (subject, segment, resource, factors), actions in _actions(accesses).items():
            yield f"{sign} {subject}: {', '.join(actions)} {resource} ({segment}){_with(factors)}"


def impact_data(found: Impact) -> dict[str, list[dict[str, Any]]]:
    return {name: _rows(accesses) for name, accesses in (("gained", found.gained), ("lost", found.lost))}


def _rows(accesses: tuple[Access, ...]) -> list[dict[str, Any]]:
    return [
        {"subject": subject, "segment": segment, "resource": resource, "action": action, "factors": list(factors)}
        for (subject, segment, resource, factors), actions in _actions(accesses).items()
        for action in actions
    ]


def _actions(accesses: tuple[Access, ...]) -> dict[Row, list[str]]:
    """The actions by whose and on what they are, and by the factors they open with."""
    factors: dict[tuple[str, str, str, str], list[str]] = {}
    for access in accesses:
        opened = factors.setdefault((access.subject, access.segment, access.resource, access.action), [])
        opened += [access.factor] if access.factor else []
    found: dict[Row, list[str]] = {}
    for (subject, segment, resource, action), opened in factors.items():
        found.setdefault((subject, segment, resource, tuple(opened)), []).append(action)
    return found


def _with(factors: tuple[str, ...]) -> str:
    if factors == (Factor.WEBAUTHN,):
        return _(", with a passkey")
    return _(", with an authenticator app") if factors == (Factor.TOTP,) else ""


def break_data(broken: Break) -> dict[str, Any]:
    target, context, decision = broken.target, broken.context, broken.decision
    return {
        "guardrail": broken.guardrail.name,
        "expect": broken.guardrail.expect.value,
        "who": broken.who,
        "asked": target_words(target) if target else None,
        "at": moment_text(context.at) if context else None,
        "ip": str(context.address) if context and context.address else None,
        "reason": decision.reason.value if decision else None,
        "grants": [{"id": grant.id, "holder": grant.holder, "segment": grant.segment} for grant in broken.grants],
    }
