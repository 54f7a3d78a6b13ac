"""The statistics of a mailing as plain records: balanced totals, outcomes, failures, and a timeline of
equal intervals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from operator import add
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count

from mailer.delivery.ledger import claims
from mailer.delivery.models import Delivery, Mailing
from mailer.editions.models import Edition

_State = Delivery.State
# Key of the providers that are not listed one by one.
OTHERS = "*"
# Reason of an exclusion that was stored without one.
UNSPECIFIED = "unspecified"
# Reasons for an exclusion of those to whom the message was meant to go.
_NOT_SENT_IN_TIME = ("cancelled", "expired")
# Fields of Stats that hold outcomes.
_BREAKDOWNS = ("languages", "countries", "providers")


@dataclass(frozen=True)
class Totals:
    """How many of the audience are in each delivery state.

    `accepted` means only that the next server took the message.
    """

    # As counted when the audience was fixed, with the excluded; while planning, those counted so far.
    audience: int = 0
    # Not yet begun.
    planned: int = 0
    # Being sent at this moment.
    claimed: int = 0
    accepted: int = 0
    # To be tried again.
    deferred: int = 0
    # Refused for good, expired ones included.
    refused: int = 0
    # Handed over, but the server's reply was never read.
    in_doubt: int = 0
    # Of the accepted: bounced later.
    bounced: int = 0
    # Of the accepted: the recipient marked the message as spam.
    complained: int = 0
    # By reason: {"suppressed": 3}
    excluded: Mapping[str, int] = field(default_factory=dict)

    @property
    def recipients(self) -> int:
        """Those of the audience to whom the message was meant to go: all but the excluded.

        Whom it did not reach because sending was cancelled or took too long is one of them.
        """
        before = sum(count for reason, count in self.excluded.items() if reason not in _NOT_SENT_IN_TIME)
        return self.audience - before

    @property
    def balances(self) -> bool:
        """Whether the audience equals the sum of every state and exclusion."""
        return self.audience == self.final + self.pending

    @property
    def final(self) -> int:
        """Those of the audience whose delivery has ended, the excluded among them."""
        return self.accepted + self.refused + sum(self.excluded.values())

    @property
    def pending(self) -> int:
        """Those of the audience whose delivery has not ended."""
        return self.planned + self.claimed + self.deferred + self.in_doubt

    def as_dict(self) -> dict[str, Any]:
        """As `mailer edition report --json` prints it, `excluded` sorted by reason."""
        return {**asdict(self), "excluded": dict(sorted(self.excluded.items()))}


@dataclass(frozen=True)
class OutcomeCounts:
    """Outcomes of some deliveries. The first four add up to all of them."""

    accepted: int = 0
    refused: int = 0
    # Planned, claimed, deferred or in doubt.
    pending: int = 0
    excluded: int = 0
    # Of the accepted.
    bounced: int = 0
    complained: int = 0

    @property
    def recipients(self) -> int:
        """All of them, the excluded too: why they were is not known here."""
        return self.accepted + self.refused + self.pending + self.excluded

    @property
    def delivered(self) -> int:
        """Accepted and not bounced."""
        return self.accepted - self.bounced

    @property
    def counts(self) -> tuple[int, ...]:
        """In the order of the fields, as JSON keeps it."""
        return (
            self.accepted,
            self.refused,
            self.pending,
            self.excluded,
            self.bounced,
            self.complained,
        )

    def __add__(self, other: OutcomeCounts) -> OutcomeCounts:
        return OutcomeCounts(*map(add, self.counts, other.counts))


@dataclass(frozen=True)
class FailureCount:
    """Recipients whose delivery failed for one reason."""

    # hard, soft, block or unknown.
    bounce_class: str
    # A key of [reasons] in the bounce rules, or a reason of the ledger.
    reason: str
    # Refused for good while we sent.
    refused: int = 0
    # Accepted, and bounced later.
    bounced: int = 0

    @property
    def recipients(self) -> int:
        return self.refused + self.bounced


@dataclass(frozen=True)
class Stats:
    """All statistics of a mailing; each breakdown covers all recipients, or those that it names."""

    totals: Totals = field(default_factory=Totals)
    # By the variant's language; "": no variant was chosen.
    languages: Mapping[str, OutcomeCounts] = field(default_factory=dict)
    # By the countries that the recipient chose, "KZ,UZ"; "": every country.
    countries: Mapping[str, OutcomeCounts] = field(default_factory=dict)
    # By mailbox provider; "": the recipient is erased; OTHERS: all the smaller ones.
    providers: Mapping[str, OutcomeCounts] = field(default_factory=dict)
    # All that were refused or bounced.
    failures: tuple[FailureCount, ...] = ()
    # The same by provider, and then by bounce class; most failures first.
    provider_failures: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    # Accepted by minute, "2021-12-03 04:05" in UTC; "": at an unknown time.
    accepted_by_minute: Mapping[str, int] = field(default_factory=dict)
    # Recipients without the message, by reason; see not_delivered.OUTCOME_REASON.
    not_delivered: Mapping[str, int] = field(default_factory=dict)
    # Accepted recipients who unsubscribed since, by the reason that they gave ("": none).
    unsubscribes: Mapping[str, int] = field(default_factory=dict)
    # When collecting began; aware.
    collected_at: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON keeps it: outcomes as lists of their counts."""
        outcomes = {
            name: {key: outcome.counts for key, outcome in getattr(self, name).items()}
            for name in _BREAKDOWNS
        }
        collected_at = self.collected_at.isoformat() if self.collected_at else None
        return {**asdict(self), **outcomes, "collected_at": collected_at}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Stats:
        """The inverse of `as_dict`."""
        changed: dict[str, Any] = {
            **{
                name: {key: OutcomeCounts(*counts) for key, counts in raw[name].items()}
                for name in _BREAKDOWNS
            },
            "totals": Totals(**raw["totals"]),
            "failures": tuple(FailureCount(**one) for one in raw["failures"]),
            "collected_at": datetime.fromisoformat(raw["collected_at"]) if raw["collected_at"] else None,
        }
        return cls(**{**raw, **changed})


