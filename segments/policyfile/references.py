"""What a document refers to: roles, people, segments that must exist, views that should."""

from collections.abc import Iterable, Iterator

from accounts.models import Role, ServiceAccount, User
from segments import url_configuration
from segments.models import Segment
from segments.policyfile.entries import Entry
from segments.policyfile.problems import Place, PolicyFileError, Problem
from segments.policyfile.reading import Document

_Reference = tuple[str, str | None, Place, str]  # kind, name, where it stands, in what
_WORDS = {"role": "role", "user": "user", "service_account": "service account", "segment": "segment"}


def check(document: Document) -> None:
    """Raise PolicyFileError with every problem of the document, references to nothing among them."""
    problems = [*document.problems, *unknown(document)]
    if problems:
        raise PolicyFileError(document.file, problems)


def unknown(document: Document) -> Iterator[Problem]:
    """References to what is neither stored nor in the file."""
    known = {
        "role": {*Role.objects.values_list("slug", flat=True), *(one["slug"] for one in document.roles)},
        "user": _known(User.objects.values_list("username", flat=True), document.users, "username"),
        "service_account": _known(
            ServiceAccount.objects.values_list("name", flat=True), document.service_accounts, "name"
        ),
        "segment": {*Segment.objects.values_list("slug", flat=True), *(one["slug"] for one in document.segments)},
    }
    for kind, name, place, where in _references(document):
        if name is not None and name not in known[kind]:
            yield Problem(place, f"unknown {_WORDS[kind]} `{name}` in {where}")


def warnings(document: Document) -> Iterator[Problem]:
    """Views that the URL configuration does not have: closed as long as it does not, and nothing else."""
    views = url_configuration.views()
    for segment, resource in document.resources():
        view = resource.values.get("view")
        if view and not url_configuration.has(view, views):
            message = f"the URL configuration has no view `{view}` (segment `{segment['slug']}`)"
            yield Problem(resource.place_of("view"), message)


def _references(document: Document) -> Iterator[_Reference]:
    for kind, holder, one in document.assignments():
        yield "role", one["role"], one.place_of("role"), f"roles of {_WORDS[kind]} `{holder}`"
    for segment in document.segments:
        for owner in segment["owners"] or ():
            yield "user", owner, segment.place_of("owners"), f"owners of segment `{segment['slug']}`"
    for segment, grant in document.grants():
        for kind in ("role", "user", "service_account"):
            yield kind, grant[kind], grant.place_of(kind), f"grants of segment `{segment['slug']}`"
    for flow in document.flows:
        for end in ("from", "to"):
            yield "segment", flow[end], flow.place_of(end), "flows"
    for guardrail in document.guardrails:
        for kind in ("role", "user", "segment"):
            yield kind, guardrail[kind], guardrail.place_of(kind), f"guardrail `{guardrail['name']}`"


def _known(stored: Iterable[str], entries: Iterable[Entry], key: str) -> set[str]:
    return {*stored, *(one[key] for one in entries)}
