"""Changes, impacts and broken guardrails, as lines for people and as plain data for machines."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from segments.notation import moment_text, plain
from segments.policy.guardrails import Break
from segments.policy.impact import Access, Impact
from segments.policy.model import Factor, ViewTarget, WebTarget
from segments.policyfile import Change
from segments.traces import grant_words

Row = tuple[str, str, str, str]


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
    """One line for each subject, resource and action; what needs a passkey says so."""
    for sign, accesses in (("+", found.gained), ("-", found.lost)):
        for (subject, segment, resource, action), factors in _factors(accesses).items():
            yield f"{sign} {subject}: {action} {resource} ({segment}){_with(factors)}"


def impact_data(found: Impact) -> dict[str, list[dict[str, Any]]]:
    return {name: _rows(accesses) for name, accesses in (("gained", found.gained), ("lost", found.lost))}


def _rows(accesses: tuple[Access, ...]) -> list[dict[str, Any]]:
    keys = ("subject", "segment", "resource", "action")
    return [dict(zip(keys, row, strict=True)) | {"factors": factors} for row, factors in _factors(accesses).items()]


def _factors(accesses: tuple[Access, ...]) -> dict[Row, list[str]]:
    found: dict[Row, list[str]] = {}
    for access in accesses:
        row = (access.subject, access.segment, access.resource, access.action)
        found.setdefault(row, []).extend([access.factor] if access.factor else [])
    return found


def _with(factors: list[str]) -> str:
    if factors == [Factor.WEBAUTHN]:
        return _(", with a passkey")
    return _(", with an authenticator app") if factors == [Factor.TOTP] else ""


def break_line(broken: Break) -> str:
    """The counterexample in one line: who, what, through which grant."""
    name = _("guardrail `%s` is broken") % broken.guardrail.name
    if broken.target is None or broken.decision is None or broken.context is None:
        return _("%(name)s: there is nothing that %(who)s could ask for") % {"name": name, "who": broken.who}
    answer = _("is allowed to") if broken.decision.allowed else _("is not allowed to")
    through = "; ".join(grant_words(grant) for grant in broken.grants) or broken.decision.reason.value
    place = _(" from %s") % broken.context.address if broken.context.address else ""
    at = moment_text(broken.context.at)
    return f"{name}: {broken.who} {answer} {target_words(broken.target)}{place} ({at}): {through}"


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


def target_words(target: ViewTarget | WebTarget) -> str:
    """Such as: POST ledger.example.test/books."""
    name = target.name if isinstance(target, ViewTarget) else f"{target.host}{target.path}"
    return f"{target.method} {name}"
