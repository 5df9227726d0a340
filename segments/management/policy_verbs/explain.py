"""`policy explain`: a decision with every criterion hit or missed, and the nearest fix."""

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, cast

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.models import Entry
from segments import traces
from segments.management.policy_verbs import words
from segments.management.policy_verbs.asking import FACTORS, Desk, Question, QuestionError, UnknownSubject
from segments.management.policy_verbs.output import Exit, Output, VerbError
from segments.notation import duration_text, moment_text
from segments.policy.fixes import Fix, nearest_fix
from segments.policy.impact import Access, World, access_in
from segments.policy.model import Context, Decision, Factor, Step, Verification, ViewTarget, WebTarget
from segments.policy.people import Assignment, Holder


def add_arguments(parser: ArgumentParser) -> None:
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--user", help=_("who asks: a username, or service:NAME"))
    who.add_argument("--decision", metavar="ID", help=_("a decision that was taken, by its reference"))
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--url", help=_("what is asked for, such as https://ledger.example.test/books"))
    what.add_argument("--view", help=_("what is asked for, such as payroll:run"))
    parser.add_argument("--method", help=_("default: GET"))
    parser.add_argument("--ip", help=_("from which address; default: unknown, which lies in no network"))
    parser.add_argument("--at", help=_("when, such as 2026-11-24T10:00:00Z; default: now"))
    parser.add_argument("--factor", choices=FACTORS, help=_("which second factor was verified; default: none"))
    parser.add_argument("--factor-age", help=_("how long ago, such as 5m; default: just now"))
    parser.add_argument("--json", action="store_true", help=_("one JSON object instead of lines"))


def explain(options: dict[str, Any], output: Output) -> Exit:
    """Say what would be decided, or what was; denied when that is a denial."""
    desk = Desk(timezone.now())
    try:
        told = _taken(desk, options) if options["decision"] else _supposed(desk, options)
    except UnknownSubject as error:
        raise VerbError(str(error), Exit.NOT_FOUND) from None
    except QuestionError as error:
        raise VerbError(str(error), Exit.USAGE) from None
    if options["json"]:
        output.json(_data(desk, told))
    else:
        for line in _lines(desk, told):
            output.data(line)
    return Exit.DONE if told.answer["allowed"] else Exit.DENIED


@dataclass(frozen=True, slots=True)
class _Told:
    """What is explained: the question, its answer as it was or would be given, and the steps of today's decision."""

    question: Question
    decision: Decision
    trace: tuple[Step, ...]
    answer: dict[str, Any]
    reference: str = ""


def _supposed(desk: Desk, options: dict[str, Any]) -> _Told:
    question = desk.question(
        {key: options[key] for key in ("user", "url", "view", "method", "ip", "at", "factor", "factor_age")}
    )
    return _told(desk, question)


def _told(desk: Desk, question: Question, answer: dict[str, Any] | None = None, reference: str = "") -> _Told:
    trace: list[Step] = []
    decision = desk.decide(question, trace)
    today: dict[str, Any] = {"allowed": decision.allowed, "reason": decision.reason.value}
    today |= {"segment": decision.segment, "resource": decision.resource, "grants": list(decision.grants)}
    return _Told(question, decision, tuple(trace), answer or today, reference)


def _taken(desk: Desk, options: dict[str, Any]) -> _Told:
    """A decision from the ledger, put again as it would be asked now. Raises VerbError."""
    others = [
        name for name in ("url", "view", "method", "ip", "at", "factor", "factor_age") if options[name] is not None
    ]
    if others:
        raise QuestionError(_("--decision says everything: leave out --%s") % others[0].replace("_", "-"))
    entry = Entry.objects.filter(kind="decision", reference=options["decision"]).first()
    if entry is None:
        raise VerbError(_("the ledger has no decision `%s`") % options["decision"][:80], Exit.NOT_FOUND)
    data = _data_of(entry)
    answer = {key: data[key] for key in ("allowed", "reason", "resource", "grants")} | {
        "segment": entry.subject or None
    }
    return _told(desk, _question_of(desk, entry), answer, entry.reference)


def _data_of(entry: Entry) -> dict[str, Any]:
    return cast("dict[str, Any]", entry.data)


def _question_of(desk: Desk, entry: Entry) -> Question:
    """The question of a decision, with roles, policy and time as they are now, and factors as old as they were."""
    data = _data_of(entry)
    asked = data["target"]
    target = ViewTarget(asked["view"], asked["method"]) if "view" in asked else WebTarget(**asked)
    known = desk.holders.get(entry.actor, Holder(entry.actor, entry.actor) if entry.actor.startswith("user:") else None)
    age = desk.now - entry.at
    factors = [Verification(Factor(factor), datetime.fromisoformat(at) + age) for factor, at in data["verifications"]]
    address = ip_address(data["address"]) if data["address"] else None
    return Question(known, target, Context(at=desk.now, address=address), tuple(factors))


