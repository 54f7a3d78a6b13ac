"""Finds entries of sources that are the same story, or the same story in another language.

Each entry has keys, short hashes of its address, headline, picture, numbers and text (MinHash). Entries that
share a key are compared in full. What is the same in the same language is merged; what seems to be a
translation is a suggestion for staff.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit
from zlib import crc32

Sign = Literal["link", "headline", "text", "picture", "event", "numbers"]
# Words of a shingle, hashes of a signature, and hashes of each of its bands.
_SHINGLE, _HASHES, _BAND = 3, 16, 4
_MOST_WORDS = 800
# Makes all digits of a CRC-32 depend on each other: the odd number next to 2³² divided by the golden ratio.
_MIXING, _32_BITS = 0x9E3779B1, 0xFFFFFFFF
# The share of common shingles from which two texts are the same, and of common words two headlines.
_SAME_TEXT, _SAME_HEADLINE = 0.6, 0.5
# Days between the publication of two entries that may be the same story.
_DAYS, _DAYS_OF_TEXT = 3, 21
_TRACKING = re.compile(r"utm_\w+|fbclid|gclid|yclid|ysclid|_openstat|mc_[ce]id|ref|from|amp")
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d+(?:[.,   ]\d{3})*")
_DIGITS = re.compile(r"\d+")
# Letters of a word of a headline that says what it is about.
_LONG_WORD = 5
_YEARS = range(1900, 2101)


@dataclass(frozen=True)
class Entry:
    """What two entries are compared by."""

    # Of the source; entries of one source are compared more strictly.
    source: int
    language: str
    headline: str
    # Plain, without the headline.
    text: str
    link: str = ""
    # SHA-256 of the picture; or "".
    picture: str = ""
    day: date | None = None
    # Of an event: its day and the time that it begins, "2021-12-18 18:30"; or "".
    event: str = ""


@dataclass(frozen=True)
class Match:
    """How another entry is the same story."""

    # "same": in the same language. "translation": in another one.
    kind: Literal["same", "translation"]
    sign: Sign


def keys_of(entry: Entry) -> tuple[str, ...]:
    """The entry's keys, each of at most 40 characters; two entries that share none are not compared."""
    keys = [f"band{at}:{band}" for at, band in enumerate(_bands(entry))]
    if link := link_comparison_key(entry.link):
        keys.append(f"link:{_hash(link)}")
    if len(_words(entry.headline)) >= 3:
        keys.append(f"head:{_hash(' '.join(_words(entry.headline)))}")
    keys += picture_keys(entry.picture)
    if entry.event:
        keys.append(f"event:{entry.event}")
    large = sorted(one for one in distinguishing_numbers(f"{entry.headline} {entry.text}") if one >= 1000)[
        -5:
    ]
    return (*keys, *(f"num:{one}"[:40] for one in large))


def picture_keys(picture_sha256: str) -> tuple[str, ...]:
    """The key of a picture, by its SHA-256; none for ""."""
    return (f"pict:{picture_sha256[:24]}",) if picture_sha256 else ()


def match_entries(new: Entry, old: Entry) -> Match | None:
    """How the two are the same story; None where they are not."""
    if new.language == old.language:
        sign = _same(new, old)
        return Match("same", sign) if sign else None
    sign = _translation(new, old)
    return Match("translation", sign) if sign else None


def link_comparison_key(link: str) -> str:
    """The address without what does not choose the page: scheme, www, tracking parameters, fragment.

    A fragment such as "#/news/7" does choose one. Empty for a site's home page.
    """
    try:
        parts = urlsplit(link.strip())
    except ValueError:
        return ""
    path = re.sub(r"/(?:index\.\w+|amp)?$", "", parts.path)
    # Some sites number their pages without a name: "?1207".
    chosen = parse_qsl(parts.query, keep_blank_values=True)
    query = sorted(pair for pair in chosen if not _TRACKING.fullmatch(pair[0].lower()))
    place = parts.fragment.removesuffix("/") if parts.fragment.startswith(("/", "!")) else ""
    if not parts.netloc or not (path or query or place):
        return ""
    host = parts.netloc.lower().removeprefix("www.").removeprefix("m.")
    return f"{host}{path}" + (f"?{urlencode(query)}" if query else "") + (f"#{place}" if place else "")


def _same(new: Entry, old: Entry) -> Sign | None:
    apart = _days(new, old)
    alike = _share(_words(new.headline), _words(old.headline))
    one_source = new.source == old.source
    if _name_other_numbers(new.headline, old.headline):
        # "Closed on 16 December", "Closed on 31 December": all else may be the same.
        return None
    if _same_link(new, old) and (alike >= _SAME_HEADLINE or (not one_source and _are_related(new, old))):
        return "link"
    same_text = apart <= _DAYS_OF_TEXT and _share(_shingles(new), _shingles(old)) >= _SAME_TEXT
    if one_source:
        # A series has the same text but for a few words, or the same headline, place or picture each time.
        return "text" if same_text and _differ_in_no_name_or_number(new, old) else None
    if same_text:
        return "text"
    if apart <= _DAYS and len(_words(new.headline)) >= 4 and _words(new.headline) == _words(old.headline):
        return "headline"
    if new.event and new.event == old.event and alike >= _SAME_HEADLINE:
        return "event"
    if apart <= _DAYS and new.picture and new.picture == old.picture and alike >= _SAME_HEADLINE:
        return "picture"
    return None


def _name_other_numbers(new: str, old: str) -> bool:
    """Whether both texts have numbers, and not the same."""
    mine, theirs = set(_DIGITS.findall(new)), set(_DIGITS.findall(old))
    return bool(mine and theirs) and mine != theirs


