"""Detects the encoding of a text file: by its byte order mark, as valid UTF-8, or from its words."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from subscribers.imports.row_types import UnreadableFile
from subscribers.translate_stored_texts import stored

# Tried where the text is not Unicode, in this order where two are equally likely.
#
# This detector is our own because charset-normalizer, restricted to those but the Kazakh ones, does worse on
# lists of people. Of 540 drawn files (1 to 200 names in these five, among up to 400 rows of ASCII) ours
# reads 521 right, refuses 17 and garbles 2; charset-normalizer 3.5 reads 407 right and garbles 133 without a
# warning, among them 96 of 108 Turkish ones. Without that restriction it reads Western names of the tests as
# Baltic.
LEGACY = ("cp1251", "kz1048", "ptcp154", "cp1252", "cp1254", "koi8-r", "cp866")
_CHUNK = 1 << 20
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_WORD = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*")
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


@dataclass(frozen=True)
class DetectedText:
    """What reading every byte of a text file shows."""

    encoding: str
    # SHA-256 of the bytes, hexadecimal.
    sha256: str
    size: int


def detect_encoding(stream: BinaryIO, chosen_encoding: str = "") -> DetectedText:
    """The encoding in which the whole file is valid, detected unless one is chosen; the stream is rewound.

    Raises UnreadableFile with the line that is not text in it.
    """
    start = stream.read(4096)
    stream.seek(0)
    encoding = _checked(chosen_encoding) if chosen_encoding else _unicode_by_bytes(start)
    if encoding:
        return _verified(stream, encoding, chosen_encoding)
    try:
        return _verified(stream, "utf-8", "")
    except UnreadableFile as error:
        stream.seek(0)
        found = _likeliest(list(_words(stream)))
        stream.seek(0)
        if found is None:
            raise error from None
    return _verified(stream, found, "")


def _checked(name: str) -> str:
    try:
        codecs.lookup(name)
        "".encode(name)
    except LookupError as error:
        raise UnreadableFile(
            stored(
                "“%(name)s” is not a character encoding; write one such as utf-8, cp1251, utf-16.", name=name
            )
        ) from error
    return "utf-8-sig" if codecs.lookup(name).name == "utf-8" else name


def _unicode_by_bytes(start: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return encoding
    # Text in UTF-16 without a mark has a zero in every second byte.
    for place, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = start[place::2].count(0), start[1 - place :: 2].count(0)
        if len(start) >= 8 and not others and zeros > len(start) // 5:
            return encoding
    return ""


def _verified(stream: BinaryIO, encoding: str, chosen: str) -> DetectedText:
    decoder = codecs.getincrementaldecoder(encoding)()
    digest, lines, size = hashlib.sha256(), 1, 0
    while True:
        chunk = stream.read(_CHUNK)
        digest.update(chunk)
        size += len(chunk)
        try:
            lines += decoder.decode(chunk, final=not chunk).count("\n")
        except UnicodeDecodeError as error:
            lines += error.object[: error.start].decode(encoding, "replace").count("\n")
            raise UnreadableFile(_message(lines, error.object[error.start], encoding, chosen)) from error
        if not chunk:
            break
    stream.seek(0)
    return DetectedText(encoding, digest.hexdigest(), size)


def _message(line: int, byte: int, encoding: str, chosen: str) -> str:
    name = "UTF-8" if encoding.startswith("utf-8") else encoding.upper()
    what = stored(
        "Line %(line)s of the file: the byte %(byte)s is not %(name)s text",
        line=line,
        byte=f"{byte:#04x}",
        name=name,
    )
    if chosen:
        return stored(
            "%(what)s: choose another encoding, or save the file as “CSV UTF-8” and try again.", what=what
        )
    return stored("%(what)s: save the file as “CSV UTF-8” and try again.", what=what)


def _words(stream: BinaryIO) -> Iterator[bytes]:
    count = 0
    while (chunk := stream.read(_CHUNK)) and count < _MAX_WORDS:
        for word in _WORD.findall(chunk):
            count += 1
            yield word


def _likeliest(words: list[bytes]) -> str | None:
    """The encoding in which these bytes look most like words; None when there is too little evidence."""
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
