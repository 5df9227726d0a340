"""Reading the chain from the first entry to the head, and telling where it is broken."""

from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit import chain
from audit.models import Entry, Head
from audit.querysets import Stored, stored_text


class Fault(models.TextChoices):
    CONTENT = "content", _("its content is not what was recorded")
    LINK = "link", _("it does not follow the entry before it")
    MISSING = "missing", _("it is missing")
    UNEXPECTED = "unexpected", _("it was not written by the ledger")
    HEAD_MISSING = "head_missing", _("the head of the ledger is missing")
    HEAD_CHANGED = "head_changed", _("the head of the ledger is not what was recorded")
    NOTED_HASH_UNKNOWN = "noted_hash_unknown", _("no entry has the noted hash: the ledger was rewritten or cut off")


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found: `count` entries are whole, and `head` is the hash of the last of them."""

    count: int
    head: str
    fault: Fault | None = None
    broken_id: int | None = None  # the first entry at fault; None when it is not about one entry
    broken_reference: str = ""  # as stored; empty when it is missing

    @property
    def ok(self) -> bool:
        return self.fault is None


def verify(*, noted: str = "") -> Verification:
    """Read every entry up to the last one of this moment, then the head; stop at the first fault.

    `noted` is the hash of a head that was kept outside the database. Without one, a database put back as a whole, head
    included, to an earlier state passes for whole.
    """
    head, last_id = _snapshot()
    whole = Verification(0, chain.GENESIS)
    noted_found = noted in ("", chain.GENESIS)
    for content, entry_hash in Entry.objects.filter(id__lte=last_id).stored():
        fault = _fault(content, entry_hash, whole)
        if fault is Fault.MISSING:
            return replace(whole, fault=fault, broken_id=whole.count + 1)
        if fault is not None:
            return replace(whole, fault=fault, broken_id=content.id, broken_reference=content.reference)
        whole = Verification(content.id, entry_hash)
        noted_found = noted_found or entry_hash == noted
    return _ended(whole, head, noted_found=noted_found)


def _snapshot() -> tuple[tuple[Any, ...] | None, int]:
    """The head, and the last id there is: in one statement, so that no entry is written between the two."""
    last = Entry.objects.order_by("-id").values("id")[:1]
    head = Head.objects.values_list("entry_id", Stored("hash"), "count", Stored("mac"), models.Subquery(last)).first()
    if head is None:
        return None, last.values_list("id", flat=True).first() or 0
    return head[:4], head[4] or 0


def _fault(content: chain.Content, entry_hash: str, whole: Verification) -> Fault | None:
    if content.id > whole.count + 1:
        return Fault.MISSING
    if content.id < whole.count + 1:
        return Fault.UNEXPECTED
    if entry_hash != chain.entry_hash(settings.ZT_LEDGER_KEY, content):
        return Fault.CONTENT
    return None if content.previous_hash == whole.head else Fault.LINK


def _ended(whole: Verification, head: tuple[Any, ...] | None, *, noted_found: bool) -> Verification:
    if head is None:
        return replace(whole, fault=Fault.HEAD_MISSING)
    entry_id, head_hash, count, mac = head[0], stored_text(head[1]), head[2], stored_text(head[3])
    if not isinstance(entry_id, int) or not isinstance(count, int):  # SQLite keeps anything in any column
        return replace(whole, fault=Fault.HEAD_CHANGED)
    if mac != chain.head_mac(settings.ZT_LEDGER_KEY, entry_id=entry_id, entry_hash=head_hash, count=count):
        return replace(whole, fault=Fault.HEAD_CHANGED)
    if entry_id > whole.count:
        return replace(whole, fault=Fault.MISSING, broken_id=whole.count + 1)
    if (entry_id, head_hash, count) != (whole.count, whole.head, whole.count):
        return replace(whole, fault=Fault.HEAD_CHANGED)
    return whole if noted_found else replace(whole, fault=Fault.NOTED_HASH_UNKNOWN)
