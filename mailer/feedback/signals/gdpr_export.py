"""The data export's part about clicks and opens that are stored under a subscriber's name."""

from __future__ import annotations

from typing import Any

from mailer.delivery.tracking_urls import Named
from mailer.tracking import link_targets
from mailer.tracking.models import Hit
from mailer.tracking.records import Kind
from subscribers.models import Subscriber
from subscribers.privacy.data_access import iso_datetime
from subscribers.signals import collect_personal_data


def connect() -> None:
    """Connect the signal receiver; harmless when called again."""
    collect_personal_data.connect(_known, dispatch_uid="mailer.feedback.signals.gdpr_export")


def _known(subscriber: Subscriber, **_: Any) -> dict[str, Any]:
    return {"opened": [_hit(row) for row in _hits(subscriber)]}


def _hits(person: Subscriber) -> Any:
    """Only of subscribers with tracking consent, and only as long as they give it."""
    rows = Hit.objects.filter(subscriber=person.pk).select_related("variant__snapshot__edition")
    # Pages and manifests are large, and not exported.
    return rows.defer("variant__html", "variant__snapshot__manifest").order_by("at", "pk")


def _hit(row: Hit) -> dict[str, Any]:
    link = link_targets.of(Named(row.variant_id, row.number)) if row.kind == Kind.CLICK else None
    return {
        "at": iso_datetime(row.at),
        "what": row.kind,
        "edition": row.variant.snapshot.edition.slug,
        "link": link,
        # Why it does not count as a person's; empty: it counts.
        "machine": row.why,
    }
