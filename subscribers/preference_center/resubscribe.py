"""The way back for whoever left, by their own act; and why they left, if they care to say."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy

from subscribers import suppression, unsubscribe
from subscribers.consent import Evidence
from subscribers.models import Subscriber
from subscribers.signals import resubscribed, unsubscribe_reason_given
from subscribers.subscribe import subscribe

# As readers see them; reports.words has them for staff.
UNSUBSCRIBE_REASONS = {
    "too_often": gettext_lazy("It comes too often."),
    "not_for_me": gettext_lazy("It is not about what I need."),
    "wrong_language": gettext_lazy("It is not in my language."),
    "never_asked": gettext_lazy("I never asked for it."),
    "read_elsewhere": gettext_lazy("I read it elsewhere."),
}


def resubscribable(subscriber: Subscriber, list_ids: Collection[int]) -> set[int]:
    """Of these lists, those to which the reader may return by a button: none to which others ended it."""
    if suppression.is_suppressed(subscriber):
        return set()
    return unsubscribe.self_unsubscribed(subscriber.pk, list_ids)


def resubscribe(
    subscriber: Subscriber,
    list_ids: Collection[int],
    newsletter_id: int | None,
    evidence: Evidence,
    now: datetime,
) -> bool:
    """Put the reader on those lists again, as fresh consent; False when there was no way back."""
    with transaction.atomic():
        lists = resubscribable(subscriber, list_ids)
        if not lists:
            return False
        subscribe.add(subscriber, sorted(lists), evidence, now)
        notify_resubscribed(subscriber, newsletter_id)
    return True


def notify_resubscribed(subscriber: Subscriber, newsletter_id: int | None) -> None:
    """Tell whoever listens that the reader took back that they had left."""
    resubscribed.send(Subscriber, subscriber_id=subscriber.pk, newsletter_id=newsletter_id)


def record_reason(subscriber: Subscriber, newsletter_id: int | None, reason: str, now: datetime) -> bool:
    """Note why the reader left; False for a reason that is none of REASONS."""
    if reason not in UNSUBSCRIBE_REASONS:
        return False
    unsubscribe_reason_given.send(
        Subscriber, subscriber_id=subscriber.pk, newsletter_id=newsletter_id, reason=reason, now=now
    )
    return True
