"""The MIME structure of a hostile message: parts and headers, within limits of size, depth and time.

The standard parser has no such limits: nested boundaries cost it quadratic time and recursion. This one looks
at a limited number of octets, parts and levels, never raises, and keeps what it does not understand as text.
"""

from __future__ import annotations

import binascii
import codecs
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import MessageError
from email.header import decode_header
from functools import cached_property
from html import unescape

# Octets that are looked at: the reasons of a bounce come first, the returned message after them.
MAX_OCTETS = 512 * 1024
MAX_PARTS = 60
MAX_DEPTH = 8
MAX_HEADERS = 400
# Characters of one part's decoded text: of a report, and of text for people.
MAX_TEXT = 64 * 1024
MAX_PLAIN_TEXT = 24 * 1024
# Octets of an enclosed message in which its headers are looked for.
_MAX_HEAD = 32 * 1024

_PARAMETER = re.compile(
    r"""[;\s]([a-z0-9-]{1,30})\*?\s*=\s*(?:"([^"]{0,200})"|([^\s;"]{1,200}))""", re.IGNORECASE
)
# Python's own codecs: they are no charsets of mail, and some of them take quadratic time.
_UNSAFE_CODECS = {
    "punycode",
    "idna",
    "unicode-escape",
    "unicode_escape",
    "raw-unicode-escape",
    "raw_unicode_escape",
}
# Labels that say nothing of texts which have other octets than ASCII's.
_VAGUE_CHARSETS = {"", "us-ascii", "ascii", "iso-8859-1", "latin1", "unknown-8bit", "x-unknown"}
# A word of Cyrillic letters in windows-1251 or KOI8-R; those of small letters in each.
_CYRILLIC_WORD = re.compile(rb"[\xa3\xa8\xb3\xb8\xc0-\xff]{4,}")
_ASCII = bytes(range(0x80))
_SMALL_IN_1251, _SMALL_IN_KOI8 = bytes(range(0xE0, 0x100)), bytes(range(0xC0, 0xE0))
_TAG = re.compile(
    r"<(?:style|script)\b.{0,4000}?</(?:style|script)>|<[^<>@]{0,2000}>", re.IGNORECASE | re.DOTALL
)
_LINE_TAG = re.compile(r"<(?:br|/p|/tr|/div|/td|/h\d|p|div)\b[^<>]{0,500}>", re.IGNORECASE)


class Headers:
    """Header fields in order; names compare without case, values are unfolded."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in fields:
            self._values.setdefault(name.lower(), []).append(value)

    def __iter__(self) -> Iterator[str]:
        """The names of the fields, lower case, each once."""
        return iter(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def first(self, name: str) -> str:
        """The first value of the field with this lower-case name, "" without one."""
        return self._values.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        """Every value of the field with this lower-case name, in order."""
        return self._values.get(name, [])

    def decoded(self, name: str) -> str:
        """The first value of the field with its encoded words decoded (RFC 2047)."""
        return decode_encoded_words(self.first(name))


@dataclass
class Part:
    """One part of a message, with the parts within it."""

    headers: Headers
    # Content in its transfer encoding, line ends LF.
    body: bytes
    # Lower case; "text/plain" where the message gives none.
    type: str = "text/plain"
    parameters: dict[str, str] = field(default_factory=dict)
    children: list[Part] = field(default_factory=list)

    def walk(self) -> Iterator[Part]:
        """This part and everything in it, without entering returned messages."""
        yield self
        for child in self.children:
            yield from child.walk()

    @cached_property
    def text(self) -> str:
        """The decoded content, at most MAX_TEXT or MAX_PLAIN_TEXT characters; HTML loses its tags."""
        limit = MAX_PLAIN_TEXT if self.type == "text/plain" else MAX_TEXT
        text = self._decode(limit * 2)[:limit]
        return strip_tags(text) if self.type == "text/html" else text

    def enclosed_headers(self) -> Headers:
        """The headers of the message that this part encloses."""
        return split_headers(self._decode(_MAX_HEAD).lstrip("\n"))[0]

    def _decode(self, octets: int) -> str:
        raw = _decode_transfer_encoding(self.body[:octets], self.headers.first("content-transfer-encoding"))
        text = _decode_charset(raw, self.parameters.get("charset", ""))
        return text.replace("\r\n", "\n").replace("\r", "\n")


def normalise_line_ends(raw: bytes) -> bytes:
    """The message with LF line ends, whichever of CRLF, CR and LF it came with, or CRLF written as text."""
    return raw.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def parse_parts(message: bytes) -> Part:
    """The parts of a message with LF line ends (`normalise_line_ends`); of at most MAX_OCTETS."""
    message = message[:MAX_OCTETS]
    if message.startswith(b"From ") and b"\n" in message:  # the first line of an mbox
        message = message[message.index(b"\n") + 1 :]
    return _parse_part(message.lstrip(b"\n"), 0, [MAX_PARTS])


def split_headers(text: str) -> tuple[Headers, str]:
    """The header fields at the beginning of a text, and what follows the first empty line."""
    head, _, body = text.partition("\n\n")
    return Headers(_parse_fields(head)), body


def decode_encoded_words(value: str) -> str:
    """A header's value with its encoded words decoded (RFC 2047); unchanged where that fails."""
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value[:2000])
    except (ValueError, LookupError, MessageError):
        return value
    return "".join(
        piece if isinstance(piece, str) else _decode_charset(piece, charset or "")
        for piece, charset in pieces
    )


