"""`policy check`: are the guardrails kept, and is there anything worth a look."""

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from segments import guardrails, lint
from segments.management.policy_verbs import words
from segments.management.policy_verbs.output import Exit, Output


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help=_("one JSON object instead of lines"))


def check(options: dict[str, Any], output: Output) -> Exit:
    """Denied when a guardrail is broken. What is only worth a look changes nothing."""
    now = timezone.now()
    kept = guardrails.stored()
    broken = guardrails.broken(now)
    findings = lint.findings(now)
    if options["json"]:
        output.json(
            {
                "guardrails": len(kept),
                "broken": list(map(words.break_data, broken)),
                "findings": list(map(asdict, findings)),
            }
        )
    else:
        for one in broken:
            output.data(words.break_line(one))
        for finding in findings:
            output.data(f"{finding.code}: {finding.about}: {finding.message}")
    counts = {"guardrails": len(kept), "broken": len(broken), "findings": len(findings)}
    output.say(_("%(guardrails)d guardrails, %(broken)d broken; %(findings)d things worth a look.") % counts)
    return Exit.DENIED if broken else Exit.DONE
