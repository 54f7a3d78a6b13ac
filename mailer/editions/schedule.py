"""The schedule: which newsletters' editions are due, and assembling them."""

from __future__ import annotations

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

from mailer.editions.assemble import EditionExists, assemble, stories_for
from mailer.editions.models import Edition, Newsletter
from mailer.editions.periods import Period

log = logging.getLogger(__name__)


def due_at(newsletter: Newsletter, period: Period) -> datetime | None:
    """When the newsletter's edition for a period is assembled (aware); None when staff do it by hand."""
    if newsletter.assemble_day is None:
        return None
    day = period.first_day.replace(day=newsletter.assemble_day)
    return datetime(day.year, day.month, day.day, newsletter.assemble_hour, tzinfo=ZoneInfo(newsletter.zone))


def assemble_due(now: datetime) -> list[Edition]:
    """Assemble what is due this month and not there yet, also when the moment itself was slept through.

    A month without a single story makes no edition; one that is finished later in the month still does.
    """
    made = []
    for newsletter in Newsletter.objects.exclude(assemble_day=None):
        period = Period.at(now, newsletter.zone)
        due = due_at(newsletter, period)
        if due is None or now < due or newsletter.editions.filter(period=str(period)).exists():
            continue
        if not stories_for(newsletter, period, now):
            continue
        try:
            made.append(assemble(newsletter, str(period), now))
        except EditionExists:
            continue
        log.info("action=assembled newsletter=%s period=%s", newsletter.slug, period)
    return made
