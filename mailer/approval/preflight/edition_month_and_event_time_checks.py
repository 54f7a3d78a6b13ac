"""Checks of texts against what the edition knows: its number and month, and the times of its events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from mailer.approval.preflight.check_input import Description, Text
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.rendering import localization
from mailer.rendering.edition_period import Kind, Period

# The words for one number of a newsletter, with their endings.
_EDITIONS = {
    "en": r"(?:edition|issue|newsletter|digest|bulletin)",
    "ru": r"(?:(?:выпуск|дайджест)(?:а|е|у|ом|ов)?|бюллетен(?:ь|я|е|ю|ем))",
    "kk": r"(?:шығарылым(?:ы|да|ында|ының)?|хабаршы|дайджест)",
    "ky": r"(?:чыгарылыш(?:ы|та|ында|тын)?|дайджест)",
    "tg": r"(?:шумора(?:и|ҳо)?|нашри|дайджест)",
    "uz": r"(?:son(?:i|ida|imiz)?|dayjest)",
    "tk": r"(?:san(?:y|ynda|ymyz)?|goýberiliş(?:i|inde)?)",
}
# "News of November 2021".
_NEWS = re.compile(
    r"\b(?:news\s+(?:of|for|from|in)|новости\b.*\bза|жаңалықтары|жаңылыктары|хабарҳои|yangiliklari|habarlary)\b",
    re.IGNORECASE,
)
_ORDINAL = r"\s*-?\s*(?:й|ый|ші|шы|чи|чы|чу|чү|ум|юм|умин|nji|njy|th|st|nd|rd)?\s*-?\s*"
_TIME = re.compile(
    r"(?<![\d:.])(?P<hour>[01]?\d|2[0-3])(?::(?P<minute>[0-5]\d))?(?!:?\d)(?:\s?(?P<half>[ap]\.?m\b))?",
    re.IGNORECASE,
)
_INBOX = frozenset(("subject", "preheader"))
# Shorter names are other words, too: "may".
_LEAST_NAME = 4


def wrong_number_or_month_in_subject(description: Description) -> Iterator[Found]:
    """Subjects and preview texts that name another edition: "No. 11" in the twelfth, "November edition"."""
    period = Period.parse(description.content.period)
    for text in _inbox_texts(description):
        language = text.language.partition("-")[0]
        for found in _numbered(language).finditer(text.plain):
            number = int(found["alone"] or found["after"] or found["before"])
            # "Edition 2021" names a year.
            if number not in (description.content.number, period.first_day.year):
                yield Found(text.place, found[0].strip())
        if period.kind is Kind.MONTH and (
            edition_word(language).search(text.plain) or _NEWS.search(text.plain)
        ):
            months = months_in(text.plain, language)
            if months and period.first_day.month not in months:
                yield Found(text.place, " / ".join(months.values()))


def wrong_event_time(description: Description) -> Iterator[Found]:
    """Texts of an event that name times, and none of them the event's."""
    events = {one.key: {one.starts, one.ends} - {""} for one in description.shown_stories if one.starts}
    for text in description.texts:
        if text.field in ("headline", "summary", "body") and text.place.kind == "story":
            own, named = events.get(text.place.key, set()), times_in(text.plain)
            if own and named and not own & set(named):
                yield Found(text.place, " / ".join(named.values()))


def times_in(plain: str) -> dict[str, str]:
    """The times of day that a text names, as it writes them, by "18:30"."""
    found = {}
    for one in _TIME.finditer(plain):
        half = (one["half"] or "").lower().replace(".", "")
        if half or one["minute"]:
            hour = int(one["hour"]) % 12 + 12 * (half == "pm") if half else int(one["hour"])
            found[f"{hour:02}:{one['minute'] or '00'}"] = one[0]
    return found


def _inbox_texts(description: Description) -> Iterator[Text]:
    return (text for text in description.texts if text.field in _INBOX)


@cache
def edition_word(language: str) -> re.Pattern[str]:
    """The word for one number of a newsletter."""
    return re.compile(rf"\b{_EDITIONS.get(language, _EDITIONS['en'])}\b", re.IGNORECASE)


def edition_number_in(plain: str, language: str) -> int | None:
    """The number behind the word and a sign for numbers: "issue no. 11"."""
    word = _EDITIONS.get(language, _EDITIONS["en"])
    found = re.search(rf"\b{word}\s*(?:№|no\.|#)\s*(?P<number>\d{{1,4}})\b", plain, re.IGNORECASE)
    return int(found["number"]) if found else None


@cache
def _numbered(language: str) -> re.Pattern[str]:
    """A number beside the word, or alone at the beginning: "№ 11: …"; elsewhere it may be a school's."""
    word = _EDITIONS.get(language, _EDITIONS["en"])
    return re.compile(
        r"^\W*(?:№|no\.|#)\s*(?P<alone>\d{1,4})(?=\s*(?:[:.|—–-]|$))"
        rf"|\b{word}\s*(?:№|no\.?|number|#)?\s*(?P<after>\d{{1,4}})\b(?!\s*%|[.,:]\d)"
        rf"|\b(?P<before>\d{{1,4}}){_ORDINAL}{word}\b",
        re.IGNORECASE,
    )


def months_in(plain: str, language: str) -> dict[int, str]:
    """The months that a text names, as it writes them, by number: "ноябрьский" is November."""
    found = {}
    for number, stem in _month_stems(language).items():
        if written := re.search(rf"\b{stem}\w*", plain, re.IGNORECASE):
            found[number] = written[0]
    return found


@cache
def _month_stems(language: str) -> dict[int, str]:
    names = localization.babel_locale(language).months["stand-alone"]["wide"]
    return {
        number: re.escape(str(name)[:-1] if str(name)[-1] in "ьй" else str(name))
        for number, name in names.items()
        if len(str(name)) >= _LEAST_NAME
    }
