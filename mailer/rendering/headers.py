"""Header fields as octets (RFC 5322, RFC 2047): folded, and safe from header injection."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*\Z")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255}\Z")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-~]+\Z")
# An encoded word has at most 75 characters (RFC 2047 §2), "=?utf-8?B?" and "?=" included: 45 octets of text.
_WORD_OCTETS = 45
_LINE = 76


def single_line(text: str, what: str) -> str:
    """`text` itself. Raises ValueError when a control character could begin another line."""
    if _CONTROLS.search(text):
        raise ValueError(f"{what} contains a line break or control character, which no header may carry")
    return text


def unstructured(name: str, text: str) -> bytes:
    """A field of free text, such as Subject."""
    single_line(text, name)
    if text.isascii() and "=?" not in text:
        return _folded(name, text)
    return f"{name}: ".encode() + _encoded_words(text, len(name) + 2) + b"\r\n"


def is_address(text: str) -> bool:
    """Whether it can stand in a header as an address: ASCII, without quoting."""
    return _ADDRESS.match(text) is not None


def mailbox(name: str, display: str, address: str) -> bytes:
    """A field of one mailbox, with or without a display name. Raises ValueError for a wrong address."""
    single_line(display, f"the name in {name}")
    if not is_address(address):
        raise ValueError(f"{name}: the address is not one that can stand in a header (ASCII, no quoting)")
    return f"{name}: ".encode() + _display_name(display, len(name) + 2) + f"<{address}>\r\n".encode()


def list_id(display: str, identifier: str) -> bytes:
    """List-Id (RFC 2919). Raises ValueError unless the identifier is dotted, ASCII and at most 255 octets."""
    single_line(display, "the name in List-Id")
    if not re.match(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+\Z", identifier) or len(identifier) > 255:
        raise ValueError(f"List-Id: {identifier!r} is not a list identifier; write it as news.example.org")
    return b"List-Id: " + _display_name(display, 9) + f"<{identifier}>\r\n".encode()


def addresses(name: str, *uris: str) -> bytes:
    """A field of RFC 2369: URIs in angle brackets, in order of preference, folded only between them."""
    for uri in uris:
        if not _URI.match(uri):
            raise ValueError(f"{name}: a value is not a URI")
    return f"{name}: ".encode() + b",\r\n ".join(f"<{uri}>".encode() for uri in uris) + b"\r\n"


def short_value(name: str, value: str) -> bytes:
    """A field of one short ASCII value. Raises ValueError for anything else."""
    if not value.isascii() or len(value) > 900:
        raise ValueError(f"{name}: must be ASCII and shorter than a line")
    return f"{name}: {single_line(value, name)}\r\n".encode()


def date(moment: datetime) -> str:
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
