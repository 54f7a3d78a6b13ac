"""The tables of a report in plain cells: the page, the exports and the command line show the same ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer import staff_localization
from mailer.reports.reason_labels_and_mailing_summary import BOUNCE_CLASS_LABELS, reason_label
from mailer.reports.stats import OTHERS, OutcomeCounts, Stats, Timeline, Totals, build_timeline, sum_outcomes

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Cell = str | int | float | None
# text; count: a whole number; share: 0 to 1.
Kind = Literal["text", "count", "share"]


@dataclass(frozen=True)
class Column:
    # In exports and JSON.
    key: str
    label: StrOrPromise
    kind: Kind = "count"


@dataclass(frozen=True)
class Table:
    # Names it in URLs, files and JSON.
    key: str
    title: str
    # The first is what a row is about.
    columns: tuple[Column, ...]
    # Cells in the order of the columns.
    rows: tuple[tuple[Cell, ...], ...]
    # The last line, each recipient counted once; None where rows are no parts of a whole.
    total: tuple[Cell, ...] | None = None
    # What readers of the table must know.
    note: str = ""

    def records(self) -> list[dict[str, Cell]]:
        """One object a row, as JSON holds it."""
        names = [column.key for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]

    def column(self, key: str) -> list[Any]:
        """The cells of one column, from the top."""
        index = self._index(key)
        return [row[index] for row in self.rows]

    def total_of(self, key: str) -> Any:
        """The last line's cell of a column; None without a last line."""
        return self.total[self._index(key)] if self.total else None

    def _index(self, key: str) -> int:
        return [column.key for column in self.columns].index(key)


# (field of Totals, label), in the order of a delivery's life
STATE_LABELS = (
    ("accepted", _("Accepted")),
    ("planned", _("Planned")),
    ("claimed", _("Sending")),
    ("deferred", _("Deferred")),
    ("in_doubt", _("In doubt")),
    ("refused", _("Refused")),
)
EXCLUDED_LABEL = _("Excluded")
_RECIPIENTS = Column("recipients", _("Recipients"))
# Where the excluded are counted, too.
_SUBSCRIBERS = Column("recipients", _("Subscribers"))
_SHARE = Column("share", _("Share"), "share")
# Keys are fields of OutcomeCounts.
_OUTCOMES = (
    _RECIPIENTS,
    Column("accepted", _("Accepted")),
    Column("refused", _("Refused")),
    Column("bounced", _("Bounced")),
    Column("complained", _("Complaints")),
    Column("pending", _("Pending")),
    Column("excluded", EXCLUDED_LABEL),
)
_PROVIDERS = {"": _("Erased subscribers"), OTHERS: _("All other mailbox providers")}
_SEVERAL_COUNTRIES = _(
    "A recipient who chose several countries is in several rows; the last row counts each recipient once."
)
# Headings of a timeline, by the minutes of its intervals.
_INTERVALS = {
    1: _("Minute that begins at"),
    5: _("Five minutes that begin at"),
    15: _("Quarter of an hour that begins at"),
    60: _("Hour that begins at"),
    180: _("Three hours that begin at"),
    720: _("Half day that begins at"),
    1440: _("Day that begins at"),
    10080: _("Week that begins on"),
}


def report_tables(stats: Stats, zone: str) -> dict[str, Table]:
    """The report's tables by key, in the order of the report. `zone`: an IANA time zone."""
    made = (
        delivery_states_table(stats.totals),
        exclusions_table(stats.totals),
        accepted_over_time_table(build_timeline(stats.accepted_by_minute, zone), zone),
        failures_table(stats),
        provider_failures_table(stats),
        providers_table(stats),
        unsubscribe_reasons_table(stats.unsubscribes),
        languages_table(stats),
        countries_table(stats),
        not_delivered_table(stats),
    )
    return {table.key: table for table in made}


def delivery_states_table(totals: Totals) -> Table:
    """The audience by the state of their delivery."""
    counts = [(str(label), getattr(totals, name)) for name, label in STATE_LABELS]
    counts.append((str(EXCLUDED_LABEL), sum(totals.excluded.values())))
    rows = tuple((label, count, _share(count, totals.audience)) for label, count in counts)
    columns = (Column("state", gettext("State"), "text"), _SUBSCRIBERS, _SHARE)
    return Table("totals", gettext("Totals"), columns, rows, (gettext("Audience"), totals.audience, None))


def exclusions_table(totals: Totals) -> Table:
    """Excluded recipients by reason, most frequent first."""
    return _reasons_table("exclusions", gettext("Subscribers excluded, by reason"), totals.excluded)


def not_delivered_table(stats: Stats) -> Table:
    """Recipients without the message by reason, most frequent first."""
    return _reasons_table("not_delivered", gettext("Emails not delivered, by reason"), stats.not_delivered)


def unsubscribe_reasons_table(unsubscribes: Mapping[str, int]) -> Table:
    """Unsubscribed recipients by the reason that they gave."""
    rows = tuple(
        (_capitalised(reason_label(reason)) or gettext("No reason for unsubscribing given"), count)
        for reason, count in unsubscribes.items()
    )
    columns = (Column("reason", gettext("Reason given for unsubscribing"), "text"), _RECIPIENTS)
    return Table(
        "unsubscribe_reasons",
        gettext("Unsubscribed"),
        columns,
        rows,
        (gettext("All"), sum(unsubscribes.values())),
    )


