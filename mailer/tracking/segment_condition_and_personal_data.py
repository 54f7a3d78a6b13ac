"""What tracking contributes to subscribers: a segment condition, and a part of the personal data export."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from mailer.tracking.bot_detection import EventKind, FilterReason
from mailer.tracking.models import TrackingEvent
from subscribers.models import Subscriber
from subscribers.privacy.data_access import iso_datetime
from subscribers.segments import conditions
from subscribers.segments.conditions import ConditionType, number_value
from subscribers.segments.rule_format import Condition
from subscribers.signals import collect_personal_data


def connect_signals() -> None:
    """Register the condition and the listener; harmless when called again."""
    conditions.register(_REACTED)
    collect_personal_data.connect(_personal_data, dispatch_uid=__name__)


def _reacted(condition: Condition, now: datetime) -> Q:
    since = now - timedelta(days=int(number_value(condition, 1, 36_500)))
    events = TrackingEvent.objects.filter(
        subscriber=OuterRef("pk"), at__gte=since, filter_reason=FilterReason.NONE
    )
    if condition.operator == "within":
        return Q(Exists(events), tracking_consent_at__isnull=False)
    # Nothing is known of the time before a subscriber consented.
    return Q(~Exists(events), tracking_consent_at__lte=since)


_REACTED = ConditionType(
    "reacted",
    _("Opens and clicks of subscribers who agreed to tracking"),
    {
        "within": (_("in the last N days"), "number"),
        "not_within": (_("not in the last N days"), "number"),
    },
    _reacted,
)


def _personal_data(subscriber: Subscriber, **_: Any) -> dict[str, Any]:
    """Events under the subscriber's name: only with consent, and only as long as it lasts."""
    rows = TrackingEvent.objects.filter(subscriber=subscriber.pk).select_related("variant__snapshot__edition")
    # The pages and manifests are large, and not part of the export.
    rows = rows.defer("variant__html", "variant__snapshot__manifest").order_by("at", "pk")
    return {"tracking_events": [_exported(row) for row in rows]}


def _exported(row: TrackingEvent) -> dict[str, Any]:
    # Every process imports this module, and few resolve links, which loads rendering.
    from mailer.link_tracking import LinkRef
    from mailer.tracking import link_targets

    is_click = row.kind == EventKind.CLICK
    return {
        "at": iso_datetime(row.at),
        "kind": row.kind,
        "edition": row.variant.snapshot.edition.slug,
        "link": link_targets.resolve_link(LinkRef(row.variant_id, row.link_number)) if is_click else None,
        # Why it is not counted as the subscriber's own; empty: it is.
        "filter_reason": row.filter_reason,
    }
