"""`policy load` and `policy impact`: what a file would change, who gains or loses what, and then the change itself."""

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from segments import policyfile
from segments.management.policy_verbs import files, words
from segments.management.policy_verbs.output import Exit, Output
from segments.policy.guardrails import Break
from segments.policy.impact import Impact, impact
from segments.policyfile import GuardrailsBroken, PolicyFileError, Rehearsal


def add_load_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help=_("a policy file in YAML or JSON; - reads it from stdin"))
    parser.add_argument("--dry-run", action="store_true", help=_("show what would change, and change nothing"))
    parser.add_argument("--prune", action="store_true", help=_("take away what the file does not name"))
    parser.add_argument("--json", action="store_true", help=_("one JSON object instead of lines"))


def add_impact_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help=_("a policy file in YAML or JSON; - reads it from stdin"))
    parser.add_argument("--prune", action="store_true", help=_("as if what the file does not name were taken away"))
    parser.add_argument("--json", action="store_true", help=_("one JSON object instead of lines"))


def load(options: dict[str, Any], output: Output) -> Exit:
    """Rehearse, show, then load for good. The guardrails are asked again inside the transaction that commits."""
    now, prune, as_json = timezone.now(), options["prune"], options["json"]
    try:
        document = files.document(options["file"])
        rehearsal = policyfile.rehearse(document, now=now, prune=prune)
        _warn(rehearsal, output)
        found = impact(rehearsal.before, rehearsal.after, now)
        if not as_json:
            _show(rehearsal, found, output)
        committed = not rehearsal.breaks and not options["dry_run"]
        if committed:
            policyfile.load(document, now=now, prune=prune)
    except PolicyFileError as error:
        return files.report(error, output, as_json=as_json)
    except GuardrailsBroken as error:  # somebody changed the policy since the rehearsal
        return _refuse(error.breaks, output)
    if as_json:
        output.json(_data(rehearsal, found, committed=committed))
    output.say(_summary(rehearsal, committed=committed))
    return _refuse(rehearsal.breaks, output) if rehearsal.breaks else Exit.DONE


def show_impact(options: dict[str, Any], output: Output) -> Exit:
    """Who would gain and lose what, and nothing else."""
    now = timezone.now()
    try:
        rehearsal = policyfile.rehearse(files.document(options["file"]), now=now, prune=options["prune"])
    except PolicyFileError as error:
        return files.report(error, output, as_json=options["json"])
    _warn(rehearsal, output)
    found = impact(rehearsal.before, rehearsal.after, now)
    if options["json"]:
        output.json(words.impact_data(found))
    else:
        for line in words.impact_lines(found):
            output.data(line)
    if not found.gained and not found.lost:
        output.say(_("Nobody gains or loses anything."))
    return Exit.DONE


def _warn(rehearsal: Rehearsal, output: Output) -> None:
    for warning in rehearsal.changes.warnings:
        output.say(_("warning: %s") % warning.text(rehearsal.changes.file))


def _show(rehearsal: Rehearsal, found: Impact, output: Output) -> None:
    for change in rehearsal.changes.changes:
        output.data(words.change_line(change))
    for line in words.impact_lines(found):
        output.data(line)


def _data(rehearsal: Rehearsal, found: Impact, *, committed: bool) -> dict[str, Any]:
    changes = rehearsal.changes
    return {
        "committed": committed,
        "changes": [change.as_json() for change in changes.changes],
        "impact": words.impact_data(found),
        "warnings": [warning.text(changes.file) for warning in changes.warnings],
        "guardrails": [words.break_data(broken) for broken in rehearsal.breaks],
    }


def _summary(rehearsal: Rehearsal, *, committed: bool) -> str:
    changes = rehearsal.changes
    if not changes.changes:
        return _("Nothing to change.")
    counts = {"new": len(changes.created), "changed": len(changes.changed), "removed": len(changes.removed)}
    said = _("%(new)d created, %(changed)d changed, %(removed)d removed.") % counts
    return f"{_('Loaded:') if committed else _('Not loaded:')} {said}"


def _refuse(breaks: tuple[Break, ...], output: Output) -> Exit:
    for broken in breaks:
        output.complain(words.break_line(broken))
    return Exit.DENIED
