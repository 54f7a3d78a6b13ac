"""The calendar of all newsletters by month, and the private address of its iCalendar feed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages

from mailer.desk.base import localized_names_and_dates
from mailer.desk.base.edition_workflow import state_tone_and_label
from mailer.desk.base.page_base_classes import StaffPage, current_user, may_view_editions
from mailer.editions.assemble import now_or_demo_time
from mailer.editions.models import EditionPlan
from mailer.rendering.edition_period import Kind, Period
from mailer.reports.edition_calendar import KINDS, CalendarEvent, calendar_events
from mailer.reports.models import CalendarAddress
from subscribers import tokens


@dataclass(frozen=True)
class EventLine:
    """One event, as text."""

    time: str
    what: str
    edition: str
    # Empty: it does not exist yet.
    url: str
    tone: str
    # What became of it; empty: it is to come.
    outcome: str


class EditionCalendarPage(StaffPage, TemplateView):
    """The events of a month, `?month=2021-12` (GET); creates or revokes one's own feed address (POST)."""

    permission_required = "wagtailadmin.access_admin"
    page_title = _("Calendar")
    header_icon = "date"
    template_name = "desk/reports/edition_calendar.html"

    def has_permission(self) -> bool:
        return may_view_editions(self.request.user)

    def post(self, request: HttpRequest) -> HttpResponse:
        user = current_user(request)
        with transaction.atomic():
            CalendarAddress.objects.filter(user=user).delete()
            if request.POST.get("action") == "create":
                CalendarAddress.objects.create(user=user, created_at=timezone.now())
                messages.success(
                    request, gettext("Your calendar address is created. An earlier address no longer works.")
                )
            else:
                messages.success(request, gettext("Your calendar address is revoked: it no longer works."))
        return redirect("desk_calendar")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        now = now_or_demo_time(timezone.now())
        zone = ZoneInfo(settings.CONFIG.site.timezone)
        month = _month(self.request.GET.get("month", ""), Period.at(now, zone.key))
        start, end = (datetime.combine(day, time(), zone) for day in (month.first_day, month.end))
        days = groupby(calendar_events(start, end, now), key=lambda one: one.at.date())
        address = CalendarAddress.objects.filter(user=current_user(self.request)).first()
        return super().get_context_data(
            days=[
                (localized_names_and_dates.format_day_with_weekday(day), [_line(one) for one in found])
                for day, found in days
            ],
            month=localized_names_and_dates.month_name(str(month)),
            neighbours=[
                (str(one), localized_names_and_dates.month_name(str(one)))
                for one in (month.previous, month.next)
            ],
            address=feed_address(address) if address else "",
            **kwargs,
        )


def feed_address(address: CalendarAddress) -> str:
    """The URL of the feed, which is a secret."""
    token = tokens.encrypt_id_for_url("staff_calendar", address.pk)
    return f"{settings.CONFIG.site.url}{reverse('staff-calendar', args=[token])}"


def _month(text: str, present: Period) -> Period:
    try:
        found = Period.parse(text)
    except ValueError:
        return present
    return found if found.kind is Kind.MONTH and 1990 < found.first_day.year < 2200 else present


def _line(event: CalendarEvent) -> EventLine:
    url = reverse("desk_edition:variants", args=[event.edition.pk]) if event.edition else ""
    tone, outcome = _outcome(event)
    return EventLine(
        f"{event.at:%H:%M}",
        str(KINDS[event.kind]),
        gettext("%(newsletter)s, edition of %(period)s")
        % {"newsletter": event.newsletter.name, "period": event.title},
        url,
        tone,
        outcome,
    )


def _outcome(event: CalendarEvent) -> tuple[str, str]:
    """The tone and the label of what became of it."""
    if not event.outcome:
        return "draft", ""
    if event.outcome == "unapproved":
        return "problem", gettext("Not sent: not approved in time")
    if event.outcome == "unscheduled":
        return "problem", gettext("Not sent: not scheduled in time")
    if event.kind == "assembly":
        state = EditionPlan.State(event.outcome)
        return ("done" if state is EditionPlan.State.ASSEMBLED else "waiting"), str(state.label)
    return state_tone_and_label(event.outcome)
