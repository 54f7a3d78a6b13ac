"""Detects the encoding of a text file: by its byte order mark, as valid UTF-8, or from its words."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass
from typing import BinaryIO

from subscribers.imports.likeliest_encoding import likeliest_encoding
from subscribers.imports.row_types import UnreadableFile
from subscribers.translate_stored_texts import stored

_CHUNK = 1 << 20
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


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
        found = likeliest_encoding(iter(lambda: stream.read(_CHUNK), b""))
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
