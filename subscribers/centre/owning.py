"""A reader's own data: the link to it, by a letter to the address that it is about."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from subscribers import letters, limits, merging, tokens
from subscribers.erasing import erase
from subscribers.limits import Limit
from subscribers.models import Subscriber

# How long a link works, and how many a reader gets in that time.
VALID_FOR = timedelta(days=1)
_A_DAY = 3


def ask(person: Subscriber, now: datetime) -> bool:
    """Send the link; False when it was sent too often today. Any mail may be forwarded, and this is not."""
    with transaction.atomic():
        if limits.take([Limit(f"own {person.pk}", _A_DAY, VALID_FOR)], now) is not None:
            return False
        letters.send_own_data_link(person, tokens.make_dated("own", person.pk, now))
    return True


def read(token: str, now: datetime) -> Subscriber:
    """Whose data a link opens; raises BadToken, also when it is too old."""
    claim, person = merging.read("own", token)
    if not claim.is_fresh(VALID_FOR, now):
        raise tokens.BadToken("too old")
    return person


def erase_with_a_word(person: Subscriber, now: datetime) -> None:
    """Erase the reader, and say so in a last letter."""
    with transaction.atomic():
        erase(person.email, now)
        letters.say_erased(person)
