"""A reader's word that what they open may be counted under their name: given and taken back by them alone."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction

from subscribers.consent import evidence
from subscribers.consent.evidence import Act, Word
from subscribers.models import Subscriber


def is_asked() -> bool:
    """Whether this office asks its readers for it."""
    return bool(settings.CONFIG.tracking.by_consent)


@transaction.atomic
def agree(subscriber: Subscriber, agrees: bool, word: Word, now: datetime) -> None:
    """Note whether the reader agrees; saying again what was said before changes nothing."""
    people = Subscriber.objects.filter(pk=subscriber.pk, tracking_agreed_at__isnull=agrees)
    if people.update(tracking_agreed_at=now if agrees else None):
        act = Act.TRACKING_ON if agrees else Act.TRACKING_OFF
        evidence.record(act, [subscriber.pk], [None], word, now)
        subscriber.refresh_from_db(fields=["tracking_agreed_at"])
