"""Hears that somebody left, and keeps it beside the bounces and complaints."""

from __future__ import annotations

from typing import Any

from mailer.feedback.models import FeedbackEvent
from subscribers.signals import unsubscribed


def connect() -> None:
    """Listen to departures; called once when the application is ready, harmless when called again."""
    unsubscribed.connect(_left, dispatch_uid="mailer.feedback.departures")


def _left(subscriber_id: int, newsletter_id: int | None, **_: Any) -> None:
    # In the transaction that ends the subscription: a departure that is rolled back leaves no event.
    FeedbackEvent.objects.create(
        kind=FeedbackEvent.Kind.UNSUBSCRIBE, subscriber=subscriber_id, newsletter=newsletter_id
    )
