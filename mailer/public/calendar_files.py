"""Events of editions as calendar files (iCalendar, RFC 5545)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mailer.rendering import sanitize
from mailer.rendering.data_types import Story, StoryText


def event_ics(story: Story, text: StoryText, *, uid: str, stamp: datetime, product: str) -> bytes:
    """The file. `uid` is the same in every file about the event; `stamp` (aware): when it was written."""
    # It takes 10 MB, which a process that serves no calendar file can spare.
    from icalendar import Calendar, Event

    event = Event()
    event.add("uid", uid)
    event.add("dtstamp", stamp.astimezone(UTC))
    if story.starts:
        zone = ZoneInfo(story.zone)
        event.add("dtstart", datetime.combine(story.date, time.fromisoformat(story.starts), zone))
        if story.ends:
            event.add("dtend", datetime.combine(story.date, time.fromisoformat(story.ends), zone))
    else:
        event.add("dtstart", story.date)
        # The end is the first day that is not part of the event (§3.6.1).
        event.add("dtend", story.date + timedelta(days=1))
        event.add("transp", "TRANSPARENT")
    spoken = {"language": text.language}
    for name, value in (("summary", text.headline), ("description", text.summary), ("location", text.venue)):
        if shown := _plain(value):
            event.add(name, shown, parameters=spoken)
    if link := sanitize.safe_link(story.link):
        event.add("url", link)
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", f"-//{_plain(product)}//Newsletter//EN")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    # With a VTIMEZONE for the zone of the times.
    calendar.add_missing_timezones(date(story.date.year, 1, 1), date(story.date.year + 2, 1, 1))
    written: bytes = calendar.to_ical()
    return written


def _plain(value: str) -> str:
    """A value without control characters but line feeds, which the library escapes."""
    lines = sanitize.without_unprintable(value).replace("\r\n", "\n").replace("\r", "\n")
    return lines.replace("\t", " ")
