"""What came back: the messages as they arrived, and what each said about whom."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from mailer.delivery.models import Delivery, Mailing


class ReturnedMessage(models.Model):
    """A message found in the bounce mailbox; kept so that every verdict can be shown its evidence."""

    class Kind(models.TextChoices):
        BOUNCE = "bounce", "bounce"
        DELAY = "delay", "delayed, still being tried"
        COMPLAINT = "complaint", "complaint"
        AUTO_REPLY = "auto_reply", "automatic answer"
        UNSUBSCRIBE = "unsubscribe", "wish to leave"
        RECEIPT = "receipt", "receipt"
        OTHER = "other", "for a person"

    # SHA-256 of the message with normalised line ends: the same message twice is one.
    sha256 = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    raw = models.BinaryField()
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-received_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.kind} {self.sha256[:12]}"


class FeedbackEvent(models.Model):
    """One verdict about one recipient: a bounce, a complaint, a departure."""

    class Kind(models.TextChoices):
        BOUNCE = "bounce", "bounce"
        COMPLAINT = "complaint", "complaint"
        UNSUBSCRIBE = "unsubscribe", "unsubscribe"

    class Class(models.TextChoices):
        HARD = "hard", "hard"
        SOFT = "soft", "soft"
        BLOCK = "block", "block"
        UNKNOWN = "unknown", "unknown"
        NONE = "", "none"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    bounce_class = models.CharField(max_length=8, choices=Class.choices, blank=True)
    # unknown_user, mailbox_full, spam_content…
    reason = models.CharField(max_length=40, blank=True)
    # Enhanced status code (RFC 3463), "5.1.1".
    status = models.CharField(max_length=12, blank=True)
    diagnostic = models.TextField(blank=True)
    # Name of the rule by which it was classified.
    rule = models.CharField(max_length=120, blank=True)
    # How the reader was found: one of records.PROOFS, or "recipient": an address that anybody could have
    # written.
    identity = models.CharField(max_length=20, blank=True)
    delivery = models.ForeignKey(Delivery, null=True, on_delete=models.SET_NULL, related_name="events")
    # The delivery's mailing.
    mailing = models.ForeignKey(
        Mailing, null=True, on_delete=models.SET_NULL, related_name="events", db_index=False
    )
    # Whose mail system it was (delivery.providers); empty when no address is known.
    provider = models.CharField(max_length=255, blank=True)
    # Number of the subscriber, null when nobody was found.
    subscriber = models.BigIntegerField(null=True)
    newsletter = models.BigIntegerField(null=True)
    message = models.ForeignKey(ReturnedMessage, null=True, on_delete=models.SET_NULL, related_name="events")
    # When it happened, as far as that is known.
    at = models.DateTimeField(default=timezone.now)
    # The key of its origin (records.Origin) and which of its recipients it is about; empty for a departure.
    origin = models.CharField(max_length=128, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["subscriber", "kind", "at"], name="feedback_of_reader"),
            models.Index(fields=["mailing", "kind", "bounce_class"], name="feedback_of_mailing"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["origin"], condition=~Q(origin=""), name="feedback_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reason} at {self.at:%Y-%m-%d}"