def _lines(desk: Desk, told: _Told) -> Iterator[str]:
    yield _asked(told.question)
    yield _answered(told)
    if told.reference:
        yield _today(told)
    yield ""
    for line in traces.lines(desk.policy, told.trace):
        yield f"{line.mark.value} {line.text}" + (f" ({line.note})" if line.note else "")
    if told.decision.segment and not told.decision.allowed:
        yield f"  {traces.opened_to(desk.policy, told.decision.segment)}"
    if told.decision.obligations:
        yield _("The subject can: %s") % ", ".join(told.decision.obligations)
    if not told.decision.allowed:
        yield _("Nearest fix: %s") % " ".join(_fix_lines(desk, told))


def _asked(question: Question) -> str:
    who = question.holder.id if question.holder else _("nobody signed in")
    factors = ", ".join(f"{one.factor} {_age(one, question.context.at)}" for one in question.verifications)
    parts = (
        who,
        words.target_words(question.target),
        _("from %s") % (question.context.address or _("an unknown address")),
        words.when(question.context.at),
        factors or _("no second factor verified"),
    )
    return " · ".join(parts)


def _age(verification: Verification, at: datetime) -> str:
    age = timedelta(seconds=int((at - verification.at).total_seconds()))
    return _("%s ago") % duration_text(age) if age else _("just now")


def _answered(told: _Told) -> str:
    where = " · ".join(filter(None, (told.answer["resource"], told.answer["segment"])))
    word = _("Allowed") if told.answer["allowed"] else _("Denied")
    reference = f"{told.reference} " if told.reference else ""
    return f"{reference}{word}: {told.answer['reason']}" + (f" · {where}" if where else "")


def _today(told: _Told) -> str:
    if told.decision.reason.value == told.answer["reason"]:
        return _("Today it would be decided the same.")
    word = _("allowed") if told.decision.allowed else _("denied")
    return _("Today it would be %(word)s: %(reason)s.") % {"word": word, "reason": told.decision.reason.value}


def _fix(desk: Desk, told: _Told) -> Fix | None:
    question = told.question
    if question.holder is None:
        return None
    return nearest_fix(desk.policy, question.holder, question.verifications, question.target, question.context)


def _fix_lines(desk: Desk, told: _Told) -> Iterator[str]:
    fix = _fix(desk, told)
    if fix is None or told.question.holder is None:
        yield _without_fix(told)
        return
    if fix.role is not None:
        yield _("Give %(who)s the role %(role)s.") % {"who": told.question.holder.id, "role": fix.role}
    if fix.factor is not None:
        yield _("Verify %s.") % (
            _("a passkey") if fix.factor is Factor.WEBAUTHN else _("a code of an authenticator app")
        )
    if fix.address is not None:
        yield _("Ask from an address such as %s.") % fix.address
    if fix.at is not None:
        yield _("Ask at %s.") % moment_text(fix.at)
    also = _also_opened(desk, told, fix.role) if fix.role else []
    if also:
        yield _("The role would also open: %s.") % ", ".join(also)


def _without_fix(told: _Told) -> str:
    if told.question.holder is None:
        return _("sign in.")
    if told.decision.segment is None:
        return _("put it into a segment, if it should be open.")
    return _("no role, factor, place or time opens it; a grant or the segment would have to change.")


def _also_opened(desk: Desk, told: _Told, role: str) -> list[str]:
    """What else the role would open to the subject, besides the resource asked for."""
    holder = told.question.holder
    assert holder is not None  # a fix is for somebody
    given = Holder(holder.id, holder.name, holder.kind, (*holder.assignments, Assignment(role)))
    before = {_named(access) for access in access_in(World(desk.policy, (holder,)), desk.now)}
    after = {_named(access) for access in access_in(World(desk.policy, (given,)), desk.now)}
    return sorted(name for name, resource in after - before if resource != told.decision.resource)


def _named(access: Access) -> tuple[str, str]:
    return f"{access.resource} ({access.action})", access.resource


def _data(desk: Desk, told: _Told) -> dict[str, Any]:
    fix = None if told.decision.allowed else _fix(desk, told)
    question = told.question
    return told.answer | {
        "decision": told.reference or None,
        "today": {"allowed": told.decision.allowed, "reason": told.decision.reason.value},
        "subject": question.holder.id if question.holder else None,
        "asked": words.target_words(question.target),
        "at": moment_text(question.context.at),
        "ip": str(question.context.address) if question.context.address else None,
        "obligations": list(told.decision.obligations),
        "steps": [
            {"mark": line.mark.value, "text": line.text, "note": line.note}
            for line in traces.lines(desk.policy, told.trace)
        ],
        "fix": fix
        and {
            "role": fix.role,
            "factor": fix.factor,
            "ip": str(fix.address) if fix.address else None,
            "at": moment_text(fix.at) if fix.at else None,
        },
    }
