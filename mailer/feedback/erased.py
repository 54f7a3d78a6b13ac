"""Hears that a person is erased: what servers said about them, and letters to them, go as well.

Copies and events stay as numbers without words, so that every account still balances.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mailer.delivery.models import Delivery, OutboxMessage
from mailer.feedback.models import FeedbackEvent, ReturnedMessage
from subscribers.signals import erased


def connect() -> None:
    """Listen; called once when the application is ready, harmless when called again."""
    erased.connect(_erased, dispatch_uid="mailer.feedback.erased")


def _erased(numbers: Collection[int], addresses: Collection[str], **_: Any) -> None:
    Delivery.objects.filter(subscriber__in=numbers).exclude(reply="").update(reply="")
    events = FeedbackEvent.objects.filter(subscriber__in=numbers)
    ReturnedMessage.objects.filter(events__in=events.values("pk")).delete()
    events.exclude(diagnostic="").update(diagnostic="")
    OutboxMessage.objects.filter(recipient__in=addresses).delete()
