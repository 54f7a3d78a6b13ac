"""The facts that a text states, in a form that is the same in seven languages.

Numbers with their scale, times of day, months, currencies, e-mail addresses and telephone numbers. A
  fact that can
be read in two ways ("1,250", "14.30", "6 pm") holds both, and is the same as another one if they share
  a reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from typing import Literal

from mailer.approval.preflight.date_checks import month_names

FactKind = Literal["number", "time", "month", "currency", "email", "phone"]
# Languages that have words and endings of their own here.
LANGUAGES = ("en", "ru", "kk", "ky", "tg", "uz", "tk")

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"(?:https?://|www\.)\S+")
# Without the hours that may follow a number in parentheses: "(9:00–18:00)", "(9–18)".
_HOURS = r"\(\s?\d{1,2}(?:[:.]\d\d|\s?[–-]\s?\d{1,2}\s?\))"
PHONE = re.compile(rf"(?<![\w.,])(?:\+|00)?\d(?:(?!{_HOURS})[\d\s()\u00a0\u2011–-]){{6,19}}\d(?!\w)")
_DATE = re.compile(
    r"(?<![\d.])(?P<day>\d{1,2})[./](?P<month>\d{1,2})[./](?P<year>(?:19|20)\d{2})(?!\d)"
    r"|(?<!\d)(?P<iso_year>(?:19|20)\d{2})-(?P<iso_month>\d{2})-(?P<iso_day>\d{2})(?!\d)"
)
_TIME = re.compile(
    r"(?<![\d:.,])(?P<hour>[01]?\d|2[0-4])(?:[:.](?P<minute>[0-5]\d))?(?![\d:]|"
    r"\.\d)(?:[ \u00a0]?(?P<half>[ap]\.?[ ]?m\b\.?))?",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"(?<![\w.,])(?P<digits>\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)|\d{1,3}(?:[.,]\d{3})+(?!\d)|"
    r"\d+(?:[.,]\d+)?)"
    r"(?:[ \u00a0-]?(?P<scale>[^\W\d_]+))?"
)
SCALES: tuple[tuple[re.Pattern[str], int], ...] = (
    (re.compile(r"(?:thousand|тыс|мың|миң|ҳазор|ming(?!l)|müň)"), 10**3),
    (re.compile(r"(?:million|mln|млн|миллион)"), 10**6),
    (re.compile(r"(?:billion|bn(?!\w)|млрд|миллиард|mlrd|milliard)"), 10**9),
    (re.compile(r"(?:trillion|трлн|триллион|trln)"), 10**12),
)
CURRENCIES: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "KZT": r"\btenge\b|\bтеңге|\bтенге\b|\bтанга\b|\btanga\b|\bteňňe|₸|\bKZT\b",
        "TJS": r"\bsomoni\b|\bсомон[иӣ]|\bTJS\b",
        "TMT": r"\bmanat|\bманат|\bTMT\b",
        "KGS": r"\bsoms?\b|\bсом(?:а|у|ом|ов|ам|ду|дук|го|дон)?\b|\bKGS\b",
        "UZS": r"\bso[‘ʻ’'`ʼ]m|\bsoums?\b|\bUZS\b|\bсум(?:а|у|ов|ы)?\b|\bсўм|\bsum\b|\bsoms?\b",
        "RUB": r"\bro?ubles?\b|\bрубл|\brubl|₽|\bRUB\b",
        "USD": r"\$|\bdollar|\bдоллар|\bдолл\b|\bUSD\b",
        "EUR": r"€|\beuros?\b|\bевро\b|\byevro|\býewro|\bEUR\b",
        "JPY": r"¥|\byen\b|\bиен|\bйен|\bJPY\b",
        "GBP": r"£|\bpounds?\b|\bGBP\b",
        "CNY": r"\byuan\b|\bюан|\bCNY\b",
    }.items()
}


@dataclass(frozen=True)
class Fact:
    """Something that a text states, and that no translation changes."""

    kind: FactKind
    # Every way of reading it: "14.30" is a time and a number.
    readings: frozenset[str]
    # As the text writes it.
    written: str
    # Whether other languages may well write it in words: "three", "half", or leave it out.
    is_loose: bool = False


# Several checks ask for the facts of the same texts.
@lru_cache(maxsize=2_000)
def facts_of(plain: str, language: str) -> tuple[Fact, ...]:
    """The facts of a text in the order of their kinds, each as often as it stands there."""
    return tuple(_facts(plain, language.partition("-")[0]))


def _facts(plain: str, language: str) -> Iterator[Fact]:
    for found in EMAIL.finditer(plain):
        yield Fact("email", frozenset({found[0].lower().rstrip(".")}), found[0])
    rest = _URL.sub(" ", EMAIL.sub(" ", plain))
    for found in PHONE.finditer(rest):
        if is_phone(found[0]):
            yield Fact("phone", frozenset({re.sub(r"\D", "", found[0])[-9:]}), found[0])
    rest = PHONE.sub(lambda found: " " if is_phone(found[0]) else found[0], rest)
    yield from _months(rest, language)
    for name, pattern in CURRENCIES.items():
        # The English "som" is that of two countries.
        if said := pattern.search(rest):
            names = {"KGS", "UZS"} if said[0].lower() in ("som", "soms") else {name}
            yield Fact("currency", frozenset(names), said[0], is_loose=True)
    for numeric in _DATE.finditer(rest):
        yield from _of_date(numeric)
    yield from _times_and_numbers(_DATE.sub(" ", rest))


def is_phone(written: str) -> bool:
    """Whether digits with spaces between them are a telephone number, and not two numbers side by side."""
    digits = re.sub(r"\D", "", written)
    # "12 000 450 000" is no number of a telephone: those begin with a sign, a code in brackets, or 8 and 0.
    return 9 <= len(digits) <= 16 and bool(re.match(r"\+|00|[80][\s(-]|\(", written.strip()))


def _of_date(found: re.Match[str]) -> Iterator[Fact]:
    day, month = int(found["day"] or found["iso_day"]), int(found["month"] or found["iso_month"])
    yield _number(frozenset({str(day), str(month)} if "/" in found[0] else {str(day)}), found[0])
    yield Fact("number", frozenset({found["year"] or found["iso_year"]}), found[0])
    months = {f"month {month}", f"month {day}"} if "/" in found[0] else {f"month {month}"}
    yield Fact("month", frozenset(months), found[0])


def _months(plain: str, language: str) -> Iterator[Fact]:
    """The months that stand beside a number."""
    for found in _month_pattern(language).finditer(plain.casefold()):
        number = month_names(language)[found["before"] or found["after"]]
        yield Fact("month", frozenset({f"month {number}"}), found["before"] or found["after"])


@cache
def _month_pattern(language: str) -> re.Pattern[str]:
    names = "|".join(sorted(map(re.escape, month_names(language)), key=len, reverse=True))
    return re.compile(
        rf"\d[\w’-]{{0,6}}[\s-]+(?:of\s+|күні\s+)?(?P<before>{names})|(?<!\w)(?P<after>{names})\w{{0,4}}\s+\d"
    )


def _times_and_numbers(plain: str) -> Iterator[Fact]:
    rest = []
    at = 0
    for found in _TIME.finditer(plain):
        half = (found["half"] or "").lower()
        if not half and (not found["minute"] or "." in found[0]):
            continue
        hour = int(found["hour"])
        if half:
            hour = hour % 12 + 12 * half.startswith("p")
        minute = found["minute"] or "00"
        readings = {f"{hour:02}:{minute}"}
        if minute == "00":
            readings |= {str(hour), found["hour"].lstrip("0") or "0"}
        yield Fact("time", frozenset(readings), found[0].strip())
        rest.append(plain[at : found.start()])
        at = found.end()
    for number in _NUMBER.finditer(" ".join((*rest, plain[at:]))):
        after = (number["scale"] or "").casefold()
        has_scale = any(pattern.match(after) for pattern, _ in SCALES)
        yield _number(_readings(number["digits"], after), number[0] if has_scale else number["digits"])


def _number(readings: frozenset[str], written: str) -> Fact:
    return Fact("number", readings, written, is_loose=all(map(_is_loose, readings)))


def _is_loose(reading: str) -> bool:
    """Whether writers put the number in words: up to twenty, and round ones."""
    if not reading.isdigit():
        return ":" in reading
    value = int(reading)
    return value <= 20 or value in (30, 40, 50, 60, 70, 80, 90, 100, 1000, 1000000)


def _readings(digits: str, after: str) -> frozenset[str]:
    scale = next((number for pattern, number in SCALES if pattern.match(after)), 1)
    bare = re.sub(r"[ \u00a0\u202f]", "", digits)
    whole, _sign, part = bare.replace(",", ".").partition(".")
    values = {
        Decimal(bare.replace(",", "").replace(".", "")) if "." in part else Decimal(f"{whole}.{part or 0}")
    }
    if len(part) == 3 and len(whole) <= 3:
        values.add(Decimal(whole + part))
    found = {f"{(value * scale).normalize():f}" for value in values}
    if part and scale == 1 and len(part) <= 2:
        # "5.2" of an article is "5(2)"; "14.30" is a time.
        found |= {whole, part.lstrip("0") or "0"}
        if int(whole) < 24 and len(part) == 2 and int(part) < 60:
            found.add(f"{int(whole):02}:{part}")
    return frozenset(found)
