"""Checks of dates: those that texts name, in seven languages, and those of events."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache

from mailer.approval.preflight.check_input import Description, Text, place_of
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.per_text_check_decorator import check_each_text
from mailer.rendering import localization
from mailer.rendering.data_types import Story
from mailer.rendering.edition_period import Period
from subscribers.translate_stored_texts import stored

# Beginnings of the weekdays' names, Monday first; spelled out, because texts decline them.
WEEKDAYS: dict[str, tuple[str, ...]] = {
    "en": ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    "ru": (*("понедельник", "вторник", "сред[аеуы]", "четверг", "пятниц", "суббот", "воскресень"),),
    "kk": ("дүйсенбі", "сейсенбі", "сәрсенбі", "бейсенбі", "жұма", "сенбі", "жексенбі"),
    "ky": ("дүйшөмбү", "шейшемби", "шаршемби", "бейшемби", "жума", "ишемби", "жекшемби"),
    # Without Monday, which is also the name of the capital.
    "tg": ("рӯзи душанбе", "сешанбе", "чоршанбе", "панҷшанбе", "ҷумъа", "шанбе", "якшанбе"),
    "uz": ("dushanba", "seshanba", "chorshanba", "payshanba", "juma", "shanba", "yakshanba"),
    "tk": ("duşenbe", "sişenbe", "çarşenbe", "penşenbe", "anna", "şenbe", "ýekşenbe"),
}
_NAMES = (
    *(stored("Monday"), stored("Tuesday"), stored("Wednesday"), stored("Thursday"), stored("Friday")),
    *(stored("Saturday"), stored("Sunday")),
)
_YEAR_BEFORE = r"(?:(?P<before>\d{4})\W{0,2}\w{0,5}\W{0,2}(?:жыл|йил|yil|ýyl)\w*[\s,]+)?"
_ORDINAL = r"(?:-?(?:st|nd|rd|th|нчи|нчы|нчу|нчү|ші|шы|го|е|njy|nji|inji|ynjy|unjy|ünji))?"
_NEAR = 3
# "5 февраля 2022 года (суббота)", "5 февраля 2022 г., в субботу".
_YEAR_WORD = re.compile(r"\s*(?:год[ау]?\b|г\.)(?:,\s+во?\b)?")
_JOINS = re.compile(r"\s?[–—-]\s?|\s+(?:\w{1,4}\s+)?")
# "Until" a date, in front of it or behind it.
_LIMIT_BEFORE = re.compile(r"\b(?:by|until|till|before|from|since|до|с|по|к|то|аз)\s+(?:\w+,?\s+)?$")
_LIMIT_AFTER = re.compile(
    r"\w*,?\s*(?:\w+\s+)?(?:дейін|чейин|gacha|qadar|çenli|бастап|баштап|boshlab|başlap)"
)
_A_YEAR, _OLD_NEWS = timedelta(days=366), timedelta(days=150)
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# Abbreviations that stand beside dates.
_SHORT_WEEKDAYS = {
    "en": ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
    "ru": ("пн", "вт", "ср", "чт", "пт", "сб", "вс"),
}


@dataclass(frozen=True)
class NamedDate:
    """A date that a text names."""

    day: int
    month: int
    # None: the text names none.
    year: int | None
    # Monday is 0; None: the text names none.
    weekday: int | None
    written: str


def past_events(description: Description) -> Iterator[Found]:
    """Events, and stories in a save-the-date block, whose day is over."""
    for story in events_and_save_the_date_stories(description):
        if story.date < description.as_of:
            yield Found(place_of(story), story.date.isoformat())


def events_and_save_the_date_stories(description: Description) -> Iterator[Story]:
    """Events, and the stories of save-the-date blocks."""
    dated = {key for block in description.content.blocks if block.kind == "date" for key in block.stories}
    for story in description.shown_stories:
        if story.kind == "event" or story.key in dated:
            yield story


def story_too_old_or_future_dated(description: Description) -> Iterator[Found]:
    """News and publications that are dated after this edition, or more than a year before it."""
    period = Period.parse(description.content.period)
    for story in description.shown_stories:
        is_late = story.date >= max(period.end, description.today + timedelta(days=1))
        oldest = period.first_day - (_OLD_NEWS if story.kind == "news" else _A_YEAR)
        if story.kind in ("news", "publication") and (is_late or story.date < oldest):
            yield Found(place_of(story), story.date.isoformat())


def event_summary_date_differs(description: Description) -> Iterator[Found]:
    """Headlines and summaries of an event whose only date is not its own, and no deadline."""
    events = {story.key: story.date for story in events_and_save_the_date_stories(description)}
    for text in description.texts:
        day = events.get(text.place.key) if text.place.kind == "story" else None
        named = list(dates_in(text)) if day and text.field in ("headline", "summary") else []
        if day and len(named) == 1 and (named[0].day, named[0].month) != (day.day, day.month):
            before, _date, after = text.plain.casefold().partition(named[0].written.casefold())
            if (
                named[0].weekday is not None
                and not _LIMIT_BEFORE.search(before)
                and not _LIMIT_AFTER.match(after)
            ):
                yield Found(text.place, f"{named[0].written} / {day.isoformat()}")


def wrong_weekday(description: Description) -> Iterator[Found]:
    """Weekdays that are not those of the date beside them."""
    events = {story.key: story.date for story in events_and_save_the_date_stories(description)}
    for text in description.texts:
        own = events.get(text.place.key) if text.place.kind == "story" else None
        for named in dates_in(text):
            day = resolve_date(named, description)
            if own and named.year is None and (named.day, named.month) == (own.day, own.month):
                day = own
            if named.weekday is None or day is None:
                continue
            if day.weekday() != named.weekday:
                yield Found(
                    text.place,
                    stored(
                        "“%(written)s” is wrong: %(date)s is a %(weekday)s.",
                        written=named.written,
                        date=day.isoformat(),
                        weekday=_NAMES[day.weekday()],
                    ),
                )


@check_each_text
def impossible_dates(text: Text) -> Iterator[Found]:
    """Days that no such month has: 31 November, 30 February."""
    for named in dates_in(text):
        # "In November 31 families …" is no date.
        if not _exists(named) and named.written[:1].isdigit():
            yield Found(text.place, named.written)


def _exists(named: NamedDate) -> bool:
    if named.year is None:
        return named.day <= _LONGEST[named.month - 1]
    return named.day <= monthrange(named.year, named.month)[1]


def event_text_year_differs(description: Description) -> Iterator[Found]:
    """Texts of an event that name another year, or only another day, than the event has."""
    events = {story.key: story.date for story in events_and_save_the_date_stories(description)}
    for text in description.texts:
        if text.place.kind != "story" or (day := events.get(text.place.key)) is None:
            continue
        for named in dates_in(text):
            if (named.day, named.month) == (day.day, day.month) and named.year not in (None, day.year):
                yield Found(text.place, named.written)


def doubtful_year(description: Description) -> Iterator[Found]:
    """Dates near the edition's month, but of a year that looks like a slip: last year's, or a far one."""
    first = Period.parse(description.content.period).first_day
    events = {
        story.key: (story.date.day, story.date.month)
        for story in events_and_save_the_date_stories(description)
    }
    for text in description.texts:
        own = events.get(text.place.key)
        for named in dates_in(text):
            if (named.day, named.month) == own:
                # `event_text_year_differs` looks at it.
                continue
            near = resolve_date(NamedDate(named.day, named.month, None, None, ""), description)
            if named.year is None or near is None or named.year == near.year:
                continue
            slip = named.year > near.year + 1 or sorted(str(named.year)) == sorted(str(near.year))
            if abs((near - first).days) <= 75 and (slip or named.year == near.year - 1):
                yield Found(text.place, named.written)


def resolve_date(named: NamedDate, description: Description) -> date | None:
    """The date; without a year, the one that is nearest to the edition's month."""
    span = Period.parse(description.content.period)
    middle = span.first_day + (span.end - span.first_day) // 2
    year = middle.year
    years = [named.year] if named.year else [year - 1, year, year + 1]
    days = []
    for one in years:
        try:
            days.append(date(one, named.month, named.day))
        except ValueError:
            continue
    return min(days, key=lambda day: abs((day - middle).days), default=None)


