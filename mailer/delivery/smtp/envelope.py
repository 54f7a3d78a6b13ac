"""What is said for one message: its MAIL, RCPT and DATA lines, with what the server offers (RFC 5321 §4.1).

Addresses are read here letter by letter, so that none can end its line and begin another command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from mailer.delivery import signed_ids

# What may stand in a local part without quotes, and a domain of A-labels, or an IP address in brackets.
_LETTER = r"[A-Za-z0-9!#$%&'*/?^_`{|}~.\-"
_DOMAIN = r"@(?:[A-Za-z0-9.\-]{1,255}|\[[A-Za-z0-9.:]{2,60}\])"
# Without the letters that xtext must write in another way.
_PLAIN = re.compile(rf"{_LETTER}]{{1,64}}{_DOMAIN}")
_ASCII = re.compile(rf"{_LETTER}+=]{{1,64}}{_DOMAIN}")
# With a token of ours at its end, which is plain: b+TOKEN@…
_MARKED = re.compile(rf"(?:{_LETTER}+=]{{0,16}}?(?<![0-9a-z]))?({signed_ids.TOKEN_RE}){_DOMAIN}")
# Octets of an address, and of one in ORCPT, at most (RFC 5321 §4.5.3.1.3, RFC 3461 §4.2).
_LONGEST = 254
_LONGEST_ORIGINAL = 500


class Unspeakable(Exception):  # noqa: N818  (what the address is, not what went wrong)
    """The recipient cannot be named to this server; the words begin with a code of RFC 3463."""


class NotTaken(Exception):  # noqa: N818
    """Our sender cannot be named, or the server takes no message so large: no recipient is to blame."""


class _Names(NamedTuple):
    """Both sides as they are said."""

    sender: str
    recipient: str
    # The mark in the sender, which reports will name; or empty.
    mark: str
    # The recipient as reports will name it (ORCPT), or empty.
    original: str


class Commands:
    """What one session says, made ready once from what its server offers."""

    def __init__(self, offers: Mapping[str, str]) -> None:
        """`offers`: EHLO keywords in upper case, each with its parameters."""
        limit = offers.get("SIZE", "")
        self._most = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 20 else 0
        self._size = "SIZE" in offers
        self._body = " BODY=8BITMIME" if "8BITMIME" in offers else ""
        self._utf8 = "SMTPUTF8" in offers
        self._reports = "DSN" in offers

    def lines(self, sender: str, recipient: str, size: int, eight_bit: bool = False) -> bytes:
        """MAIL, RCPT and DATA, each a line with its CRLF; `size` is the message's in octets.

        Where the server makes reports (RFC 3461), one is asked for on failure and delay, with headers only;
        it will name the mark in our sender's local part. Raises Unspeakable, NotTaken.
        """
        if self._most and size > self._most:
            raise NotTaken(f"The message has {size} octets; the relay takes at most {self._most}.")
        said = f" SIZE={size}" if self._size else ""
        if eight_bit:
            said += self._body
        marked = _MARKED.fullmatch(sender)
        if marked and _PLAIN.fullmatch(recipient) and len(recipient) <= _LONGEST >= len(sender):
            mark, original = marked[1], f"rfc822;{recipient}"
        else:
            sender, recipient, mark, original = _names(sender, recipient)
            if not (sender.isascii() and recipient.isascii()):
                said += self._international(sender)
        if not self._reports:
            return f"MAIL FROM:<{sender}>{said}\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode()
        if mark:
            said += f" ENVID={mark}"
        wanted = f" NOTIFY=FAILURE,DELAY{original and ' ORCPT='}{original}"
        return f"MAIL FROM:<{sender}>{said} RET=HDRS\r\nRCPT TO:<{recipient}>{wanted}\r\nDATA\r\n".encode()

    def _international(self, sender: str) -> str:
        """What MAIL says where a local part is not ASCII (RFC 6531)."""
        if self._utf8:
            return " SMTPUTF8"
        if not sender.isascii():
            raise NotTaken("Our sender address is not ASCII before its @; the relay offers no SMTPUTF8.")
        raise Unspeakable("5.6.7 the address is not ASCII before its @, and the relay offers no SMTPUTF8")


def _names(sender: str, recipient: str) -> _Names:
    try:
        sender = _spoken(sender)
    except ValueError as error:
        raise NotTaken(f"Our sender address {error}.") from error
    try:
        recipient = _spoken(recipient)
    except ValueError as error:
        raise Unspeakable(f"5.1.3 the address {error}") from error
    marked = _MARKED.fullmatch(sender)
    return _Names(sender, recipient, marked[1] if marked else "", _original(recipient))


def _spoken(address: str) -> str:
    """The address with A-labels in its domain (RFC 5891). Raises ValueError, saying what is wrong with it."""
    local, _, domain = address.rpartition("@")
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError("has a domain that cannot exist") from error
    address = f"{local}@{domain}"
    # A local part beyond ASCII may hold any letter there, but nothing that cannot be seen.
    narrowed = "".join("x" if letter > "\x7f" and letter.isprintable() else letter for letter in local)
    if not _ASCII.fullmatch(f"{narrowed}@{domain}"):
        raise ValueError("cannot be written in SMTP")
    if len(local.encode()) > 64 or len(address.encode()) > _LONGEST:
        raise ValueError("is longer than SMTP allows")
    return address


def _original(recipient: str) -> str:
    """ORCPT's value: xtext (RFC 3461 §4), or what takes its place beyond ASCII (RFC 6533 §3)."""
    if recipient.isascii():
        written = "rfc822;" + recipient.replace("+", "+2B").replace("=", "+3D")
    else:
        written = "utf-8;" + recipient.replace("+", "\\x{2B}").replace("=", "\\x{3D}")
    return written if len(written.encode()) <= _LONGEST_ORIGINAL else ""
