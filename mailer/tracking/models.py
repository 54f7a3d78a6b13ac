"""Clicks and opens: single events for a while, and their daily counts."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from mailer.approval.models import SnapshotVariant
from mailer.tracking.bot_detection import EventKind, FilterReason
from subscribers.models import Subscriber


class TrackingEvent(models.Model):
    """One click or open. It holds no network address and no user agent."""

    # Without database constraints, like the references of deliveries: rows are written by the thousand.
    variant = models.ForeignKey(
        SnapshotVariant, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=5, choices=EventKind.choices)
    # The link's number in the tracking policy; 0: the pixel of an open, or the honeypot.
    link_number = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    # A keyed hash of network address and user agent, which changes daily; null as soon as the event is
    # judged.
    client_hash = models.CharField(max_length=16, null=True)  # noqa: DJ001 (null: forgotten)
    filter_reason = models.CharField(max_length=10, choices=FilterReason.choices, blank=True)
    # Whether the event is judged and in the daily counts.
    finalized = models.BooleanField(default=False)
    # Only with the subscriber's consent, and only as long as it lasts.
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
            models.Index(fields=["at"], condition=Q(finalized=False), name="tracking_event_pending"),
            models.Index(fields=["at"], name="tracking_event_at"),
            models.Index(
                fields=["client_hash", "at"],
                condition=Q(client_hash__isnull=False),
                name="tracking_event_client",
            ),
            models.Index(
                fields=["subscriber", "at"],
                condition=Q(subscriber__isnull=False),
                name="tracking_event_subscriber",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.variant_id}/{self.link_number} {self.filter_reason}"


class DailyEventCount(models.Model):
    """Events of one day on a link of a variant, or on its pixel. Kept when the single events are deleted."""

    variant = models.ForeignKey(SnapshotVariant, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=5, choices=EventKind.choices)
    link_number = models.PositiveSmallIntegerField()
    # In the site's time zone.
    day = models.DateField()
    is_bot = models.BooleanField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["variant", "kind", "link_number", "day", "is_bot"], name="daily_event_count_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.variant_id}/{self.link_number} {self.day}: {self.count}"


class VariantAudience(models.Model):
    """The recipients of a variant: needed to judge its events, and to decide which counts may be shown."""

    variant = models.OneToOneField(SnapshotVariant, on_delete=models.CASCADE, related_name="+")
    recipients = models.PositiveIntegerField()
    # As most of them chose, "KZ,UZ"; empty: every country.
    countries = models.CharField(max_length=800, blank=True)
    # Tracked links in the variant.
    link_count = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.variant_id}: {self.recipients}"
