"""Header fields and bodies as octets (RFC 5322, RFC 2045, RFC 2047).

Fields are folded, and safe from header injection. Bodies are base64 or quoted-printable: encoded once, and
filled with values per subscriber.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any, Protocol

from mailer.rendering.merge_tags import TAG_RE

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*\Z")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255}\Z")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-~]+\Z")
# An encoded word has at most 75 characters (RFC 2047 §2), "=?utf-8?B?" and "?=" included: 45 octets of text.
_WORD_OCTETS = 45
_LINE = 76


def require_single_line(text: str, what: str) -> str:
    """`text` itself. Raises ValueError when a control character could begin another line."""
    if _CONTROLS.search(text):
        raise ValueError(f"{what} contains a line break or control character, which no header may carry")
    return text


def unstructured_field(name: str, text: str) -> bytes:
    """A field of free text, such as Subject."""
    require_single_line(text, name)
    if text.isascii() and "=?" not in text:
        return _folded(name, text)
    return f"{name}: ".encode() + _encoded_words(text, len(name) + 2) + b"\r\n"


def is_address(text: str) -> bool:
    """Whether it can stand in a header as an address: ASCII, without quoting."""
    return _ADDRESS.match(text) is not None


def mailbox_header(name: str, display: str, address: str) -> bytes:
    """A field of one mailbox, with or without a display name. Raises ValueError for a wrong address."""
    require_single_line(display, f"the name in {name}")
    if not is_address(address):
        raise ValueError(f"{name}: the address is not one that can stand in a header (ASCII, no quoting)")
    return f"{name}: ".encode() + _display_name(display, len(name) + 2) + f"<{address}>\r\n".encode()


def list_id_header(display: str, identifier: str) -> bytes:
    """List-Id (RFC 2919). Raises ValueError unless the identifier is dotted, ASCII and at most 255 octets."""
    require_single_line(display, "the name in List-Id")
    if not re.match(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+\Z", identifier) or len(identifier) > 255:
        raise ValueError(f"List-Id: {identifier!r} is not a list identifier; write it as news.example.org")
    return b"List-Id: " + _display_name(display, 9) + f"<{identifier}>\r\n".encode()


def uri_list_field(name: str, *uris: str) -> bytes:
    """A field of RFC 2369: URIs in angle brackets, in order of preference, folded only between them."""
    for uri in uris:
        if not _URI.match(uri):
            raise ValueError(f"{name}: a value is not a URI")
    return f"{name}: ".encode() + b",\r\n ".join(f"<{uri}>".encode() for uri in uris) + b"\r\n"


def ascii_header_field(name: str, value: str) -> bytes:
    """A field of one short ASCII value. Raises ValueError for anything else."""
    if not value.isascii() or len(value) > 900:
        raise ValueError(f"{name}: must be ASCII and shorter than a line")
    return f"{name}: {require_single_line(value, name)}\r\n".encode()


def format_date(moment: datetime) -> str:
    """An aware datetime in the format of RFC 5322 §3.3. Raises ValueError when it is naive."""
    offset = moment.strftime("%z")[:5]
    if not offset:
        raise ValueError("Date: the datetime has no time zone")
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} {offset}"


def _display_name(display: str, used: int) -> bytes:
    """A display name to stand before an angle bracket; folded where it needs encoded words (RFC 2047)."""
    if not display:
        return b""
    if _ATOMS.match(display) and "=?" not in display:
        return f"{display} ".encode() if used + len(display) < _LINE else f"{display}\r\n ".encode()
    if display.isascii() and "=?" not in display and len(display) < 200:
        escaped = display.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"\r\n '.encode()
    return _encoded_words(display, used) + b"\r\n "


def _encoded_words(text: str, used: int) -> bytes:
    """`text` in encoded words, one a line, no character split; `used` columns of the first line are taken."""
    words, word = [], ""
    room = min(_WORD_OCTETS, (_LINE - used - 12) // 4 * 3)
    for character in text:
        if word and len((word + character).encode()) > room:
            # Cut after a space where possible: some mail programs show a gap between two encoded words.
            cut = word.rfind(" ") + 1 or len(word)
            words.append(word[:cut])
            word, room = word[cut:], _WORD_OCTETS
        word += character
    words.append(word)
    return b"\r\n ".join(b"=?utf-8?B?" + b64encode(word.encode()) + b"?=" for word in words)


def _folded(name: str, text: str) -> bytes:
    """ASCII text in lines of at most 76 characters, as far as its spaces allow."""
    lines, line = [], f"{name}:"
    for word in text.split(" "):
        if len(line) + 1 + len(word) > _LINE and line.strip() and word and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line]).encode() + b"\r\n"


# Characters of a line, the "=" of a soft break included (RFC 2045 §6.7, §6.8).
WIDTH = 76
# Characters of URLs that quoted-printable does not encode.
_AS_IS = b".ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:/_-"
# Literals shorter than this (octets) are copied rather than sent as a piece.
_SHORT = 1024
_RUN = re.compile(b" (?= )")
_NEWLINE = re.compile("\r\n|\r|\n")


class EncodedPart(Protocol):
    """An encoded body, with its Content-Transfer-Encoding header and the octets around it.

    Its lines have CRLF and at most 76 characters, and none begins with a dot. DKIM's relaxed canonicalisation
    leaves it as it is (RFC 6376 §3.4.4): what is signed is what is sent.
    """

    # The value of Content-Transfer-Encoding.
    name: str
    # Octets of the encoded body without values.
    size: int
    # The piece that `filled` begins with, whatever the values.
    first: bytes

    @staticmethod
    def encode_value(value: bytes) -> bytes:
        """Encode a value (UTF-8) for `fill`; a value that is_plain needs no encoding."""

    def fill(self, values: Mapping[str, bytes]) -> list[bytes]:
        """The body in pieces, with the encoded values in the places of their merge tags."""


def smaller_of_quoted_printable_and_base64(
    text: str, header_lines: bytes = b"", following_bytes: bytes = b""
) -> EncodedPart:
    """`text` with its merge tags, in the encoding that gives the smaller result.

    `header_lines` ends with the fields of the part that stand before its encoding.
    """
    chunks = TAG_RE.split(_NEWLINE.sub("\r\n", text))
    parts: tuple[EncodedPart, EncodedPart] = (
        QuotedPrintable(chunks, header_lines, following_bytes),
        Base64(chunks, header_lines, following_bytes),
    )
    return min(parts, key=lambda part: part.size)


class Base64:
    """Base64 whose groups of three octets stay aligned whatever the length of a value.

    A value is encoded together with the octets left over before it and those that complete its last group
    behind it. The text behind may thus begin at its first, second or third octet: it is encoded three ways.
    """

    name = "base64"

    def __init__(self, chunks: list[str], before: bytes = b"", behind: bytes = b"") -> None:
        """`chunks`: text and names of fields in turn, beginning and ending with text; line ends are CRLF."""
        literals = [chunk.encode() for chunk in chunks[::2]]
        self._fields = chunks[1::2]
        self._literals = [tuple(_cut(literal, start) for start in range(3)) for literal in literals]
        self.size = len(_base64_lines(b"".join(literals)))
        _, first, self._left = self._literals[0][0]
        self.first = _with_encoding_header(before, self.name) + first
        self._behind = behind

    @staticmethod
    def encode_value(value: bytes) -> bytes:
        return value

    def fill(self, values: Mapping[str, bytes]) -> list[bytes]:
        pieces, carried = [self.first], self._left
        for field, ways in zip(self._fields, self._literals[1:], strict=True):
            carried += values[field]
            head, body, tail = ways[-len(carried) % 3]
            carried += head
            # A text too short to complete the group is carried on whole; its body and tail are empty.
            if len(carried) % 3 == 0:
                pieces += (_base64_lines(carried), body)
                carried = tail
        pieces.append(_base64_lines(carried) + self._behind)
        return pieces


def _cut(literal: bytes, start: int) -> tuple[bytes, bytes, bytes]:
    """The first `start` octets, the encoded whole groups behind them, and the octets that are left over."""
    end = start + max(0, len(literal) - start) // 3 * 3
    return literal[:start], _base64_lines(literal[start:end]), literal[end:]


def _base64_lines(octets: bytes) -> bytes:
    text = binascii.b2a_base64(octets, newline=False)
    lines = [text[place : place + WIDTH] for place in range(0, len(text), WIDTH)]
    return b"\r\n".join([*lines, b""])


class QuotedPrintable:
    """Quoted-printable with a soft line break on either side of every value."""

    name = "quoted-printable"

    def __init__(self, chunks: list[str], before: bytes = b"", behind: bytes = b"") -> None:
        """`chunks`: text and names of fields in turn, beginning and ending with text; line ends are CRLF."""
        *texts, last = (_printable(chunk.encode()) for chunk in chunks[::2])
        literals = [*(text + b"=\r\n" for text in texts), last]
        self.size = sum(map(len, literals))
        literals[0] = _with_encoding_header(before, self.name) + literals[0]
        literals[-1] += b"\r\n" + behind
        self.first = literals[0]
        # Long literals, and between two of them room for one template: of values and short literals.
        self._pieces = [self.first]
        self._templates: list[tuple[bytes, Callable[[Mapping[str, bytes]], Any]]] = []
        template, fields = b"", []
        for field, literal in zip(chunks[1::2], literals[1:], strict=True):
            template += b"%b=\r\n"
            fields.append(field)
            if len(literal) < _SHORT and literal is not literals[-1]:
                template += literal.replace(b"%", b"%%")
            else:
                self._pieces += (b"", literal)
                self._templates.append((template, itemgetter(*fields)))
                template, fields = b"", []

    @staticmethod
    def encode_value(value: bytes) -> bytes:
        return _printable_line(value)

    def fill(self, values: Mapping[str, bytes]) -> list[bytes]:
        pieces = self._pieces.copy()
        pieces[1::2] = [template % own(values) for template, own in self._templates]
        return pieces


def _with_encoding_header(before: bytes, encoding: str) -> bytes:
    """The header of a body, ending with its transfer encoding."""
    return b"%bContent-Transfer-Encoding: %b\r\n\r\n" % (before, encoding.encode())


def _printable(octets: bytes) -> bytes:
    return b"\r\n".join(_printable_line(line) for line in octets.split(b"\r\n"))


def _printable_line(line: bytes) -> bytes:
    """Break a line such that no part begins with a dot, which SMTP would have to double."""
    return line if is_plain(line) else _soft_lines(line)


def is_plain(value: bytes) -> bool:
    """Whether a value needs no encoding in text, HTML and quoted-printable."""
    return len(value) < WIDTH and not value.translate(None, _AS_IS) and not value.startswith(b".")


def _soft_lines(line: bytes) -> bytes:
    # Tabs and runs of spaces, which a relay may change, are encoded.
    encoded = binascii.b2a_qp(line, istext=False).replace(b"\t", b"=\n=09=\n")
    lines = _RUN.sub(b" =\n", encoded).split(b"=\n")
    return b"=\r\n".join(_without_dot(one) if one.startswith(b".") else one for one in lines)


def _without_dot(line: bytes) -> bytes:
    rest = line.lstrip(b".")
    return b"=2E=\r\n" * (len(line) - len(rest)) + rest
