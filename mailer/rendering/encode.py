"""Bodies encoded once for all readers; a reader's values are set in without encoding the rest again."""

from __future__ import annotations

import binascii
import re
from base64 import b64encode
from collections.abc import Mapping
from copy import copy
from functools import lru_cache
from typing import Protocol

from mailer.rendering.personal import MARK

# Octets that fill a base64 line of 76 characters (RFC 2045 §6.8).
_LINE = 57
# Characters of a line, the "=" of a soft break included.
_WIDTH = 76
# Of the characters that quoted-printable leaves alone, those of addresses.
_AS_IS = b".ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:/_-"
_RUN = re.compile(b" (?= )")
_NEWLINE = re.compile("\r\n|\r|\n")


class Part(Protocol):
    """One encoded body, in CRLF lines of at most 76 characters, none of which begins with a dot.

    DKIM's relaxed canonicalisation leaves it as it is (RFC 6376 §3.4.4): what is signed is what is sent.
    """

    # The value of Content-Transfer-Encoding.
    name: str
    # Octets of the encoded body before anything is filled in.
    size: int
    # The piece that `filled` begins with, whatever the values.
    first: bytes

    def filled(self, values: Mapping[str, bytes]) -> list[bytes]:
        """Pieces of the encoded body with `values` (UTF-8, by field) in the places of the marks."""


def smaller(text: str) -> Part:
    """`text` with its marks in whichever encoding takes less room."""
    chunks = MARK.split(_NEWLINE.sub("\r\n", text))
    parts: tuple[Part, Part] = (QuotedPrintable(chunks), Base64(chunks))
    return min(parts, key=lambda part: part.size)


class Base64:
    """Base64 whose groups of three octets stay aligned whatever the length of a value.

    A value takes along what the text before it left over, and from the text behind it what completes its
    last group. That text then begins with its first, second or third octet, so each is encoded in three ways.
    """

    name = "base64"

    def __init__(self, chunks: list[str]) -> None:
        """`chunks`: text and names of fields in turn, beginning and ending with text; line ends are CRLF."""
        literals = [chunk.encode() for chunk in chunks[::2]]
        self._fields = chunks[1::2]
        self._literals = [tuple(_cut(literal, start) for start in range(3)) for literal in literals]
        self.size = len(_base64_lines(b"".join(literals)))
        _, self.first, self._left = self._literals[0][0]

    def filled(self, values: Mapping[str, bytes]) -> list[bytes]:
        pieces, carried = [self.first], self._left
        for field, ways in zip(self._fields, self._literals[1:], strict=True):
            carried += values[field]
            head, body, tail = ways[-len(carried) % 3]
            carried += head
            # A text too short to complete the group is carried on whole; its body and tail are empty.
            if len(carried) % 3 == 0:
                pieces += (_base64_lines(carried), body)
                carried = tail
        pieces.append(_base64_lines(carried))
        return pieces


def _cut(literal: bytes, start: int) -> tuple[bytes, bytes, bytes]:
    """The first `start` octets, the encoded whole groups behind them, and the octets that are left over."""
    end = start + max(0, len(literal) - start) // 3 * 3
    return literal[:start], _base64_lines(literal[start:end]), literal[end:]


def _base64_lines(octets: bytes) -> bytes:
    lines = [b64encode(octets[place : place + _LINE]) for place in range(0, len(octets), _LINE)]
    return b"\r\n".join([*lines, b""])


class QuotedPrintable:
    """Quoted-printable with a soft line break on either side of every value."""

    name = "quoted-printable"

    def __init__(self, chunks: list[str]) -> None:
        """`chunks`: text and names of fields in turn, beginning and ending with text; line ends are CRLF."""
        *texts, last = (_printable(chunk.encode()) for chunk in chunks[::2])
        literals = [*(text + b"=\r\n" for text in texts), last]
        self.size = sum(map(len, literals))
        self.first = literals[0]
        # The whole body with room for the values, and in which places each of them goes.
        self._body = [self.first]
        self._places: dict[str, tuple[int, ...]] = {}
        for field, literal in zip(chunks[1::2], literals[1:], strict=True):
            self._places[field] = (*self._places.get(field, ()), len(self._body))
            self._body += (b"", literal)
        self._body.append(b"\r\n")

    def filled(self, values: Mapping[str, bytes]) -> list[bytes]:
        pieces = self._body.copy()
        for field, places in self._places.items():
            encoded = _printable_line(values[field]) + b"=\r\n"
            for place in places:
                pieces[place] = encoded
        return pieces

    def followed(self, between: bytes, other: QuotedPrintable) -> QuotedPrintable:
        """Both bodies with `between` between them, so that each value is encoded once for both."""
        both = copy(self)
        both._body = [*self._body, between, *other._body]
        both._places = dict(self._places)
        behind = len(self._body) + 1
        for field, places in other._places.items():
            both._places[field] = both._places.get(field, ()) + tuple(behind + place for place in places)
        return both


def _printable(octets: bytes) -> bytes:
    return b"\r\n".join(_printable_line(line) for line in octets.split(b"\r\n"))


def _printable_line(line: bytes) -> bytes:
    """A line in lines that never begin with a dot: SMTP would have to double it in every copy."""
    if len(line) < _WIDTH and not line.translate(None, _AS_IS) and not line.startswith(b"."):
        return line
    return _soft_lines(line)


# Names of countries stand in many messages.
@lru_cache(maxsize=512)
def _soft_lines(line: bytes) -> bytes:
    # Tabs and runs of spaces, which a relay may change, are written so that none stands in the mail.
    encoded = binascii.b2a_qp(line, istext=False).replace(b"\t", b"=\n=09=\n")
    lines = _RUN.sub(b" =\n", encoded).split(b"=\n")
    return b"=\r\n".join(_without_dot(one) if one.startswith(b".") else one for one in lines)


def _without_dot(line: bytes) -> bytes:
    rest = line.lstrip(b".")
    return b"=2E=\r\n" * (len(line) - len(rest)) + rest
