"""Finds a name of a person or place that one language spells in two ways: "Naryn" and "Narin"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import takewhile

from mailer.approval.preflight.check_input import Description, Text
from mailer.approval.preflight.edit_distance import edit_distance
from mailer.approval.preflight.findings_and_overrides import Found

# Words with a capital letter that begin no sentence.
_NAMES = re.compile(
    r"(?<=[^\W_][ \u00a0,(«“„\"])(?<![.!?…:][ \u00a0])[^\W\d_a-zа-яё][^\W\d_]{3,}"
    r"(?:[‘ʻ’'`ʼ][^\W\d_]+)*(?![\w@.-]*@)"
)
_FIRST = re.compile(r"(?:^|(?<=[.!?…:\n«“„(—–][ \u00a0])|(?<=\n)|(?<=[«“„(]))[^\W\d_a-zа-яё][^\W\d_]{3,}")
# Letters that one spelling has for the other's, each with one sign; and signs without a sound of their own.
_SOUNDS = (
    *(("kh", "h"), ("gh", "g"), ("zh", "j"), ("dj", "j"), ("sh", "s"), ("ch", "c"), ("ts", "c"), ("ph", "f")),
    *(("iy", "i"), ("yi", "i"), ("ee", "i"), ("oo", "u"), ("ou", "u"), ("ya", "a"), ("ia", "a"), ("yo", "o")),
)
_LETTERS = str.maketrans("yqwxäöüşçžýňыэёйюұүқғңөһіҳӣӯҷ", "ikvhaousczinиееиууукгнохихиуж", "ьъ")
_LEAST, _LEAST_OF_SLIP = 5, 7
# Endings of grammar that one name may have and the other not.
_MOST_ENDING = 4


def spelled_in_two_ways(description: Description) -> Iterator[Found]:
    """Names that sound the same, or differ by a letter, and of which one stands once only."""
    known: dict[str, dict[str, Text]] = {}
    small: dict[str, set[str]] = {}
    for text in description.texts:
        small.setdefault(text.language, set()).update(_words_in(text.plain))
    for text in description.texts:
        seen = known.setdefault(text.language, {})
        for name in _names_in(text.plain):
            if not text.language or name.isupper() or name.casefold() in small[text.language] or name in seen:
                continue
            other = next((one for one in seen if _is_variant(one, name)), "")
            seen[name] = text
            if other and other.casefold() not in small[text.language]:
                yield Found(text.place, f"{name} / {other}")


@lru_cache(maxsize=2_000)
def _words_in(plain: str) -> tuple[str, ...]:
    return tuple(re.findall(r"(?<![\w@./-])[^\W\d_]{4,}", plain))


@lru_cache(maxsize=2_000)
def _names_in(plain: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*_NAMES.findall(plain), *_FIRST.findall(plain))))


def _is_variant(one: str, other: str) -> bool:
    first, second = one.casefold(), other.casefold()
    if first[0] != second[0] and phonetic_key(first)[:1] != phonetic_key(second)[:1]:
        return False
    if first.startswith(second) or second.startswith(first):
        return False
    if is_spelling_variant(first, second):
        return True
    least = min(len(first), len(second))
    # A letter swapped, lost or doubled within a long name; another letter in its place makes another name.
    return (
        least >= _LEAST_OF_SLIP
        and first[:2] == second[:2]
        and first[-2:] == second[-2:]
        and edit_distance(first, second) == 1
        and (len(first) != len(second) or sorted(first) == sorted(second))
    )


def is_spelling_variant(one: str, other: str) -> bool:
    """Whether two words are pronounced alike up to their endings, and are spelled otherwise before those."""
    first, second = phonetic_key(one), phonetic_key(other)
    same = _alike(first, second)
    if same < _LEAST or max(len(first), len(second)) - same > _MOST_ENDING:
        return False
    # What differs must stand before the endings.
    return _alike(one, other) <= same - 2


def _alike(one: str, other: str) -> int:
    """How many letters two words have in common at their beginnings."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


@lru_cache(maxsize=4_000)
def phonetic_key(word: str) -> str:
    """A word in signs that are the same for the letters of two ways of spelling."""
    for written, sign in _SOUNDS:
        word = word.replace(written, sign)
    return re.sub(r"(.)\1", r"\1", re.sub(r"[‘ʻ’'`ʼ]", "", word.translate(_LETTERS)))
