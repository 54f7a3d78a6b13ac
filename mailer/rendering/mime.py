"""A variant as a mail: built once, then joined with each reader's values (RFC 5322, 2045, 2046, 8058)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from mailer.rendering import headers, merge_tags, transfer_encoding
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


# A value (UTF-8) to what a part is filled with.
Writing = Callable[[bytes], bytes]
# Where a copy's own token stands in a form, as the configuration writes it.
TOKEN = "{token}"  # noqa: S105  (a place in a text)


@dataclass(frozen=True)
class Forms:
    """What all copies of a mailing have in common in values that are each one's own: with TOKEN in its place,
    or without, where nothing is anybody's own."""

    # Without angle brackets: "m.{token}@example.org".
    message_id: str
    # Pages of the reader, absolute.
    leave_url: str
    prefs_url: str
    # Address that takes an unsubscribe request; empty: none.
    leave_mailto: str = ""


@dataclass(slots=True)
class Copy:
    """What is one reader's own."""

    # The address; A-labels in its domain.
    to: str
    # The moment, as headers.date writes it.
    date: str
    # personal.country_names in the variant's language.
    countries: str
    # Tokens, of letters, digits, "-", "_" and, inside, ".": for each of the forms,
    message: str = ""
    leave: str = ""
    prefs: str = ""
    leave_by_mail: str = ""
    # for the end of the addresses that are counted under the reader's name; empty: none is,
    whose: str = ""
    # and for naming this copy where it comes back without its other names (X-Delivery); empty: nothing does.
    delivery: str = ""
    to_name: str = ""


# For the % operator: takes a token, and shows nothing of it.
_NOWHERE = "%.0s"
# What tokens are made of.
_OF_TOKENS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
# Characters of a line of own headers without tokens, and of a copy's tokens together (998 fit in a line).
_LONGEST = 450


class Skeleton:
    """Every octet of a variant that its readers share, encoded."""

    def __init__(self, rendered: Rendered, envelope: Envelope, forms: Forms) -> None:
        """Raises ValueError, naming the field, when a header would not be a single valid line."""
        digest = hashlib.sha256(f"{rendered.html}\0{rendered.text}".encode()).hexdigest()
        # "=_" occurs neither in base64 nor in quoted-printable, so a boundary never occurs in a part.
        boundary = f"=_{digest[:32]}".encode()
        alternatives = b'Content-Type: multipart/alternative;\r\n boundary="%s"\r\n\r\n' % boundary
        before_text = shared_headers(rendered, envelope) + alternatives + _part_head(boundary, b"text/plain")
        self._text = transfer_encoding.smaller(rendered.text, before_text)
        self._html = transfer_encoding.smaller(
            rendered.html, _part_head(boundary, b"text/html"), b"--%s--\r\n" % boundary
        )
        # The piece behind a copy's own headers, the same for everybody: all others, and the body's beginning.
        self.shared = self._text.first
        self._own = _own_template(forms)
        self._leave_url, self._prefs_url = _page(forms.leave_url), _page(forms.prefs_url)
        self._plain_pages = transfer_encoding.is_plain(self._leave_url % b"") and transfer_encoding.is_plain(
            self._prefs_url % b""
        )

    def message(self, copy: Copy) -> bytes:
        """The whole message in CRLF lines. Raises ValueError for a value that could begin another header."""
        return b"".join(self.pieces(copy))

    def pieces(self, copy: Copy) -> list[bytes]:
        """It in pieces: ASCII in CRLF lines, none of which begins with a dot. Raises like `message`."""
        own = self._own_headers(copy)
        in_text = {
            "leave_url": self._leave_url % copy.leave.encode(),
            "prefs_url": self._prefs_url % copy.prefs.encode(),
            "whose": copy.whose.encode(),
        }
        in_html = in_text.copy()
        if not self._plain_pages or max(map(len, in_text.values())) >= transfer_encoding.WIDTH:
            for name, value in in_html.items():
                in_text[name], in_html[name] = _written(
                    name, value.decode(), self._text.written, self._html.written
                )
        in_text["countries"], in_html["countries"] = _countries(
            "countries", copy.countries, self._text.written, self._html.written
        )
        return [own, *self._text.filled(in_text), *self._html.filled(in_html)]

    def _own_headers(self, copy: Copy) -> bytes:
        """The fields that are the reader's own. Every value is proved to be of characters that cannot end its
        line and begin another field."""
        if copy.to_name or not headers.is_address(copy.to):
            to = headers.mailbox("To", copy.to_name, copy.to).decode()
        else:
            to = f"To: <{copy.to}>\r\n"
        tokens = f"{copy.message}{copy.leave}{copy.prefs}{copy.leave_by_mail}{copy.whose}{copy.delivery}"
        odd = tokens.encode().translate(None, _OF_TOKENS) or copy.whose.startswith(".")
        if odd or len(tokens) > _LONGEST:
            raise ValueError("a token of the copy is none: use few letters and digits")
        if not (copy.date.isascii() and copy.date.isprintable()):
            raise ValueError("Date holds what no header may")
        delivery = f"X-Delivery: {copy.delivery}\r\n" if copy.delivery else ""
        values = (copy.message, copy.date, to, copy.leave, copy.leave_by_mail, delivery)
        return (self._own % values).encode()


def shared_headers(rendered: Rendered, envelope: Envelope) -> bytes:
    """The fields that all copies of a variant share. Raises ValueError, naming the field that is no line."""
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


def _written(name: str, value: str, text: Writing, html: Writing) -> tuple[bytes, bytes]:
    """A value as text and HTML are filled with it. Raises ValueError, naming it, unless it is one line."""
    escaped = merge_tags.html_value(headers.single_line(value, name))
    return text(value.encode()), html(escaped.encode())


# Many readers chose the same.
_countries = lru_cache(maxsize=4096)(_written)


def _own_template(forms: Forms) -> str:
    """A copy's own fields, with room for the values that _own_headers fills in."""
    message_id = headers.token("Message-ID", f"<{_template(forms.message_id)}>").decode()
    pages = [_template(forms.leave_url)]
    if forms.leave_mailto:
        pages.append(f"mailto:{_template(forms.leave_mailto)}")
    unsubscribe = headers.addresses("List-Unsubscribe", *pages).decode()
    template = f"{message_id}Date: %s\r\n%s{unsubscribe}{'' if forms.leave_mailto else _NOWHERE}%s"
    if max(map(len, template.split("\r\n"))) > _LONGEST:
        raise ValueError("Message-ID or List-Unsubscribe is too long for a line")
    return template


def _template(form: str) -> str:
    """A form for the % operator, which fills in one token."""
    return form.replace("%", "%%").replace(TOKEN, "%s") + ("" if TOKEN in form else _NOWHERE)


def _page(form: str) -> bytes:
    headers.addresses("a page of the reader", form)
    return _template(form).encode()


def _part_head(boundary: bytes, kind: bytes) -> bytes:
    """What stands before the body of a part, but for its encoding."""
    return b"--%s\r\nContent-Type: %s; charset=utf-8\r\n" % (boundary, kind)
