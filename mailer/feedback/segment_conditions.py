"""The conditions of segments that feedback adds: editions delivered, and bounces."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from mailer.delivery.models import Delivery
from mailer.feedback.models import FeedbackEvent
from subscribers.segments import conditions
from subscribers.segments.conditions import ConditionType, number_value
from subscribers.segments.rule_format import Condition


def register_conditions() -> None:
    """Add the conditions; harmless when called again."""
    for condition_type in (_RECEIVED, _BOUNCED):
        conditions.register(condition_type)


def _received(condition: Condition, now: datetime) -> Q:
    times = int(number_value(condition, 1, 1000))
    delivered = Delivery.objects.filter(
        subscriber=OuterRef("pk"),
        state=Delivery.State.ACCEPTED,
        bounced_at__isnull=True,
        mailing__dry_run_to="",
    )
    enough = Exists(delivered[times - 1 : times])
    return Q(~enough) if condition.operator == "fewer_than" else Q(enough)


def _bounced(condition: Condition, now: datetime) -> Q:
    events = FeedbackEvent.objects.filter(subscriber=OuterRef("pk"), kind=FeedbackEvent.Kind.BOUNCE)
    if condition.operator in ("within", "not_within"):
        events = events.filter(at__gte=now - timedelta(days=int(number_value(condition, 1, 36_500))))
    return Q(~Exists(events)) if condition.operator in ("never", "not_within") else Q(Exists(events))


_RECEIVED = ConditionType(
    "received",
    _("Number of editions delivered"),
    {"at_least": (_("at least this many"), "number"), "fewer_than": (_("fewer than this many"), "number")},
    _received,
)
_BOUNCED = ConditionType(
    "bounced",
    _("Bounces"),
    {
        "never": (_("never"), "none"),
        "ever": (_("at least once"), "none"),
        "within": (_("in the last N days"), "number"),
        "not_within": (_("not in the last N days"), "number"),
    },
    _bounced,
)
