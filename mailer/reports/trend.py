"""A newsletter over its editions: what each mailing came to, and what the newsletter is used to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailer.delivery.models import Mailing
from mailer.editions.models import Newsletter
from mailer.reports.cached_stats import gists_of
from mailer.reports.table import Cell, Column, Table
from mailer.reports.totals import Account
from mailer.tracking.aggregates import people_of

# Editions that a trend shows, at most.
SHOWN = 24


@dataclass(frozen=True)
class Sent:
    """One edition that was sent."""

    edition: int
    # "2021-12"
    period: str
    number: int
    sent_at: datetime | None
    account: Account
    # Accepted readers who unsubscribed before the next edition.
    left: int
    # Clicks of people; None: not counted, or too few to show.
    clicks: int | None


# (key, label, what is counted, of how many) of the figures that are compared as shares.
Measure = Callable[[Sent], int]
SHARES: tuple[tuple[str, str, Measure, Measure], ...] = (
    ("accepted", "Accepted", lambda one: one.account.accepted, lambda one: one.account.audience),
    ("failed", "Refused or came back", lambda one: failed(one.account), lambda one: tried(one.account)),
    (
        "complained",
        "Marked as unwanted",
        lambda one: one.account.complained,
        lambda one: one.account.accepted,
    ),
    ("left", "Unsubscribed", lambda one: one.left, lambda one: one.account.accepted),
)


def failed(account: Account) -> int:
    """Readers whose server said no, at once or later."""
    return account.refused + account.bounced


def tried(account: Account) -> int:
    """Readers whose server was asked, and answered for good."""
    return account.accepted + account.refused


def editions_sent(newsletter: Newsletter, now: datetime, before: Mailing | None = None) -> list[Sent]:
    """The latest editions that were sent, newest first; with `before`, only those that left earlier."""
    mailings = Mailing.objects.real().filter(
        edition__newsletter=newsletter, state=Mailing.State.DONE, started_at__isnull=False
    )
    if before is not None and before.started_at:
        mailings = mailings.filter(started_at__lt=before.started_at).exclude(edition=before.edition_id)
    listed = list(
        # A copy's contents are large, and not looked at.
        mailings.select_related("edition", "snapshot")
        .defer("snapshot__content")
        .order_by("-started_at")[:SHOWN]
    )
    gists, clicks = gists_of(listed, now), people_of(listed)
    return [
        Sent(
            edition=one.edition_id,
            period=one.edition.period,
            number=one.edition.number,
            sent_at=one.started_at,
            account=gists[one.pk].account,
            left=gists[one.pk].left,
            clicks=clicks.get(one.pk),
        )
        for one in listed
    ]


def trend_table(sent: Sequence[Sent]) -> Table:
    """One row an edition, in the order given."""
    columns = (
        Column("period", "Edition", "text"),
        Column("sent", "Sent (UTC)", "text"),
        Column("readers", "Readers"),
        *(Column(key, label, "share") for key, label, _, _ in SHARES),
        Column("clicks", "Clicks"),
    )
    return Table("trend", "Edition by edition", columns, tuple(_row(one) for one in sent))


def shares(sent: Sequence[Sent], key: str) -> list[float]:
    """One of SHARES, for each edition."""
    part, whole = next((part, whole) for known, _, part, whole in SHARES if known == key)
    return [share(part(one), whole(one)) for one in sent]


def share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _row(one: Sent) -> tuple[Cell, ...]:
    return (
        one.period,
        f"{one.sent_at:%Y-%m-%d %H:%M}" if one.sent_at else "",
        one.account.audience,
        *(share(part(one), whole(one)) for _, _, part, whole in SHARES),
        one.clicks,
    )
