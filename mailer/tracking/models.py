"""Clicks and openings: each for a while, and their sums."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from mailer.approval.models import SnapshotVariant
from mailer.tracking.records import Kind, Why
from subscribers.models import Subscriber


class Hit(models.Model):
    """One request for a link or for the picture of a mail. It holds no address, and no name of a program."""

    # Like those of the ledger, the references are not proved by the database: rows come by the thousand.
    variant = models.ForeignKey(
        SnapshotVariant, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=5, choices=Kind.choices)
    # The link's, see approval.counting; 0: the picture, or the link that people do not see.
    number = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    # A keyed hash, another each day, of where it came from; null as soon as it was judged.
    client = models.CharField(max_length=16, null=True)  # noqa: DJ001 (null: forgotten)
    why = models.CharField(max_length=10, choices=Why.choices, blank=True)
    # Whether it was judged and is in the sums.
    settled = models.BooleanField(default=False)
    # Only of readers who agreed, and only as long as they do.
    subscriber = models.ForeignKey(
        Subscriber,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )

    class Meta:
        indexes = [
            models.Index(fields=["at"], condition=Q(settled=False), name="hit_unsettled"),
            models.Index(fields=["at"], name="hit_at"),
            models.Index(fields=["client", "at"], condition=Q(client__isnull=False), name="hit_of_client"),
            models.Index(
                fields=["subscriber", "at"], condition=Q(subscriber__isnull=False), name="hit_of_reader"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.variant_id}/{self.number} {self.why}"


class HitCount(models.Model):
    """How often a link, or the picture, of a variant was loaded on a day; these rows stay."""

    variant = models.ForeignKey(SnapshotVariant, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=5, choices=Kind.choices)
    number = models.PositiveSmallIntegerField()
    # In the office's time zone.
    day = models.DateField()
    machine = models.BooleanField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["variant", "kind", "number", "day", "machine"], name="hit_count_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.variant_id}/{self.number} {self.day}: {self.count}"


class Readership(models.Model):
    """A variant as its mailing has it: what is needed to judge its clicks, and to know what may be shown."""

    variant = models.OneToOneField(SnapshotVariant, on_delete=models.CASCADE, related_name="+")
    # Readers who were to get it.
    readers = models.PositiveIntegerField()
    # As most of them chose, "KZ,UZ"; empty: every country.
    countries = models.CharField(max_length=800, blank=True)
    # Links in it that count.
    links = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.variant_id}: {self.readers}"
