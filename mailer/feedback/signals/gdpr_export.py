"""What the house keeps about one person: copies sent to them, what came back, and clicks under their name."""

from __future__ import annotations

from typing import Any

from mailer.delivery.models import Delivery
from mailer.delivery.tracking_urls import Named
from mailer.feedback.models import FeedbackEvent, SuppressionDecision
from mailer.tracking import link_targets
from mailer.tracking.models import Hit
from mailer.tracking.records import Kind
from subscribers.models import Subscriber
from subscribers.privacy.data_access import iso_datetime
from subscribers.signals import collect_personal_data


def connect() -> None:
    """Answer who asks about a person; called once when the application is ready."""
    collect_personal_data.connect(_known, dispatch_uid="mailer.feedback.signals.gdpr_export")


def _known(subscriber: Subscriber, **_: Any) -> dict[str, Any]:
    return {
        "copies": [_copy(row) for row in _copies(subscriber)],
        "came_back": [
            _event(row) for row in FeedbackEvent.objects.filter(subscriber=subscriber.pk).order_by("pk")
        ],
        "verdicts": [
            _verdict(row)
            for row in SuppressionDecision.objects.filter(subscriber=subscriber.pk).order_by("pk")
        ],
        "opened": [_hit(row) for row in _hits(subscriber)],
    }


def _copies(person: Subscriber) -> Any:
    # A rehearsal's went to a colleague.
    rows = Delivery.objects.filter(subscriber=person.pk, mailing__dry_run_to="")
    return rows.select_related("mailing__edition").order_by("pk")


def _hits(person: Subscriber) -> Any:
    """Only of readers who agreed, and only as long as they do."""
    rows = Hit.objects.filter(subscriber=person.pk).select_related("variant__snapshot__edition")
    # Their pages and manifests are large, and nothing of them is told.
    return rows.defer("variant__html", "variant__snapshot__manifest").order_by("at", "pk")


def _copy(row: Delivery) -> dict[str, Any]:
    return {
        "edition": row.mailing.edition.slug,
        "state": row.state,
        "reason": row.reason,
        "at": iso_datetime(row.accepted_at),
        "reply": row.reply,
    }


def _event(row: FeedbackEvent) -> dict[str, Any]:
    return {
        "at": iso_datetime(row.at),
        "kind": row.kind,
        "class": row.bounce_class,
        "reason": row.reason,
        "status": row.status,
        "words": row.diagnostic,
    }


def _verdict(row: SuppressionDecision) -> dict[str, Any]:
    return {
        "at": iso_datetime(row.created_at),
        "state": row.state,
        "because": row.reason,
        "decided_at": iso_datetime(row.closed_at),
    }


def _hit(row: Hit) -> dict[str, Any]:
    link = link_targets.of(Named(row.variant_id, row.number)) if row.kind == Kind.CLICK else None
    return {
        "at": iso_datetime(row.at),
        "what": row.kind,
        "edition": row.variant.snapshot.edition.slug,
        "link": link,
        # Why it does not count as a person's; empty: it does.
        "machine": row.why,
    }
