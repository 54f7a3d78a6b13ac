"""Finds months and weekdays that a translation left in another language: "16 ноября" in Kazakh text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from mailer.approval.preflight.check_input import Text
from mailer.approval.preflight.date_checks import WEEKDAYS, month_names
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.per_text_check_decorator import check_each_text
from mailer.approval.preflight.stated_facts import LANGUAGES

_QUOTED = re.compile(r"«[^»\n]*»|“[^”\n]*”|„[^“\n]*“|\"[^\"\n]*\"|\S*(?:://|@|www\.)\S*")
# Russian cases; Kyrgyz and Tajik have the same names with other endings.
_RUSSIAN_ENDINGS = {"ь": "[ьяюе]|[её]м", "й": "[йяюе]|ем", "т": "[ауе]?|ом"}
_MONTH_ENDING, _LEAST_MONTH = r"\w{0,6}", 3
# Endings that an own month may have beside its name; Russian has its cases only.
_FOREIGN_CASES = {"ky": "[яа]", "tg": "(?:[яа]|ь)"}
_RUSSIAN_WEEKDAYS = (
    r"понедельник(?:а|у|ом|е|ам)?|вторник(?:а|у|ом|е|ам)?|сред(?:а|ы|у|е|ой|ам)|четверг(?:а|у|ом|е|ам)?"
    r"|пятниц(?:а|ы|у|е|ей|ам)|суббот(?:а|ы|у|е|ой|ам)|воскресень(?:е|я|ю|ем|ям)"
)
# How far from a number a weekday still belongs to a date.
_NEAR_NUMBER = re.compile(r"\d[^.;!?\n]{0,30}$|^[^.;!?\n]{0,30}\d")


@check_each_text
def foreign_dates(text: Text) -> Iterator[Found]:
    """Months beside a number, and weekdays beside a date, whose name is that of another language."""
    language = text.language.partition("-")[0]
    if language not in LANGUAGES or not any(map(str.isdigit, text.plain)):
        return
    plain = _QUOTED.sub(" ", text.plain.casefold())
    if found := _foreign_month(plain, language) or _foreign_weekday(plain, language):
        yield Found(text.place, found)


def _foreign_month(plain: str, language: str) -> str:
    for other, pattern in _month_patterns(language).items():
        for found in pattern.finditer(plain):
            if not _own_months(language).fullmatch(found["month"]):
                return f"{found[0].strip()} ({other})"
    return ""


def _foreign_weekday(plain: str, language: str) -> str:
    for other, pattern in _weekday_patterns(language).items():
        for found in pattern.finditer(plain):
            before, after = plain[max(0, found.start() - 40) : found.start()], plain[found.end() :][:40]
            if _NEAR_NUMBER.search(before) or _NEAR_NUMBER.match(after):
                return f"{found[0]} ({other})"
    return ""


@cache
def _month_patterns(language: str) -> dict[str, re.Pattern[str]]:
    """Of each other language the months that stand beside a number."""
    patterns = {}
    for other in LANGUAGES:
        if other != language:
            names = _forms(other)
            patterns[other] = re.compile(
                rf"(?<![\d.,])\d{{1,2}}(?:-?[^\W\d]{{1,6}})?[\s-]+(?P<month>{names})(?!\w)"
                if other != "en"
                else rf"(?<![\d.,])\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{names})(?!\w)"
            )
    return patterns


@cache
def _forms(language: str) -> str:
    """The months of a language with its endings."""
    names = [name for name in month_names(language) if len(name) >= _LEAST_MONTH]
    if language == "en":
        return "|".join(names)
    if language == "ru":
        return "|".join(_russian(name) for name in names if name[-1] in _RUSSIAN_ENDINGS)
    return "|".join(f"{re.escape(name)}{_MONTH_ENDING}" for name in names)


def _russian(name: str) -> str:
    stem = name if name[-1] == "т" else name[:-1]
    return f"{re.escape(stem)}(?:{_RUSSIAN_ENDINGS[name[-1]]})"


@cache
def _own_months(language: str) -> re.Pattern[str]:
    """The months of the text's own language, and no case of the Russian ones."""
    if language == "ru":
        return re.compile(_forms(language))
    foreign = _FOREIGN_CASES.get(language, "(?!)")
    names = "|".join(map(re.escape, month_names(language)))
    # "12 marts" is English.
    return re.compile(rf"(?:{names}|marts?)(?!{foreign}$){_MONTH_ENDING}")


@cache
def _weekday_patterns(language: str) -> dict[str, re.Pattern[str]]:
    """Of each other language its weekdays, without those that are also its own, or a capital's name."""
    patterns = {}
    for other, stems in WEEKDAYS.items():
        if other == language:
            continue
        own = re.compile(rf"(?:{'|'.join(WEEKDAYS[language])})")
        kept = [stem for stem in stems if not own.match(stem) and stem not in _OTHER_WORDS]
        names = _RUSSIAN_WEEKDAYS if other == "ru" else rf"(?:{'|'.join(kept)})\w{{0,5}}"
        patterns[other] = re.compile(rf"(?<![\w-])(?:{names})(?!\w)")
    return patterns


# A name for women, a prayer and a mosque, and two spellings of the capital of Tajikistan.
_OTHER_WORDS = frozenset(("anna", "жума", "жұма", "juma", "dushanba", "рӯзи душанбе"))