def strip_tags(html: str) -> str:
    """The text of an HTML document; addresses in angle brackets stay."""
    text = unescape(_TAG.sub("", _LINE_TAG.sub("\n", html)))
    return text.replace("\xa0", " ").replace("\r", "\n")


def _parse_part(raw: bytes, depth: int, budget: list[int]) -> Part:
    budget[0] -= 1
    # A header block ends at the first empty line; a part may begin with it and have none.
    head, _, body = (b"", b"", raw[1:]) if raw.startswith(b"\n") else raw.partition(b"\n\n")
    headers = Headers(_parse_fields(decode_head(head)))
    kind, parameters = _parse_content_type(headers.first("content-type"))
    part = Part(headers, body, kind, parameters)
    boundary = parameters.get("boundary", "").rstrip()
    if kind.startswith("multipart/") and boundary and depth < MAX_DEPTH:
        for piece in _split_multipart(body, boundary):
            if budget[0] <= 0:
                break
            part.children.append(_parse_part(piece, depth + 1, budget))
    if kind.startswith("multipart/") and not part.children:
        part.type = "text/plain"  # its boundary is missing or wrong: all of it is one text
    return part


def _split_multipart(body: bytes, boundary: str) -> list[bytes]:
    """What the boundary lines enclose; a last part without an end is kept."""
    delimiter = b"\n--" + boundary.encode("utf-8", "replace")
    pieces = (b"\n" + body).split(delimiter, MAX_PARTS + 1)[1:]
    kept = []
    for piece in pieces:
        if piece.startswith(b"--"):
            break
        kept.append(piece.partition(b"\n")[2])
    return kept


def _parse_fields(head: str) -> list[tuple[str, str]]:
    fields: list[tuple[str, str]] = []
    for line in head.split("\n", MAX_HEADERS * 10)[: MAX_HEADERS * 10]:
        if line[:1] in (" ", "\t") and fields:
            name, value = fields[-1]
            if len(value) < 20_000:
                fields[-1] = (name, f"{value} {line.strip()}")
            continue
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if colon and _is_field_name(name) and len(fields) < MAX_HEADERS:
            fields.append((name, value.strip()))
    return fields


def _is_field_name(name: str) -> bool:
    """Whether it is 1 to 76 printable characters of ASCII (RFC 5322 §2.2)."""
    return 0 < len(name) <= 76 and name.isascii() and name.isprintable() and " " not in name


def _parse_content_type(value: str) -> tuple[str, dict[str, str]]:
    kind = value.partition(";")[0].strip().lower()
    parameters = {
        match[1].lower(): match[2] if match[2] is not None else match[3]
        for match in _PARAMETER.finditer(value[:2000])
    }
    return (kind if "/" in kind else "text/plain"), parameters


def _decode_transfer_encoding(body: bytes, encoding: str) -> bytes:
    # Some add a comment or a parameter.
    encoding = (encoding.split() or [""])[0].rstrip(";").lower()
    if encoding == "quoted-printable":
        return quopri.decodestring(body)
    if encoding == "base64":
        clean = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
        # A last group of one letter holds no octet; shorter groups lack their padding.
        whole = clean[:-1] if len(clean) % 4 == 1 else clean
        return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))
    return body


def decode_head(head: bytes) -> str:
    """A header; unencoded letters may be in another charset in each line."""
    try:
        return _storable(head.decode())
    except UnicodeDecodeError:
        return "\n".join(_decode_charset(line, "") for line in head.split(b"\n"))


def _decode_charset(raw: bytes, charset: str) -> str:
    name = charset.strip().lower()
    is_vague = name in _VAGUE_CHARSETS
    text = _decode(raw, "utf-8" if is_vague else name)
    if text is None:
        text = _decode(raw, _cyrillic_charset(raw) or name if is_vague else "utf-8")
    return _storable(raw.decode("latin-1") if text is None else text)


def _decode(raw: bytes, charset: str) -> str | None:
    """The text; None where the charset is unknown, unsafe or plainly another one."""
    try:
        codec = codecs.lookup(charset).name
        return None if codec in _UNSAFE_CODECS else raw.decode(codec)
    except UnicodeDecodeError:
        text = raw.decode(codec, "replace")
    except (LookupError, ValueError):
        return None
    # A few octets are lost where a text was cut or damaged; in another charset nearly all are.
    lost, others = text.count("\ufffd"), len(raw.translate(None, _ASCII))
    return text if codec.startswith("iso2022") or lost * 8 < others else None


def _cyrillic_charset(raw: bytes) -> str:
    """The charset of a text that is no UTF-8 and consists of Cyrillic words; "" of another."""
    words = b"".join(_CYRILLIC_WORD.findall(raw))
    if not words or len(words) * 2 < len(raw.translate(None, _ASCII)):
        return ""
    small_in_1251, small_in_koi8 = (
        len(words) - len(words.translate(None, small)) for small in (_SMALL_IN_1251, _SMALL_IN_KOI8)
    )
    return "windows-1251" if small_in_1251 >= small_in_koi8 else "koi8-r"


def _storable(text: str) -> str:
    """Text that every database accepts: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