def dates_in(text: Text) -> Sequence[NamedDate]:
    """The dates that a text names."""
    language = text.language.partition("-")[0]
    return _dates(text.plain, language) if language else ()


# Several checks read the dates of the same texts.
@lru_cache(maxsize=1_000)
def _dates(plain: str, language: str) -> tuple[NamedDate, ...]:
    lower = plain.casefold()
    if not any(map(str.isdigit, lower)):
        return ()
    named = []
    # Where the weekday of the date before stands.
    taken = -1
    matches = (found for pattern in _patterns(language) for found in pattern.finditer(lower))
    for found in sorted(matches, key=lambda one: one.start()):
        values = found.groupdict()
        year = values.get("year") or values.get("before")
        month = values.get("number") or month_names(language).get(values.get("month") or "", 0)
        day = int(values["day"])
        if 1 <= int(month) <= 12 and 1 <= day <= 31:
            begin, end = found.span()
            weekday, taken = _weekday_near(lower, begin, end, language, taken)
            written = plain[begin:end].strip()
            named.append(NamedDate(day, int(month), int(year) if year else None, weekday, written))
    return tuple(named)


@cache
def month_names(language: str) -> dict[str, int]:
    """Numbers of the months by their names, alone and in dates, and without the sign that endings replace."""
    months = localization.babel_locale(language).months
    names = {
        str(name).casefold(): number
        for form in ("format", "stand-alone")
        for number, name in months[form]["wide"].items()
    }
    stems = {name.removesuffix("ь"): number for name, number in names.items()}
    # Uzbek newspapers write both.
    both = {name.replace("abr", "yabr"): number for name, number in names.items() if language == "uz"}
    return {name: number for name, number in {**stems, **names, **both}.items() if len(name) > 2}


