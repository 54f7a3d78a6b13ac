"""The events that other systems are notified of, and their messages, written in the event's transaction."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models.signals import post_save
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailer.approval.models import Approval, Rejection, Snapshot
from mailer.approval.required_approvals import unapproved_parts
from mailer.delivery.models import Mailing
from mailer.delivery.signals import mailing_changed
from mailer.feedback.models import FeedbackEvent
from mailer.feedback.signals import events_recorded
from mailer.outgoing_webhooks.models import WebhookEndpoint, WebhookMessage
from subscribers.imports.models import ImportJob
from subscribers.models import Subscriber, Suppression
from subscribers.signals import confirmed, unsubscribed

# By name, as docs/webhooks-outgoing.md lists them with their data.
EVENT_TYPES = {
    "subscriber.confirmed": _("A subscriber confirmed subscriptions"),
    "subscriber.unsubscribed": _("A subscriber unsubscribed, or was removed"),
    "subscriber.bounced": _("An email to a subscriber bounced"),
    "subscriber.complained": _("A subscriber marked an email as spam"),
    "subscriber.suppressed": _("An email address was suppressed"),
    "edition.submitted": _("An edition was submitted for approval"),
    "edition.approved": _("An edition was approved by a second person"),
    "edition.rejected": _("An edition was rejected by a second person"),
    "mailing.started": _("Sending of an edition began"),
    "mailing.held": _("Sending of an edition waits for staff, because its audience changed"),
    "mailing.paused": _("Sending of an edition was paused"),
    "mailing.resumed": _("Sending of an edition was resumed"),
    "mailing.finished": _("An edition was sent to its whole audience"),
    "mailing.cancelled": _("Sending of an edition was cancelled"),
    "import.finished": _("An import of subscribers was applied"),
}
# Sent only by the button of an endpoint.
TEST = "test"


def queue_messages(event_type: str, events_data: Iterable[Mapping[str, Any]], now: datetime) -> int:
    """Write the messages of these events, each given by its data, in the caller's transaction; how many."""
    wanting = [
        endpoint
        for endpoint in WebhookEndpoint.objects.filter(active=True)
        if event_type in endpoint.event_types
    ]
    if not wanting:
        return 0
    bodies = [body_of(event_type, data, now) for data in events_data]
    rows = [build_message(endpoint, event_type, body, now) for endpoint in wanting for body in bodies]
    WebhookMessage.objects.bulk_create(rows, batch_size=500)
    return len(rows)


def build_message(endpoint: WebhookEndpoint, event_type: str, body: str, now: datetime) -> WebhookMessage:
    """A message that is due now, not saved yet."""
    return WebhookMessage(
        endpoint=endpoint,
        message_id=f"msg_{secrets.token_hex(12)}",
        event_type=event_type,
        body=body,
        due_at=now,
        created_at=now,
    )


def body_of(event_type: str, data: Mapping[str, Any], now: datetime) -> str:
    """The JSON of a message, as the Standard Webhooks specification proposes it."""
    return json.dumps({"type": event_type, "timestamp": now.isoformat(), "data": data}, ensure_ascii=False)


def connect_signals() -> None:
    """Listen to what happens in the packages below. Called once when the application is ready."""
    uid = "mailer.outgoing_webhooks"
    confirmed.connect(_on_confirmed, dispatch_uid=uid)
    unsubscribed.connect(_on_unsubscribed, dispatch_uid=uid)
    events_recorded.connect(_on_feedback, dispatch_uid=uid)
    mailing_changed.connect(_on_mailing, dispatch_uid=uid)
    post_save.connect(_on_suppression, sender=Suppression, dispatch_uid=uid)
    post_save.connect(_on_snapshot, sender=Snapshot, dispatch_uid=uid)
    post_save.connect(_on_approval, sender=Approval, dispatch_uid=uid)
    post_save.connect(_on_rejection, sender=Rejection, dispatch_uid=uid)
    post_save.connect(_on_import, sender=ImportJob, dispatch_uid=uid)


def _on_confirmed(subscriber_id: int, list_ids: Iterable[int], **_: Any) -> None:
    queue_messages(
        "subscriber.confirmed", [{"subscriber": subscriber_id, "lists": list(list_ids)}], timezone.now()
    )


def _on_unsubscribed(
    subscriber_id: int, list_ids: Iterable[int], newsletter_id: int | None, **_: Any
) -> None:
    data = {"subscriber": subscriber_id, "lists": list(list_ids), "newsletter": newsletter_id}
    queue_messages("subscriber.unsubscribed", [data], timezone.now())


def _on_feedback(events: Iterable[FeedbackEvent], **_: Any) -> None:
    names = {
        FeedbackEvent.Kind.BOUNCE: "subscriber.bounced",
        FeedbackEvent.Kind.COMPLAINT: "subscriber.complained",
    }
    by_name: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        name = names.get(FeedbackEvent.Kind(event.kind))
        if name is None or event.subscriber is None:
            continue
        data: dict[str, Any] = {"subscriber": event.subscriber, "mailing": event.mailing_id}
        if name == "subscriber.bounced":
            data |= {"class": event.bounce_class, "reason": event.reason}
        by_name.setdefault(name, []).append(data)
    for name, found in by_name.items():
        queue_messages(name, found, timezone.now())


def _on_suppression(instance: Suppression, created: bool, raw: bool = False, **_: Any) -> None:
    if not created or raw:
        return
    known = Subscriber.objects.filter(address_hash=bytes(instance.address_hash)).values_list("pk", flat=True)
    data = {"suppression": instance.pk, "subscriber": known.first(), "reason": instance.reason}
    queue_messages("subscriber.suppressed", [data], timezone.now())


def _on_snapshot(instance: Snapshot, created: bool, raw: bool = False, **_: Any) -> None:
    if created and not raw:
        queue_messages("edition.submitted", [_edition(instance)], timezone.now())


def _on_approval(instance: Approval, created: bool, raw: bool = False, **_: Any) -> None:
    # With the last approval that the edition needs.
    if created and not raw and not unapproved_parts(instance.snapshot):
        queue_messages("edition.approved", [_edition(instance.snapshot)], timezone.now())


def _on_rejection(instance: Rejection, created: bool, raw: bool = False, **_: Any) -> None:
    if created and not raw:
        queue_messages("edition.rejected", [_edition(instance.snapshot)], timezone.now())


def _edition(snapshot: Snapshot) -> dict[str, Any]:
    edition = snapshot.edition
    return {"edition": edition.pk, "slug": edition.slug, "hash": snapshot.sha256}


def _on_mailing(mailing_id: int, event: str, **_: Any) -> None:
    mailing = Mailing.objects.real().select_related("edition").filter(pk=mailing_id).first()
    if mailing is None:
        return
    data = {
        "mailing": mailing.pk,
        "edition": mailing.edition_id,
        "slug": mailing.edition.slug,
        "audience": mailing.audience,
        "reason": mailing.reason,
    }
    queue_messages(f"mailing.{event}", [data], timezone.now())


def _on_import(instance: ImportJob, created: bool, raw: bool = False, **options: Any) -> None:
    # A job is saved in the state "applied" once: by the batch that finds nothing left.
    saved = options.get("update_fields") or ()
    if created or raw or instance.state != ImportJob.State.APPLIED or "state" not in saved:
        return
    counts = {name: instance.result.get(name, 0) for name in ("read", "added", "updated")}
    queue_messages(
        "import.finished",
        [{"import": instance.pk, "list": instance.mailing_list_id, **counts}],
        timezone.now(),
    )
