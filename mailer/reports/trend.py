"""A newsletter over its editions: the totals of each mailing, and whether a rate is usual."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer.delivery.models import Mailing
from mailer.editions.models import Newsletter
from mailer.reports.collect_stats import key_figures_of
from mailer.reports.number_formats import format_percent
from mailer.reports.stats import Totals
from mailer.reports.tables import Cell, Column, Table
from mailer.tracking.click_and_open_counts import human_clicks_hiding_small_counts

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# Editions that a trend shows, at most.
MAX_EDITIONS = 24
# Editions that a rate is compared with, at most and at least.
_COMPARED_EDITIONS = 6
_MIN_COMPARED = 2
# A difference below this share does not matter, however significant it is.
_NEGLIGIBLE = 0.002


@dataclass(frozen=True)
class SentEdition:
    """One edition that was sent."""

    edition: int
    # "2021-12"
    period: str
    number: int
    sent_at: datetime | None
    totals: Totals
    # Accepted recipients who unsubscribed before the next edition.
    unsubscribes: int
    # Clicks by people; None: not tracked, or too few to show.
    clicks: int | None


# (key, label, what is counted, of how many) of the rates that are compared.
Measure = Callable[[SentEdition], int]
RATES: tuple[tuple[str, StrOrPromise, Measure, Measure], ...] = (
    ("accepted", _("Accepted"), lambda one: one.totals.accepted, lambda one: one.totals.recipients),
    (
        "failed",
        _("Refused or bounced"),
        lambda one: failed_count(one.totals),
        lambda one: accepted_or_refused_count(one.totals),
    ),
    ("complained", _("Complaints"), lambda one: one.totals.complained, lambda one: one.totals.accepted),
    ("unsubscribed", _("Unsubscribed"), lambda one: one.unsubscribes, lambda one: one.totals.accepted),
)


def failed_count(totals: Totals) -> int:
    """Recipients whose server refused the message, at once or later."""
    return totals.refused + totals.bounced


def accepted_or_refused_count(totals: Totals) -> int:
    """Recipients whose server accepted or refused the message."""
    return totals.accepted + totals.refused


def latest_sent_editions(
    newsletter: Newsletter, now: datetime, before: Mailing | None = None
) -> list[SentEdition]:
    """The latest editions that were sent, newest first; with `before`, only those before that mailing."""
    mailings = Mailing.objects.real().filter(
        edition__newsletter=newsletter, state=Mailing.State.DONE, started_at__isnull=False
    )
    if before is not None and before.started_at:
        mailings = mailings.filter(started_at__lt=before.started_at).exclude(edition=before.edition_id)
    listed = list(
        # A snapshot's content is large and not needed.
        mailings.select_related("edition", "snapshot")
        .defer("snapshot__content")
        .order_by("-started_at")[:MAX_EDITIONS]
    )
    headlines, clicks = key_figures_of(listed, now), human_clicks_hiding_small_counts(listed)
    return [
        SentEdition(
            edition=one.edition_id,
            period=one.edition.name or one.edition.period,
            number=one.edition.number,
            sent_at=one.started_at,
            totals=headlines[one.pk].totals,
            unsubscribes=headlines[one.pk].unsubscribes,
            clicks=clicks.get(one.pk),
        )
        for one in listed
    ]


def trend_table(sent: Sequence[SentEdition]) -> Table:
    """One row an edition, in the given order."""
    columns = (
        Column("period", gettext("Edition"), "text"),
        Column("sent", gettext("Sent at (UTC)"), "text"),
        Column("recipients", gettext("Recipients")),
        *(Column(key, label, "share") for key, label, _, _ in RATES),
        Column("clicks", gettext("Clicks")),
    )
    return Table("trend", gettext("Trend"), columns, tuple(_row(one) for one in sent))


def rates_of(sent: Sequence[SentEdition], key: str) -> list[float]:
    """One of RATES, for each edition."""
    part, whole = next((part, whole) for known, _, part, whole in RATES if known == key)
    return [ratio(part(one), whole(one)) for one in sent]


def ratio(part: int, whole: int) -> float:
    """0 to 1; 0 of nothing."""
    return part / whole if whole else 0.0


def compare_rate(part: int, whole: int, earlier: Sequence[float], *, final: bool = True) -> str:
    """ "as usual", "more than usual (0.8 %)", "less than usual (0.8 %)"; empty with too little to compare.

    `earlier`: the rates of earlier editions, 0 to 1, latest first. A difference counts when chance alone
    would rarely make it among `whole` recipients: one of fifteen is no trend. A figure that is not `final`
    may still grow, so it is never called usual or less than usual.
    """
    if not whole or len(earlier) < _MIN_COMPARED:
        return ""
    rate, usual = part / whole, median(earlier[:_COMPARED_EDITIONS])
    # Two standard errors; one recipient more or less never makes the difference.
    margin = 2 * math.sqrt(max(usual * (1 - usual), 0.0) / whole) + 1 / whole
    differs = abs(rate - usual) > max(margin, _NEGLIGIBLE)
    if differs and rate > usual:
        return gettext("more than in usual editions (%(usual)s)") % {"usual": format_percent(usual)}
    if not final:
        return ""
    return (
        gettext("less than in usual editions (%(usual)s)") % {"usual": format_percent(usual)}
        if differs
        else gettext("as in usual editions")
    )


def _row(one: SentEdition) -> tuple[Cell, ...]:
    return (
        one.period,
        f"{one.sent_at:%Y-%m-%d %H:%M}" if one.sent_at else "",
        one.totals.recipients,
        *(ratio(part(one), whole(one)) for _, _, part, whole in RATES),
        one.clicks,
    )
