"""The segment condition on clicks and opens of subscribers who consented to tracking."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from mailer.tracking.models import Hit
from subscribers.segments import conditions
from subscribers.segments.conditions import ConditionType, number_value
from subscribers.segments.rules import Condition


def connect() -> None:
    """Make this condition known; harmless when called again."""
    conditions.register(_REACTED)


def _reacted(condition: Condition, now: datetime) -> Q:
    since = now - timedelta(days=int(number_value(condition, 1, 36_500)))
    hits = Hit.objects.filter(subscriber=OuterRef("pk"), at__gte=since, why="")
    if condition.operator == "within":
        return Q(Exists(hits), tracking_consent_at__isnull=False)
    # Of those who consented only later, reactions from before are unknown.
    return Q(~Exists(hits), tracking_consent_at__lte=since)


_REACTED = ConditionType(
    "reacted",
    "Opens and clicks, of subscribers with tracking consent",
    {
        "within": ("in the last days", "number"),
        "not_within": ("not in the last days", "number"),
    },
    _reacted,
)
