"""Hears that two people became one: copies and what came back go on under the number that stays."""

from __future__ import annotations

from typing import Any

from mailer.delivery.models import Delivery
from mailer.feedback.models import FeedbackEvent, SuppressionDecision
from subscribers.signals import merged


def connect() -> None:
    """Listen; called once when the application is ready, harmless when called again."""
    merged.connect(_merged, dispatch_uid="mailer.feedback.signals.on_merge")


def _merged(kept_id: int, merged_id: int, **_: Any) -> None:
    # Where both have a copy of a mailing, the other one stays under its number, and is not sent any more.
    both = Delivery.objects.filter(subscriber=kept_id).values("mailing")
    Delivery.objects.filter(subscriber=merged_id).exclude(mailing__in=both).update(subscriber=kept_id)
    FeedbackEvent.objects.filter(subscriber=merged_id).update(subscriber=kept_id)
    SuppressionDecision.objects.filter(subscriber=merged_id).update(subscriber=kept_id)
