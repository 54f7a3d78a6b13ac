from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.public.calendar import ics
from mailer.rendering.records import Story, StoryText

pytestmark = pytest.mark.both_databases

letters = st.text(st.characters(exclude_categories=("Cs",)), max_size=200)


@given(letters, letters)
def test_no_text_breaks_the_file_or_adds_a_line(headline: str, summary: str) -> None:
    text = StoryText("ru", headline, summary)
    story = Story("ayka", "event", date(2021, 12, 18), ("KZ",), (text,))
    raw = ics(story, text, uid="ayka@example.org", stamp=datetime(2021, 12, 3, tzinfo=UTC), product="Office")
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    lines = raw.replace(b"\r\n ", b"").decode().removesuffix("\r\n").split("\r\n")
    names = [line.partition(":")[0].partition(";")[0] for line in lines]
    description = ["DESCRIPTION"] if summary else []
    assert names == [
        *("BEGIN", "VERSION", "PRODID", "METHOD", "BEGIN", "UID", "DTSTAMP", "DTSTART", "DTEND"),
        *("SUMMARY", "TRANSP", *description, "END", "END"),
    ]
    assert not any(ord(letter) < 32 for line in lines for letter in line)
