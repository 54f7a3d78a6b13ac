"""Checks of deadlines in seven languages: those that are over, and those after what one registers for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date

from mailer.approval.preflight.check_input import Description, Text, split_sentences
from mailer.approval.preflight.date_checks import dates_in, events_and_save_the_date_stories, resolve_date
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.past_days_and_event_time_checks import ANNOUNCED

# "Until" stands before the date in some languages, behind it in the others.
_BEFORE = re.compile(
    r"(?:\b(?:by|until|till|before|no\s+later\s+than|not\s+later\s+than|through|on\s+or\s+before"
    r"|до|не\s+позднее|не\s+позже|по|то|на\s+дертар\s+аз|дертар\s+аз)"
    r"|\b(?:closes?|close|ends?|expires?|due)(?:\s+on)?)[\s:]+(?:[^\W\d]+[\s,]+){0,4}$"
)
_AFTER = re.compile(
    r"\W{0,3}(?:[^\W\d]+\W+){0,3}?"
    r"(?:дейін|шейін|чейин|чекти|кешіктірмей|кечиктирбей|gacha|qadar|kechiktirmay|çenli|giçikmän)"
    r"|[\w-]{0,12}?(?:gacha|гача|га\s+чейин|ға\s+дейін)"
)
_NOUN = re.compile(
    r"\b(?:deadline|closing\s+date|last\s+day|дедлайн|срок\w*|крайн\w+\s+срок\w*|последн\w+\s+день"
    r"|мерзім\w*|соңғы\s+күн\w*|мөөнөт\w*|акыркы\s+күн\w*|муҳлат\w*|рӯзи\s+охирин"
    r"|muddat\w*|so.nggi\s+(?:kun|muhlat)\w*|oxirgi\s+kun\w*|muhlat\w*|möhlet\w*|soňky\s+gün\w*)\b"
)
# Joining an event, and whatever else is asked for until a day.
_JOIN = {
    "en": r"\bappl(?:y|ications?)|\bregist|\bsign\s+up|\benrol|\brsvp|\bbook\b|\breserve",
    "ru": r"заявк|заявлени|регистр|запи[сш]",
    "kk": r"тіркел|өтін(?:ім|іш)|жазыл",
    "ky": r"каттал|каттоо|билдирме|арыз|жазыл",
    "tg": r"номнавис|ба\s+қайд|бақайд|сабти\s+ном|ариза|дархост",
    "uz": r"ro.yxat|ariza|yozil",
    "tk": r"hasaba|ýazyl|arza|bellig",
}
_ASK = {
    "en": r"\bsubmi[ts]|\bsend\b|\breply|\brespond|\bentries|\bnominat|\bproposals?|\btake\s+part\b|\bjoin\b",
    "ru": r"присыла|пришл|подат|подай|подав|подач|отправ|направ|откликн|принима|при[её]м|анкет|сообщите",
    "kk": r"жібер|тапсыр|қабылда|жолда|хабарла",
    "ky": r"жөнөт|тапшыр|кабыл|билдир",
    "tg": r"фирист|супор|қабул|пешниҳод|хабар\s+диҳ",
    "uz": r"yubor|topshir|qabul|jo.nat|xabar\s+ber",
    "tk": r"iber|ugra[dt]|tabşyr|kabul|habar\s+ber",
}
_JOINS: Mapping[str, re.Pattern[str]] = {code: re.compile(one) for code, one in _JOIN.items()}
_ASKS: Mapping[str, re.Pattern[str]] = {
    code: re.compile(f"{one}|{_ASK[code]}") for code, one in _JOIN.items()
}
# What was asked for until then, as a report says.
_REPORTED: Mapping[str, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:was|were|had|received|closed|came|arrived|sent|submitted|registered|applied|accepted"
        r"|joined|ended)\b"
    ),
    "ru": re.compile(
        r"\b(?!просил)[а-яё]{3,}(?:ал|ил|ел|ыл|ла|ли|ло)(?:сь|ся)?\b|\bбыл[аои]?\b|\b\w+(?:ано|аны|ана|ено|ены|ена)\b"
    ),
    # In these four the verb stands last, and elsewhere its ending is that of an object.
    "kk": re.compile(r"(?:ды|ді|ты|ті|дық|дік|ған|ген|қан|кен)\W*$"),
    "ky": re.compile(r"(?:ды|ди|ду|дү|ты|ти|ту|(?<!мөөнө)тү|ган|ген|гон|гөн)\W*$"),
    "tg": re.compile(r"\b(?:шуд|буд|гардид|гирифт|омад|дод|кард|фиристод|расид|гузашт)(?:анд|ем)?\b"),
    "uz": re.compile(r"(?:(?<![ay])di|boshladi|tugadi|dilar|gan|edi)\W*$"),
    "tk": re.compile(r"(?:dy|di|dylar|diler|ipdi|ypdy)\W*$"),
}


def deadline_over(description: Description) -> Iterator[Found]:
    """Deadlines that are over: "Apply by 1 December" on the third."""
    for text in description.texts:
        for day, written, _sentence in _deadlines(text, description, _ASKS):
            if day < description.as_of:
                yield Found(text.place, written)


def deadline_after_event(description: Description) -> Iterator[Found]:
    """Registrations that end after the day of what they are for."""
    days = {story.key: story.date for story in events_and_save_the_date_stories(description)}
    for text in description.texts:
        own = days.get(text.place.key) if text.place.kind == "story" else None
        event = own or _announced(text, description)
        for day, written, _sentence in _deadlines(text, description, _JOINS) if event else ():
            if event and day > event:
                yield Found(text.place, f"{written} / {event.isoformat()}")


def _deadlines(
    text: Text, description: Description, cues: Mapping[str, re.Pattern[str]]
) -> Iterator[tuple[date, str, str]]:
    """(day, as the text writes it, its sentence) of what readers are asked to do until then."""
    language = text.language.partition("-")[0]
    cue, reported = cues.get(language), _REPORTED.get(language)
    if not cue or not reported or not cue.search(lower := text.plain.casefold()):
        return
    sentences = split_sentences(lower)
    for named in dates_in(text):
        written = named.written.casefold()
        for sentence in sentences:
            before, found, after = sentence.partition(written)
            if not found or not cue.search(sentence) or reported.search(sentence):
                continue
            is_limit = (
                _NOUN.search(sentence) or _BEFORE.search(before) or _AFTER.match(_ending(written) + after)
            )
            if is_limit and (day := resolve_date(named, description)):
                yield day, named.written, sentence


def _ending(written: str) -> str:
    """The last word of a date, to which its endings were taken: "1-dekabrgacha"."""
    return re.split(r"[\s-]", written)[-1] if not written[-1].isdigit() else ""


def _announced(text: Text, description: Description) -> date | None:
    """The only day that a text announces, without a deadline."""
    pattern, cue = (table.get(text.language.partition("-")[0]) for table in (ANNOUNCED, _ASKS))
    if not pattern or not cue or not cue.search(text.plain.casefold()):
        return None
    found = []
    named = list(dates_in(text))
    for sentence in split_sentences(text.plain):
        lower = sentence.casefold()
        if pattern.search(lower) and not cue.search(lower):
            found += [resolve_date(one, description) for one in named if one.written in sentence]
    return found[0] if len(found) == 1 else None
