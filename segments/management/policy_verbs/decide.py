"""`policy decide`: one JSON request a line in, one JSON decision a line out."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from segments.management.policy_verbs.asking import KEYS, Desk, QuestionError
from segments.management.policy_verbs.output import Exit, Output, VerbError


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--cases", metavar="FILE.jsonl", required=True, help=_("one JSON request a line; - reads stdin")
    )


def decide(options: dict[str, Any], output: Output) -> Exit:
    """Answer every line, the bad ones with an error. Failed if one was bad."""
    desk = Desk(timezone.now())
    failed = False
    with_stdin = options["cases"] == "-"
    for line in sys.stdin.buffer if with_stdin else _lines(options["cases"]):
        answer = _answer(desk, line)
        failed = failed or "error" in answer
        output.json(answer)
    return Exit.FAILED if failed else Exit.DONE


def _lines(name: str) -> Iterable[bytes]:
    try:
        return Path(name).read_bytes().splitlines()
    except FileNotFoundError:
        raise VerbError(_("%s: there is no such file") % name, Exit.NOT_FOUND) from None
    except OSError as error:
        raise VerbError(_("%(file)s: cannot be read: %(why)s") % {"file": name, "why": error.strerror}) from None


def _answer(desk: Desk, line: bytes) -> dict[str, Any]:
    try:
        question = desk.question(_request(line))
        decision = desk.decide(question)
    except (QuestionError, ValueError) as error:
        return {"error": str(error)}
    return {
        "allowed": decision.allowed,
        "reason": decision.reason.value,
        "segment": decision.segment,
        "resource": decision.resource,
        "grants": list(decision.grants),
    }


def _request(line: bytes) -> dict[str, Any]:
    """The keys of one line. Raises QuestionError."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise QuestionError(_("not JSON: %s") % error) from None
    if not isinstance(request, dict):
        raise QuestionError(_("expected a JSON object"))
    for problem in _problems(request):
        raise QuestionError(problem)
    return request


def _problems(request: dict[str, Any]) -> Iterator[str]:
    if "user" not in request:
        yield _("`user` is missing: null is nobody signed in")
    for key, value in request.items():
        if key not in KEYS:
            yield _("unknown key `%(key)s`: expected one of %(known)s") % {"key": key[:80], "known": ", ".join(KEYS)}
        if value is not None and not isinstance(value, str):
            yield _("`%s` is not text") % key
