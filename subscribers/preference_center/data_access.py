"""A reader's own data: the link to it, by a letter to the address that it is about."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from subscribers import emails, merge, rate_limit, tokens
from subscribers.models import Subscriber
from subscribers.privacy.erasure import erase
from subscribers.rate_limit import Limit

# How long a link works, and how many a reader gets in that time.
VALID_FOR = timedelta(days=1)
_PER_DAY = 3


def request_link(subscriber: Subscriber, now: datetime) -> bool:
    """Send the link; False when it was sent too often today. Any mail may be forwarded, and this is not."""
    with transaction.atomic():
        if rate_limit.hit([Limit(f"own {subscriber.pk}", _PER_DAY, VALID_FOR)], now) is not None:
            return False
        emails.send_data_link(subscriber, tokens.make_dated("data_access", subscriber.pk, now))
    return True


def read_link(token: str, now: datetime) -> Subscriber:
    """Whose data a link opens; raises InvalidToken, also when it is too old."""
    claim, person = merge.read_token("data_access", token)
    if not claim.is_fresh(VALID_FOR, now):
        raise tokens.InvalidToken("too old")
    return person


def erase_and_notify(subscriber: Subscriber, now: datetime) -> None:
    """Erase the reader, and say so in a last letter."""
    with transaction.atomic():
        erase(subscriber.email, now)
        emails.send_erased_notice(subscriber)
