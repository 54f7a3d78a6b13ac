"""Hears that a person is erased: what servers said about them, and letters to them, go as well.

Copies and events stay as numbers without words, so that every account still balances.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Q

from mailer.delivery.models import Delivery, OutboxMessage
from mailer.feedback.models import FeedbackEvent, ReturnedMessage
from subscribers.signals import erased


def connect() -> None:
    """Listen; called once when the application is ready, harmless when called again."""
    erased.connect(_erased, dispatch_uid="mailer.feedback.erased")


def _erased(numbers: Collection[int], addresses: Collection[str], **_: Any) -> None:
    Delivery.objects.filter(subscriber__in=numbers).exclude(reply="").update(reply="")
    events = FeedbackEvent.objects.filter(subscriber__in=numbers)
    named = Q(events__in=events.values("pk")) | Q(about__in=numbers)
    for address in addresses:
        # Automatic answers and letters to us are about nobody, and yet name who wrote them.
        named |= Q(sender__icontains=address)
    ReturnedMessage.objects.filter(named).delete()
    events.exclude(diagnostic="").update(diagnostic="")
    OutboxMessage.objects.filter(recipient__in=addresses).delete()
