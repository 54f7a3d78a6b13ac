"""A variant as a mail: built once, then joined with each reader's values (RFC 5322, 2045, 2046, 8058)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from mailer.rendering import headers, merge_tags, transfer_encoding
from mailer.rendering.records import RenderedVariant


@dataclass(frozen=True)
class MailingHeaders:
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
ValueEncoder = Callable[[bytes], bytes]
# Where a copy's own token stands in a form, as the configuration writes it.
TOKEN = "{token}"  # noqa: S105  (a place in a text)


@dataclass(frozen=True)
class UrlTemplates:
    """What all copies of a mailing have in common in values that are each one's own: with TOKEN in its place,
    or without, where nothing is anybody's own."""

    # Without angle brackets: "m.{token}@example.org".
    message_id: str
    # Pages of the reader, absolute.
    unsubscribe_url: str
    preferences_url: str
    # Address that takes an unsubscribe request; empty: none.
    unsubscribe_mailto: str = ""


@dataclass(slots=True)
class Personalization:
    """What is one reader's own."""

    # The address; A-labels in its domain.
    to: str
    # The moment, as headers.date writes it.
    date: str
    # personal.country_names in the variant's language.
    countries: str
    # Tokens, of letters, digits, "-", "_" and, inside, ".": for each of the forms,
    message_token: str = ""
    unsubscribe_token: str = ""
    preferences_token: str = ""
    unsubscribe_mail_token: str = ""
    # for the end of the addresses that are counted under the reader's name; empty: none is,
    subscriber_token: str = ""
    # and for naming this copy where it comes back without its other names (X-Delivery); empty: nothing does.
    delivery_token: str = ""
    to_name: str = ""


# For the % operator: takes a token, and shows nothing of it.
_DISCARD = "%.0s"
# What tokens are made of.
_TOKEN_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
# Characters of a line of own headers without tokens, and of a copy's tokens together (998 fit in a line).
_LONGEST = 450


class MessageTemplate:
    """Every octet of a variant that its readers share, encoded."""

    def __init__(self, rendered: RenderedVariant, envelope: MailingHeaders, forms: UrlTemplates) -> None:
        """Raises ValueError, naming the field, when a header would not be a single valid line."""
        digest = hashlib.sha256(f"{rendered.html}\0{rendered.text}".encode()).hexdigest()
        # "=_" occurs neither in base64 nor in quoted-printable, so a boundary never occurs in a part.
        boundary = f"=_{digest[:32]}".encode()
        alternatives = b'Content-Type: multipart/alternative;\r\n boundary="%s"\r\n\r\n' % boundary
        before_text = shared_headers(rendered, envelope) + alternatives + _part_head(boundary, b"text/plain")
        self._text = transfer_encoding.smallest(rendered.text, before_text)
        self._html = transfer_encoding.smallest(
            rendered.html, _part_head(boundary, b"text/html"), b"--%s--\r\n" % boundary
        )
        # The piece behind a copy's own headers, the same for everybody: all others, and the body's beginning.
        self.shared = self._text.first
        self._own = _personal_headers_template(forms)
        self._unsubscribe_url, self._preferences_url = (
            _page(forms.unsubscribe_url),
            _page(forms.preferences_url),
        )
        self._plain_pages = transfer_encoding.is_plain(
            self._unsubscribe_url % b""
        ) and transfer_encoding.is_plain(self._preferences_url % b"")

    def message(self, reader: Personalization) -> bytes:
        """The whole message in CRLF lines. Raises ValueError for a value that could begin another header."""
        return b"".join(self.pieces(reader))

    def pieces(self, reader: Personalization) -> list[bytes]:
        """It in pieces: ASCII in CRLF lines, none of which begins with a dot. Raises like `message`."""
        own = self._own_headers(reader)
        in_text = {
            "unsubscribe_url": self._unsubscribe_url % reader.unsubscribe_token.encode(),
            "preferences_url": self._preferences_url % reader.preferences_token.encode(),
            "subscriber_token": reader.subscriber_token.encode(),
        }
        in_html = in_text.copy()
        if not self._plain_pages or max(map(len, in_text.values())) >= transfer_encoding.WIDTH:
            for name, value in in_html.items():
                in_text[name], in_html[name] = _encode_value(
                    name, value.decode(), self._text.encode_value, self._html.encode_value
                )
        in_text["countries"], in_html["countries"] = _countries(
            "countries", reader.countries, self._text.encode_value, self._html.encode_value
        )
        return [own, *self._text.fill(in_text), *self._html.fill(in_html)]

    def _own_headers(self, reader: Personalization) -> bytes:
        """The fields that are the reader's own. Every value is proved to be of characters that cannot end its
        line and begin another field."""
        if reader.to_name or not headers.is_address(reader.to):
            to = headers.mailbox("To", reader.to_name, reader.to).decode()
        else:
            to = f"To: <{reader.to}>\r\n"
        tokens = "".join(
            (
                *(reader.message_token, reader.unsubscribe_token, reader.preferences_token),
                *(reader.unsubscribe_mail_token, reader.subscriber_token, reader.delivery_token),
            )
        )
        invalid = tokens.encode().translate(None, _TOKEN_CHARACTERS) or reader.subscriber_token.startswith(
            "."
        )
        if invalid or len(tokens) > _LONGEST:
            raise ValueError("a token may hold letters, digits, - and _ only, and be short")
        if not (reader.date.isascii() and reader.date.isprintable()):
            raise ValueError("Date holds what no header may")
        delivery = f"X-Delivery: {reader.delivery_token}\r\n" if reader.delivery_token else ""
        values = (
            *(reader.message_token, reader.date, to),
            *(reader.unsubscribe_token, reader.unsubscribe_mail_token, delivery),
        )
        return (self._own % values).encode()


