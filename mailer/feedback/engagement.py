"""What rules may ask of people's mail: whether it arrives, and of those who agreed whether they react."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from mailer.delivery.models import Delivery
from mailer.feedback.models import FeedbackEvent
from mailer.tracking.models import Hit
from subscribers.segments import conditions
from subscribers.segments.conditions import ConditionType, number_value
from subscribers.segments.rules import Condition


def connect() -> None:
    """Register these condition types; harmless when called again."""
    for kind in (_RECEIVED, _BOUNCED, _REACTED):
        conditions.register(kind)


def _received(test: Condition, now: datetime) -> Q:
    times = int(number_value(test, 1, 1000))
    arrived = Delivery.objects.filter(
        subscriber=OuterRef("pk"),
        state=Delivery.State.ACCEPTED,
        bounced_at__isnull=True,
        mailing__dry_run_to="",
    )
    enough = Exists(arrived[times - 1 : times])
    return Q(~enough) if test.operator == "fewer_than" else Q(enough)


def _bounced(test: Condition, now: datetime) -> Q:
    events = FeedbackEvent.objects.filter(subscriber=OuterRef("pk"), kind=FeedbackEvent.Kind.BOUNCE)
    if test.operator in ("within", "not_within"):
        events = events.filter(at__gte=now - timedelta(days=int(number_value(test, 1, 36_500))))
    return Q(~Exists(events)) if test.operator in ("never", "not_within") else Q(Exists(events))


def _reacted(test: Condition, now: datetime) -> Q:
    since = now - timedelta(days=int(number_value(test, 1, 36_500)))
    hits = Hit.objects.filter(subscriber=OuterRef("pk"), at__gte=since, why="")
    if test.operator == "within":
        return Q(Exists(hits), tracking_consent_at__isnull=False)
    # Of those who agreed only later, nobody knows whether they reacted before.
    return Q(~Exists(hits), tracking_consent_at__lte=since)


_RECEIVED = ConditionType(
    "received",
    "Editions that arrived",
    {"at_least": ("are at least", "number"), "fewer_than": ("are fewer than", "number")},
    _received,
)
_BOUNCED = ConditionType(
    "bounced",
    "Mail that came back",
    {
        "never": ("never happened", "none"),
        "ever": ("happened at least once", "none"),
        "within": ("happened in the last days", "number"),
        "not_within": ("did not happen in the last days", "number"),
    },
    _bounced,
)
_REACTED = ConditionType(
    "reacted",
    "Opened or followed a link, of those who agreed that it is counted",
    {
        "within": ("did in the last days", "number"),
        "not_within": ("did not in the last days", "number"),
    },
    _reacted,
)
