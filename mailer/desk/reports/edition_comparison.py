"""The page that compares editions of a newsletter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView

from mailer.desk.base.page_base_classes import NewsletterPage, may_view_editions
from mailer.desk.reports.mailing_report import DisplayTable
from mailer.reports import trend
from mailer.reports.charts import Point, line_chart
from mailer.reports.number_formats import format_number, format_percent
from mailer.reports.trend import compare_rate


class Line(NamedTuple):
    title: str
    chart: SafeString
    # How the last edition compares with those before it; "" if there are too few.
    comparison: str


class TrendPage(NewsletterPage, TemplateView):
    """Compares the latest editions that were sent."""

    template_name = "desk/reports/trend.html"
    page_title = _("Compare editions")

    def has_permission(self) -> bool:
        return may_view_editions(self.request.user)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        sent = trend.latest_sent_editions(self.object, timezone.now())
        return super().get_context_data(
            newsletter=self.object,
            sent=sent,
            # A line needs two points.
            lines=list(trend_lines(sent)) if len(sent) > 1 else [],
            table=DisplayTable(trend.trend_table(sent), max_rows=trend.MAX_EDITIONS),
            **kwargs,
        )


def trend_lines(sent: Sequence[trend.SentEdition]) -> Iterator[Line]:
    """A trend line for each figure, from the oldest edition to the newest. `sent` must not be empty."""
    oldest_first = sent[::-1]
    recipients = [Point(one.period, one.totals.recipients) for one in oldest_first]
    yield Line(
        gettext("Recipients"), line_chart(recipients, gettext("Recipients"), "trend-recipients", _whole), ""
    )
    for key, label, part, whole in trend.RATES:
        points = [Point(one.period, trend.ratio(part(one), whole(one))) for one in oldest_first]
        comparison = compare_rate(part(sent[0]), whole(sent[0]), trend.rates_of(sent[1:], key))
        yield Line(str(label), line_chart(points, str(label), f"trend-{key}", format_percent), comparison)
    if any(one.clicks is not None for one in sent):
        clicks = [Point(one.period, one.clicks) for one in oldest_first]
        yield Line(gettext("Clicks"), line_chart(clicks, gettext("Clicks"), "trend-clicks", _whole), "")


def _whole(value: float) -> str:
    return format_number(round(value))
