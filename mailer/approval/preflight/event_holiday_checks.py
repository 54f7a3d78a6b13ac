"""Checks of events against the public holidays of their countries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mailer.approval.preflight.check_input import Description, place_of
from mailer.approval.preflight.date_checks import events_and_save_the_date_stories
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.rendering import localization
from subscribers.translate_stored_texts import stored

# Public holidays of a fixed date, by country: month and day.
_HOLIDAYS: Mapping[str, str] = {
    "KZ": "1-1 1-2 1-7 3-8 3-21 3-22 3-23 5-1 5-7 5-9 7-6 8-30 10-25 12-16",
    "KG": "1-1 1-7 2-23 3-8 3-21 5-1 5-5 5-9 8-31 11-7 11-8",
    "TJ": "1-1 3-8 3-21 3-22 3-23 3-24 5-9 6-27 9-9 11-6",
    "TM": "1-1 3-8 3-21 3-22 5-18 9-27 10-6 12-12",
    "UZ": "1-1 3-8 3-21 5-9 9-1 10-1 12-8",
}
_FESTIVE = re.compile(
    r"(?<!\w)(?:day|holiday|festival|celebrat\w+|nowruz|nauryz|navruz|день|дня|дню|праздн\w+|наурыз\w*"
    r"|навруз\w*|нооруз\w*"
    r"|күн(?:і|ү)\w*|мереке\w*|майрам\w*|рӯзи|ҷашн\w*|наврӯз\w*|kuni\w*|bayram\w*|navro.z\w*|güni\w*"
    r"|baýram\w*)(?!\w)",
    re.IGNORECASE,
)


def events_on_holiday(description: Description) -> Iterator[Found]:
    """Events on a public holiday of their country, unless they are for a day that is celebrated."""
    for story in events_and_save_the_date_stories(description):
        if story.kind != "event" or any(_FESTIVE.search(text.headline) for text in story.texts):
            continue
        day = f"{story.date.month}-{story.date.day}"
        names = [
            localization.country_name(code, "en")
            for code in story.countries
            if day in _HOLIDAYS.get(code, "").split()
        ]
        if names:
            yield Found(
                place_of(story),
                stored(
                    "Public holiday on %(date)s: %(countries)s",
                    date=story.date.isoformat(),
                    countries=", ".join(names),
                ),
            )
