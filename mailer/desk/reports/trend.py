"""Comparison of a newsletter's editions: trend lines and a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.generic import TemplateView

from mailer.desk.base.page_classes import NewsletterPage, may_view_editions
from mailer.desk.reports.report import DisplayTable
from mailer.reports import trend
from mailer.reports.charts import Point, line_chart
from mailer.reports.labels import format_number, format_percent
from mailer.reports.trend import compare


class Line(NamedTuple):
    title: str
    chart: SafeString
    # How the last edition compares with those before it; "" if there are too few.
    comparison: str


class TrendPage(NewsletterPage, TemplateView):
    """Compares the latest editions that were sent."""

    template_name = "desk/reports/trend.html"
    page_title = "Compare editions"

    def has_permission(self) -> bool:
        return may_view_editions(self.request.user)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        sent = trend.sent_editions(self.object, timezone.now())
        return super().get_context_data(
            newsletter=self.object,
            sent=sent,
            # A line needs two points.
            lines=list(lines(sent)) if len(sent) > 1 else [],
            table=DisplayTable(trend.trend_table(sent), max_rows=trend.MAX_EDITIONS),
            **kwargs,
        )


def lines(sent: Sequence[trend.SentEdition]) -> Iterator[Line]:
    """A trend line for each figure, from the oldest edition to the newest. `sent` must not be empty."""
    oldest_first = sent[::-1]
    audience = [Point(one.period, one.totals.audience) for one in oldest_first]
    yield Line("Recipients", line_chart(audience, "Recipients", "trend-recipients", _whole), "")
    for key, label, part, whole in trend.RATES:
        points = [Point(one.period, trend.ratio(part(one), whole(one))) for one in oldest_first]
        comparison = compare(part(sent[0]), whole(sent[0]), trend.rates(sent[1:], key))
        yield Line(label, line_chart(points, label, f"trend-{key}", format_percent), comparison)
    if any(one.clicks is not None for one in sent):
        clicks = [Point(one.period, one.clicks) for one in oldest_first]
        yield Line("Clicks", line_chart(clicks, "Clicks", "trend-clicks", _whole), "")


def _whole(value: float) -> str:
    return format_number(round(value))
