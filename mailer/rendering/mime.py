"""A variant as a mail: built once, then joined with each reader's values (RFC 5322, 2045, 2046, 8058)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from mailer.rendering import encode, headers, personal
from mailer.rendering.records import Rendered


@dataclass(frozen=True)
class Envelope:
    """What the headers of all copies of a mailing share."""

    from_name: str
    from_email: str
    # Belongs to the newsletter for its whole life: "silk-road-monthly.example.org".
    list_id: str
    list_name: str
    reply_to: str = ""
    # Addresses of pages, absolute; empty: the field is left out.
    archive_url: str = ""
    help_url: str = ""
    # "campaign:newsletter:kind:sender", as Gmail reads it; empty: the field is left out.
    feedback_id: str = ""


# Octets of what a header may carry and HTML writes as it is.
_ORDINARY = bytes(octet for octet in range(0x20, 0x100) if octet != 0x7F and octet not in b"&<>\"'")
# Characters that the values of a copy's own header fields may have together.
_LONGEST = 900


@dataclass(slots=True)
class Copy:
    """What is one reader's own."""

    # The address; A-labels in its domain.
    to: str
    # With or without angle brackets.
    message_id: str
    date: datetime | str
    # Pages of the reader, with the reader's own tokens.
    leave_url: str
    # Address that takes an unsubscribe request, with or without "mailto:"; empty: none.
    leave_mailto: str
    prefs_url: str
    # personal.country_names in the variant's language.
    countries: str
    to_name: str = ""
    # Ends the addresses of links that are counted under the reader's name; empty: none is.
    whose: str = ""
    # Names this copy where it comes back without the rest of its names (X-Delivery); empty: nothing does.
    delivery: str = ""


class Skeleton:
    """Every octet of a variant that its readers share, encoded."""

    def __init__(self, rendered: Rendered, envelope: Envelope) -> None:
        """Raises ValueError, naming the field, when a header would not be a single valid line."""
        digest = hashlib.sha256(f"{rendered.html}\0{rendered.text}".encode()).hexdigest()
        # "=_" occurs neither in base64 nor in quoted-printable, so a boundary never occurs in a part.
        boundary = f"=_{digest[:32]}".encode()
        self._text = encode.smaller(rendered.text)
        self._html = encode.smaller(rendered.html)
        self._head = (
            _shared_headers(rendered, envelope)
            + b'Content-Type: multipart/alternative;\r\n boundary="%s"\r\n\r\n' % boundary
            + _part_head(boundary, b"text/plain", self._text.name)
        )
        # The pieces behind a copy's own headers that are the same for everybody: all other headers, and the
        # beginning of the body.
        self.shared = (self._head, self._text.first)
        self._between = _part_head(boundary, b"text/html", self._html.name)
        self._end = b"--%s--\r\n" % boundary
        # Both bodies in one, where that can be: most values stand alike in text and in HTML.
        self._body: encode.Part | None = None
        if isinstance(self._text, encode.QuotedPrintable) and isinstance(self._html, encode.QuotedPrintable):
            self._body = self._text.followed(self._between, self._html)

    def message(self, copy: Copy) -> bytes:
        """The whole message in CRLF lines. Raises ValueError for a value that could begin another header."""
        return b"".join(self.pieces(copy))

    def pieces(self, copy: Copy) -> tuple[bytes, ...]:
        """It in pieces: ASCII in CRLF lines, none of which begins with a dot. Raises like `message`."""
        for_text = for_html = {
            "leave_url": copy.leave_url.encode(),
            "prefs_url": copy.prefs_url.encode(),
            "countries": copy.countries.encode(),
            "whose": copy.whose.encode(),
        }
        if b"".join(for_text.values()).translate(None, _ORDINARY):
            for_html = {name: _in_html(name, value.decode()) for name, value in for_text.items()}
        elif self._body is not None:
            return (_own_headers(copy), self._head, *self._body.filled(for_text), self._end)
        return (
            _own_headers(copy),
            self._head,
            *self._text.filled(for_text),
            self._between,
            *self._html.filled(for_html),
            self._end,
        )


def _shared_headers(rendered: Rendered, envelope: Envelope) -> bytes:
    fields = [
        headers.mailbox("From", envelope.from_name, envelope.from_email),
        headers.unstructured("Subject", rendered.subject),
        headers.list_id(envelope.list_name, envelope.list_id),
        headers.token("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        headers.token("Precedence", "bulk"),
        headers.token("X-Auto-Response-Suppress", "OOF, AutoReply"),
        headers.token("Content-Language", rendered.language),
        headers.token("MIME-Version", "1.0"),
    ]
    if envelope.reply_to:
        fields.append(headers.mailbox("Reply-To", "", envelope.reply_to))
    if envelope.archive_url:
        fields.append(headers.addresses("List-Archive", envelope.archive_url))
    if envelope.help_url:
        fields.append(headers.addresses("List-Help", envelope.help_url))
    if envelope.feedback_id:
        fields.append(headers.token("Feedback-ID", envelope.feedback_id))
    return b"".join(fields)


def _own_headers(copy: Copy) -> bytes:
    """The fields that are the reader's own. Every value is proved to be printable ASCII, so that none can end
    its line and begin another field."""
    moment = copy.date if isinstance(copy.date, str) else headers.date(copy.date)
    to = f"<{copy.to}>\r\n"
    if copy.to_name or not headers.is_address(copy.to):
        to = headers.mailbox("To", copy.to_name, copy.to)[4:].decode()
    name = copy.message_id.strip("<>")
    mailto = copy.leave_mailto.removeprefix("mailto:")
    values = f"{name}{moment}{copy.leave_url}{mailto}{copy.delivery}"
    if not (values.isascii() and values.isprintable()) or len(values) > _LONGEST or ":" not in copy.leave_url:
        raise ValueError(
            "Message-ID, Date, List-Unsubscribe or X-Delivery holds what no header may: use short ASCII"
        )
    by_mail = f",\r\n <mailto:{mailto}>" if mailto else ""
    named = f"X-Delivery: {copy.delivery}\r\n" if copy.delivery else ""
    return (
        f"Message-ID: <{name}>\r\nDate: {moment}\r\nTo: {to}"
        f"List-Unsubscribe: <{copy.leave_url}>{by_mail}\r\n{named}"
    ).encode()


def _in_html(name: str, value: str) -> bytes:
    return personal.html_value(headers.single_line(value, name)).encode()


def _part_head(boundary: bytes, kind: bytes, encoding: str) -> bytes:
    return b"--%s\r\nContent-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n" % (
        boundary,
        kind,
        encoding.encode(),
    )
