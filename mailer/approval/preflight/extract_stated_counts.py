"""What a text counts: numbers in figures or in words, with the words behind them, in seven languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

# Two to twelve.
_WORDS: Mapping[str, str] = {
    "en": "two three four five six seven eight nine ten eleven twelve",
    "ru": "два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать",
    "kk": "екі үш төрт бес алты жеті сегіз тоғыз он он_бір он_екі",
    "ky": "эки үч төрт беш алты жети сегиз тогуз он он_бир он_эки",
    "tg": "ду се чор панҷ шаш ҳафт ҳашт нӯҳ даҳ ёздаҳ дувоздаҳ",
    "uz": "ikki uch to‘rt besh olti yetti sakkiz to‘qqiz o‘n o‘n_bir o‘n_ikki",
    "tk": "iki üç dört bäş alty ýedi sekiz dokuz on on_bir on_iki",
}
# Cases of Russian numerals, and a second spelling or gender.
_MORE_WORDS: Mapping[str, Mapping[str, int]] = {
    "ru": {
        "две": 2,
        "двух": 2,
        "двум": 2,
        "трёх": 3,
        "трех": 3,
        "четырёх": 4,
        "четырех": 4,
        "пяти": 5,
        "шести": 6,
        "семи": 7,
        "восьми": 8,
        "девяти": 9,
        "десяти": 10,
        "двенадцати": 12,
    },
    "tg": {"чаҳор": 4},
    "uz": {"uchta": 3, "ikkita": 2, "to‘rtta": 4, "beshta": 5, "oltita": 6},
}
_FIGURES = r"\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)|\d{1,3}(?:[.,]\d{3})+(?!\d)|\d+(?:[.,]\d{1,2})?"
# Words between a number and what it counts.
_COUNTERS = r"(?:нафар|nafar|ta|дона|адад|sany|of\s+(?:the|them|our|these)|из\s+них|-ten|the)\s+"
_DEFINITE = re.compile(
    r"(?<!\w)(?:the|all|these|those|all\s+the|все|всех|всем|эти|этих|этим|барлық|осы|бұл|бардык|бул|ушул"
    r"|ҳамаи|ин|он|barcha|bu|ushbu|ähli|şu|ol)\s+$",
    re.IGNORECASE,
)
# What says when, how long, how old or how much: such numbers differ within one text.
_NO_THING = re.compile(
    r"""(?:years?|months?|weeks?|days?|hours?|minutes?|times?|km|kg|cm|m|mm|per|percent|a\.?m|p\.?m|o
      |january|february|march|april
    |may|june|july|august|september|october|november|december|and|or|to|in|on|of|by|at|for|is|was|are
      |were|from|with|until
    |год\w*|лет\w*|месяц\w*|недел\w*|дн\w+|день|час\w*|минут\w*|раз\w?|км|кг|см|м|январ\w*|феврал\w*
      |март\w*|апрел\w*|ма[йяе]|июн\w*
    |июл\w*|август\w*|сентябр\w*|октябр\w*|ноябр\w*|декабр\w*|г|гг|и|или|в|на|до|по|с|из|за|от|к
    |жыл\w*|жас\w*|жаш\w*|ай\w{0,4}|апта\w*|жума\w*|күн\w*|сағат\w*|саат\w*|минут\w*|рет|жолу|қаңтар\w*
      |ақпан\w*|наурыз\w*|сәуір\w*
    |мамыр\w*|маусым\w*|шілде\w*|тамыз\w*|қыркүйек\w*|қазан\w*|қараша\w*|желтоқсан\w*|және|жана|мен|менен
    |сол\w*|моҳ\w*|ҳафта\w*|рӯз\w*|соат\w*|дақиқа\w*|бор|ва|то|аз|дар|ба
    |yil\w*|yosh\w*|oy\w{0,4}|hafta\w*|kun\w*|soat\w*|daqiqa\w*|marta|va|yanvar\w*|fevral\w*|mart\w*
      |aprel\w*|iyun\w*|iyul\w*
    |avgust\w*|senta?ya?br\w*|oktya?br\w*|noya?br\w*|dekabr\w*
    |ýyl\w*|ýaş\w*|aý\w{0,4}|hepde\w*|gün\w*|sagat\w*|minut\w*|gezek|we|ýanwar\w*|fewral\w*|maý\w*
      |iýun\w*|iýul\w*|awgust\w*
    |sentýabr\w*|oktýabr\w*|noýabr\w*)""",
    re.VERBOSE | re.IGNORECASE,
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_SCALES = re.compile(
    r"(?:thousand|million|billion|тыс|млн|млрд|миллион|миллиард|мың|миң|ҳазор|ming|mln|mlrd|müň)\w*\.?\s+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class StatedCount:
    """A number and what it counts."""

    value: str
    # The words behind it, in small letters: one or two.
    words: tuple[str, ...]
    written: str
    start: int
    end: int
    # Whether it speaks of those that were named before: "the 35 officials".
    is_definite: bool


def words_for_numbers(language: str) -> Mapping[str, int]:
    """Two to twelve by their words."""
    named = {one.replace("_", " "): number for number, one in enumerate(_WORDS.get(language, "").split(), 2)}
    return {**named, **_MORE_WORDS.get(language, {})}


@lru_cache(maxsize=1_000)
def counts_in(plain: str, language: str) -> tuple[StatedCount, ...]:
    """What a text counts, in its order."""
    found = []
    for one in _pattern(language).finditer(plain):
        words = tuple(re.findall(r"[^\W\d_][\w‘’'-]*", one["words"].casefold()))
        if not words or _NO_THING.fullmatch(words[0]):
            continue
        value = one["number"]
        number = words_for_numbers(language).get(value.casefold())
        scale = _SCALES.match(one["scale"] or "")
        found.append(
            StatedCount(
                str(number) if number else re.sub(r"\D", "", value) + (scale[0][:3] if scale else ""),
                words[:2],
                f"{value}{one['between']}{one['words']}".strip(),
                one.start("number"),
                one.end(),
                bool(_DEFINITE.search(plain[: one.start("number")])),
            )
        )
    return tuple(found)


def identifying_numbers_in(plain: str) -> tuple[StatedCount, ...]:
    """Rooms, decrees and numbers of schools and houses: what a number names, and does not count."""
    return tuple(
        StatedCount(one["a"] or one["b"], (f"#{label}",), one[0].strip(), one.start(), one.end(), False)
        for label, pattern in _LABELS.items()
        for one in pattern.finditer(plain)
    )


def _label(words: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?<!\w)(?:{words})\s*(?:№|no\.?|number)?\s*(?P<a>\d{{1,5}})(?![\w%]|[.,:]\d)"
        rf"|(?<![\w.,-])(?P<b>\d{{1,5}})-?\s?(?:{words})(?!\w)",
        re.IGNORECASE,
    )


_LABELS: Mapping[str, re.Pattern[str]] = {
    "room": _label(
        r"room|hall|office\s+no|кабинет\w{0,2}|каб\.|комнат\w|зал\w?|аудитори\w|бөлме\w{0,3}"
        r"|бөлмө\w{0,3}|ҳуҷра\w?|утоқи|xona\w{0,3}|otag\w{0,3}"
    ),
    "decree": _label(
        r"decree|resolution|(?:order|law)\s+no\.?|указ\w{0,2}|постановлени\w|приказ\w{0,2}"
        r"|распоряжени\w|қаулы\w{0,3}|бұйрық\w{0,3}|жарлық\w{0,3}"
        r"|токтом\w{0,3}|буйрук\w{0,3}|қарори?|фармони?|qaror\w{0,3}|farmon\w{0,3}|karar\w{0,3}"
        r"|perman\w{0,3}"
    ),
}


@cache
def _pattern(language: str) -> re.Pattern[str]:
    numbers = "|".join(sorted(words_for_numbers(language), key=len, reverse=True)) or "(?!)"
    return re.compile(
        rf"(?<![\w.,:/№$€+-])(?P<number>{_FIGURES}|(?:{numbers})(?!\w))"
        rf"(?P<between>[ \u00a0](?P<scale>(?:{_SCALES.pattern})?)(?:{_COUNTERS})?)"
        r"(?P<words>[^\W\d_][\w‘’'-]*(?:[ \u00a0][^\W\d_][\w‘’'-]*)?)",
        re.IGNORECASE,
    )


def is_same_word_but_for_ending(one: str, other: str) -> bool:
    """Whether two words differ in their endings alone."""
    first, second = sorted((one, other), key=len)
    if first == second or len(first) < 3:
        return first == second
    least = len(first) if len(first) <= 4 else max(4, len(first) - 2)
    return len(second) - len(first) <= 5 and first[:least] == second[:least]


def is_number_slip(one: str, other: str) -> bool:
    """Whether one number may be the other with a slip: a digit changed, two swapped, a nought too many."""
    if one == other or min(len(one), len(other)) < 2 or (_YEAR.fullmatch(one) and _YEAR.fullmatch(other)):
        return False
    if len(one) == len(other):
        changed = sum(a != b for a, b in zip(one, other, strict=True))
        return changed == 1 or (changed == 2 and sorted(one) == sorted(other))
    first, second = sorted((one, other), key=len)
    return first.rstrip("0") == second.rstrip("0") and len(second) - len(first) == 1
