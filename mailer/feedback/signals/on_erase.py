"""Hears that a person is erased: what servers said about them, and letters to them, go as well.

Copies and events stay as numbers without words, so that every account still balances.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Q

from mailer.delivery.models import Delivery, OutboxMessage
from mailer.feedback.models import FeedbackEvent, ReturnedMessage
from subscribers.addresses import mentions
from subscribers.signals import erased


def connect() -> None:
    """Listen; called once when the application is ready, harmless when called again."""
    erased.connect(_erased, dispatch_uid="mailer.feedback.signals.on_erase")


def _erased(subscriber_ids: Collection[int], addresses: Collection[str], **_: Any) -> None:
    Delivery.objects.filter(subscriber__in=subscriber_ids).exclude(reply="").update(reply="")
    events = FeedbackEvent.objects.filter(subscriber__in=subscriber_ids)
    ReturnedMessage.objects.filter(
        Q(events__in=events.values("pk")) | Q(subscriber__in=subscriber_ids)
    ).delete()
    for address in addresses:
        # Automatic answers and letters to us are about nobody, and yet name who wrote them.
        written = ReturnedMessage.objects.filter(sender__icontains=address).values_list("pk", "sender")
        theirs = [number for number, sender in written if mentions(sender, address)]
        ReturnedMessage.objects.filter(pk__in=theirs).delete()
    events.exclude(diagnostic="").update(diagnostic="")
    OutboxMessage.objects.filter(recipient__in=addresses).delete()
