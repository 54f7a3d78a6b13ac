"""Checks of amounts: one number with two currencies, scales or units, in a story or between languages."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from mailer.approval.preflight.check_input import Description, Text, split_sentences
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.stated_facts import CURRENCIES, SCALES
from mailer.approval.preflight.translation_fact_checks import language_versions

_AMOUNT = re.compile(
    r"(?P<sign>[$€£₸₽]\s?)?(?<![\w.,])(?P<number>\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)|\d+(?:[.,]\d+)*)"
    r"(?P<after>(?:[ \u00a0-][^\W\d_]+\.?){0,2})"
)
_SHARE = re.compile(
    r"(?<![\w.,-])(\d{1,3})\s?(?:%|per\s?cent|процент|пайыз|фоиз|foiz|göterim)", re.IGNORECASE
)
# What is measured, as it stands behind its number. Years are left out: they are also ages and dates.
_UNITS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(rf"\W?(?:{pattern})(?!\w)", re.IGNORECASE)
    for name, pattern in {
        "kilometres": r"km|kilomet\w+|км|километр\w*|шақырым\w*|чакырым\w*",
        "miles": r"miles?|мил[ьяеи]\w*|мил[яи]|mil\w{0,3}",
        "kilogrammes": r"kg|kilos?|kilogram\w*|кг|кило\w*|килограмм\w*",
        "tonnes": r"tonnes?|tons?|тонн\w*|tonna\w*",
        "hectares": r"hectares?|ha|га|гектар\w*|gektar\w*",
        "minutes": r"minutes?|минут\w*|мин|дақиқа\w*|daqiqa\w*|minut\w*",
        "hours": r"hours?|час(?:а|ов)?|сағат\w*|саат\w*|соат\w*|soat\w*|sagat\w*",
        "days": r"days?|дн(?:я|ей)|день|суток|күн\w*|рӯз\w*|kun\w*|gün\w*",
        "weeks": r"weeks?|недел\w*|апта\w*|жума\w*|ҳафта\w*|hafta\w*|hepde\w*",
        "months": r"months?|месяц\w*|ай(?:да|га|ға|дан|дын|дың|ы|лык|лық)?|моҳ\w*|oy(?:da|ga|dan|lik|i|ning)?"
        r"|aý(?:da|a|dan|lyk|y)?",
    }.items()
}


@dataclass(frozen=True)
class _Amount:
    number: str
    # 1000 and more, and a code; empty: none.
    scale: str
    currency: str
    written: str
    text: Text
    sentence: int


def contradicting_amounts_in_one_language(description: Description) -> Iterator[Found]:
    """One number with two currencies or scales: "3.2 million" in the summary, "3.2 billion" in the body."""
    stories: dict[tuple[str, str], list[_Amount]] = defaultdict(list)
    for text in description.texts:
        if text.language and text.field in ("headline", "summary", "body", "text", "note"):
            stories[text.place.key, text.language] += _amounts(text)
    for amounts in stories.values():
        for one, other in combinations(amounts, 2):
            is_apart = (one.text, one.sentence) != (other.text, other.sentence)
            if is_apart and one.number == other.number and _is_other(one, other):
                yield Found(other.text.place, f"{other.written} / {one.written}")
                break
    yield from summary_and_body_percentage_swapped(description)


def summary_and_body_percentage_swapped(description: Description) -> Iterator[Found]:
    """The only share of a summary or headline with its digits swapped in the body: 74 % and 47 %."""
    stories: dict[tuple[str, str], list[tuple[Text, list[str]]]] = defaultdict(list)
    for text in description.texts:
        if (
            text.language
            and text.field in ("headline", "summary", "body")
            and (found := _SHARE.findall(text.plain))
        ):
            stories[text.place.key, text.language].append((text, list(dict.fromkeys(found))))
    for texts in stories.values():
        for (_text, shares), (other, other_shares) in combinations(texts, 2):
            if len(shares) == len(other_shares) == 1 and shares != other_shares:
                one, two = shares[0], other_shares[0]
                if len(one) == len(two) > 1 and sorted(one) == sorted(two):
                    yield Found(other.place, f"{two} % / {one} %")


def _is_other(one: _Amount, other: _Amount) -> bool:
    if one.scale != other.scale:
        return bool(one.scale and other.scale)
    return bool(one.currency and other.currency and one.currency != other.currency)


@lru_cache(maxsize=500)
def _amounts(text: Text) -> tuple[_Amount, ...]:
    found = []
    for at, sentence in enumerate(split_sentences(text.plain)):
        for one in _AMOUNT.finditer(sentence):
            number = re.sub(r"[^\d.,]", "", one["number"]).replace(",", ".")
            scale = next((str(size) for pattern, size in SCALES if _has(pattern, one["after"])), "")
            context = (one["sign"] or "") + one["after"]
            currency = next((code for code, pattern in CURRENCIES.items() if pattern.search(context)), "")
            if sum(map(str.isdigit, number)) > 1 and (scale or currency):
                found.append(_Amount(number, scale, currency, one[0].strip(), text, at))
    return tuple(found)


def _has(pattern: re.Pattern[str], words: str) -> bool:
    return any(pattern.match(word) for word in re.findall(r"[^\W\d_]+", words.casefold()))


def measurement_units_differ(description: Description) -> Iterator[Found]:
    """A number with another unit than in all other languages: 40 miles for 40 km, 3 weeks for 3 days."""
    for languages in language_versions(description):
        measured = {code: _measured(one.plain) for code, one in languages.items()}
        for code, own in measured.items():
            others = [one for language, one in measured.items() if language != code]
            for number, unit in own.items() if len(others) > 1 else ():
                named = {one.get(number, "") for one in others}
                if len(named) == 1 and named != {unit} and (other := named.pop()):
                    yield Found(languages[code].place, f"{number} {unit} / {number} {other}")


@lru_cache(maxsize=500)
def _measured(plain: str) -> dict[str, str]:
    """The unit behind each number that has one, as the first one says."""
    found: dict[str, str] = {}
    for one in re.finditer(r"(?<![\w.,:/])\d+(?:[.,]\d+)?", plain):
        after = plain[one.end() : one.end() + 16]
        unit = next((name for name, pattern in _UNITS.items() if pattern.match(after)), "")
        if unit:
            found.setdefault(one[0].replace(",", "."), unit)
    return found
