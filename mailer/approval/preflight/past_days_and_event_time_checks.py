"""Checks of what texts say about time: days that are over, "yesterday", zones, times of events."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from babel.core import get_global

from mailer.approval.preflight.check_input import Description, Text, excerpt, place_of
from mailer.approval.preflight.date_checks import (
    dates_in,
    event_summary_date_differs,
    events_and_save_the_date_stories,
    resolve_date,
)
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.per_text_check_decorator import check_each_text

# What is said of a day to come, or asked for until then.
ANNOUNCED: Mapping[str, re.Pattern[str]] = {
    "en": re.compile(
        r"\bwill\s+(?:take\s+place|be\s+(?:held|open|opened|shown|launched)|start|begin|open|close|meet|"
        r"host|run)\b"
        r"|\b(?:apply|register|submit|send|reply|sign\s+up)\b[^.]{0,40}\b(?:by|until|before)\b|"
        r"\b(?:deadline|applications\s+close)\b"
    ),
    "ru": re.compile(
        r"\b(?:состоится|состоятся|пройд[её]т|пройдут|начн[её]тся|начнутся|откроется|завершится|"
        r"будет\s+(?:показан|открыт|провед)\w*)\b"
        r"|\b(?:принима[ею]тся|подайте|присылайте|зарегистрируйтесь|регистрация|при[её]м\s+заяв\w+|"
        r"срок\s+подачи)\b"
    ),
    "kk": re.compile(
        r"\b(?:өтеді|басталады|ашылады|көрсетіледі|қабылданады|жіберіңіз|тіркеліңіз|аяқталады)\b"
    ),
    "ky": re.compile(r"\b(?:өтөт|башталат|ачылат|көрсөтүлөт|кабыл\s+алынат|жөнөтүңүз|катталыңыз|аяктайт)\b"),
    "tg": re.compile(
        r"\b(?:баргузор\s+мешавад|оғоз\s+мешавад|мегузарад|қабул\s+мешава[нд]{1,2}|фиристед|"
        r"намоиш\s+дода\s+мешавад)\b"
    ),
    "uz": re.compile(
        r"(?:\bbo.ladi\b|\bboshlanadi\b|\bo.tkaziladi\b|\bo.tadi\b|\bochiladi\b|\bqabul\s+qilinadi\b|"
        r"\byuboring\b|\bro.yxatdan\s+o.ting\b)"
    ),
    "tk": re.compile(
        r"\b(?:bolar|geçer|geçiriler|başlar|açylar|görkeziler|kabul\s+edil(?:ýär|er)|iberiň|ýazylyň)\b"
    ),
}
_RELATIVE: Mapping[str, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:yesterday|tomorrow|tonight)\b|^today\b"),
    "ru": re.compile(r"\b(?:вчера|завтра|послезавтра)\b|^сегодня\b"),
    "kk": re.compile(r"\b(?:кеше|ертең)\b|^бүгін\b"),
    "ky": re.compile(r"\b(?:кечээ|эртең)\b|^бүгүн\b"),
    "tg": re.compile(r"\b(?:дирӯз|фардо)\b|^имрӯз\b"),
    "uz": re.compile(r"\b(?:kecha\s+(?:idora|ofis|vazir)|ertaga)\b|^bugun\b"),
    "tk": re.compile(r"\b(?:düýn|ertir)\b|^şu\s+gün\b"),
}
_ZONE = re.compile(
    r"\d\s*\(?(?:по\s+)?(?:мск|MSK|московск\w+(?:\s+времен\w+)?|Moscow\s+time|CET|CEST|EST|EDT|PST|"
    r"Мәскеу\s+уақыты|Москва\s+убактысы|вақти\s+Москва|Moskva\s+vaqti)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"\n+|(?<=[.!?…])\s+(?=[^\W\d_])")
_NEAR = 70
_SOME_DAYS = 10
_OF_EVENTS = frozenset(("headline", "summary", "body"))
# Between the two dates of a range.
_RANGE = re.compile(
    r"(?:(?:\w{0,5}\s)?(?:to|until|till|through|по|до|то)\s|\s?[–—-]\s?|\w{0,6}\s(?:бастап|баштап"
    r"|boshlab|başlap)\s)(?:[^\W\d]+,?\s)?$"
)
# An event takes place; what opens, starts or closes may be something else.
_HELD: Mapping[str, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:takes?\s+place|(?:is|be)\s+(?:held|shown|screened)|is\s+on|we\s+meet)\b"),
    "ru": re.compile(r"\b(?:состоится|состоятся|пройд[её]т|пройдут|проходит|покажут|будет\s+показан\w*)\b"),
    "kk": re.compile(r"\b(?:өтеді|өткізіледі|көрсетіледі|болады)\b"),
    "ky": re.compile(r"\b(?:өтөт|өткөрүлөт|көрсөтүлөт|болот)\b"),
    "tg": re.compile(r"\b(?:баргузор\s+мешавад|мегузарад|намоиш\s+дода\s+мешавад)\b"),
    "uz": re.compile(r"\b(?:bo.ladi|o.tkaziladi|o.tadi|namoyish\s+etiladi|ko.rsatiladi)\b"),
    "tk": re.compile(r"\b(?:bolar|geçer|geçiriler|görkeziler)\b"),
}
_LIMIT = re.compile(
    r"\b(?:by|until|till|before|from|since|до|не\s+позднее|дейін|чейин|то|gacha|qadar|çenli|бастап"
    r"|баштап)\b|gacha\b"
)
_FURTHER = re.compile(
    r"\b(?:second|another|also|again|next|further|regist\w*|appl\w*|втор\w+|ещё|еще|также|повтор\w*"
    r"|следующ\w*|регистр\w*"
    r"|заявк\w*|екінші|тағы|келесі|тіркел\w*|экинчи|дагы|кийинки|катта\w*|дуюм|дигар|боз|оянда|ikkinchi"
    r"|yana|keyingi"
    r"|ro.yxat\w*|ikinji|ýene|indiki|hasaba)\b"
)
_FAR_AHEAD = 400


def past_day_announced_as_future(description: Description) -> Iterator[Found]:
    """Sentences that announce a day, or ask for something until then, although it is over."""
    for text in description.texts:
        pattern = ANNOUNCED.get(text.language.partition("-")[0])
        if not pattern or not any(map(str.isdigit, text.plain)):
            continue
        named = [one for one in dates_in(text) if one.year is not None or text.place.kind != "story"]
        for sentence in _SENTENCE.split(text.plain):
            inside = [one for one in named if one.written in sentence]
            said = pattern.search(sentence.casefold())
            day = resolve_date(inside[0], description) if len(inside) == 1 else None
            if (
                said
                and day
                and day < description.as_of
                and abs(said.start() - sentence.index(inside[0].written)) < _NEAR
            ):
                yield Found(text.place, excerpt(sentence))
                break


def event_announced_for_other_day(description: Description) -> Iterator[Found]:
    """Sentences of an event's text that announce a day some days from its own."""
    events = {story.key: story.date for story in events_and_save_the_date_stories(description)}
    reported = {one.place for one in event_summary_date_differs(description)}
    for text in description.texts:
        pattern, own = _HELD.get(text.language.partition("-")[0]), events.get(text.place.key)
        if not own or not pattern or text.field not in _OF_EVENTS or text.place in reported:
            continue
        named = list(dates_in(text))
        if text.field == "headline" and len(named) == 1 and not _LIMIT.search(text.plain.casefold()):
            day = resolve_date(named[0], description)
            if day and 0 < abs((day - own).days) <= _SOME_DAYS:
                yield Found(text.place, f"{named[0].written} / {own.isoformat()}")
        for sentence in _SENTENCE.split(text.plain) if named and text.field != "headline" else ():
            inside = [one for one in named if one.written in sentence]
            lower = sentence.casefold()
            is_other = _LIMIT.search(lower) or _FURTHER.search(lower)
            if len(inside) != 1 or not pattern.search(lower) or is_other:
                continue
            day = resolve_date(inside[0], description)
            if day and 0 < abs((day - own).days) <= _SOME_DAYS:
                yield Found(text.place, f"{inside[0].written} / {own.isoformat()}")


