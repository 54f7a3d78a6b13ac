"""An event as a calendar file: RFC 5545, one all-day event."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from mailer.rendering.records import Story, StoryText

# Of a content line (§3.1).
_LINE_OCTETS = 75


def ics(story: Story, text: StoryText, *, uid: str, stamp: datetime, product: str) -> bytes:
    """The file. `uid` is the same in every file about the event; `stamp` (aware): when it was written."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//{_text(product)}//Newsletter//EN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"DTSTAMP:{stamp.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART;VALUE=DATE:{story.date:%Y%m%d}",
        # The end is the first day that is not part of the event (§3.6.1).
        f"DTEND;VALUE=DATE:{story.date + timedelta(days=1):%Y%m%d}",
        f"SUMMARY;LANGUAGE={text.language}:{_text(text.headline)}",
        "TRANSP:TRANSPARENT",
    ]
    if text.summary:
        lines.append(f"DESCRIPTION;LANGUAGE={text.language}:{_text(text.summary)}")
    if story.link:
        lines.append(f"URL:{_without_controls(story.link)}")
    lines += ["END:VEVENT", "END:VCALENDAR"]
    return b"".join(piece + b"\r\n" for line in lines for piece in _folded(line))


def _text(value: str) -> str:
    """A value of type TEXT (§3.3.11)."""
    escaped = value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return _without_controls(escaped.replace("\r\n", "\n").replace("\n", "\\n"))


def _without_controls(value: str) -> str:
    return "".join(letter for letter in value if letter >= " " and letter != "\x7f")


def _folded(line: str) -> Iterator[bytes]:
    """Lines of at most 75 octets (§3.1), never cut within a letter."""
    piece = b""
    for letter in line:
        octets = letter.encode()
        if len(piece) + len(octets) > _LINE_OCTETS:
            yield piece
            piece = b" "
        piece += octets
    yield piece
