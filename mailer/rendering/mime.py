"""A variant as a MIME message: built once, then filled per subscriber (RFC 5322, 2045, 2046, 8058)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from mailer.rendering import merge_tags, mime_encoding
from mailer.rendering.data_types import RenderedVariant


@dataclass(frozen=True)
class MailingHeaders:
    """Header values that all messages of a mailing share."""

    from_name: str
    from_email: str
    # Constant for the newsletter's lifetime: "silk-road-monthly.example.org".
    list_id: str
    list_name: str
    reply_to: str = ""
    # Absolute URLs; empty: the field is left out.
    archive_url: str = ""
    help_url: str = ""
    # "campaign:newsletter:kind:sender", as Gmail reads it; empty: the field is left out.
    feedback_id: str = ""
    # The name of the stream in the statistics of Mail.ru's Postmaster; empty: the fields are left out.
    stream: str = ""
    # Address that takes complaints in ARF (RFC 9477); empty: the field is left out.
    complaints_email: str = ""


# From a value (UTF-8) to its encoded form in a part.
ValueEncoder = Callable[[bytes], bytes]
# The place of a subscriber's token in a template, as in the configuration.
TOKEN = "{token}"  # noqa: S105  (a place in a text)


@dataclass(frozen=True)
class UrlTemplates:
    """Templates of the values that are personal to each message, with TOKEN in the place of its token, or
    without it, where all messages share the value."""

    # Without angle brackets: "m.{token}@example.org".
    message_id: str
    # Absolute URLs of the subscriber's pages.
    unsubscribe_url: str
    preferences_url: str
    # Address that takes an unsubscribe request; empty: none.
    unsubscribe_mailto: str = ""


@dataclass(slots=True)
class Personalization:
    """The personal values of one message."""

    # The address; A-labels in its domain.
    to: str
    # The date in the format of headers.date.
    date: str
    # merge_tags.country_names in the variant's language.
    countries: str
    # Tokens of letters, digits, "-", "_" and, inside, ".", for each of the templates.
    message_token: str = ""
    unsubscribe_token: str = ""
    preferences_token: str = ""
    unsubscribe_mail_token: str = ""
    # Appended to tracked links where the subscriber agreed; empty: links are tracked in aggregate only.
    subscriber_token: str = ""
    # X-Delivery, which identifies the delivery in a returned message; empty: the field is left out.
    delivery_token: str = ""
    to_name: str = ""


# For the % operator: consumes a token without output.
_DISCARD = "%.0s"
# The characters of tokens.
_TOKEN_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
# Maximum characters of a personal header without tokens, and of all tokens together (a line has 998).
_LONGEST = 450


class MessageTemplate:
    """The octets of a variant that its subscribers share, encoded once."""

    def __init__(self, rendered: RenderedVariant, envelope: MailingHeaders, forms: UrlTemplates) -> None:
        """Raises ValueError, naming the field, when a header would not be a single valid line."""
        digest = hashlib.sha256(f"{rendered.html}\0{rendered.text}".encode()).hexdigest()
        # "=_" occurs neither in base64 nor in quoted-printable, so a boundary never occurs in a part.
        boundary = f"=_{digest[:32]}".encode()
        alternatives = b'Content-Type: multipart/alternative;\r\n boundary="%s"\r\n\r\n' % boundary
        before_text = shared_headers(rendered, envelope) + alternatives + _part_head(boundary, b"text/plain")
        self._text = mime_encoding.smaller_of_quoted_printable_and_base64(rendered.text, before_text)
        self._html = mime_encoding.smaller_of_quoted_printable_and_base64(
            rendered.html, _part_head(boundary, b"text/html"), b"--%s--\r\n" % boundary
        )
        # The piece after the personal headers: all other headers, and the beginning of the body.
        self.shared = self._text.first
        # The personal header fields, to be filled with `header_values`.
        self.own_headers = _personal_headers_template(forms)
        self._unsubscribe_url, self._preferences_url = (
            _page(forms.unsubscribe_url),
            _page(forms.preferences_url),
        )
        pages = self._unsubscribe_url % b"", self._preferences_url % b""
        # Tokens up to this length leave the values in the body plain, which need no encoding then.
        self._plain_up_to = (
            mime_encoding.WIDTH - 1 - max(map(len, pages)) if all(map(mime_encoding.is_plain, pages)) else -1
        )

    def message(self, reader: Personalization) -> bytes:
        """The complete message in CRLF lines. Raises ValueError for an invalid value."""
        return b"".join(self.pieces(reader, self.header_values(reader)))

    def pieces(self, reader: Personalization, header_values: dict[str, str]) -> list[bytes]:
        """The message in pieces: ASCII, CRLF lines, none beginning with a dot."""
        own = (self.own_headers % header_values).encode()
        unsubscribe, preferences, subscriber = (
            reader.unsubscribe_token,
            reader.preferences_token,
            reader.subscriber_token,
        )
        in_text = {
            "unsubscribe_url": self._unsubscribe_url % unsubscribe.encode(),
            "preferences_url": self._preferences_url % preferences.encode(),
            "subscriber_token": subscriber.encode(),
        }
        in_html = in_text.copy()
        if max(len(unsubscribe), len(preferences), len(subscriber)) > self._plain_up_to:
            for name, value in in_html.items():
                in_text[name], in_html[name] = _encode_value(
                    name, value.decode(), self._text.encode_value, self._html.encode_value
                )
        in_text["countries"], in_html["countries"] = _countries(
            "countries", reader.countries, self._text.encode_value, self._html.encode_value
        )
        return [own, *self._text.fill(in_text), *self._html.fill(in_html)]

    def header_values(self, reader: Personalization) -> dict[str, str]:
        """The values of the personal header fields, checked for characters that could begin another field.

        Except for "to" with a name, their white space is canonical (RFC 6376 §3.4.2). Raises ValueError.
        """
        if reader.to_name or not mime_encoding.is_address(reader.to):
            field = mime_encoding.mailbox_header("To", reader.to_name, reader.to).decode()
            to = field.removeprefix("To: ").removesuffix("\r\n")
        else:
            to = f"<{reader.to}>"
        tokens = (
            f"{reader.message_token}{reader.unsubscribe_token}{reader.preferences_token}"
            f"{reader.unsubscribe_mail_token}{reader.subscriber_token}{reader.delivery_token}"
        )
        invalid = tokens.encode().translate(None, _TOKEN_CHARACTERS) or reader.subscriber_token[:1] == "."
        if invalid or len(tokens) > _LONGEST:
            raise ValueError("a token may hold letters, digits, - and _ only, and be short")
        date = reader.date
        if not (date.isascii() and date.isprintable()) or " ".join(date.split()) != date:
            raise ValueError("Date contains characters that no header may have")
        return {
            "message": reader.message_token,
            "date": date,
            "to": to,
            "unsubscribe": reader.unsubscribe_token,
            "unsubscribe_mail": reader.unsubscribe_mail_token,
            "delivery": f"X-Delivery: {reader.delivery_token}\r\n" if reader.delivery_token else "",
        }


def shared_headers(rendered: RenderedVariant, mailing_headers: MailingHeaders) -> bytes:
    """The header fields that all messages of a variant share. Raises ValueError with the field."""
    fields = [
        mime_encoding.mailbox_header("From", mailing_headers.from_name, mailing_headers.from_email),
        mime_encoding.unstructured_field("Subject", rendered.subject),
        mime_encoding.list_id_header(mailing_headers.list_name, mailing_headers.list_id),
        mime_encoding.ascii_header_field("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        mime_encoding.ascii_header_field("Precedence", "bulk"),
        mime_encoding.ascii_header_field("X-Auto-Response-Suppress", "OOF, AutoReply"),
        mime_encoding.ascii_header_field("Content-Language", rendered.language),
        mime_encoding.ascii_header_field("MIME-Version", "1.0"),
    ]
    if mailing_headers.reply_to:
        fields.append(mime_encoding.mailbox_header("Reply-To", "", mailing_headers.reply_to))
    if mailing_headers.archive_url:
        fields.append(mime_encoding.uri_list_field("List-Archive", mailing_headers.archive_url))
    if mailing_headers.help_url:
        fields.append(mime_encoding.uri_list_field("List-Help", mailing_headers.help_url))
    if mailing_headers.feedback_id:
        fields.append(mime_encoding.ascii_header_field("Feedback-ID", mailing_headers.feedback_id))
    if mailing_headers.stream:
        fields.append(mime_encoding.ascii_header_field("X-Mailru-Msgtype", mailing_headers.stream))
        fields.append(mime_encoding.ascii_header_field("X-Postmaster-Msgtype", mailing_headers.stream))
    if mailing_headers.complaints_email:
        fields.append(
            mime_encoding.ascii_header_field(
                "CFBL-Address", f"{mailing_headers.complaints_email}; report=arf"
            )
        )
    return b"".join(fields)


def _encode_value(name: str, value: str, text: ValueEncoder, html: ValueEncoder) -> tuple[bytes, bytes]:
    """A value encoded for the text part and the HTML part. Raises ValueError unless it is one line."""
    escaped = merge_tags.html_value(mime_encoding.require_single_line(value, name))
    return text(value.encode()), html(escaped.encode())


# Many subscribers chose the same countries.
_countries = lru_cache(maxsize=4096)(_encode_value)


def _personal_headers_template(forms: UrlTemplates) -> str:
    """The personal header fields as a template for MessageTemplate.header_values."""
    message_id = _named(f"<{forms.message_id}>", "message")
    pages = [_named(forms.unsubscribe_url, "unsubscribe")]
    if forms.unsubscribe_mailto:
        pages.append("mailto:" + _named(forms.unsubscribe_mailto, "unsubscribe_mail"))
    own = mime_encoding.ascii_header_field("Message-ID", message_id) + b"Date: %(date)s\r\nTo: %(to)s\r\n"
    own += mime_encoding.uri_list_field("List-Unsubscribe", *pages) + b"%(delivery)s"
    template = own.decode()
    if max(map(len, template.split("\r\n"))) > _LONGEST:
        raise ValueError("Message-ID or List-Unsubscribe is too long for a line")
    return template


def _named(form: str, name: str) -> str:
    """A template for the % operator with the token as a named value."""
    return form.replace("%", "%%").replace(TOKEN, f"%({name})s")


def _page(form: str) -> bytes:
    """A template for the % operator with one token."""
    mime_encoding.uri_list_field("a page of the reader", form)
    template = form.replace("%", "%%").replace(TOKEN, "%s") + ("" if TOKEN in form else _DISCARD)
    return template.encode()


def _part_head(boundary: bytes, kind: bytes) -> bytes:
    """The header of a part, without its transfer encoding."""
    return b"--%s\r\nContent-Type: %s; charset=utf-8\r\n" % (boundary, kind)