def accepted_over_time_table(timeline: Timeline, zone: str) -> Table:
    """Accepted deliveries over time."""
    rows: list[tuple[Cell, ...]] = [
        (f"{interval.start:%Y-%m-%d %H:%M}", interval.count) for interval in timeline.intervals
    ]
    if timeline.unknown_time:
        rows.append((gettext("accepted at an unknown time"), timeline.unknown_time))
    heading = _INTERVALS[timeline.interval_minutes]
    columns = (Column("from", heading, "text"), Column("accepted", gettext("Accepted")))
    note = gettext(
        "All times: %(zone)s. “Accepted” means that the recipient's mail server took the message."
    ) % {"zone": staff_localization.zone_label(None, ZoneInfo(zone))}
    return Table(
        "timeline",
        gettext("Emails accepted over time"),
        columns,
        tuple(rows),
        (gettext("All"), timeline.total),
        note,
    )


def failures_table(stats: Stats) -> Table:
    """Refused and bounced deliveries by reason; hard bounces first."""
    order = list(BOUNCE_CLASS_LABELS)
    failures = sorted(
        stats.failures, key=lambda one: (order.index(one.bounce_class), -one.recipients, one.reason)
    )
    rows = tuple(
        (
            _capitalised(reason_label(one.reason)),
            str(BOUNCE_CLASS_LABELS[one.bounce_class][0]),
            one.refused,
            one.bounced,
            one.recipients,
        )
        for one in failures
    )
    columns = (
        Column("reason", gettext("Reason"), "text"),
        Column("class", gettext("Class"), "text"),
        Column("refused", gettext("Refused")),
        Column("bounced", gettext("Bounced")),
        _RECIPIENTS,
    )
    both = stats.totals.refused, stats.totals.bounced
    return Table(
        "failures",
        gettext("Refused and bounced emails"),
        columns,
        rows,
        (gettext("All"), None, *both, sum(both)),
    )


def provider_failures_table(stats: Stats) -> Table:
    """Refused and bounced deliveries by mailbox provider and bounce class; most failures first."""
    columns = (
        Column("provider", gettext("Provider"), "text"),
        *(Column(one, label) for one, (label, _meaning) in BOUNCE_CLASS_LABELS.items()),
        _RECIPIENTS,
    )
    total = Counter[str]()
    for failure in stats.failures:
        total[failure.bounce_class] += failure.recipients
    rows = tuple(
        _class_counts(str(_PROVIDERS.get(name, name)), counts)
        for name, counts in stats.provider_failures.items()
    )
    title = gettext("Refused and bounced, by mailbox provider")
    return Table("provider_failures", title, columns, rows, _class_counts(gettext("All"), total))


def providers_table(stats: Stats) -> Table:
    """Outcomes by mailbox provider."""
    rows = ((str(_PROVIDERS.get(name, name)), outcome) for name, outcome in stats.providers.items())
    return _outcomes_table(
        "providers",
        gettext("Delivery by mailbox provider"),
        Column("provider", gettext("Provider"), "text"),
        rows,
        sum_outcomes(stats.providers),
    )


def languages_table(stats: Stats) -> Table:
    """Outcomes by the language of the recipients' variants."""
    rows = (
        (staff_localization.language_name(code) if code else gettext("No variant of the edition"), outcome)
        for code, outcome in stats.languages.items()
    )
    return _outcomes_table(
        "languages",
        gettext("By reader's language"),
        Column("language", gettext("Language"), "text"),
        rows,
        sum_outcomes(stats.languages),
    )


def countries_table(stats: Stats) -> Table:
    """Outcomes by the countries that the recipients chose."""
    outcomes: dict[str, OutcomeCounts] = {}
    for choice, outcome in stats.countries.items():
        for code in choice.split(","):
            outcomes[code] = outcomes.get(code, OutcomeCounts()) + outcome
    ordered = sorted(outcomes.items(), key=lambda item: (not item[0], -item[1].recipients, item[0]))
    rows = (
        (staff_localization.country_name(code) if code else gettext("Every country"), one)
        for code, one in ordered
    )
    note = str(_SEVERAL_COUNTRIES) if any("," in choice for choice in stats.countries) else ""
    total = sum_outcomes(stats.countries)
    return _outcomes_table(
        "countries",
        gettext("By the countries that readers chose"),
        Column("country", gettext("Country"), "text"),
        rows,
        total,
        note,
    )


def _class_counts(label: str, counts: Mapping[str, int]) -> tuple[Cell, ...]:
    return label, *(counts.get(one, 0) for one in BOUNCE_CLASS_LABELS), sum(counts.values())


def _outcomes_table(
    key: str,
    title: str,
    first: Column,
    rows: Iterable[tuple[str, OutcomeCounts]],
    total: OutcomeCounts,
    note: str = "",
) -> Table:
    columns = (first, *_OUTCOMES)
    cells = tuple((label, *_cells(outcome)) for label, outcome in rows)
    return Table(key, title, columns, cells, (gettext("All"), *_cells(total)), note)


def _cells(outcome: OutcomeCounts) -> list[Cell]:
    return [getattr(outcome, column.key) for column in _OUTCOMES]


def _reasons_table(key: str, title: str, counts: Mapping[str, int]) -> Table:
    ordered: Sequence[tuple[str, int]] = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = tuple((_capitalised(reason_label(reason)), count) for reason, count in ordered)
    columns = (Column("reason", gettext("Reason"), "text"), _RECIPIENTS)
    return Table(key, title, columns, rows, (gettext("All"), sum(counts.values())))


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
