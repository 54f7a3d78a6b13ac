"""Growth of a list: how many subscribed and unsubscribed month by month, counted now and then and stored."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q
from django.db.models.functions import TruncMonth
from django.utils import timezone

from subscribers.models import ListGrowth, MailingList, Subscription

MONTHS = 12
# Counting reads a year's subscriptions.
_COUNT_EVERY = timedelta(hours=6)


def update_due_growth(now: datetime) -> int:
    """Count the lists that were not counted for a while; returns how many."""
    fresh = Q(growth__counted_at__gt=now - _COUNT_EVERY)
    due = list(MailingList.objects.exclude(pk__in=MailingList.objects.filter(fresh).values("pk")))
    for one in due:
        ListGrowth.objects.update_or_create(
            mailing_list=one, defaults={"months": count_monthly_growth(one, now), "counted_at": now}
        )
    return len(due)


def count_monthly_growth(mailing_list: MailingList, now: datetime) -> list[dict[str, Any]]:
    """The last MONTHS months, the oldest first: {"month": "2021-12", "joined": n, "left": n, "people": n}.

    `people` is how many were confirmed at the month's end, today for the present one.
    """
    # In the site's time zone, in which the database truncates to months.
    names = _month_names(timezone.localtime(now))
    since = datetime(int(names[0][:4]), int(names[0][5:]), 1, tzinfo=timezone.get_current_timezone())
    rows = Subscription.objects.filter(mailing_list=mailing_list)
    joined = _by_month(rows.filter(confirmed_at__gte=since), "confirmed_at")
    left = _by_month(
        # Also who signed up again since, and has not confirmed it.
        rows.filter(ended_at__gte=since, confirmed_at__isnull=False),
        "ended_at",
    )
    people = rows.filter(state=Subscription.State.CONFIRMED).count()
    found = []
    for name in reversed(names):
        found.append(
            {"month": name, "joined": joined.get(name, 0), "left": left.get(name, 0), "people": people}
        )
        people = max(0, people - joined.get(name, 0) + left.get(name, 0))
    return found[::-1]


def _by_month(rows: Any, field: str) -> dict[str, int]:
    counted = rows.annotate(month=TruncMonth(field)).values("month").annotate(people=Count("pk")).order_by()
    return {f"{one['month']:%Y-%m}": one["people"] for one in counted}


def _month_names(now: datetime) -> list[str]:
    last = now.year * 12 + now.month - 1
    return [f"{number // 12}-{number % 12 + 1:02d}" for number in range(last - MONTHS + 1, last + 1)]
