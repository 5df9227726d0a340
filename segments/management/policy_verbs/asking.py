"""A question from the command line or from a line of JSON, answered as the live enforcement points answer it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _

from segments import notation, snapshot, url_configuration
from segments.policy.engine import Target, decide
from segments.policy.model import (
    Context,
    Decision,
    Factor,
    Policy,
    Reason,
    Step,
    Subject,
    Verification,
    ViewTarget,
    WebResource,
    WebTarget,
)
from segments.policy.people import Holder
from segments.policy.questions import web_target
from segments.policy.target import MalformedTargetError, canonical_host

KEYS: Final = ("user", "url", "view", "method", "ip", "at", "factor", "factor_age")
FACTORS: Final = ("none", *map(str, Factor))
LOCAL_HOSTS: Final = [".localhost", "127.0.0.1", "[::1]"]  # what Django answers to under DEBUG


class QuestionError(ValueError):
    """A question that cannot be put."""


class UnknownSubject(QuestionError):
    """Nobody of that name."""


@dataclass(frozen=True, slots=True)
class Question:
    """Who (None: nobody signed in) asks for what, when, from where, with which second factor."""

    holder: Holder | None
    target: Target
    context: Context
    verifications: tuple[Verification, ...] = ()

    @property
    def subject(self) -> Subject | None:
        return self.holder.subject(self.context.at, *self.verifications) if self.holder else None


def _views_open_to_all() -> frozenset[str]:
    known = url_configuration.views()
    return frozenset(known) - frozenset(url_configuration.protected(known))


@dataclass(slots=True)
class Desk:
    """Puts questions to the policy as it is now. Reads everything once, however many questions there are."""

    now: datetime
    policy: Policy = field(default_factory=snapshot.current)
    holders: Mapping[str, Holder] = field(default_factory=lambda: {one.id: one for one in snapshot.holders()})
    _web_hosts: frozenset[str] = field(init=False)
    _open_views: frozenset[str] = field(default_factory=_views_open_to_all)

    def __post_init__(self) -> None:
        webs = (resource for resource in self.policy.resources if isinstance(resource, WebResource))
        self._web_hosts = frozenset(web.host for web in webs)

    def question(self, asked: Mapping[str, Any]) -> Question:
        """A question from its keys. Raises QuestionError."""
        at = _read(notation.moment, asked, "at") or self.now
        address = _read(ip_address, asked, "ip")
        target = self.target(asked.get("url"), asked.get("view"), asked.get("method") or "GET")
        holder = self.holder(asked["user"]) if asked.get("user") is not None else None
        return Question(holder, target, Context(at=at, address=address), _verifications(asked, at))

    def holder(self, name: str) -> Holder:
        """A person by username, a system as `service:NAME`. Raises UnknownSubject."""
        subject = name if name.startswith("service:") else f"user:{name}"
        if subject not in self.holders:
            raise UnknownSubject(_("unknown user `%s`") % name[:200])
        return self.holders[subject]

    def target(self, url: str | None, view: str | None, method: str) -> Target:
        """The view of that name; or what a URL leads to: an application, else a view of this portal."""
        if (url is None) == (view is None):
            raise QuestionError(_("give either a url or a view"))
        if url is None:
            return ViewTarget(view or "", method)
        try:
            target = web_target(url, method)
        except ValueError as error:
            raise QuestionError(str(error)) from None
        return _view_of_portal(target) if self._is_portal(target.host) else target

    def decide(self, question: Question, trace: list[Step] | None = None) -> Decision:
        """What a live request would be answered. Views marked `login_not_required` are never asked about there."""
        if isinstance(question.target, ViewTarget) and question.target.name in self._open_views:
            return Decision(allowed=True, reason=Reason.ANONYMOUS_RESOURCE, resource=question.target.name)
        return decide(self.policy, question.subject, question.target, question.context, trace=trace)

    def _is_portal(self, host: str) -> bool:
        """A host that the portal answers to, and that no application has."""
        try:
            name = canonical_host(host)
        except MalformedTargetError:
            return False
        if self._web_hosts & {name, f"*.{name.partition('.')[2]}"}:
            return False
        domain, _port = split_domain_port(host)
        return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS or (LOCAL_HOSTS if settings.DEBUG else []))


def _view_of_portal(target: WebTarget) -> ViewTarget:
    """The view that Django would call, named as the middleware names it."""
    path = unquote_to_bytes(target.path.partition("?")[0]).decode(errors="replace")
    try:
        match = resolve(path)
    except Resolver404:
        return ViewTarget("", target.method)
    return ViewTarget(url_configuration.name_of(match), target.method)


def _verifications(asked: Mapping[str, Any], at: datetime) -> tuple[Verification, ...]:
    factor = asked.get("factor") or "none"
    if factor not in FACTORS:
        raise QuestionError(
            _("factor `%(found)s` is not one of %(known)s") % {"found": factor, "known": ", ".join(FACTORS)}
        )
    age = _read(notation.duration, asked, "factor_age") or timedelta()
    try:
        return () if factor == "none" else (Verification(Factor(factor), at - age),)
    except OverflowError:
        raise QuestionError(_("factor_age is older than time itself")) from None


def _read(read: Any, asked: Mapping[str, Any], key: str) -> Any:
    """A value that is written as text; None where it is left out."""
    text = asked.get(key)
    if text is None:
        return None
    try:
        return read(text)
    except (ValueError, OverflowError) as error:
        raise QuestionError(f"{key}: {error}") from None
