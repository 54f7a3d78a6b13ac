"""Detects the encoding of a text that is not Unicode, from its words.

It loads no Django: processes with limits use it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

# Tried where the text is not Unicode, in this order where two are equally likely.
#
# This detector is our own because charset-normalizer, restricted to those but the Kazakh ones, does worse on
# lists of people. Of 540 drawn files (1 to 200 names in these five, among up to 400 rows of ASCII) ours
# reads 521 right, refuses 17 and garbles 2; charset-normalizer 3.5 reads 407 right and garbles 133 without a
# warning, among them 96 of 108 Turkish ones. Without that restriction it reads Western names of the tests as
# Baltic.
LEGACY = ("cp1251", "kz1048", "ptcp154", "cp1252", "cp1254", "koi8-r", "cp866")
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")
# Words that are scored at most.
_MAX_WORDS = 2_000
# The least score of the best encoding, of 1, and the bytes beyond ASCII, or words with such, it must rest on.
_MIN_SCORE, _MIN_BYTES, _MIN_WORDS = 0.55, 4, 2
_FREQUENT_CYRILLIC = frozenset("оеаинтсрвлкм")
# The Kazakh encodings have other letters in the places of Ukrainian, Belarusian and Serbian ones of CP1251.
# These spellings are found in no language of the region: letters of none of them; "ї" after a consonant, "є"
# before a vowel and "ґ" between consonants (Ukrainian); "ў" where Kazakh names have "ұ"; "ұ", "ү" and "ө"
# after another vowel, "ғ" without and "ә" with one beside it, "ң" as the first letter, and "һ" in the place
# of the last letter of Serbian names (Kazakh).
_VOWELS, _CONSONANTS = "аәеёиоөуұүыіэюя", "бвгджзклмнпрстфхцчшщ"
_UNLIKELY = re.compile(
    rf"[ђѓљњћќџјѕҗҙҡҝҟҫҹ]|(?<=[{_CONSONANTS}])ї|є(?=[{_VOWELS}])|(?<=[{_CONSONANTS}])ґ(?=[{_CONSONANTS}])"
    rf"|\bґ(?=[бвгдзкмпстфхцчшщ])|нўр|жўм|мў[рсх]|сўлт|тўрс|жўлд|ўлы|\bўл(?:[ап]|жа[нл])"
    rf"|(?<=[аәеёиоуыіэюя])[ұүө]|(?<![{_VOWELS}])ғ(?![{_VOWELS}])|(?<=[аеёоыэя])ә|ә(?=[аеёоыэя])|\bң|иһ\b"
)
# What is left of the score of a word with one of them.
_UNLIKELY_SHARE = 0.7
_ACCENTED_LATIN = frozenset("éèêëàâäáãåæçñöôòóõøœùúûüíîïìßğışÉÈÊËÀÂÄÁÃÅÆÇÑÖÔÒÓÕØŒÙÚÛÜÍÎÏÌĞİŞ")


def likeliest_encoding(chunks: Iterable[bytes]) -> str | None:
    """The one of LEGACY in which a text looks most like words; None when there is too little evidence.

    `chunks`: the text's bytes, which are not valid UTF-8; they are read as far as necessary.
    """
    found = (word for chunk in chunks for word in _WORD.findall(chunk) if not word.isascii())
    words = list(islice(found, _MAX_WORDS))
    beyond_ascii = sum(byte >= 0x80 for word in words for byte in word)
    if len(words) < _MIN_WORDS and beyond_ascii < _MIN_BYTES:
        return None
    # Bytes that only make sense as UTF-8: the file is UTF-8, and damaged, or made of two files.
    if sum(_is_utf8(word) for word in words) * 2 > len(words) or any(map(_is_certainly_utf8, words)):
        return None
    scores = {encoding: sum(_score(word, encoding) for word in words) / len(words) for encoding in LEGACY}
    best = max(LEGACY, key=lambda encoding: scores[encoding])
    return best if scores[best] >= _MIN_SCORE else None


def _is_utf8(word: bytes) -> bool:
    try:
        word.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_certainly_utf8(word: bytes) -> bool:
    """Whether it has two characters or more that are valid so, as no word in another encoding has."""
    return sum(byte >= 0x80 for byte in word) >= 4 and _is_utf8(word)


def _score(word: bytes, encoding: str) -> float:
    """How much these bytes look like a word in that encoding, from 0 to 1."""
    try:
        text = word.decode(encoding)
    except UnicodeDecodeError:
        return 0
    if not text.isalpha():
        return 0
    cyrillic = sum("Ѐ" <= letter <= "ӿ" for letter in text)
    if cyrillic == len(text):
        shape = 1.0 if text[1:] == text[1:].lower() else 0.7 if text == text.upper() else 0.1
        shape *= _UNLIKELY_SHARE if _UNLIKELY.search(text.lower()) else 1
        return shape * sum(1 if letter in _FREQUENT_CYRILLIC else 0.5 for letter in text.lower()) / len(text)
    beyond_ascii = [letter for letter in text if not letter.isascii()]
    # Accented letters are the minority in a word.
    if cyrillic or len(beyond_ascii) * 2 > len(text) + 1:
        return 0
    return sum(1 if letter in _ACCENTED_LATIN else 0.3 for letter in beyond_ascii) / len(beyond_ascii)
