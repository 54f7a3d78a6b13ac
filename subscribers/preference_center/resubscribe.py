"""The way back for whoever left, by their own act; and why they left, if they care to say."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy

from subscribers import unsubscribe
from subscribers.consent.evidence import Word
from subscribers.models import Subscriber
from subscribers.signals import came_back, explained
from subscribers.subscribe import subscribe
from subscribers.suppression import suppression

# As readers see them; reports.words has them for staff.
REASONS = {
    "too_often": gettext_lazy("It comes too often."),
    "not_for_me": gettext_lazy("It is not about what I need."),
    "wrong_language": gettext_lazy("It is not in my language."),
    "never_asked": gettext_lazy("I never asked for it."),
    "read_elsewhere": gettext_lazy("I read it elsewhere."),
}


def ways_back(person: Subscriber, list_ids: Collection[int]) -> set[int]:
    """Of these lists, those to which the reader may return by a button: none to which others ended it."""
    if suppression.is_suppressed(person):
        return set()
    return unsubscribe.left_by_themselves(person.pk, list_ids)


def come_back(
    person: Subscriber, list_ids: Collection[int], newsletter_id: int | None, word: Word, now: datetime
) -> bool:
    """Put the reader on those lists again, as fresh consent; False when there was no way back."""
    with transaction.atomic():
        lists = ways_back(person, list_ids)
        if not lists:
            return False
        subscribe.join(person, sorted(lists), word, now)
        told_back(person, newsletter_id)
    return True


def told_back(person: Subscriber, newsletter_id: int | None) -> None:
    """Tell whoever listens that the reader took back that they had left."""
    came_back.send(Subscriber, subscriber_id=person.pk, newsletter_id=newsletter_id)


def explain(person: Subscriber, newsletter_id: int | None, reason: str, now: datetime) -> bool:
    """Note why the reader left; False for a reason that is none of REASONS."""
    if reason not in REASONS:
        return False
    explained.send(Subscriber, subscriber_id=person.pk, newsletter_id=newsletter_id, reason=reason, now=now)
    return True
