"""What feedback does when subscribers unsubscribe, are erased or merged, and what it exports about them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr
from itertools import chain
from typing import Any

from django.db.models import Q

from mailer.delivery.models import Delivery, OutboxMessage
from mailer.feedback.models import FeedbackEvent, ReplyAnswer, ReturnedMessage, SuppressionDecision
from subscribers import signals
from subscribers.addresses import address_hash, mentions_address
from subscribers.models import FormerAddress, Subscriber
from subscribers.privacy.data_access import export_rows, iso_datetime
from subscribers.suppression import normalise_or_lower

# A reason that is given later is about something else than the last unsubscribe.
_REASON_WINDOW = timedelta(days=30)


def connect_signals() -> None:
    """Connect the signal receivers; harmless when called again."""
    signals.unsubscribed.connect(on_unsubscribe, dispatch_uid="mailer.feedback.on_unsubscribe")
    signals.resubscribed.connect(
        delete_undone_unsubscribe_event, dispatch_uid="mailer.feedback.on_resubscribe"
    )
    signals.unsubscribe_reason_given.connect(
        on_unsubscribe_reason, dispatch_uid="mailer.feedback.on_unsubscribe_reason"
    )
    signals.erased.connect(on_erase, dispatch_uid="mailer.feedback.on_erase")
    signals.merged.connect(on_merge, dispatch_uid="mailer.feedback.on_merge")
    signals.collect_personal_data.connect(
        export_personal_data, dispatch_uid="mailer.feedback.export_personal_data"
    )


def on_unsubscribe(subscriber_id: int, newsletter_id: int | None, **_: Any) -> None:
    """Record an event, in the transaction that ends the subscription: one that is rolled back leaves no
    event.
    """
    FeedbackEvent.objects.create(
        kind=FeedbackEvent.Kind.UNSUBSCRIBE, subscriber=subscriber_id, newsletter=newsletter_id
    )


def delete_undone_unsubscribe_event(subscriber_id: int, newsletter_id: int | None, **_: Any) -> None:
    """Delete the event of an unsubscribe that was undone, so that no statistics count it."""
    latest = _latest_unsubscribe(subscriber_id, newsletter_id)
    if latest is not None:
        latest.delete()


def on_unsubscribe_reason(
    subscriber_id: int, newsletter_id: int | None, reason: str, now: datetime, **_: Any
) -> None:
    """Add the reason that the subscriber gives to the event of their unsubscribe."""
    latest = _latest_unsubscribe(subscriber_id, newsletter_id)
    if latest is not None and latest.at > now - _REASON_WINDOW:
        latest.reason = reason
        latest.save(update_fields=["reason"])


def on_erase(
    subscriber_ids: Collection[int],
    addresses: Collection[str],
    address_hashes: Collection[bytes] = (),
    **_: Any,
) -> None:
    """Delete servers' replies about the subscribers, messages from or about them, and transactional email to
    them.

    Deliveries and events stay without text, so that every account still balances.
    """
    Delivery.objects.filter(subscriber__in=subscriber_ids).exclude(reply="").update(reply="")
    events = FeedbackEvent.objects.filter(subscriber__in=subscriber_ids)
    ReturnedMessage.objects.filter(
        Q(events__in=events.values("pk")) | Q(subscriber__in=subscriber_ids)
    ).delete()
    addresses = {*addresses, *_stored_addresses(address_hashes)}
    for address in addresses:
        # Automatic replies and messages to us are about no delivery, and yet name their sender.
        candidates = ReturnedMessage.objects.filter(sender__icontains=address).values_list("pk", "sender")
        sent = [pk for pk, sender in candidates if mentions_address(sender, address)]
        ReturnedMessage.objects.filter(pk__in=sent).delete()
    ReplyAnswer.objects.filter(recipient__in=addresses).delete()
    events.exclude(diagnostic="").update(diagnostic="")
    OutboxMessage.objects.filter(recipient__in=addresses).delete()


def _stored_addresses(hashes: Collection[bytes]) -> set[str]:
    """The addresses with these hashes in stored mail: former ones are known by their hash alone."""
    recipients = [
        rows.values_list("recipient", flat=True).distinct()
        for rows in (OutboxMessage.objects.all(), ReplyAnswer.objects.all())
    ]
    senders = ReturnedMessage.objects.values_list("sender", flat=True).distinct()
    stored = {*chain.from_iterable(recipients), *(parseaddr(sender)[1] for sender in senders)}
    return {one for one in map(normalise_or_lower, stored) if address_hash(one) in hashes}


def on_merge(kept_id: int, merged_id: int, **_: Any) -> None:
    """Move deliveries, events and decisions to the subscriber that remains."""
    # Where both have a delivery in a mailing, the other one stays under its id, and is not sent any more.
    both = Delivery.objects.filter(subscriber=kept_id).values("mailing")
    Delivery.objects.filter(subscriber=merged_id).exclude(mailing__in=both).update(subscriber=kept_id)
    FeedbackEvent.objects.filter(subscriber=merged_id).update(subscriber=kept_id)
    SuppressionDecision.objects.filter(subscriber=merged_id).update(subscriber=kept_id)


def export_personal_data(subscriber: Subscriber, **_: Any) -> dict[str, Any]:
    """The mail to a subscriber and from them, bounces and complaints, and decisions about them."""
    merged = FormerAddress.objects.filter(subscriber=subscriber).values_list(
        "merged_subscriber_id", flat=True
    )
    subscriber_ids = [subscriber.pk, *(pk for pk in merged if pk is not None)]
    # A dry run's deliveries went to a colleague.
    deliveries = Delivery.objects.filter(subscriber__in=subscriber_ids, mailing__dry_run_to="")
    events = FeedbackEvent.objects.filter(subscriber=subscriber.pk)
    decisions = SuppressionDecision.objects.filter(subscriber=subscriber.pk)
    answers = ReplyAnswer.objects.filter(recipient=subscriber.email)
    return {
        "deliveries": export_rows(
            deliveries,
            {
                "edition": "mailing__edition__slug",
                "state": "state",
                "reason": "reason",
                "at": "accepted_at",
                "reply": "reply",
            },
        ),
        "feedback": export_rows(
            events,
            {
                "at": "at",
                "kind": "kind",
                "class": "bounce_class",
                "reason": "reason",
                "status": "status",
                "diagnostic": "diagnostic",
            },
        ),
        "transactional_emails": [
            {
                "at": iso_datetime(email.created_at),
                "state": email.state,
                "subject": str(_parse(email).get("Subject", "")),
            }
            for email in OutboxMessage.objects.filter(recipient=subscriber.email).order_by("pk")
        ],
        "messages_from_you": [
            {
                "at": iso_datetime(message.received_at),
                "kind": message.kind,
                "message": bytes(message.raw).decode(errors="replace"),
            }
            for message in ReturnedMessage.objects.filter(sender__icontains=subscriber.email).order_by("pk")
            if mentions_address(message.sender, subscriber.email)
        ],
        "answers": export_rows(answers, {"at": "at", "subject": "subject", "text": "body"}),
        "suppression_decisions": export_rows(
            decisions, {"at": "created_at", "state": "state", "reason": "reason", "closed_at": "closed_at"}
        ),
    }


def _parse(email: OutboxMessage) -> EmailMessage:
    return message_from_bytes(bytes(email.message), policy=policy.default)


def _latest_unsubscribe(subscriber_id: int, newsletter_id: int | None) -> FeedbackEvent | None:
    events = FeedbackEvent.objects.filter(
        kind=FeedbackEvent.Kind.UNSUBSCRIBE, subscriber=subscriber_id, newsletter=newsletter_id
    )
    return events.order_by("-at", "-pk").first()
