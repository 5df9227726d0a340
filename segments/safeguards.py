"""What holds after every change that staff make, or the change does not stay."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from segments import guardrails, privileges, snapshot
from segments.administrator import Ruling
from segments.policy.engine import decide
from segments.policy.impact import World
from segments.policy.model import Policy, ViewTarget
from segments.traces import break_line


@contextmanager
def policy_kept(actor: User, ruling: Ruling) -> Iterator[None]:
    """What happens inside is undone, with a ValidationError, if the policy does not keep.

    That is: if it cannot be read, or breaks a guardrail that held, or lets `actor` do more, or keeps them out.
    `ruling` let `actor` in here: under the policy as it becomes, it would have to be given again.
    """
    with transaction.atomic():
        now = timezone.now()
        before = _world_of(actor)
        broken_before = {broken.guardrail.name for broken in guardrails.broken(now)}
        yield
        after = _world_of(actor)
        refusals = [
            *_closed_out(after.policy, ruling),
            privileges.refusal_to_open(actor, before, after, now),
            *(break_line(broken) for broken in guardrails.broken(now) if broken.guardrail.name not in broken_before),
        ]
        if any(refusals):
            raise ValidationError([refusal for refusal in refusals if refusal], code="safeguard")


def _world_of(actor: User) -> World:
    """The policy as it is in this transaction, and `actor` alone in it."""
    try:
        policy = snapshot.build()
    except ValueError as error:  # one row that does not fit would close everything: every decision reads all of them
        raise ValidationError(
            _("The policy could not be read any more: %(why)s. Change that, and save again."),
            code="unreadable",
            params={"why": error},
        ) from None
    return World(policy, tuple(holder for holder in snapshot.holders() if holder.id == actor.subject_id))


def _closed_out(after: Policy, ruling: Ruling) -> Iterator[str]:
    for method in ("GET", "POST"):
        decision = decide(after, ruling.subject, ViewTarget("admin:index", method), ruling.context)
        if not decision.allowed:
            why = decision.reason.value
            yield _("You could not come back here to undo it: the administration would be closed to you (%s).") % why
            return
