"""The report of a mailing: key figures, tables with charts, and the export."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.delivery.models import Mailing
from mailer.desk.base.page_base_classes import EditionPage
from mailer.desk.base.tables import sheet_response
from mailer.desk.sending import mailing_control
from mailer.desk.sending.progress import progress_context, stop_rule_actions
from mailer.reports import trend
from mailer.reports.charts import Bar, Style, bar_chart, column_chart, ranking_chart
from mailer.reports.collect_stats import stats_of
from mailer.reports.mailing_engagement import Engagement, click_tables, engagement_of
from mailer.reports.number_formats import format_number, format_percent
from mailer.reports.reason_labels_and_mailing_summary import (
    BOUNCE_CLASS_LABELS,
    mailing_summary,
    reason_label,
)
from mailer.reports.spreadsheet_export import long_format_sheet, table_sheet_without_totals
from mailer.reports.stats import Stats, build_timeline, latest_mailing
from mailer.reports.tables import Cell, Column, Table, report_tables
from mailer.reports.trend import compare_rate
from mailer.tracking.click_and_open_counts import HIDDEN_COUNT_LABEL

# Rows that a page shows of a table; a last row sums up the rest.
MAX_ROWS = 12


class DisplayCell(NamedTuple):
    """A formatted cell or heading."""

    text: str
    is_number: bool


@dataclass(frozen=True)
class DisplayTable:
    """A table as pages show it: without empty columns, with formatted cells, and with its chart."""

    source: Table
    # SVG; "" for none.
    chart: str = ""
    max_rows: int = MAX_ROWS

    @property
    def is_wide(self) -> bool:
        """Whether the table needs more width than its chart."""
        return len(self._kept) > 4

    @property
    def columns(self) -> tuple[DisplayCell, ...]:
        """The headings."""
        return tuple(_heading(self.source.columns[index]) for index in self._kept)

    @property
    def rows(self) -> tuple[tuple[DisplayCell, ...], ...]:
        """At most `max_rows` rows; the last one sums up the rest."""
        rows = self.source.rows
        if len(rows) > self.max_rows:
            kept, rest = rows[: self.max_rows - 1], rows[self.max_rows - 1 :]
            rows = (*kept, _sum_rows(rest, self.source.columns))
        return tuple(map(self._formatted, rows))

    @property
    def total(self) -> tuple[DisplayCell, ...] | None:
        """The total row; None for a table of one row, which would repeat it."""
        return self._formatted(self.source.total) if self.source.total and len(self.source.rows) > 1 else None

    @cached_property
    def _kept(self) -> tuple[int, ...]:
        """Indexes of the columns that are shown."""
        columns = enumerate(self.source.columns)
        return tuple(index for index, column in columns if _has_values(self.source, index, column))

    def _formatted(self, row: Sequence[Cell]) -> tuple[DisplayCell, ...]:
        return tuple(_format(row[index], self.source.columns[index]) for index in self._kept)


def _has_values(table: Table, index: int, column: Column) -> bool:
    """Whether the column has a value; columns that are always of interest count as having one."""
    if column.kind != "count" or column.key in ("recipients", "clicks", "accepted"):
        return True
    return any(row[index] for row in table.rows)


def _heading(column: Column) -> DisplayCell:
    return DisplayCell(str(column.label), column.kind != "text")


def _format(cell: Cell, column: Column) -> DisplayCell:
    if cell is None:
        return DisplayCell(str(HIDDEN_COUNT_LABEL) if column.kind == "count" else "", column.kind != "text")
    if isinstance(cell, str):
        return DisplayCell(cell, is_number=False)
    text = format_percent(cell) if column.kind == "share" else format_number(int(cell))
    return DisplayCell(text, is_number=True)


def _sum_rows(rows: Sequence[Sequence[Cell]], columns: Sequence[Column]) -> tuple[Cell, ...]:
    """A row "12 others" with the sums of the numeric columns."""

    def cell(index: int, column: Column) -> Any:
        cells = [row[index] for row in rows]
        if column.kind == "text":
            return None
        return None if None in cells else sum(cells)

    rest = [cell(index, column) for index, column in enumerate(columns)]
    return (gettext("Sum of the other rows (%(rest)s)") % {"rest": format_number(len(rows))}, *rest[1:])


_FINAL_AFTER = timedelta(days=3)


@dataclass(frozen=True)
class Figure:
    """A key figure."""

    label: str
    # None: hidden, because it is too small to be anonymous.
    count: int | None
    # A tone of desk/state.html; "plain" for none.
    tone: str
    description: str
    # Comparison with the newsletter's last editions; "" if there are too few.
    comparison: str = ""


class ReportPage(EditionPage):
    """The summary and key figures, then tables with charts."""

    page_title = _("Report")
    template_name = "desk/reports/report.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        mailing: Mailing | None = context["overview"].mailing
        if mailing is None:
            return {**context, "mailing": None}
        may_control = self.request.user.has_perm("mailer.schedule_edition")
        return {
            **context,
            **report_context(mailing, context["now"]),
            "actions": mailing_control.available_actions(mailing) if may_control else (),
        }


def report_context(mailing: Mailing, now: datetime) -> dict[str, Any]:
    """The template context of a mailing's report."""
    newsletter = mailing.edition.newsletter
    counts, engagement = stats_of(mailing, now), engagement_of(mailing)
    made = {**report_tables(counts, newsletter.zone), **click_tables(engagement)}
    charts = draw_charts(made, counts, newsletter.zone)
    earlier = trend.latest_sent_editions(newsletter, now, before=mailing)
    return {
        **progress_context(mailing, counts, now),
        "interventions": stop_rule_actions(mailing),
        "summary": mailing_summary(counts, engagement.summary),
        "figures": list(key_figures(counts, engagement, earlier, final=_is_final(mailing, now))),
        "engagement": engagement,
        "unsubscribed": sum(counts.unsubscribes.values()),
        "reasons_given": any(counts.unsubscribes),
        "tables": {
            # The timeline keeps all its rows.
            key: DisplayTable(table, charts.get(key, ""), len(table.rows) if key == "timeline" else MAX_ROWS)
            for key, table in made.items()
        },
        "reasons": [(why, reason_label(why), count) for why, count in counts.not_delivered.items()],
    }


