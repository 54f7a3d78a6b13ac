"""Hears that somebody left, and why, or that they took it back; keeps it beside bounces and complaints."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from mailer.feedback.models import FeedbackEvent
from subscribers.signals import resubscribed, unsubscribe_reason_given, unsubscribed

# Whoever says later why they left speaks of something else.
_EXPLAINS = timedelta(days=30)


def connect() -> None:
    """Listen to departures; called once when the application is ready, harmless when called again."""
    unsubscribed.connect(_left, dispatch_uid="mailer.feedback.signals.on_unsubscribe")
    resubscribed.connect(_came_back, dispatch_uid="mailer.feedback.signals.on_unsubscribe")
    unsubscribe_reason_given.connect(_explained, dispatch_uid="mailer.feedback.signals.on_unsubscribe")


def _left(subscriber_id: int, newsletter_id: int | None, **_: Any) -> None:
    # In the transaction that ends the subscription: a departure that is rolled back leaves no event.
    FeedbackEvent.objects.create(
        kind=FeedbackEvent.Kind.UNSUBSCRIBE, subscriber=subscriber_id, newsletter=newsletter_id
    )


def _came_back(subscriber_id: int, newsletter_id: int | None, **_: Any) -> None:
    # Whoever took it back is in no figure about those who left.
    latest = _latest(subscriber_id, newsletter_id)
    if latest is not None:
        latest.delete()


def _explained(subscriber_id: int, newsletter_id: int | None, reason: str, now: datetime, **_: Any) -> None:
    latest = _latest(subscriber_id, newsletter_id)
    if latest is not None and latest.at > now - _EXPLAINS:
        latest.reason = reason
        latest.save(update_fields=["reason"])


def _latest(subscriber_id: int, newsletter_id: int | None) -> FeedbackEvent | None:
    events = FeedbackEvent.objects.filter(
        kind=FeedbackEvent.Kind.UNSUBSCRIBE, subscriber=subscriber_id, newsletter=newsletter_id
    )
    return events.order_by("-at", "-pk").first()
