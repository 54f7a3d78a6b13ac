"""Suggests the kind of a story, and of an event its day, time and place, from what a source published."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache, lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from mailer.rendering import sanitize
from subscribers.iso_codes import locale_of

Reason = Literal["stated", "category", "headline", "date", "none"]
KINDS = ("event", "publication", "notice", "news")
_LANGUAGES = ("en", "ru", "kk", "ky", "tg", "uz", "tk")


@dataclass(frozen=True)
class KindSuggestion:
    kind: str
    reason: Reason
    # The word that decided, as written; or "".
    word: str = ""
    # Of an event, in the office's zone.
    day: date | None = None
    starts: time | None = None
    ends: time | None = None
    place: str = ""


def _stems(text: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(text.split()) + r")\w*", re.IGNORECASE)


# Beginnings of words that name the kind, in seven languages; of words that begin others too, the whole word.
_SIGNS = {
    "event": _stems(
        r"events?\b conferences?\b festivals?\b exhibitions?\b concerts?\b seminars?\b webinars?\b "
        r"workshops?\b forums?\b lectures?\b screenings?\b meetups?\b мероприят конференц фестивал выставк "
        "концерт(?!мейстер) семинар вебинар мастер-класс форум(?!чан) лекци показ(?:а|ы|е|ом|у|ов)?\\b "
        "ярмарк іс-шара көрме дәріс көрсетілім иш-чара көргөзмө лекция чорабин намоиш консерт фестивали "
        "tadbir anjuman ko.rgazma festival konsert seminar çäre sergi maslahat konferensi"
    ),
    "publication": _stems(
        r"publications?\b reports?\b stud(?:y|ies)\b handbooks?\b guidebooks?\b brochures?\b catalogues?\b "
        r"textbooks?\b публикаци доклад(?!чи|ыв) отч[её]т(?!лив) исследовани сборник брошюр каталог учебник "
        "пособи справочник басылым баяндама зерттеу жинақ кітапша басылма изилдөө жыйнак гузориш гузоришҳо "
        "нашрия китобча nashr hisobot tadqiqot qo.llanma neşir hasabat gollanma kitapça"
    ),
    "notice": _stems(
        r"notices?\b vacanc(?:y|ies)\b tenders?\b grants?\b calls?\b(?=.for\b|:|$) open.call "
        r"announcements?\b deadlines?\b scholarships?\b объявлени ваканси тендер конкурс грант(?!оед) "
        "стипенди хабарландыру бос.жұмыс байқау шәкіртақы "
        "кулактандыруу жарыя сынак эълон озмун e.lon tanlov vakansiya bildiriş"
    ),
}
# A date in the future with one of these is an event: "will take place", "register".
_WILL_BE = _stems(
    "will.be.held takes.place will.take.place register registration join.us invites? "
    "состоится состоятся пройд[её]т пройдут приглаша регистрац зарегистрир өтеді өткізіледі шақыра тіркел "
    "өтөт чакыр катталуу баргузор.мешавад даъват bo.lib.o.tadi o.tkaziladi taklif geçiriler çagyr"
)
_PLACE = re.compile(
    r"(?:^|[\s.;·|])(?:venue|place|location|where|место(?: проведения)?|адрес|орны|өтетін орны"
    r"|өтө турган жери|орду|ҷой|макон|joyi|manzil|ýeri)\s*[:–—]\s*([^\n.;|]{3,120})",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(?<![\d.,:])([01]?\d|2[0-3])[:.]([0-5]\d)(?:\s*[–—-]\s*([01]?\d|2[0-3])[:.]([0-5]\d))?(?![\d.]*\d)"
)
_ISO_DAY = re.compile(r"(?<!\d)(20\d\d)-(\d\d)-(\d\d)(?!\d)")
_NUMERIC_DAY = re.compile(r"(?<!\d)(\d{1,2})[./](\d{1,2})[./](20\d\d)(?!\d)")
_DIGIT = re.compile(r"\d")
_READ = 1500


def suggest_kind_and_event(
    headline: str,
    content: str,
    summary: str = "",
    *,
    stated: str = "",
    categories: Iterable[str] = (),
    starts: datetime | None = None,
    ends: datetime | None = None,
    place: str = "",
    today: date,
    zone: str,
) -> KindSuggestion:
    """The kind of a story by its headline and text, and by what its source states.

    `headline` and `summary`: plain. `content`: HTML; where it is empty, the summary is read.
    `starts` and `ends`: aware, or local in `zone` (IANA). `today`: an event is not in the past of it.
    """
    if starts is not None:
        local, until = _local(starts, zone), _local(ends, zone) if ends else None
        same_day = until is not None and until.date() == local.date() and until.time() > local.time()
        begins = local.time() if local.time() != time(0) else None
        end = until.time() if until and same_day and begins else None
        return KindSuggestion("event", "stated", "", local.date(), begins, end, place)
    kind, reason, word = _by_signs(stated, categories, headline)
    # A text without a digit names no day, and only events have a place.
    is_read = kind == "event" or any(map(_DIGIT.search, (headline, content, summary)))
    text = (sanitize.to_plain_text(content) or summary)[:_READ] if is_read else ""
    day = _future_day(f"{headline}\n{text}", today)
    if kind == "event" and reason == "headline" and not day:
        # "The festival has ended": a report about an event.
        kind, reason, word = "news", "none", ""
    if kind == "news" and day and (will_be := _WILL_BE.search(f"{headline}\n{text}")):
        kind, reason, word = "event", "date", will_be[0]
    if kind != "event":
        return KindSuggestion(kind, reason, word)
    begins, end = _times(text) if day else (None, None)
    found = _PLACE.search(text)
    return KindSuggestion(
        "event", reason, word, day, begins, end, place or (found[1].strip() if found else "")
    )


def _by_signs(stated: str, categories: Iterable[str], headline: str) -> tuple[str, Reason, str]:
    if stated in KINDS:
        return stated, "stated", ""
    for category in categories:
        if found := _sign_in(category):
            return found[0], "category", category
    if found := _sign_in(headline):
        return found[0], "headline", found[1]
    return "news", "none", ""


# The categories of a source come again and again.
@lru_cache(maxsize=1_000)
def _sign_in(text: str) -> tuple[str, str] | None:
    """The kind that the text names, and the word that does."""
    matches = ((kind, signs.search(text)) for kind, signs in _SIGNS.items())
    return next(((kind, match[0]) for kind, match in matches if match), None)


def _local(moment: datetime, zone: str) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(ZoneInfo(zone))


def _times(text: str) -> tuple[time | None, time | None]:
    """The first time of day of the text, and that until which it lasts."""
    without_days = _NUMERIC_DAY.sub(" ", text)
    found = _TIME.search(without_days)
    if not found:
        return None, None
    begins = time(int(found[1]), int(found[2]))
    end = time(int(found[3]), int(found[4])) if found[3] else None
    return begins, end if end and end > begins else None


def _future_day(text: str, today: date) -> date | None:
    """The first day that the text names and that is not before `today`."""
    if not _DIGIT.search(text):
        return None
    days = [*_iso_days(text), *_numeric_days(text), *_written_days(text, today)]
    coming = [day for day in days if day >= today]
    return coming[0] if coming else None


def _iso_days(text: str) -> list[date]:
    return _days((int(year), int(month), int(day)) for year, month, day in _ISO_DAY.findall(text))


def _numeric_days(text: str) -> list[date]:
    return _days((int(year), int(month), int(day)) for day, month, year in _NUMERIC_DAY.findall(text))


def _written_days(text: str, today: date) -> list[date]:
    """ "18 December 2021", "December 18", "18 декабря", "18-желтоқсан"."""
    months, pattern = _months()
    found = []
    for match in pattern.finditer(text.casefold()):
        day, month = match["day"] or match["day2"], months[match["month"]]
        year = int(match["year"]) if match["year"] else today.year
        made = _days([(year, month, int(day))])
        if not match["year"] and made and (today - made[0]).days > 180:
            made = _days([(year + 1, month, int(day))])
        found += made
    return found


def _days(parts: Iterable[tuple[int, int, int]]) -> list[date]:
    found = []
    for year, month, day in parts:
        try:
            found.append(date(year, month, day))
        except ValueError:
            continue
    return found


@cache
def _months() -> tuple[dict[str, int], re.Pattern[str]]:
    """Months by their names in seven languages, without the endings of cases, and what finds days."""
    months: dict[str, int] = {}
    for language in _LANGUAGES:
        names = locale_of(language).months
        for number, name in (*names["format"]["wide"].items(), *names["stand-alone"]["wide"].items()):
            stem = re.sub(r"[аяьй]$", "", name.casefold())
            # "Май", "мая": what is left of it begins too many words.
            months[stem if len(stem) >= 3 else name.casefold()] = number
    named = "|".join(map(re.escape, sorted(months, key=len, reverse=True)))
    return months, re.compile(
        rf"(?:(?<!\d)(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s-]*(?:of\s+)?)?(?<![^\W\d_])(?P<month>{named})[^\W\d_]{{0,6}}"
        rf"(?(day)|\s+(?P<day2>\d{{1,2}})(?!\d|:))(?:,?\s+(?P<year>20\d\d))?"
    )
