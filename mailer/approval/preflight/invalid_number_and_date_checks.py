"""Checks of numbers and times that cannot be right, or are written as in another language."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.approval.preflight.check_input import Text, excerpt
from mailer.approval.preflight.date_checks import month_names
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.per_text_check_decorator import check_each_text
from mailer.approval.preflight.stated_facts import EMAIL
from mailer.approval.preflight.sum_checks import wrong_sums

_PERCENT = r"(?:%|percent\b|per\s+cent\b|процент|пайыз|фоиз|дарсад|foiz|göterim)"
_SHARE = re.compile(rf"(?<![\d.,+-])(?P<number>\d{{3,4}})(?:[.,]\d+)?\s?{_PERCENT}", re.IGNORECASE)
# What grows may grow by more than it was.
_GROWTH = re.compile(
    r"\b(?:by|to|more|increase|rise|rose|grew|growth|up|than|на|до|рост|вырос|увелич|больше|более|выше|"
    r"өст|көбей|артты|жетті|өскөн|"
    r"зиёд|афзуд|расид|oshd|ko.?paydi|o.?sdi|artdy|köpeldi|of\s+the\s+(?:plan|target|quota)|план|инфляц|"
    r"inflation)\w*",
    re.IGNORECASE,
)
_OF_PEOPLE = re.compile(
    r"^\W{0,3}(?:of\s+(?:them|the|all|those)|из\s|олардың|алардын|аз\s+онҳо|ulardan|olaryň)", re.IGNORECASE
)
_IMPOSSIBLE_TIME = re.compile(
    r"(?<![\d:.,/])(?:2[5-9]|[3-9]\d):[0-5]\d(?![\d:])|(?<![\d:.,/])24:(?!00)\d\d(?![\d:])|"
    r"(?<![\d:])(?:[01]\d|2[0-4]):[6-9]\d(?![\d:])"
)
_HALF_OF_DAY = re.compile(r"(?<![\d:])(?:1[3-9]|2[0-4])(?:[:.]\d\d)?\s?[ap]\.?m\b", re.IGNORECASE)
_FAR_YEAR = re.compile(
    r"(?<![\d.,-])(?:20[5-9]\d|2[1-9]\d\d|20\d{3}|1[0-4]\d\d)(?=\s*(?:г\.|год|жыл|-жыл|йил|-yil|"
    r"-nji\s+ýyl)|(?<=\bJanuary\s\d{5}))"
)
_YEAR_AFTER_MONTH = re.compile(
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December|январ\w|"
    r"феврал\w|марта?|апрел\w|ма[яй]|"
    r"июн\w|июл\w|августа?|сентябр\w|октябр\w|ноябр\w|декабр\w|\bсоли)\s+(?P<year>(?:2[1-9]|20[5-9]|"
    r"1[0-8]|192)\d{1,3}|20\d{3})(?!\d|\s*[%\w])"
)
_IMPOSSIBLE_DATE = re.compile(
    r"(?<![\d.])(?:19|20)\d\d-(?:1[3-9]|[2-9]\d|00)-\d\d(?!\d)|(?<![\d.])(?:3[2-9]|[4-9]\d)\.\d\d\.(?:19|"
    r"20)\d\d|(?<![\d.])\d\d\.(?:1[3-9]|[2-9]\d)\.(?:19|20)\d\d(?!\d)"
)
_SLASH_DATE = re.compile(r"(?<![\d/])(?P<a>0?[1-9]|1[0-2])/(?P<b>0?[1-9]|1[0-2])/(?:20)?\d\d(?![\d/])")
_RANGE = re.compile(
    r"(?<![\d.,:–-])(?P<a>\d{1,2}:\d\d|(?:19|20)\d\d)\s?[–—-]\s?(?P<b>\d{1,2}:\d\d|(?:19|20)\d\d)(?![\d:–-])"
)
_FROM_TO = re.compile(
    r"\b(?:from|с|between|аз)\s+(?P<a>\d{1,2}(?::\d\d)?)\s+(?:to|until|till|по|до|and|"
    r"то)\s+(?P<b>\d{1,2}(?::\d\d)?)(?:\s+(?P<month>[^\W\d_]{3,}))?",
    re.IGNORECASE,
)
_DAY_RANGE = re.compile(r"(?<![\d.,:–-])(?P<a>\d{1,2})\s?[–—-]\s?(?P<b>\d{1,2})\s+(?P<month>[^\W\d_]{3,})")
# The Sustainable Development Goals and their targets, and the objectives of the Global Compact for Migration.
_GOAL = re.compile(
    r"\b(?:SDGs?|Sustainable\s+Development\s+Goals?|ЦУР|Цел\w+\s+устойчивого\s+развития|ТДМ|ТӨМ|ҲРУ|"
    r"BRM)\s*(?:targets?|goals?|№|задач\w*|no\.?)?\s*(?P<goal>\d{1,2})(?:\.(?P<target>\d{1,2}|[a-z]))?\b",
    re.IGNORECASE,
)
_TARGETS = (7, 8, 13, 10, 9, 8, 5, 12, 8, 10, 10, 11, 5, 10, 12, 12, 19)
_OBJECTIVE = re.compile(
    r"\b(?:objective|цел[ьи])\s+(?P<number>\d{1,3})\s+(?:of\s+)?(?:the\s+)?(?:Global\s+Compact|GCM|"
    r"Глобальн\w+\s+договор)",
    re.IGNORECASE,
)
_OBJECTIVES = 23
_SIGN_TWICE = re.compile(
    r"\$\s?\d[\d., ]*\s?(?:USD|dollars?\b|доллар\w*)|€\s?\d[\d., ]*\s?(?:EUR|euros?\b|евро)|\d\s?%{2,}"
    r"|\d\s?%\s?(?:percent|per\s+cent|процент\w*|пайыз\w*|фоиз\w*|дарсад|foiz\w*|göterim\w*)|\b(?:USD|"
    r"US\$)\s?\$",
    re.IGNORECASE,
)
_BROKEN = re.compile(
    r"(?<![\d.])\d{1,3}(?:\.\d{3})+\.\d\d(?!\d)|\b\d{1,3}, 000\b|\b\d+[OОoо]\d*\b|\b[OО]\d+\b|"
    r"\b\d+\.\.\d+|(?<!\d)\d{1,3},\d{3}\.\d{3}(?!\d)"
)
_ORDINAL = re.compile(
    r"\b\d*(?:(?<!1)1(?:nd|rd|th)|(?<!1)2(?:st|rd|th)|(?<!1)3(?:st|nd|th)|[04-9](?:st|nd|rd)|1[123](?:st|"
    r"nd|rd))\b"
)
_DECIMAL = {
    # English has a point, the others a comma: "1,5 million", "1.250 человек".
    "en": re.compile(
        r"(?<![\d.,])\d{1,3},\d{1,2}(?=\s?(?:%|million|billion|thousand|percent|km|kg|dollars|som|tenge))"
    ),
    "*": re.compile(r"(?<![\d.,])[1-9]\d{0,2},\d{3}(?:,\d{3})*(?![\d.,])(?!\s?(?:%|мл|ml|km|кг|kg|км))"),
}
_AGE = re.compile(
    r"\b(?P<en>\d{3})(?:-|\s)years?(?:-|\s)old\b|\bborn\s+in\s+(?P<born>\d{4})\b|\b(?P<ru>\d{3})-летн\w+|"
    r"\b(?P<kk>\d{3})\s+(?:жастағы|жаштагы|yoshli|ýaşly)|(?P<tg>\d{3})-сола"
)
_OLDEST = 120
_WORDS = dict(
    zip(
        [
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "twenty",
            "thirty",
            "forty",
            "fifty",
            "sixty",
        ],
        (2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 40, 50, 60),
        strict=True,
    )
) | {
    **dict(
        zip(
            [
                "два",
                "две",
                "три",
                "четыре",
                "пять",
                "шесть",
                "семь",
                "восемь",
                "девять",
                "десять",
                "двадцать",
                "тридцать",
                "сорок",
                "пятьдесят",
            ],
            (2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 40, 50),
            strict=True,
        )
    )
}
_IN_WORDS = re.compile(rf"\b(?P<word>{'|'.join(_WORDS)})\s*\((?P<number>\d{{1,3}})\)", re.IGNORECASE)
_LIST_OF = re.compile(
    r"\b(?P<word>two|three|four|five|два|две|три|четыре|пять)\s+(?:\w+\s+)?(?:countries|cities|towns|"
    r"regions|страны|стран|города|городов|области|областей)\s*[:(]\s*(?P<list>[^.;:()\n]{4,200})[.)\n]",
    re.IGNORECASE,
)


@check_each_text
def impossible_values(text: Text) -> Iterator[Found]:
    """Times, dates, shares, ages and goals that do not exist."""
    if found := next(filter(None, (one(text) for one in (_time, _share, _goal, _age))), ""):
        yield Found(text.place, excerpt(found))


@check_each_text
def impossible_times_and_dates(text: Text) -> Iterator[Found]:
    """Times and dates in figures that no clock or calendar shows."""
    if found := _IMPOSSIBLE_TIME.search(text.plain) or _IMPOSSIBLE_DATE.search(text.plain):
        yield Found(text.place, excerpt(found[0]))


def _time(text: Text) -> str:
    patterns = (_HALF_OF_DAY, _YEAR_AFTER_MONTH, _FAR_YEAR)
    found = next(filter(None, (one.search(text.plain) for one in patterns)), None)
    return found[0] if found else ""


def _share(text: Text) -> str:
    for found in _SHARE.finditer(text.plain):
        if int(found["number"]) > 100 and (
            _OF_PEOPLE.match(text.plain[found.end() :])
            or not _GROWTH.search(text.plain[max(0, found.start() - 60) : found.end() + 30])
        ):
            return found[0]
    return ""


def _goal(text: Text) -> str:
    for found in _GOAL.finditer(text.plain):
        goal, target = int(found["goal"]), found["target"] or ""
        if not 1 <= goal <= len(_TARGETS) or (target.isdigit() and int(target) > _TARGETS[goal - 1]):
            return found[0]
    found_objective = _OBJECTIVE.search(text.plain)
    return (
        found_objective[0]
        if found_objective and not 1 <= int(found_objective["number"]) <= _OBJECTIVES
        else ""
    )


def _age(text: Text) -> str:
    for found in _AGE.finditer(text.plain):
        years = next((int(found[name]) for name in ("en", "ru", "kk", "tg") if found[name]), 0)
        if years > _OLDEST or (found["born"] and not 1850 <= int(found["born"]) <= 2030):
            return found[0]
    return ""


@check_each_text
def reversed_ranges(text: Text) -> Iterator[Found]:
    """Ranges that end before they begin: "2024–2022", "from 20 to 18 October", "18:00–9:00"."""
    for pattern in (_RANGE, _FROM_TO, _DAY_RANGE):
        found = next((one for one in pattern.finditer(text.plain) if _is_reversed(one, text.language)), None)
        if found:
            yield Found(text.place, excerpt(found[0]))
            break


def _is_reversed(found: re.Match[str], language: str) -> bool:
    first, second = found["a"], found["b"]
    if (":" in first) != (":" in second):
        return False
    month = (found.groupdict().get("month") or "").casefold()
    if len(first) <= 2 and not any(
        month.startswith(name) for name in month_names(language.partition("-")[0])
    ):
        # "From 55 to 51 per cent" is none.
        return False
    values = [tuple(map(int, one.split(":"))) for one in (first, second)]
    # "From 22:00 to 6:00" is a night; and before noon nobody closes.
    is_night = ":" in first and (values[0][0] >= 20 or values[0][0] < 12)
    return values[0] > values[1] and not is_night


@check_each_text
def contradicting_numbers(text: Text) -> Iterator[Found]:
    """Numbers of one sentence that contradict each other: "fifty (60)", shares of more than all."""
    for found in _IN_WORDS.finditer(text.plain):
        if _WORDS[found["word"].casefold()] != int(found["number"]):
            yield Found(text.place, excerpt(found[0]))
    for found in _LIST_OF.finditer(text.plain):
        named = re.split(r"\s*,\s*(?:and\s+|и\s+)?|\s+(?:and|и)\s+", found["list"].strip())
        capitals = all(one[:1].isupper() for one in named)
        if capitals and len(named) > 1 and len(named) != _WORDS[found["word"].casefold()]:
            yield Found(text.place, excerpt(found[0]))
    if shares := _parts_of_a_whole(text.plain):
        yield Found(text.place, excerpt(shares))
    elif wrong := next(wrong_sums(text.plain), ""):
        yield Found(text.place, excerpt(wrong))


_TWO_SHARES = re.compile(
    r"(?P<a>\d{1,3})\s?(?:%|per\s?cent)[^.%\n]{0,30}\b(?:women|girls|женщин|девоч|әйел|аял|зан|ayol|zenan|"
    r"cash|urban)\w*[^.%\n]{0,20}?(?P<b>\d{1,3})\s?(?:%|per\s?cent)[^.%\n]{0,30}\b"
    r"(?:men|boys|мужчин|мальчик|ер\s|ерлер|эркек|мард|erkak|erkek|cards?|rural)\w*",
    re.IGNORECASE,
)


# "61 % of women and 72 % of men have telephones": shares of two wholes.
_SHARES_OF_EACH = re.compile(
    r"(?:%|per\s?cent)\s+of\s+(?:the\s+|all\s+)?(?:women|girls)|\bу\s\d+\s?%\s+(?:женщин|дево)", re.IGNORECASE
)


def _parts_of_a_whole(plain: str) -> str:
    found = _TWO_SHARES.search(plain)
    if not found or _SHARES_OF_EACH.search(plain[max(0, found.start() - 3) : found.end()]):
        return ""
    return found[0] if int(found["a"]) + int(found["b"]) > 101 else ""


@check_each_text
def badly_written_numbers(text: Text) -> Iterator[Found]:
    """Signs that stand twice, broken numbers, wrong ordinals, and numbers in the way of another language."""
    patterns = [_SIGN_TWICE, _BROKEN, _DECIMAL.get(text.language, _DECIMAL["*"])]
    if text.language == "en":
        patterns.append(_ORDINAL)
    plain = EMAIL.sub("", text.plain)
    if text.language and (found := next(filter(None, (one.search(plain) for one in patterns)), None)):
        yield Found(text.place, excerpt(found[0]))


@check_each_text
def ambiguous_dates(text: Text) -> Iterator[Found]:
    """05/06/2022, which is May or June, by who reads it."""
    for found in _SLASH_DATE.finditer(text.plain):
        if int(found["a"]) != int(found["b"]):
            yield Found(text.place, found[0])
            break