def reversed_dates(description: Description) -> Iterator[Found]:
    """Ranges of whole dates that end before they begin: "from 20 December to 5 December"."""
    for text in description.texts:
        at = [(text.plain.find(one.written), one) for one in dates_in(text)]
        for (begin, first), (second_begin, second) in pairwise(sorted(at, key=lambda pair: pair[0])):
            between = text.plain[begin + len(first.written) : second_begin].casefold()
            days = resolve_date(first, description), resolve_date(second, description)
            if days[0] and days[1] and days[1] < days[0] and _RANGE.match(between):
                yield Found(text.place, f"{first.written}{between}{second.written}")


@check_each_text
def relative_days(text: Text) -> Iterator[Found]:
    """ "Yesterday" and "tomorrow", which readers count from the day on which they read."""
    pattern = _RELATIVE.get(text.language.partition("-")[0])
    said = re.sub(r"[«“\"][^»”\"]*[»”\"]", "", text.plain.casefold())
    if pattern and text.field in ("summary", "body", "headline") and (found := pattern.search(said)):
        yield Found(text.place, found[0])


def mentioned_foreign_time_zone(description: Description) -> Iterator[Found]:
    """Times of a zone in which none of the newsletter's countries is."""
    if "RU" in description.content.masthead.countries:
        return
    for text in description.texts:
        if found := _ZONE.search(text.plain):
            yield Found(text.place, excerpt(found[0]))


def event_ends_before_start(description: Description) -> Iterator[Found]:
    """Events that end before they start; those of an evening may end after midnight."""
    for story in description.shown_stories:
        is_night = story.starts >= "18:00" and story.ends <= "04:00"
        if (
            story.kind == "event"
            and story.starts
            and story.ends
            and story.ends <= story.starts
            and not is_night
        ):
            yield Found(place_of(story), f"{story.starts}–{story.ends}")


def doubtful_event_zone_or_year(description: Description) -> Iterator[Found]:
    """Events in another country's zone, or in more than a year."""
    for story in description.shown_stories:
        country = get_global("zone_territories").get(story.zone, "")
        if story.kind != "event":
            continue
        if story.zone and country and story.countries and country not in story.countries:
            yield Found(place_of(story), story.zone)
        elif (story.date - description.as_of).days > _FAR_AHEAD:
            yield Found(place_of(story), story.date.isoformat())
