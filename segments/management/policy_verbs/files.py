"""Reading a policy file that somebody names on the command line."""

import sys
from pathlib import Path

from django.utils.translation import gettext as _

from segments import policyfile
from segments.management.policy_verbs.output import Exit, Output, VerbError
from segments.policyfile import Document, PolicyFileError

STDIN = "-"


def document(name: str) -> Document:
    """The file as a document; `-` reads stdin. Raises VerbError and PolicyFileError."""
    if name == STDIN:
        return policyfile.read(sys.stdin.buffer.read(), "stdin")
    try:
        data = Path(name).read_bytes()
    except FileNotFoundError:
        raise VerbError(_("%s: there is no such file") % name, Exit.NOT_FOUND) from None
    except OSError as error:
        raise VerbError(_("%(file)s: cannot be read: %(why)s") % {"file": name, "why": error.strerror}) from None
    return policyfile.read(data, name)


def report(error: PolicyFileError, output: Output, *, as_json: bool) -> Exit:
    """Everything that is wrong with a file: one line each, and for machines one object."""
    if as_json:
        errors = [
            {"file": error.file, "line": one.place.line, "path": one.place.path, "message": one.message}
            for one in error.problems
        ]
        output.json({"committed": False, "errors": errors})
    for problem in error.problems:
        output.complain(problem.text(error.file))
    return Exit.FAILED
