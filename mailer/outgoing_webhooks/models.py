"""Where events are sent, the messages that wait or were delivered, and every attempt."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class WebhookEndpoint(models.Model):
    """A URL of another system, and the events that it gets."""

    name = models.CharField(max_length=80)
    url = models.URLField(max_length=500)
    # Names of events.EVENT_TYPES.
    event_types = models.JSONField(default=list)
    # Encrypted: the secret that signs, and the one before until a time after it was replaced.
    secret = models.BinaryField()
    old_secret = models.BinaryField(default=b"")
    old_secret_until = models.DateTimeField(null=True)
    active = models.BooleanField(default=True)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField()
    # Since when every attempt failed, how many in a row, and before which time none is made.
    failing_since = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    # Why it was deactivated, where staff did not do it.
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class WebhookMessage(models.Model):
    """One event for one endpoint. It holds ids and no address."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("failed")

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="messages")
    # The webhook-id, the same in every attempt: receivers recognise repetitions by it.
    message_id = models.CharField(max_length=40, unique=True)
    event_type = models.CharField(max_length=40)
    # What is sent, JSON.
    body = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    # When it is due, or until when a worker sends it.
    due_at = models.DateTimeField()
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="webhook_message_waiting"),
            models.Index(fields=["endpoint", "-id"], name="webhook_message_latest"),
        ]

    def __str__(self) -> str:
        return self.message_id


class WebhookAttempt(models.Model):
    """One attempt to deliver a message."""

    message = models.ForeignKey(WebhookMessage, on_delete=models.CASCADE, related_name="log")
    at = models.DateTimeField()
    # The HTTP status; null: there was no answer.
    status = models.PositiveSmallIntegerField(null=True)
    # Why there was none.
    error = models.CharField(max_length=200, blank=True)
    milliseconds = models.PositiveIntegerField()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.message_id}: {self.status or self.error}"