def sum_outcomes(outcomes: Mapping[str, OutcomeCounts]) -> OutcomeCounts:
    """All of them together."""
    return sum(outcomes.values(), OutcomeCounts())


def mailing_totals(mailing: Mailing | None) -> Totals:
    """The totals of `mailing`, by one query over the ledger; all zeros without a mailing."""
    if mailing is None:
        return Totals()
    return _sum(_grouped_by_state(mailing), mailing.audience)


def latest_mailing_totals(edition: Edition) -> Totals:
    """The totals of the edition's latest mailing; all zeros when there is none."""
    return mailing_totals(latest_mailing(edition))


def latest_mailing(edition: Edition) -> Mailing | None:
    """The mailing that the edition's statistics are about; None before the first."""
    found: Mailing | None = edition.mailings.real().first()
    return found


def latest_dry_run(edition: Edition) -> Mailing | None:
    """The edition's latest dry run; None when there was none."""
    found: Mailing | None = edition.mailings.dry_runs().first()
    return found


def _grouped_by_state(mailing: Mailing) -> Iterable[dict[str, Any]]:
    # Annotated with columns that the type of the queryset does not know.
    rows: Any = Delivery.objects.filter(mailing=mailing).values("state", "reason").order_by()
    grouped: Iterable[dict[str, Any]] = rows.annotate(
        recipients=Count("pk"),
        now_claimed=claims.planned_in_claims_count(mailing),
        bounced=Count("bounced_at"),
        complained=Count("complained_at"),
    )
    return grouped


def _sum(rows: Iterable[dict[str, Any]], audience: int | None) -> Totals:
    counts = dict.fromkeys((f.name for f in fields(Totals) if f.name not in ("audience", "excluded")), 0)
    excluded: dict[str, int] = {}
    for row in rows:
        if row["state"] == _State.EXCLUDED:
            reason = row["reason"] or UNSPECIFIED
            excluded[reason] = excluded.get(reason, 0) + row["recipients"]
            continue
        counts[row["state"]] += row["recipients"]
        if row["state"] == _State.PLANNED:
            counts[_State.PLANNED] -= row["now_claimed"]
            counts[_State.CLAIMED] += row["now_claimed"]
        if row["state"] == _State.ACCEPTED:
            counts["bounced"] += row["bounced"]
            counts["complained"] += row["complained"]
    total = sum(counts[state] for state in _State.values if state in counts) + sum(excluded.values())
    return Totals(audience=total if audience is None else audience, excluded=excluded, **counts)


# Minutes of an interval: the first of these that needs no more than _MAX_INTERVALS is taken.
_LENGTHS = (1, 5, 15, 60, 180, 720, 1440, 10080)
_MAX_INTERVALS = 36
# A Monday, so that weeks begin on one.
_ORIGIN = datetime(2001, 1, 1)  # noqa: DTZ001  (local times, as a clock on the wall shows them)


@dataclass(frozen=True)
class Interval:
    # Naive local time in the requested zone.
    start: datetime
    count: int


@dataclass(frozen=True)
class Timeline:
    """Intervals of equal length without a gap, from the first with a count to the last."""

    interval_minutes: int
    intervals: tuple[Interval, ...] = ()
    # Counted at an unknown time.
    unknown_time: int = 0

    @property
    def total(self) -> int:
        return sum(interval.count for interval in self.intervals) + self.unknown_time

    @property
    def peak(self) -> Interval | None:
        """The first of the intervals with the highest count."""
        return max(self.intervals, key=lambda interval: interval.count, default=None)


def build_timeline(counts_by_utc_minute: Mapping[str, int], zone: str) -> Timeline:
    """From counts by minute to intervals that start at round local times.

    `counts_by_utc_minute`: keys such as "2021-12-03 04:05" in UTC ("": unknown). `zone`: an IANA time zone.
    """
    counts: Counter[datetime] = Counter()
    for text, count in counts_by_utc_minute.items():
        if text:
            counts[_local(text, zone)] += count
    unknown_time = counts_by_utc_minute.get("", 0)
    if not counts:
        return Timeline(_LENGTHS[0], (), unknown_time)
    first, last = min(counts), max(counts)
    length = next((one for one in _LENGTHS if _intervals(first, last, one) <= _MAX_INTERVALS), _LENGTHS[-1])
    summed: Counter[datetime] = Counter()
    for at, count in counts.items():
        summed[_floor(at, length)] += count
    start = _floor(first, length)
    starts = (start + timedelta(minutes=length * index) for index in range(_intervals(first, last, length)))
    return Timeline(length, tuple(Interval(one, summed[one]) for one in starts), unknown_time)


def _local(text: str, zone: str) -> datetime:
    at = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def _floor(at: datetime, length: int) -> datetime:
    minutes = int((at - _ORIGIN).total_seconds()) // 60
    return _ORIGIN + timedelta(minutes=minutes - minutes % length)


def _intervals(first: datetime, last: datetime, length: int) -> int:
    return int((_floor(last, length) - _floor(first, length)).total_seconds()) // 60 // length + 1