def shared_headers(rendered: RenderedVariant, envelope: MailingHeaders) -> bytes:
    """The fields that all copies of a variant share. Raises ValueError, naming the field that is no line."""
    fields = [
        headers.mailbox("From", envelope.from_name, envelope.from_email),
        headers.unstructured("Subject", rendered.subject),
        headers.list_id(envelope.list_name, envelope.list_id),
        headers.short_value("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        headers.short_value("Precedence", "bulk"),
        headers.short_value("X-Auto-Response-Suppress", "OOF, AutoReply"),
        headers.short_value("Content-Language", rendered.language),
        headers.short_value("MIME-Version", "1.0"),
    ]
    if envelope.reply_to:
        fields.append(headers.mailbox("Reply-To", "", envelope.reply_to))
    if envelope.archive_url:
        fields.append(headers.addresses("List-Archive", envelope.archive_url))
    if envelope.help_url:
        fields.append(headers.addresses("List-Help", envelope.help_url))
    if envelope.feedback_id:
        fields.append(headers.short_value("Feedback-ID", envelope.feedback_id))
    return b"".join(fields)


def _encode_value(name: str, value: str, text: ValueEncoder, html: ValueEncoder) -> tuple[bytes, bytes]:
    """A value as text and HTML are filled with it. Raises ValueError, naming it, unless it is one line."""
    escaped = merge_tags.html_value(headers.single_line(value, name))
    return text(value.encode()), html(escaped.encode())


# Many readers chose the same.
_countries = lru_cache(maxsize=4096)(_encode_value)


def _personal_headers_template(forms: UrlTemplates) -> str:
    """A copy's own fields, with room for the values that _own_headers fills in."""
    message_id = headers.short_value("Message-ID", f"<{_template(forms.message_id)}>").decode()
    pages = [_template(forms.unsubscribe_url)]
    if forms.unsubscribe_mailto:
        pages.append(f"mailto:{_template(forms.unsubscribe_mailto)}")
    unsubscribe = headers.addresses("List-Unsubscribe", *pages).decode()
    template = f"{message_id}Date: %s\r\n%s{unsubscribe}{'' if forms.unsubscribe_mailto else _DISCARD}%s"
    if max(map(len, template.split("\r\n"))) > _LONGEST:
        raise ValueError("Message-ID or List-Unsubscribe is too long for a line")
    return template


def _template(form: str) -> str:
    """A form for the % operator, which fills in one token."""
    return form.replace("%", "%%").replace(TOKEN, "%s") + ("" if TOKEN in form else _DISCARD)


def _page(form: str) -> bytes:
    headers.addresses("a page of the reader", form)
    return _template(form).encode()


def _part_head(boundary: bytes, kind: bytes) -> bytes:
    """What stands before the body of a part, but for its encoding."""
    return b"--%s\r\nContent-Type: %s; charset=utf-8\r\n" % (boundary, kind)
