"""Which figures are shown: a small mailing's are counted on the spot, a large one's now and then by a job."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Q

from mailer.delivery.models import Delivery, Mailing
from mailer.reports.collect import count
from mailer.reports.models import Tally
from mailer.reports.stats import Counts
from mailer.reports.totals import Account
from mailer.reports.unsubscribes import departures

# Readers up to which counting takes no longer than looking.
ON_THE_SPOT = 5_000
# A mailing that moves is counted again after this time, or after so many times what counting took.
_REST = timedelta(seconds=2)
_REST_FACTOR = 10
# What was on its way when a mailing ended is settled by then.
_SETTLING = timedelta(minutes=10)
# Of an ended one, what comes back is looked for this long, and all of it is counted again once a day.
_WATCHED = timedelta(days=60)
_DAY = timedelta(days=1)


class Gist(NamedTuple):
    """What a list says of a mailing."""

    account: Account
    # Accepted readers who unsubscribed since.
    left: int


def counts_of(mailing: Mailing, now: datetime) -> Counts:
    """The mailing's figures; `Counts.at` is the moment that they tell of."""
    if (mailing.audience or 0) > ON_THE_SPOT and (kept := Tally.objects.filter(mailing=mailing).first()):
        return Counts.from_dict(kept.counts)
    return count(mailing, now)


def gists_of(mailings: Iterable[Mailing], now: datetime) -> dict[int, Gist]:
    """The gist of each mailing by its id, as it was counted last."""
    listed = list(mailings)
    kept = Tally.objects.filter(mailing__in=listed).values_list("mailing_id", "account", "left")
    found = {mailing: Gist(Account(**account), left) for mailing, account, left in kept}
    return {one.pk: found.get(one.pk) or _gist(count(one, now)) for one in listed}


def count_due(now: datetime) -> list[int]:
    """Count again what has changed since it was counted; ids of those mailings. May run twice."""
    watched = Q(finished_at=None) | Q(finished_at__gt=now - _WATCHED) | Q(tally=None)
    mailings = Mailing.objects.filter(watched).exclude(audience=None).select_related("tally", "edition")
    due = [mailing for mailing in mailings.order_by("pk") if _is_due(mailing, now)]
    for mailing in due:
        keep(mailing, now)
    return [mailing.pk for mailing in due]


def keep(mailing: Mailing, now: datetime) -> Counts:
    """Count the mailing, and keep the figures."""
    # Before counting: what comes meanwhile is news the next time.
    signs, began = _signs(mailing), time.monotonic()
    counts = count(mailing, now)
    gist = _gist(counts)
    columns = {
        "counts": counts.as_dict(),
        "account": gist.account.as_dict(),
        "left": gist.left,
        "signs": signs,
        "at": now,
        "seconds": time.monotonic() - began,
    }
    Tally.objects.update_or_create(mailing=mailing, defaults=columns)
    return counts


def _gist(counts: Counts) -> Gist:
    return Gist(counts.account, sum(counts.left.values()))


def _is_due(mailing: Mailing, now: datetime) -> bool:
    tally: Tally | None = getattr(mailing, "tally", None)
    if tally is None:
        return True
    if now - tally.at < max(_REST, timedelta(seconds=tally.seconds * _REST_FACTOR)):
        return False
    if mailing.finished_at is None or tally.at < mailing.finished_at + _SETTLING:
        return True
    return now - tally.at >= _DAY or _signs(mailing) != tally.signs


def _signs(mailing: Mailing) -> int:
    """Marks on its deliveries, and departures: read from small indexes."""
    rows = Delivery.objects.filter(mailing=mailing)
    return (
        rows.filter(bounced_at__isnull=False).count()
        + rows.filter(complained_at__isnull=False).count()
        + departures(mailing).count()
        + departures(mailing).exclude(reason="").count()
    )