def _differ_in_no_name_or_number(new: Entry, old: Entry) -> bool:
    """Whether the headlines have the same words, and the texts the same numbers."""
    mine, theirs = (set(_DIGITS.findall(f"{one.headline} {one.text}"[:4000])) for one in (new, old))
    return set(_words(new.headline)) == set(_words(old.headline)) and mine == theirs


def _are_related(new: Entry, old: Entry) -> bool:
    """Whether they have anything in common: many stories may link to one page, as of a form."""
    mine, theirs = ({word for word in _words(one.headline) if len(word) >= _LONG_WORD} for one in (new, old))
    return bool(mine & theirs or name_skeletons(new) & name_skeletons(old) or _shingles(new) & _shingles(old))


def _translation(new: Entry, old: Entry) -> Sign | None:
    if _same_link(new, old):
        return "link"
    names = len(name_skeletons(new) & name_skeletons(old))
    mine, theirs = (distinguishing_numbers(f"{one.headline} {one.text}") for one in (new, old))
    numbers = len(mine & theirs)
    agree = _share(mine, theirs) >= 0.5
    if new.event and new.event == old.event and (names or numbers > 1 or new.picture == old.picture != ""):
        return "event"
    apart = _days(new, old)
    if apart <= _DAYS and new.picture and new.picture == old.picture and (names or numbers or not mine):
        return "picture"
    if apart <= 1 and numbers >= 2 and agree and names >= 2:
        return "numbers"
    return None


def _same_link(new: Entry, old: Entry) -> bool:
    link = link_comparison_key(new.link)
    return bool(link) and link == link_comparison_key(old.link)


def _days(new: Entry, old: Entry) -> int:
    return abs((new.day - old.day).days) if new.day and old.day else 0


def _share(mine: Iterable[object], theirs: Iterable[object]) -> float:
    """Jaccard's index; 0 where either is empty."""
    left, right = set(mine), set(theirs)
    return len(left & right) / len(left | right) if left and right else 0.0


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))


def _words_of(entry: Entry) -> tuple[str, ...]:
    """The words that shingles are made of; none of a text that is too short."""
    words = _words(f"{entry.headline} {entry.text}")[:_MOST_WORDS]
    return words if len(words) >= 2 * _SHINGLE else ()


def _shingles(entry: Entry) -> frozenset[tuple[str, ...]]:
    words = _words_of(entry)
    return frozenset(zip(*(words[at:] for at in range(_SHINGLE)), strict=False))


def _bands(entry: Entry) -> Iterator[str]:
    """Hashes of the bands of the entry's MinHash signature; texts that are much alike share one."""
    words = [crc32(word.encode()) for word in _words_of(entry)]
    if not words:
        return
    # One hash of each shingle of three words: its first bits choose the place in the signature, where the
    # least one stays.
    shingles = zip(words, words[1:], words[2:], strict=False)
    hashes = {((one * 31 + two) * 31 + three) * _MIXING & _32_BITS for one, two, three in shingles}
    least = {number * _HASHES >> 32: number for number in sorted(hashes, reverse=True)}
    # A place that is left has the number of the next one.
    filled = sorted(least)
    signature = [
        (place, least[place])
        for at in range(_HASHES)
        for place in [at if at in least else next((one for one in filled if one > at), filled[0])]
    ]
    for at in range(0, _HASHES, _BAND):
        yield _hash(f"{entry.language} {signature[at : at + _BAND]}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def distinguishing_numbers(text: str) -> set[int]:
    """The numbers of a text that tell it from others: of two digits or more, and no years."""
    found = (int(re.sub(r"\D", "", one)) for one in _NUMBER.findall(text[:4000]) if len(one) < 16)
    return {one for one in found if one >= 10 and one not in _YEARS}


_NAME = re.compile(r"(?<=[\w,] )[^\W\d_][^\W\d_]{3,}")
_LATIN = str.maketrans(
    dict(
        zip(
            "абвгғдежзикқлмнңопрстуфхһцчшщыйіўүұӯөәҷҳӣэюя",
            (
                *("a", "b", "v", "g", "g", "d", "e", "j", "z", "i", "k", "k", "l", "m", "n", "n", "o", "p"),
                *("r", "s", "t", "u", "f", "h", "h", "s", "c", "s", "s", "i", "i", "i", "u", "u", "u", "u"),
                *("o", "a", "j", "h", "i", "e", "u", "a"),
            ),
            strict=True,
        )
    )
)


@lru_cache(maxsize=64)
def name_skeletons(entry: Entry) -> frozenset[str]:
    """Names within sentences, as consonants in Latin letters, so that they are the same in both scripts."""
    found = set()
    for name in _NAME.findall(f"{entry.headline} {entry.text}"[:4000]):
        if name[0].isupper():
            latin = name.casefold().replace("ё", "e").translate(_LATIN)
            spelled = re.sub("kh|x|q|gh|sh|ch|zh|ş|ç|ž|dzh|dj", _spelling, latin)
            skeleton = re.sub("[^bcdfghjklmnprstvz]", "", spelled)
            if len(skeleton) >= 3:
                found.add(skeleton[:4])
    return frozenset(found)


def _spelling(found: re.Match[str]) -> str:
    return {
        "kh": "h",
        "x": "h",
        "q": "k",
        "gh": "g",
        "sh": "s",
        "ch": "c",
        "zh": "j",
        "ş": "s",
        "ç": "c",
        "ž": "j",
    }.get(found[0], "j")
