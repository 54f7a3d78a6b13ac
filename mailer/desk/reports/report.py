"""The report of a mailing: did it arrive, was it read, who left, which story; and all of it to take away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mailer.delivery.models import Mailing
from mailer.desk.editions.edition_base import EditionPage
from mailer.desk.reports.report_tables import MOST, exhibit
from mailer.desk.sending import mailing_actions
from mailer.desk.sending.mailing_progress import interventions, told
from mailer.reports import trend
from mailer.reports.benchmark import compared
from mailer.reports.cached_stats import counts_of
from mailer.reports.charts.bars import Bar, bars, ranked
from mailer.reports.charts.columns import columns
from mailer.reports.charts.drawing import Fill
from mailer.reports.engagement import Reading, reading_of, reading_tables
from mailer.reports.labels import CLASSES, counted, number, percent, reason_words
from mailer.reports.stats import Counts
from mailer.reports.summary import summary
from mailer.reports.table import Table
from mailer.reports.tables import tables
from mailer.reports.timeline import spread

_COMES_BACK_WITHIN = timedelta(days=3)


@dataclass(frozen=True)
class Figure:
    """One number that is asked for first."""

    label: str
    # None: too few to show.
    count: int | None
    # A tone of desk/word.html; "plain" where there is nothing to point at.
    tone: str
    meaning: str
    # Beside the newsletter's last editions; "" without enough of them.
    usual: str = ""


class ReportPage(EditionPage):
    """Summary and figures first, then the tables with their charts."""

    page_title = "Report"
    template_name = "desk/editions/report.html"
    current = "Report"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        mailing: Mailing | None = context["overview"].mailing
        if mailing is None:
            return {**context, "mailing": None}
        may_steer = self.request.user.has_perm("mailer.schedule_edition")
        return {
            **context,
            **reported(mailing, context["now"]),
            "deeds": mailing_actions.deeds(mailing) if may_steer else (),
        }


def reported(mailing: Mailing, now: datetime) -> dict[str, Any]:
    """Everything that the report's page tells of a mailing."""
    newsletter = mailing.edition.newsletter
    counts, reading = counts_of(mailing, now), reading_of(mailing)
    made = {**tables(counts, newsletter.zone), **reading_tables(reading)}
    charts = drawn(made, counts, newsletter.zone)
    earlier = trend.editions_sent(newsletter, now, before=mailing)
    return {
        **told(mailing, counts.account, now),
        "interventions": interventions(mailing),
        # What was counted at this moment need not say so.
        "counted_at": counts.at if counts.at != now else None,
        "summary": summary(counts, reading.sentence),
        "figures": list(figures(counts, reading, earlier, final=_is_final(mailing, now))),
        "reading": reading,
        "left": sum(counts.left.values()),
        "reasons_given": any(counts.left),
        "show": {
            # Steps of time stand for themselves: none is one of "others".
            key: exhibit(table, charts.get(key, ""), len(table.rows) if key == "arrival" else MOST)
            for key, table in made.items()
        },
        "reasons": [(why, reason_words(why), readers) for why, readers in counts.unreached.items()],
    }


def figures(
    counts: Counts, reading: Reading, earlier: Sequence[trend.Sent], *, final: bool
) -> Iterator[Figure]:
    """What is asked first: did it arrive, was it read, who left. Nobody refused is no problem to point at."""
    account, left = counts.account, sum(counts.left.values())
    failed, tried, got = trend.failed(account), trend.tried(account), account.accepted

    def usual(key: str, part: int, whole: int) -> str:
        return compared(part, whole, trend.shares(earlier, key), final=final)

    yield Figure(
        "Reached", got - account.bounced, "done", f"of {counted(account.audience, 'reader', 'readers')}"
    )
    if account.unsettled:
        yield Figure("On the way", account.unsettled, "busy", "to be sent, to be tried again, or in doubt")
    bad = "problem" if failed else "plain"
    yield Figure("Refused or came back", failed, bad, _of(failed, tried), usual("failed", failed, tried))
    yield Figure("Left out", sum(account.excluded.values()), "draft", "not sent, for the reasons below")
    if reading.clicks is not None:
        yield Figure("Clicks", reading.clicks.people, "plain", "by people, as far as can be told")
    bad = "problem" if account.complained else "plain"
    complained = account.complained
    yield Figure(
        "Marked as unwanted", complained, bad, _of(complained, got), usual("complained", complained, got)
    )
    yield Figure("Unsubscribed", left, "plain", _of(left, got), usual("left", left, got))


def _is_final(mailing: Mailing, now: datetime) -> bool:
    """Whether little more will come back, so that less than usual is less."""
    return mailing.finished_at is not None and now - mailing.finished_at > _COMES_BACK_WITHIN


def drawn(made: Mapping[str, Table], counts: Counts, zone: str) -> dict[str, str]:
    """The charts of the tables that have one, by the tables' keys."""
    charts = {key: _ranking(made[key], column) for key, column in _RANKED.items() if key in made}
    arrived = spread(counts.minutes, zone)
    if len(arrived.steps) > 1:
        charts["arrival"] = columns(arrived, made["arrival"].title, "chart-arrival")
    charts["failures"] = _failures(counts)
    return charts


# Tables whose rows are drawn in the order of a column.
_RANKED = {
    "providers": "readers",
    "troubles": "readers",
    "languages": "readers",
    "countries": "readers",
    "departures": "readers",
    "stories": "clicks",
    "click_languages": "clicks",
    "click_countries": "clicks",
}


def _ranking(table: Table, column: str) -> str:
    """Shares are of the last line: of all readers, also where one stands in several rows."""
    pairs = [
        (str(row[0]), count) for row, count in zip(table.rows, table.column(column), strict=True) if count
    ]
    whole = table.whole(column)
    # One row says as much as its chart.
    return ranked(pairs, whole, table.title, f"chart-{table.key}") if len(pairs) > 1 and whole else ""


def _failures(counts: Counts) -> str:
    """By class; each has a mark and a pattern of its own."""
    found = Counter[str]()
    for failure in counts.failures:
        found[failure.bounce_class] += failure.readers
    shown = [
        Bar(CLASSES[name][0], found[name], found[name] / found.total(), mark, fill)
        for name, mark, fill in _CLASS_MARKS
        if found[name]
    ]
    return bars(shown, "Refused and came back, by kind", "chart-failures") if shown else ""


_CLASS_MARKS: tuple[tuple[str, str, Fill], ...] = (
    ("hard", "✕", "dense"),
    ("soft", "◆", "dots"),
    ("block", "▲", "lines"),
    ("unknown", "?", "light"),
)


def _of(part: int, whole: int) -> str:
    return f"{percent(part / whole)} of {number(whole)}" if whole else "nobody was tried yet"
