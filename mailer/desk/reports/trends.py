"""A newsletter edition by edition: small lines beside each other, what is usual in words, and the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.generic import TemplateView
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin

from mailer.desk.editions.edition_base import LOOKING
from mailer.desk.reports.report_tables import exhibit
from mailer.editions.models import Newsletter
from mailer.reports import trend
from mailer.reports.benchmark import compared
from mailer.reports.charts.lines import Point, trend_line
from mailer.reports.labels import number, percent


class Line(NamedTuple):
    title: str
    chart: SafeString
    # How the last edition compares with those before it; "" without enough of them.
    usual: str


class TrendPage(PermissionRequiredMixin, WagtailAdminTemplateMixin, TemplateView):
    """The latest editions that were sent."""

    raise_exception = True
    template_name = "desk/reports/trend.html"
    page_title = "Edition by edition"
    header_icon = "mail"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.newsletter = get_object_or_404(Newsletter, pk=kwargs["pk"])

    def has_permission(self) -> bool:
        return any(self.request.user.has_perm(permission) for permission in LOOKING)

    def get_page_subtitle(self) -> str:
        return str(self.newsletter)

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [
            *self.breadcrumbs_items,
            {"url": reverse("desk_newsletters:index"), "label": "Newsletters"},
            {"url": "", "label": self.get_page_title(), "sublabel": self.newsletter.name},
        ]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        sent = trend.editions_sent(self.newsletter, timezone.now())
        return super().get_context_data(
            newsletter=self.newsletter,
            sent=sent,
            # One point is no line.
            lines=list(lines(sent)) if len(sent) > 1 else [],
            shown=exhibit(trend.trend_table(sent), most=trend.SHOWN),
            **kwargs,
        )


def lines(sent: Sequence[trend.Sent]) -> Iterator[Line]:
    """A line for each measure, from the oldest edition to the newest; there is at least one."""
    oldest_first = sent[::-1]
    audience = [Point(one.period, one.account.audience) for one in oldest_first]
    yield Line("Readers", trend_line(audience, "Readers", "trend-readers", _whole), "")
    for key, label, part, whole in trend.SHARES:
        points = [Point(one.period, trend.share(part(one), whole(one))) for one in oldest_first]
        usual = compared(part(sent[0]), whole(sent[0]), trend.shares(sent[1:], key))
        yield Line(label, trend_line(points, label, f"trend-{key}", percent), usual)
    if any(one.clicks is not None for one in sent):
        clicks = [Point(one.period, one.clicks) for one in oldest_first]
        yield Line("Clicks", trend_line(clicks, "Clicks", "trend-clicks", _whole), "")


def _whole(value: float) -> str:
    return number(round(value))
