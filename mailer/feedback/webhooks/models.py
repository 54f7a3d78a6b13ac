"""Webhook payloads that wait for the worker, and when each ESP was heard last."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class WebhookPayload(models.Model):
    """A verified request as it came, until the worker has applied it."""

    # The ESP's name in the configuration.
    service = models.CharField(max_length=16)
    body = models.BinaryField()
    received_at = models.DateTimeField(default=timezone.now)
    # Attempts to apply it that failed, and when the next one is due.
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.service} {self.pk}"


class WebhookHeartbeat(models.Model):
    """That an ESP's webhooks arrive: a row for each ESP that was ever heard."""

    service = models.CharField(max_length=16, unique=True)
    last_received_at = models.DateTimeField()
    # Payloads that were processed so far.
    payload_count = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return self.service
