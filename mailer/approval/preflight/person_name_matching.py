"""Finds the names of people in a text, and compares them across alphabets and endings."""

from __future__ import annotations

import re
from functools import lru_cache

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
