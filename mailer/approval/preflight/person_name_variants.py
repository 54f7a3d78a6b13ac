"""Finds the names of people in a text, and compares them across alphabets and endings.

Also variants within one language, such as "Toktobaeva" and "Toktabaeva".
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from mailer.approval.preflight.edit_distance import edit_distance

_WORDS = re.compile(r"(?<![\w.@/-])[^\W\d_]{3,}(?![\w@])")
# A family name up to the ending that the languages of the region share, and what grammar adds to it.
_FAMILY = re.compile(r"(?P<stem>\w{2,}?(?:ов|ев|ёв|ин|ын|ov|ev|ow|ew|in))(?P<ending>\w*)")
_ZODA = re.compile(r"(?P<stem>\w{2,}(?:зода|zoda|zade))(?P<ending>\w{0,5})")
_ENDINGS = {
    "en": re.compile("a?"),
    "ru": re.compile("(?:а|ой|ою|у|ы|е|ым|ых|ыми|ом)?"),
}
_ANY_ENDING = re.compile(r"[аa]?\w{0,6}")
_DECLINED = re.compile("(?:ой|ою|ей|ом|ем|а|я|ы|и|у|ю|е|й|ь|a|y|e)$")
_LEAST_OF_TWO, _LEAST_FAMILY, _LEAST_GIVEN = 7, 5, 5
_PAIR = re.compile(
    r"(?<![\w.-])(?P<given>[^\W\d_a-zа-яё][^\W\d_]{2,})[ \u00a0](?P<family>[^\W\d_a-zа-яё][^\W\d_]{2,}"
    r"(?:ov|ev|ova|eva|in|ina|ow|ew|owa|ewa|ов|ев|ова|ева|ин|ина|зода|zoda|ули|уулу|кызы|улы|қызы|"
    r"овой|евой|ову|еву|ова|ева|ову|ым|ых)[^\W\d_]{0,5})(?!\w)"
)
_LETTERS = str.maketrans(
    "абвгғдеэзиіӣйкқлмнңоөпрстуүұӯфхһҳцҷәыäöüžşçýňw",
    "abvggdeeziiiikklmnnooprstuuuufhhhczayaouzscynv",
    "ьъ",
) | {
    ord(one): two
    for one, two in (("ж", "zh"), ("ч", "c"), ("ш", "s"), ("щ", "s"), ("ю", "u"), ("я", "a"), ("ё", "o"))
}
# Sounds that the languages write differently.
_SAME_SOUND = (
    *(("kh", "h"), ("gh", "g"), ("dzh", "z"), ("zh", "z"), ("dj", "z"), ("x", "h"), ("q", "k")),
    *(("ts", "c"), ("sh", "s"), ("ch", "c"), ("j", "z")),
)


@dataclass(frozen=True)
class Person:
    """A given name and a family name without the endings of grammar."""

    given: str
    family: str
    written: str


@lru_cache(maxsize=2_000)
def persons_in(plain: str, language: str) -> tuple[Person, ...]:
    """People whose family name has one of the region's endings, in either order of their names."""
    return tuple(_persons_in(plain, language))


def _persons_in(plain: str, language: str) -> Iterator[Person]:
    words = list(_WORDS.finditer(plain))
    for first, second in itertools.pairwise(words):
        if plain[first.end() : second.start()] not in (" ", "\u00a0"):
            continue
        pair = first[0], second[0]
        if not all(one[0].isupper() and one[1:].islower() for one in pair):
            continue
        written = " ".join(pair)
        if family := _family(pair[1], language):
            yield Person(_given(pair[0]), family, written)
        elif family := _family(pair[0], language):
            yield Person(_given(pair[1]), family, written)


def _family(word: str, language: str) -> str:
    found = _ZODA.fullmatch(word.casefold()) or _FAMILY.fullmatch(word.casefold())
    if not found or not _ENDINGS.get(language, _ANY_ENDING).fullmatch(found["ending"]):
        return ""
    return found["stem"].replace("ё", "е")


def _given(word: str) -> str:
    return _DECLINED.sub("", word.casefold().replace("ё", "е"))


def find_variant(person: Person, known: Iterable[Person]) -> Person | None:
    """Who is the same person with one of the names a letter or two different."""
    return next((one for one in known if _is_misspelt(person, one)), None)


def _is_misspelt(one: Person, other: Person) -> bool:
    if one.given == other.given and len(one.given) >= 3:
        return _differs_little(one.family, other.family)
    shorter = min(len(one.given), len(other.given))
    return (
        one.family == other.family
        and shorter >= _LEAST_GIVEN
        and one.given[0] == other.given[0]
        and edit_distance(one.given, other.given) == 1
    )


def _differs_little(one: str, other: str) -> bool:
    shorter = min(len(one), len(other))
    if one == other or shorter < _LEAST_FAMILY or one[0] != other[0]:
        return False
    return edit_distance(one, other) <= (2 if shorter >= _LEAST_OF_TWO else 1)


def full_names_with_regional_endings(plain: str) -> list[tuple[str, str]]:
    """(given name, family name) of people whose family name has one of the region's endings."""
    return list(dict.fromkeys((one["given"], one["family"]) for one in _PAIR.finditer(plain)))


@lru_cache(maxsize=2_000)
def consonant_skeleton(word: str) -> str:
    """The consonants of a name in Latin letters, in the same way for every alphabet: "Каримова" is "krmv"."""
    latin = word.casefold().translate(_LETTERS)
    for written, sound in _SAME_SOUND:
        latin = latin.replace(written, sound)
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[aeiouy‘ʻ’'`ʼ-]", "", latin))
