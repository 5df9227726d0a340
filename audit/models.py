"""The ledger as rows. They are written by `audit.ledger` alone; triggers in the database refuse everything else."""

from typing import Any, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.fields import CanonicalJSONField
from audit.querysets import EntryQuerySet


class Entry(models.Model):
    """One thing that happened, chained to the one before it. Append-only; ids are consecutive from 1."""

    id = models.BigAutoField(_("number"), primary_key=True)
    at = models.DateTimeField(_("time"))
    kind = models.CharField(_("kind"), max_length=50)
    reference = models.CharField(_("reference"), max_length=40)
    actor = models.CharField(_("actor"), max_length=150, blank=True)
    subject = models.CharField(_("subject"), max_length=150, blank=True)
    data = CanonicalJSONField(_("data"))
    previous_hash = models.CharField(_("hash of the entry before"), max_length=64)
    hash = models.CharField(_("hash"), max_length=64)

    objects = EntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering = ("-id",)
        default_permissions = ("view",)
        constraints = (models.UniqueConstraint(fields=("reference",), name="audit_entry_reference"),)
        indexes = (
            models.Index(fields=("at",), name="audit_entry_at"),
            models.Index(fields=("kind", "id"), name="audit_entry_kind"),
            models.Index(fields=("subject", "id"), name="audit_entry_subject"),
        )

    def __str__(self) -> str:
        return f"{self.reference} {self.kind}"

    def save(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("an entry is written by `audit.ledger.record` alone and never changed")

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("an entry of the ledger is never deleted: the ledger is append-only")


class Head(models.Model):
    """The end of the chain: the last entry's id and hash and how many there are, under a hash of its own. One row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    entry_id = models.BigIntegerField(_("last entry"))
    hash = models.CharField(_("hash of the last entry"), max_length=64)
    count = models.BigIntegerField(_("number of entries"))
    mac = models.CharField(_("hash of the head"), max_length=64)

    class Meta:
        verbose_name = _("head of the ledger")
        verbose_name_plural = _("heads of the ledger")
        default_permissions = ()
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="audit_head_single"),)

    def __str__(self) -> str:
        return f"{self.count} {self.hash}"