def key_figures(
    counts: Stats, engagement: Engagement, earlier: Sequence[trend.SentEdition], *, final: bool
) -> Iterator[Figure]:
    """The key figures. Failures and complaints are marked as problems only if there are any."""
    account, unsubscribed = counts.totals, sum(counts.unsubscribes.values())
    failed, attempted, accepted = (
        trend.failed_count(account),
        trend.accepted_or_refused_count(account),
        account.accepted,
    )

    def comparison(key: str, part: int, whole: int) -> str:
        return compare_rate(part, whole, trend.rates_of(earlier, key), final=final)

    yield Figure(
        gettext("Delivered"),
        accepted - account.bounced,
        "done",
        ngettext("of %(count)s recipient", "of %(count)s recipients", account.recipients)
        % {"count": format_number(account.recipients)},
    )
    if account.pending:
        yield Figure(
            gettext("Pending"),
            account.pending,
            "busy",
            gettext("not sent yet, to be retried, or result in doubt"),
        )
    bad = "problem" if failed else "plain"
    yield Figure(
        gettext("Refused or bounced"),
        failed,
        bad,
        _of(failed, attempted),
        comparison("failed", failed, attempted),
    )
    yield Figure(
        gettext("Excluded"),
        sum(account.excluded.values()),
        "draft",
        gettext("not sent to these subscribers; reasons below"),
    )
    if engagement.clicks is not None:
        yield Figure(
            gettext("Clicks"),
            engagement.clicks.human_count,
            "plain",
            gettext("clicks by bots are not counted"),
        )
    bad = "problem" if account.complained else "plain"
    complained = account.complained
    yield Figure(
        gettext("Complaints"),
        complained,
        bad,
        _of(complained, accepted),
        comparison("complained", complained, accepted),
    )
    yield Figure(
        gettext("Unsubscribed"),
        unsubscribed,
        "plain",
        _of(unsubscribed, accepted),
        comparison("unsubscribed", unsubscribed, accepted),
    )


