"""The next dates of a newsletter, beside the form in which its schedule is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView
from wagtail.admin.panels import Panel

from mailer import staff_localization
from mailer.desk.base import localized_names_and_dates
from mailer.desk.base.form_widgets import parse_non_negative_int
from mailer.desk.base.page_base_classes import StaffPage
from mailer.desk.editions.newsletter_schedule_field import ScheduleInput, date_moved_note, schedule_text
from mailer.editions.assemble import now_or_demo_time
from mailer.editions.models import Newsletter
from mailer.editions.planned_dates import PlannedDate, next_planned
from mailer.editions.schedule_rules import InvalidSchedule, Schedule
from subscribers import iso_codes

_SHOWN = 5
# Days from assembly to sending from which on the two rules may be meant otherwise.
_LONG_WAIT = 15


@dataclass(frozen=True)
class DateRow:
    """One edition to come, as text."""

    period: str
    assembled: str
    assembly_note: str
    # Empty: it is the time of assembly.
    cutoff: str
    # Empty: a person decides.
    sent: str
    sending_note: str


def long_wait_days_before_sending(dates: Iterable[PlannedDate]) -> int:
    """The most days from assembly to sending; 0 for what is usual.

    A rule for sending whose day comes before that of the assembly leads to the month after it.
    """
    days = max(((one.send_at - one.assemble_at).days for one in dates if one.send_at), default=0)
    return days if days >= _LONG_WAIT else 0


def _next_dates(newsletter: Newsletter) -> list[PlannedDate]:
    return list(next_planned(newsletter, now_or_demo_time(timezone.now()), _SHOWN))


def _row(one: PlannedDate) -> DateRow:
    return DateRow(
        localized_names_and_dates.month_name(str(one.period)),
        localized_names_and_dates.format_local_moment_with_weekday(one.assemble_at),
        date_moved_note(one.assemble_moved_for),
        localized_names_and_dates.format_local_moment_with_weekday(one.cutoff_at)
        if one.cutoff_at != one.assemble_at
        else "",
        localized_names_and_dates.format_local_moment_with_weekday(one.send_at) if one.send_at else "",
        date_moved_note(one.send_moved_for),
    )


def _context(newsletter: Newsletter) -> dict[str, Any]:
    dates = _next_dates(newsletter)
    return {
        "rows": list(map(_row, dates)),
        "long_wait": long_wait_days_before_sending(dates),
        "assembly": schedule_text(newsletter.assemble_on, newsletter.zone),
        "sending": schedule_text(newsletter.send_on, newsletter.zone) if newsletter.send_on else "",
        "zone": staff_localization.zone_label(None, ZoneInfo(newsletter.zone)),
    }


def newsletter_with_schedule_from_form(data: Mapping[str, Any]) -> Newsletter | None:
    """A newsletter with the schedule that a form sent; None if a part of it is invalid."""
    zone = str(data.get("zone", ""))
    getlist = data.getlist if isinstance(data, QueryDict) else lambda name: data.get(name, [])
    lines = {name: ScheduleInput().value_from_datadict(data, {}, name) for name in ("assemble_on", "send_on")}
    try:
        for line in filter(None, lines.values()):
            Schedule.parse(line)
    except InvalidSchedule:
        return None
    if zone not in available_timezones():
        return None
    hours = parse_non_negative_int(str(data.get("cutoff_hours", "")))
    return Newsletter(
        **lines,
        zone=zone,
        countries=tuple(code for code in getlist("countries") if code in iso_codes.COUNTRIES),
        period_kind=_chosen(data, "period_kind", Newsletter.PeriodKind.values),
        period_offset=-1 if data.get("period_offset") == "-1" else 0,
        on_holidays=_chosen(data, "on_holidays", Newsletter.OnHolidays.values),
        cutoff_hours=min(hours or 0, 24 * 14),
    )


def _chosen(data: Mapping[str, Any], name: str, offered: list[str]) -> str:
    value = str(data.get(name, ""))
    return value if value in offered else offered[0]


class DatesPanel(Panel):
    """The dates of the saved schedule, a button that shows those of the form, and the place for them."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "desk/editions/dates_panel.html"

        def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
            context: dict[str, Any] = super().get_context_data(parent_context)
            shown = (
                newsletter_with_schedule_from_form(self.form.data) if self.form.is_bound else self.instance
            )
            return {**context, "dates": _context(shown) if shown is not None else None}


class ScheduleDatesPage(StaffPage, TemplateView):
    """POST only, and changes nothing: the next dates of the schedule that the form of a newsletter has.

    A script of the form asks for JSON with the HTML of the list.
    """

    permission_required = "mailer.change_newsletter"
    http_method_names = ["post"]
    template_name = "desk/editions/dates_page.html"
    page_title = gettext_lazy("Dates of the next editions")
    header_icon = "date"
    breadcrumbs_above = (("desk_newsletters:index", gettext_lazy("Newsletters")),)

    def has_permission(self) -> bool:
        may = self.request.user.has_perm
        return may("mailer.change_newsletter") or may("mailer.add_newsletter")

    def post(self, request: HttpRequest) -> HttpResponse:
        found = newsletter_with_schedule_from_form(request.POST)
        dates = _context(found) if found is not None else None
        if "application/json" in request.headers.get("Accept", ""):
            return JsonResponse({"html": render_to_string("desk/editions/dates.html", {"dates": dates})})
        return self.render_to_response(self.get_context_data(dates=dates))
