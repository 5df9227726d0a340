"""The steps of a decision, and what breaks a guardrail, in people's words."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from segments.notation import duration_text, moment_text
from segments.policy.guardrails import Break
from segments.policy.model import Grant, Policy, Step, ViewTarget, WebTarget

Facts = Mapping[str, Any]


class Mark(StrEnum):
    """Met, missed, or no matter."""

    MET = "✓"
    MISSED = "✗"
    ASIDE = "·"


@dataclass(frozen=True, slots=True)
class Line:
    """One criterion in words."""

    mark: Mark
    text: str
    note: str = ""


def lines(policy: Policy, trace: Iterable[Step]) -> tuple[Line, ...]:
    """Every criterion, the first one missed marked as what stopped the request; later ones as what would also miss."""
    found: list[Line] = []
    grants = {grant.id: grant for grant in policy.grants}
    stopped = False
    for steps in _grouped(step for step in trace if step.passed is not None):  # what was not judged says nothing
        met = any(step.passed for step in steps)
        text, note = _words(policy, grants, steps)
        if met:
            found.append(Line(Mark.MET, text, note))
        elif stopped:
            found.append(Line(Mark.ASIDE, text, "; ".join(filter(None, (_("would also be missing"), note)))))
        else:
            found.append(Line(Mark.MISSED, text, "; ".join(filter(None, (_("stops here"), note)))))
        stopped = stopped or not met
    return tuple(found)


def _grouped(trace: Iterable[Step]) -> list[list[Step]]:
    """Steps one by one, but all grants together: one that opens is enough."""
    groups: list[list[Step]] = []
    for step in trace:
        if groups and step.criterion == "grant" and groups[-1][0].criterion == "grant":
            groups[-1].append(step)
        else:
            groups.append([step])
    return groups


def _words(policy: Policy, grants: Mapping[str, Grant], steps: list[Step]) -> tuple[str, str]:
    step = steps[0]
    if step.criterion == "grant":
        return _of_grants(policy, grants, steps)
    facts: Facts = {} if isinstance(step.detail, str) else step.detail
    if step.criterion == "target":
        return _of_target(facts, step)
    if step.criterion == "resource":
        where = {"resource": facts.get("resource"), "segment": facts.get("segment")}
        return (
            (_("The target is %(resource)s in %(segment)s") % where, "") if facts else (_("A resource covers it"), "")
        )
    return _CRITERIA[step.criterion](facts)


def _of_target(facts: Facts, step: Step) -> tuple[str, str]:
    if isinstance(step.detail, str):
        return _("The target can be read in one safe way"), step.detail
    count = len(facts.get("readings", ()))
    return _("The target can be read"), _("%d readings") % count if count > 1 else ""


def _of_grants(policy: Policy, grants: Mapping[str, Grant], steps: list[Step]) -> tuple[str, str]:
    details: list[Facts] = [step.detail for step in steps if not isinstance(step.detail, str)]
    opened = [grants[facts["grant"]] for facts in details if facts.get("grant") and not facts["missed"]]
    if opened:
        return _("A grant opens it: %s") % "; ".join(map(grant_words, opened)), ""
    missed = [(grants[facts["grant"]], facts["missed"]) for facts in details if facts.get("grant")]
    if missed:
        said = "; ".join(f"{grant_words(grant)}: {reason}" for grant, reason in missed)
        return _("A grant that covers the request"), said
    who = get_text_list([*details[0]["roles"], details[0]["subject"]], _("or"))
    return _("A grant for %s") % who, ""


def grant_words(grant: Grant) -> str:
    """Such as: accountant (read, write) until 2026-12-24T00:00:00Z."""
    until = _(" until %s") % moment_text(grant.expires_at) if grant.expires_at else ""
    return f"{grant.holder} ({', '.join(sorted(grant.actions))}){until}"


def opened_to(policy: Policy, segment: str) -> str:
    """Whom a segment is open to, in words: who has to be asked for what."""
    held = [grant_words(grant) for grant in policy.grants if grant.segment == segment]
    if not held:
        return _("%s is open to nobody") % segment
    return _("%(segment)s is open to %(holders)s") % {"segment": segment, "holders": get_text_list(held, _("and"))}


def _network(facts: Facts) -> tuple[str, str]:
    networks = ", ".join(facts["networks"])
    text = _("Asked from %s") % networks if networks else _("May be asked from anywhere")
    return text, _("asked from %s") % (facts["address"] or _("an unknown address")) if networks else ""


def _hours(facts: Facts) -> tuple[str, str]:
    hours = facts["hours"]
    if hours is None:
        return _("May be asked at any hour"), ""
    return _("Asked within its hours"), f"{hours.start:%H:%M}-{hours.end:%H:%M} {hours.zone.key}"


def _assurance(facts: Facts) -> tuple[str, str]:
    return _("A phishing-resistant factor") if facts["assurance"] != "mfa" else _("Any second factor"), ""


def _freshness(facts: Facts) -> tuple[str, str]:
    if facts["reauth_after"] is None:
        return _("The second factor may be of any age"), ""
    text = _("Verified less than %s ago") % duration_text(facts["reauth_after"])
    age = duration_text(facts["at"] - facts["verified_at"]) if facts["verified_at"] else _("never")
    return text, age


_CRITERIA: Final[dict[str, Callable[[Facts], tuple[str, str]]]] = {
    "segment_enforced": lambda facts: (_("%s is not quarantined") % facts["segment"], ""),
    "anonymous": lambda facts: (_("Everybody may call it"), ""),
    "signed_in": lambda facts: (_("Somebody is signed in"), facts["subject"]),
    "subject_active": lambda facts: (_("The account is active"), ""),
    "subject_not_quarantined": lambda facts: (_("The account is not cut off"), ""),
    "session": lambda facts: (_("The session is live"), ""),
    "enrolled": lambda facts: (_("A second factor is enrolled"), ""),
    "second_factor": lambda facts: (_("A second factor is verified"), ", ".join(facts["factors"])),
    "service_accounts": lambda facts: (_("The segment lets service accounts in"), ""),
    "segment_network": _network,
    "segment_hours": _hours,
    "assurance": _assurance,
    "freshness": _freshness,
}


def break_line(broken: Break) -> str:
    """The counterexample in one line: who, what, through which grant."""
    name = _("guardrail `%s` is broken") % broken.guardrail.name
    if broken.target is None or broken.decision is None or broken.context is None:
        return _("%(name)s: there is nothing that %(who)s could ask for") % {"name": name, "who": broken.who}
    answer = _("is allowed to") if broken.decision.allowed else _("is not allowed to")
    through = "; ".join(grant_words(grant) for grant in broken.grants) or broken.decision.reason.value
    place = _(" from %s") % broken.context.address if broken.context.address else ""
    at = when(broken.context.at)
    return f"{name}: {broken.who} {answer} {target_words(broken.target)}{place} ({at}): {through}"


def when(at: datetime) -> str:
    """A time to the second, as people read it."""
    return moment_text(at.replace(microsecond=0))


def target_words(target: ViewTarget | WebTarget) -> str:
    """Such as: POST ledger.example.test/books."""
    name = target.name if isinstance(target, ViewTarget) else f"{target.host}{target.path}"
    return f"{target.method} {name}"
