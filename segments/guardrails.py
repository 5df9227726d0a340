"""Stored guardrails: rows into values, and the question whether what is stored keeps them.

Whoever changes the policy asks `broken` inside the transaction of the change, and rolls back when it answers.
"""

from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, Final

from segments import snapshot
from segments.models import Guardrail as GuardrailRow
from segments.notation import duration, moment
from segments.policy.guardrails import Break, Expectation, Guardrail, breaks
from segments.policy.model import Factor

UNVERIFIED: Final = "none"


def stored() -> tuple[Guardrail, ...]:
    """Every guardrail as a value. Raises ValueError for one that was stored past the checks."""
    return tuple(value(row.name, row.expect, row.question) for row in GuardrailRow.objects.all())


def broken(now: datetime) -> tuple[Break, ...]:
    """The guardrails that the policy as it is in this transaction breaks."""
    guardrails = stored()
    return breaks(snapshot.build(), guardrails, snapshot.holders(), now) if guardrails else ()


def value(name: str, expect: str, question: dict[str, Any]) -> Guardrail:
    """A guardrail from the keys of the policy file."""
    factor = question.get("factor")
    return Guardrail(
        name=name,
        expect=Expectation(expect),
        role=question.get("role"),
        user=f"user:{question['user']}" if question.get("user") else None,
        any_user=bool(question.get("any_user")),
        segment=question.get("segment"),
        url=question.get("url"),
        view=question.get("view"),
        method=question.get("method"),
        factor=None if factor == UNVERIFIED else Factor(factor or Factor.WEBAUTHN),
        factor_age=duration(question["factor_age"]) if question.get("factor_age") else timedelta(),
        address=ip_address(question["ip"]) if question.get("ip") else None,
        at=moment(question["at"]) if question.get("at") else None,
    )
