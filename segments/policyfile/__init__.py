"""The policy file: a document in, rows changed; rows in, a document out.

`read` a file, then `rehearse` or `load` it; `dump` writes what is stored.
"""

from segments.policyfile.applying import apply
from segments.policyfile.loading import GuardrailsBroken, Rehearsal, load, rehearse
from segments.policyfile.planning import Change, Changes, Kind, plan
from segments.policyfile.problems import Place, PolicyFileError, Problem
from segments.policyfile.reading import Document, read
from segments.policyfile.writing import as_yaml, dump

__all__ = [
    "Change",
    "Changes",
    "Document",
    "GuardrailsBroken",
    "Kind",
    "Place",
    "PolicyFileError",
    "Problem",
    "Rehearsal",
    "apply",
    "as_yaml",
    "dump",
    "load",
    "plan",
    "read",
    "rehearse",
]
