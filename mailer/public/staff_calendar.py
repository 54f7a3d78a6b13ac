"""`/calendar/<token>.ics`: the calendar of all newsletters for a member of staff (iCalendar, RFC 5545)."""

from __future__ import annotations

from datetime import date, timedelta

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from mailer.editions.assemble import now_or_demo_time
from mailer.reports.edition_calendar import KINDS, calendar_events
from mailer.reports.models import CalendarAddress
from mailer.staff_localization import in_language_of
from subscribers import tokens

# Any of these permissions shows editions in the desk.
_PERMISSIONS = ("view", "change", "submit", "approve", "schedule")
_BACK, _AHEAD = timedelta(days=62), timedelta(days=186)


@require_safe
def calendar_feed(request: HttpRequest, token: str) -> HttpResponse:
    """The feed of the member of staff whose address has the token; 404 once it is revoked."""
    try:
        number = tokens.decrypt_id("staff_calendar", token)
    except tokens.InvalidToken as error:
        raise Http404 from error
    found = CalendarAddress.objects.filter(pk=number, user__is_active=True).select_related("user").first()
    if found is None or not any(found.user.has_perm(f"mailer.{one}_edition") for one in _PERMISSIONS):
        raise Http404
    with in_language_of(found.user):
        answer = HttpResponse(_calendar(), content_type="text/calendar; charset=utf-8")
    answer["Cache-Control"] = "private, no-store"
    return answer


def _calendar() -> bytes:
    """The events of the last two and the next six months; no addresses of persons are in it."""
    # It takes 10 MB, which a process that serves no calendar file can spare.
    from icalendar import Calendar, Event

    now = now_or_demo_time(timezone.now())
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//Newsletter//Calendar of editions//EN")
    calendar.add("x-wr-calname", settings.CONFIG.site.name)
    for one in calendar_events(now - _BACK, now + _AHEAD, now):
        event = Event()
        event.add("uid", f"{one.key}@{settings.CONFIG.site.url.partition('://')[2]}")
        event.add("dtstamp", now)
        event.add("dtstart", one.at)
        event.add("duration", timedelta(minutes=15))
        event.add("transp", "TRANSPARENT")
        event.add("summary", f"{KINDS[one.kind]}: {one.newsletter.name}, {one.title}")
        calendar.add_component(event)
    calendar.add_missing_timezones(date(now.year - 1, 1, 1), date(now.year + 2, 1, 1))
    written: bytes = calendar.to_ical()
    return written
