"""One message for one recipient: its envelope, the commands that transmit it, and the encoding of its
content.

The commands are MAIL, RCPT and DATA with the extensions that the server offers (RFC 5321 §4.1). Addresses are
checked character by character, so that none can end its line and inject another command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from mailer.delivery import message_identifiers
from mailer.delivery.smtp.dkim import SignatureRequest

# Characters of a local part without quotes; a domain of A-labels, or an IP address in brackets.
_LOCAL = r"[A-Za-z0-9!#$%&'*/?^_`{|}~.\-"
_DOMAIN = r"@(?:[A-Za-z0-9.\-]{1,255}|\[[A-Za-z0-9.:]{2,60}\])"
# Without the characters that xtext must escape.
_PLAIN = re.compile(rf"{_LOCAL}]{{1,64}}{_DOMAIN}")
_ASCII = re.compile(rf"{_LOCAL}+=]{{1,64}}{_DOMAIN}")
# Ends in a signed id, which is plain: b+TOKEN@…
_WITH_TOKEN = re.compile(rf"(?:{_LOCAL}+=]{{0,16}}?(?<![0-9a-z]))?({message_identifiers.TOKEN_RE}){_DOMAIN}")
# Bytes of an address, and of one in ORCPT (RFC 5321 §4.5.3.1.3, RFC 3461 §4.2).
_MAX_ADDRESS = 254
_MAX_ORCPT = 500
_LINE_END = re.compile(rb"\r\n|\r|\n")


class AddressNotEncodable(Exception):  # noqa: N818  (a property of the address)
    """The recipient's address cannot be sent to this server; the text begins with an RFC 3463 code."""


class UnsendableMessage(Exception):  # noqa: N818  (a property of the message)
    """Our sender address cannot be sent, or the message is too large for the server: no recipient is to
    blame."""


@dataclass(slots=True, eq=False)
class Envelope:
    sender: str
    recipient: str
    # The whole message; line ends become CRLF where they are not.
    message: bytes = b""
    # Used in place of `message`: parts of a message in its final form, ASCII in CRLF lines that never begin
    # with a dot.
    pieces: tuple[bytes, ...] | list[bytes] = ()
    # What to sign for the DKIM-Signature fields that go before `pieces`; None: they are there, or there are
    # none.
    signature: SignatureRequest | None = None
    # The caller's own; the send queue keeps a QueueTag here.
    queue_tag: Any = None

    def sign(self) -> None:
        """Put the signature before the pieces, unless that is done; in any thread."""
        if self.signature is not None:
            self.add_signature(self.signature.sign())

    def add_signature(self, fields: bytes) -> None:
        """Put the DKIM-Signature fields before the pieces."""
        self.pieces = [fields, *self.pieces]
        self.signature = None


def encode_data(message: bytes) -> bytes:
    """The message as DATA transmits it: CRLF only, dots stuffed, with the final dot (RFC 5321 §4.5.2).

    A lone CR or LF is never sent: servers that interpret it differently would allow SMTP smuggling.
    """
    ends = message.count(b"\r\n")
    if ends != message.count(b"\n") or ends != message.count(b"\r"):
        message = _LINE_END.sub(b"\r\n", message)
    if b"\r\n." in message or message.startswith(b"."):
        message = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]
    return message + (b".\r\n" if message.endswith(b"\r\n") or not message else b"\r\n.\r\n")


class _Addresses(NamedTuple):
    """Both addresses as the commands spell them."""

    sender: str
    recipient: str
    # ENVID: the signed id in the sender, which delivery reports repeat; or empty.
    envelope_id: str
    # ORCPT: the recipient as delivery reports repeat it; or empty.
    original_recipient: str


