"""Checks of what belongs to another time: greetings, numbers of editions, events on public holidays."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mailer.approval.preflight.contradiction_checks import edition_number_in, edition_word, months_in
from mailer.approval.preflight.date_checks import dated_stories
from mailer.approval.preflight.edition_facts import Description, excerpt, place_of, split_sentences
from mailer.approval.preflight.findings import Found
from mailer.rendering import localization
from mailer.rendering.edition_period import Kind, Period
from subscribers.translate_stored_texts import stored

# Greetings, and the months in which they are sent.
_GREETINGS: tuple[tuple[re.Pattern[str], tuple[int, ...]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.VERBOSE), months)
    for pattern, months in (
        (
            r"""\bhappy\s+new\s+year\b | \bс\s+(?:наступ\w+\s+)?новым\s+(?:\d{4}\s+)?годом\b
            | жаңа\s+жыл\w*\s+(?:\w+\s+)?құтты | жаңы\s+жыл\w*\s+(?:менен|куттуу) | соли\s+нав\w*\s+муборак
            | yangi\s+yil\w*\s+(?:bilan|muborak|qutlug) | täze\s+ýyl\w*\s+(?:bilen|gutly)
            | \bmerry\s+christmas\b | \bс\s+рождеством\b""",
            (12, 1),
        ),
        (
            r"""\b(?:happy|joyful|blessed)\s+(?:na[uv]r[uoy]+z|nowruz|navruz|nooruz)
            | \b(?:na[uv]r[uo]z|nowruz|navruz|nauryz|nooruz)\s+(?:greetings|mubarak)
            | \bс\s+(?:праздником\s+)?(?:наурызом|наврузом|нооруз(?:ом)?|новрузом)
            | наурыз\w*\s+(?:мереке\w*\s+)?құтты | нооруз\w*\s+(?:майрам\w*\s+)?(?:менен|кут)
            | наврӯз\w*\s+(?:\w+\s+)?муборак | navro.z\w*\s+(?:\w+\s+)?(?:bilan|muborak|qutlug)
            | nowruz\w*\s+(?:baýram\w*\s+)?(?:bilen|gutly|mübärek)""",
            (3, 4),
        ),
        (
            r"""\bhappy\s+(?:international\s+)?women.s\s+day\b
            | \bс\s+8\s+марта\b(?!\s+(?:по|до|\d))
            | \bс\s+(?:международным\s+)?женским\s+дн[её]м
            | 8\s+наурыз\w*\s+(?:\w+\s+)?құтты | 8-март\w*\s+(?:\w+\s+)?(?:менен|кут)
              | 8\s+март\w*\s+муборак
            | 8-mart\w*\s+(?:\w+\s+)?(?:bilan|muborak) | 8-nji\s+mart\w*\s+(?:\w+\s+)?(?:bilen|gutly)""",
            (2, 3),
        ),
    )
)
# "This edition", "welcome to the November edition".
_THIS = re.compile(
    r"(?<!\w)(?:this|welcome|you\s+are\s+reading|here\s+is|этот|этом|этого|данн\w+|добро\s+пожаловать"
    r"|перед\s+вами"
    r"|представляем|вы\s+читаете|осы|бұл|бул|ушул|ин|мазкур|bu|ushbu|mazkur|şu|bu)(?!\w)",
    re.IGNORECASE,
)
_ANOTHER = re.compile(
    r"(?<!\w)(?:last|previous|earlier|next|coming|прошл|предыдущ|прежн|следующ|өткен|алдыңғы|келесі"
    r"|мурунку|кийинки"
    r"|гузашта|пешина|оянда|oldingi|o.tgan|keyingi|öňki|geçen|indiki)",
    re.IGNORECASE,
)
_NUMBER_SIGN = re.compile(r"\bno\.\s+(?=\d)", re.IGNORECASE)
_OF_THE_EDITION = frozenset(("text", "note", "heading", "tagline", "headline", "summary"))
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


def other_season(description: Description) -> Iterator[Found]:
    """Greetings of another time of the year: "Happy New Year" in May."""
    period = Period.parse(description.content.period)
    now = {period.first_day.month, description.as_of.month}
    patterns = [pattern for pattern, months in _GREETINGS if not now & set(months)]
    for text in description.texts if period.kind is Kind.MONTH else ():
        if found := next(filter(None, (one.search(text.plain) for one in patterns)), None):
            yield Found(text.place, excerpt(found[0]))


def other_edition(description: Description) -> Iterator[Found]:
    """Texts that say that they are of another number or month: "This is issue no. 11" in the twelfth."""
    period = Period.parse(description.content.period)
    for text in description.texts:
        if text.field not in _OF_THE_EDITION or not text.language:
            continue
        language = text.language.partition("-")[0]
        # "No. 11" ends no sentence.
        for sentence in split_sentences(_NUMBER_SIGN.sub("№ ", text.plain)):
            if _ANOTHER.search(sentence) or not edition_word(language).search(sentence):
                continue
            number = edition_number_in(sentence, language)
            if number and text.field != "summary" and number != description.content.number:
                yield Found(text.place, excerpt(sentence))
                continue
            months = months_in(sentence, language) if _THIS.search(sentence) else {}
            is_other = months and not {period.first_day.month, description.as_of.month} & set(months)
            if is_other and period.kind is Kind.MONTH and not re.search(r"\d", sentence):
                yield Found(text.place, excerpt(sentence))


def on_holiday(description: Description) -> Iterator[Found]:
    """Events on a public holiday of their country, unless they are for a day that is celebrated."""
    for story in dated_stories(description):
        if story.kind != "event" or any(_FESTIVE.search(text.headline) for text in story.texts):
            continue
        day = f"{story.date.month}-{story.date.day}"
        names = [
            localization.country(code, "en")
            for code in story.countries
            if day in _HOLIDAYS.get(code, "").split()
        ]
        if names:
            yield Found(
                place_of(story),
                stored("%(date)s: %(countries)s", date=story.date.isoformat(), countries=", ".join(names)),
            )