@cache
def _patterns(language: str) -> tuple[re.Pattern[str], ...]:
    names = "|".join(sorted(map(re.escape, month_names(language)), key=len, reverse=True))
    year = r"(?:\w{0,4}[\s,]+(?:соли\s+)?(?P<year>(?:19|20)\d{2})\b)?"
    day = rf"(?<![\d.–-])(?P<day>\d{{1,2}}){_ORDINAL}"
    found = [
        re.compile(rf"{_YEAR_BEFORE}{day}[\s-]+(?:of\s+)?(?P<month>{names})\w{{0,6}}{year}"),
        re.compile(r"(?<![\d.])(?P<day>\d{1,2})\.(?P<number>\d{1,2})\.(?P<year>(?:19|20)\d{2})(?!\d)"),
    ]
    if language == "en":
        found.append(re.compile(rf"\b(?P<month>{names})\s+(?P<day>\d{{1,2}}){_ORDINAL}(?!\d|[.:]\d){year}"))
    return tuple(found)


def _weekday_near(lower: str, begin: int, end: int, language: str, taken: int) -> tuple[int | None, int]:
    """The weekday that stands directly before or after a date, and where; Monday is 0."""
    before = re.search(r"([^.;:!?\n]{0,40})$", lower[:begin])
    behind = _weekday_behind(lower, end, language)
    for number, pattern in enumerate(_weekday_patterns(language)):
        found = list(pattern.finditer(before[1] if before else ""))
        if found and before and len(re.findall(r"\w+", between := before[1][found[-1].end() :])) < _NEAR:
            at = before.start(1) + found[-1].start()
            # "17 January, Monday, 21 January": the date before has it; "Monday 21 January" has its own.
            if at != taken or not (behind or between.strip()):
                return number, at
    return behind or (None, taken)


def _weekday_behind(lower: str, end: int, language: str) -> tuple[int, int] | None:
    year = _YEAR_WORD.match(lower, end)
    end = year.end() if year else end
    after = re.match(r"[^.;:!?\n]{0,40}", lower[end:])
    for number, pattern in enumerate(_weekday_patterns(language)):
        match = pattern.search(after[0] if after else "")
        if match and after and not re.search(r"\w", after[0][: match.start()]):
            several = _joins_another_weekday(after[0][match.end() :], language)
            return None if several else (number, end + match.start())
    return None


def _joins_another_weekday(behind: str, language: str) -> bool:
    """Whether the weekday before these words is one of several: "1 to 5 February (Tue–Sat)"."""
    joined = _JOINS.match(behind)
    rest = behind[joined.end() :] if joined else ""
    return any(pattern.match(rest) for pattern in _weekday_patterns(language))


@cache
def _weekday_patterns(language: str) -> tuple[re.Pattern[str], ...]:
    names = WEEKDAYS.get(language)
    if names is None:
        wide = localization.babel_locale(language).days["format"]["wide"]
        names = tuple(re.escape(str(wide[number]).casefold()) for number in range(7))
    short = _SHORT_WEEKDAYS.get(language, names)
    pairs = zip(names, short, strict=True)
    return tuple(re.compile(rf"(?<![\w-])(?:{name}\w{{0,5}}|{one})(?!\w)") for name, one in pairs)
