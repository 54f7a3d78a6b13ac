"""In which encoding a file's text is: its mark, its validity as UTF-8, or the words that come out of it."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from subscribers.imports.records import BrokenFile

# Tried where the text is not Unicode, in this order where two are equally likely.
LEGACY = ("cp1251", "cp1252", "cp1254", "koi8-r", "cp866")
_CHUNK = 1 << 20
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_WORD = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*")
# Words that are weighed at most.
_WORDS = 2_000
# How likely the words must be, of 1, and how many bytes beyond ASCII or words with such must speak for it.
_LIKELY, _BYTES, _EVIDENCE = 0.55, 4, 2
_FREQUENT = frozenset("оеаинтсрвлкм")
_LATIN = frozenset("éèêëàâäáãåæçñöôòóõøœùúûüíîïìßğışÉÈÊËÀÂÄÁÃÅÆÇÑÖÔÒÓÕØŒÙÚÛÜÍÎÏÌĞİŞ")


@dataclass(frozen=True)
class Survey:
    """What one look at every byte of a text file tells."""

    encoding: str
    # SHA-256 of the bytes, hexadecimal.
    sha256: str
    size: int


def survey(stream: BinaryIO, chosen: str = "") -> Survey:
    """The encoding, detected unless one is chosen, in which the whole file is valid; the stream is rewound.

    Raises BrokenFile with the line that is not text in it.
    """
    start = stream.read(4096)
    stream.seek(0)
    encoding = _known(chosen) if chosen else _marked(start)
    if encoding:
        return _verified(stream, encoding, chosen)
    try:
        return _verified(stream, "utf-8", "")
    except BrokenFile as error:
        stream.seek(0)
        found = _likeliest(list(_words(stream)))
        stream.seek(0)
        if found is None:
            raise error from None
    return _verified(stream, found, "")


def _known(name: str) -> str:
    try:
        codecs.lookup(name)
        "".encode(name)
    except LookupError as error:
        raise BrokenFile(
            f"“{name}” is no encoding of text; write one such as utf-8, cp1251, utf-16."
        ) from error
    return "utf-8-sig" if codecs.lookup(name).name == "utf-8" else name


def _marked(start: bytes) -> str:
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding
    # Without a mark, text in UTF-16 has a zero in every second byte.
    for place, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = start[place::2].count(0), start[1 - place :: 2].count(0)
        if len(start) >= 8 and not others and zeros > len(start) // 5:
            return encoding
    return ""


def _verified(stream: BinaryIO, encoding: str, chosen: str) -> Survey:
    decoder = codecs.getincrementaldecoder(encoding)()
    known, lines, size = hashlib.sha256(), 1, 0
    while True:
        chunk = stream.read(_CHUNK)
        known.update(chunk)
        size += len(chunk)
        try:
            lines += decoder.decode(chunk, final=not chunk).count("\n")
        except UnicodeDecodeError as error:
            lines += error.object[: error.start].decode(encoding, "replace").count("\n")
            raise BrokenFile(_in_words(lines, error.object[error.start], encoding, chosen)) from error
        if not chunk:
            break
    stream.seek(0)
    return Survey(encoding, known.hexdigest(), size)


def _in_words(line: int, byte: int, encoding: str, chosen: str) -> str:
    name = "UTF-8" if encoding.startswith("utf-8") else encoding.upper()
    what = f"Line {line}: the byte {byte:#04x} is not {name} text"
    if chosen:
        return f"{what}: name another encoding, or save the file as “CSV UTF-8” and try again."
    return f"{what}: save the file as “CSV UTF-8” and try again."


def _words(stream: BinaryIO) -> Iterator[bytes]:
    count = 0
    while (chunk := stream.read(_CHUNK)) and count < _WORDS:
        for word in _WORD.findall(chunk):
            count += 1
            yield word


def _likeliest(words: list[bytes]) -> str | None:
    """The encoding in which these words look most like words; None when they tell too little."""
    beyond = sum(byte >= 0x80 for word in words for byte in word)
    if len(words) < _EVIDENCE and beyond < _BYTES:
        return None
    # Bytes that only make sense in UTF-8: the file is that, and damaged.
    if sum(_is_utf8(word) for word in words) * 2 > len(words):
        return None
    scores = {encoding: sum(_score(word, encoding) for word in words) / len(words) for encoding in LEGACY}
    best = max(LEGACY, key=lambda encoding: scores[encoding])
    return best if scores[best] >= _LIKELY else None


def _is_utf8(word: bytes) -> bool:
    try:
        word.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _score(word: bytes, encoding: str) -> float:
    """From 0, no word of any language that is written so, to 1."""
    try:
        text = word.decode(encoding)
    except UnicodeDecodeError:
        return 0
    if not text.isalpha():
        return 0
    cyrillic = sum("Ѐ" <= letter <= "ӿ" for letter in text)
    if cyrillic == len(text):
        shape = 1.0 if text[1:] == text[1:].lower() else 0.7 if text == text.upper() else 0.1
        return shape * sum(1 if letter in _FREQUENT else 0.5 for letter in text.lower()) / len(text)
    beyond = [letter for letter in text if not letter.isascii()]
    # A letter with a mark stands among letters without.
    if cyrillic or len(beyond) * 2 > len(text) + 1:
        return 0
    return sum(1 if letter in _LATIN else 0.3 for letter in beyond) / len(beyond)
