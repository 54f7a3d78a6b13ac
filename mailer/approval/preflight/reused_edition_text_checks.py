"""Checks of text that was reused from another edition: its number, its month, greetings of another season."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.approval.preflight.check_input import Description, excerpt, split_sentences
from mailer.approval.preflight.edition_month_and_event_time_checks import (
    edition_number_in,
    edition_word,
    months_in,
)
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.rendering.edition_period import Kind, Period

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


def greeting_of_other_season(description: Description) -> Iterator[Found]:
    """Greetings of another time of the year: "Happy New Year" in May."""
    period = Period.parse(description.content.period)
    now = {period.first_day.month, description.as_of.month}
    patterns = [pattern for pattern, months in _GREETINGS if not now & set(months)]
    for text in description.texts if period.kind is Kind.MONTH else ():
        if found := next(filter(None, (one.search(text.plain) for one in patterns)), None):
            yield Found(text.place, excerpt(found[0]))


def other_edition_named(description: Description) -> Iterator[Found]:
    """Texts that say that they are of another number or month: "This is issue no. 11" in the twelfth."""
    period = Period.parse(description.content.period)
    for text in description.texts:
        if text.field not in _OF_THE_EDITION or not text.language:
            continue
        language = text.language.partition("-")[0]
        # "No. 11" ends no sentence.
        for sentence in split_sentences(_NUMBER_SIGN.sub("№ ", text.plain)):
            if not edition_word(language).search(sentence) or _ANOTHER.search(sentence):
                continue
            number = edition_number_in(sentence, language)
            if number and text.field != "summary" and number != description.content.number:
                yield Found(text.place, excerpt(sentence))
                continue
            months = months_in(sentence, language) if _THIS.search(sentence) else {}
            is_other = months and not {period.first_day.month, description.as_of.month} & set(months)
            if is_other and period.kind is Kind.MONTH and not re.search(r"\d", sentence):
                yield Found(text.place, excerpt(sentence))