class CommandBuilder:
    """Builds the commands of one session from the extensions that its server offers."""

    def __init__(self, extensions: Mapping[str, str]) -> None:
        """`extensions`: EHLO keywords in upper case, each with its parameters."""
        limit = extensions.get("SIZE", "")
        self._max_size = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 20 else 0
        self._size = "SIZE" in extensions
        self._body = " BODY=8BITMIME" if "8BITMIME" in extensions else ""
        self._utf8 = "SMTPUTF8" in extensions
        self._dsn = "DSN" in extensions

    def commands(self, sender: str, recipient: str, size: int, eight_bit: bool = False) -> bytes:
        """MAIL, RCPT and DATA, each a line with CRLF; `size` is the message's size in bytes.

        If the server offers DSN (RFC 3461), the commands ask for a report on failure and delay that
        contains only headers; it repeats the signed id of our sender. Raises AddressNotEncodable and
        UnsendableMessage.
        """
        if self._max_size and size > self._max_size:
            raise UnsendableMessage(
                f"The message has {size} bytes; the relay accepts at most {self._max_size}."
            )
        parameters = f" SIZE={size}" if self._size else ""
        if eight_bit:
            parameters += self._body
        with_token = _WITH_TOKEN.fullmatch(sender)
        if with_token and _PLAIN.fullmatch(recipient) and len(recipient) <= _MAX_ADDRESS >= len(sender):
            envelope_id, original = with_token[1], f"rfc822;{recipient}"
        else:
            sender, recipient, envelope_id, original = _encode_addresses(sender, recipient)
            if not (sender.isascii() and recipient.isascii()):
                parameters += self._smtputf8(sender)
        if not self._dsn:
            return f"MAIL FROM:<{sender}>{parameters}\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode()
        if envelope_id:
            parameters += f" ENVID={envelope_id}"
        notify = f" NOTIFY=FAILURE,DELAY{original and ' ORCPT='}{original}"
        return (
            f"MAIL FROM:<{sender}>{parameters} RET=HDRS\r\nRCPT TO:<{recipient}>{notify}\r\nDATA\r\n".encode()
        )

    def _smtputf8(self, sender: str) -> str:
        """The parameter of MAIL for a local part that is not ASCII (RFC 6531)."""
        if self._utf8:
            return " SMTPUTF8"
        if not sender.isascii():
            raise UnsendableMessage(
                "Our sender address is not ASCII before its @; the relay does not offer SMTPUTF8."
            )
        raise AddressNotEncodable(
            "5.6.7 the address is not ASCII before its @, and the relay does not offer SMTPUTF8"
        )


def _encode_addresses(sender: str, recipient: str) -> _Addresses:
    try:
        sender = _to_ascii(sender)
    except ValueError as error:
        raise UnsendableMessage(f"Our sender address {error}.") from error
    try:
        recipient = _to_ascii(recipient)
    except ValueError as error:
        raise AddressNotEncodable(f"5.1.3 the address {error}") from error
    with_token = _WITH_TOKEN.fullmatch(sender)
    return _Addresses(sender, recipient, with_token[1] if with_token else "", _orcpt(recipient))


def _to_ascii(address: str) -> str:
    """The address with A-labels in its domain (RFC 5891). Raises ValueError with a predicate that says why
    not."""
    local, _, domain = address.rpartition("@")
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError("has a domain that cannot exist") from error
    address = f"{local}@{domain}"
    # An internationalised local part may hold any printable character beyond ASCII.
    narrowed = "".join("x" if letter > "\x7f" and letter.isprintable() else letter for letter in local)
    if not _ASCII.fullmatch(f"{narrowed}@{domain}"):
        raise ValueError("cannot be written in SMTP")
    if len(local.encode()) > 64 or len(address.encode()) > _MAX_ADDRESS:
        raise ValueError("is longer than SMTP allows")
    return address


def _orcpt(recipient: str) -> str:
    """ORCPT's value: xtext (RFC 3461 §4), or for a recipient that is not ASCII its form of RFC 6533 §3."""
    if recipient.isascii():
        value = "rfc822;" + recipient.replace("+", "+2B").replace("=", "+3D")
    else:
        value = "utf-8;" + recipient.replace("+", "\\x{2B}").replace("=", "\\x{3D}")
    return value if len(value.encode()) <= _MAX_ORCPT else ""