def _is_final(mailing: Mailing, now: datetime) -> bool:
    """Whether few more bounces are expected, so that a low figure can be called low."""
    return mailing.finished_at is not None and now - mailing.finished_at > _FINAL_AFTER


def draw_charts(made: Mapping[str, Table], counts: Stats, zone: str) -> dict[str, str]:
    """Charts by the keys of their tables."""
    charts = {key: _ranking(made[key], column) for key, column in _RANKED.items() if key in made}
    timeline = build_timeline(counts.accepted_by_minute, zone)
    if len(timeline.intervals) > 1:
        charts["timeline"] = column_chart(timeline, made["timeline"].title, "chart-timeline")
    charts["failures"] = _failures(counts)
    return charts


# Tables with a bar chart of this column.
_RANKED = {
    "providers": "recipients",
    "provider_failures": "recipients",
    "languages": "recipients",
    "countries": "recipients",
    "unsubscribe_reasons": "recipients",
    "stories": "clicks",
    "click_languages": "clicks",
    "click_countries": "clicks",
}


def _ranking(table: Table, column: str) -> str:
    """Shares are of the table's total row, because a recipient may count in several rows."""
    pairs = [
        (str(row[0]), count) for row, count in zip(table.rows, table.column(column), strict=True) if count
    ]
    whole = table.total_of(column)
    # A chart of one row adds nothing.
    return ranking_chart(pairs, whole, table.title, f"chart-{table.key}") if len(pairs) > 1 and whole else ""


def _failures(counts: Stats) -> str:
    """A bar chart of failures by class, each with its own mark and pattern."""
    found = Counter[str]()
    for failure in counts.failures:
        found[failure.bounce_class] += failure.recipients
    shown = [
        Bar(str(BOUNCE_CLASS_LABELS[name][0]), found[name], found[name] / found.total(), style)
        for name, style in _CLASS_STYLES.items()
        if found[name]
    ]
    return bar_chart(shown, gettext("Refused and bounced emails, by kind"), "chart-failures") if shown else ""


_CLASS_STYLES = {
    "hard": Style("✕", "dense"),
    "soft": Style("◆", "dots"),
    "block": Style("▲", "lines"),
    "unknown": Style("?", "light"),
}


def _of(part: int, whole: int) -> str:
    return (
        gettext("%(share)s of %(whole)s emails")
        % {"share": format_percent(part / whole), "whole": format_number(whole)}
        if whole
        else gettext("no delivery attempted yet")
    )


class ReportDownload(EditionPage):
    """POST only: the report's tables. They contain no addresses."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        mailing = latest_mailing(self.edition)
        if mailing is None:
            messages.error(
                request, gettext("This edition was not sent yet, so there is no report to export.")
            )
            return self.redirect_to("report")
        counts = stats_of(mailing, timezone.now())
        made = {
            **report_tables(counts, self.edition.newsletter.zone),
            **click_tables(engagement_of(mailing)),
        }
        kind, key = request.POST.get("as", "csv"), request.POST.get("table", "")
        log(instance=self.edition, action="desk.export_report", user=request.user)
        if key in made:
            name = f"{self.edition.slug}-{key.replace('_', '-')}"
            return sheet_response([table_sheet_without_totals(made[key])], name, kind)
        whole = (
            [table_sheet_without_totals(table) for table in made.values()]
            if kind == "xlsx"
            else [long_format_sheet(made.values())]
        )
        return sheet_response(whole, f"{self.edition.slug}-report", kind)
