"""Encodes messages as parts for an ESP's API: the approved texts with the recipient's own values filled
in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from functools import cached_property, lru_cache
from typing import AnyStr, NamedTuple

from mailer.config.sections import TOKEN
from mailer.delivery import message_identifiers
from mailer.delivery.esp.template_escapes import TemplateEscape
from mailer.delivery.ledger.attempt_types_and_retry_schedule import ClaimedDelivery
from mailer.delivery.message_builder import BuildTime, MailingContext
from mailer.rendering import merge_tags, mime_encoding
from mailer.rendering.data_types import RenderedVariant
from subscribers import tokens

# With a group, so that split() keeps the tags.
_TAG = re.compile(f"(%%(?:{'|'.join(merge_tags.TAGS)})%%)")

_encode_json = json.JSONEncoder().encode
_country_names = lru_cache(maxsize=4096)(merge_tags.country_names_or_all)


class TextTemplate:
    """A text with merge tags that all messages of a variant share, encoded in JSON once."""

    def __init__(self, text: str, encode_value: Callable[[str], str] = str) -> None:
        """`encode_value` encodes a value for this kind of text."""
        self._encode_value = encode_value
        *literals, self._last = merge_tags.TAG_RE.split(text)
        self._literals, self._tags = literals[::2], literals[1::2]
        self._names = frozenset(self._tags)

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with every merge tag replaced by its value. Raises KeyError for a missing value."""
        encoded = {name: self._encode_value(values[name]) for name in self._names}
        return "".join(_interleaved(self._literals, [encoded[tag] for tag in self._tags], self._last))

    def fill_json(self, values: Mapping[str, str]) -> list[bytes]:
        """The same as a JSON string, in pieces."""
        encoded = {name: _json_content(self._encode_value(values[name])) for name in self._names}
        literals, last = self._in_json
        return _interleaved(literals, [encoded[tag] for tag in self._tags], last)

    @cached_property
    def _in_json(self) -> tuple[list[bytes], bytes]:
        """Literals and the last one, with the quotation marks around the whole."""
        first, *others = [_json_content(one) for one in (*self._literals, self._last)]
        *literals, last = [b'"' + first, *others]
        return literals, last + b'"'


class FilledText(NamedTuple):
    """A text with one recipient's own values; str() is the text."""

    template: TextTemplate
    values: Mapping[str, str]

    def __str__(self) -> str:
        return self.template.fill(self.values)

    def json(self) -> list[bytes]:
        """The text as a JSON string, in pieces."""
        return self.template.fill_json(self.values)


def literal_text(text: str) -> FilledText:
    """A text without merge tags."""
    return FilledText(TextTemplate(merge_tags.escape_tags(text)), {})


def json_string(text: str) -> bytes:
    """The text as a JSON string, in ASCII."""
    return _encode_json(text).encode()


@dataclass(frozen=True)
class EspMessage:
    """One recipient's message. Its texts are escaped for the ESP's template language."""

    # Identifies the delivery wherever the ESP reports on the message; `delivery_of` reads it.
    token: str
    to: str
    # Name and address, quoted as in RFC 5322 and not encoded.
    sender: str
    # Empty: none.
    reply_to: str
    subject: str
    html: FilledText
    text: FilledText
    # Further header fields, in ASCII.
    headers: dict[str, str]
    # With angle brackets; some ESPs replace it by one of their own.
    message_id: str
    # The envelope sender that identifies the delivery, for ESPs that accept one.
    envelope_sender: str


class _Variant(NamedTuple):
    """Escaped texts, and what is the same for all messages of the mailing."""

    subject: str
    html: TextTemplate
    text: TextTemplate
    language: str
    sender: str
    headers: dict[str, str]


class PartsEncoder:
    """Makes an EspMessage of each delivery."""

    def __init__(self, escape: TemplateEscape) -> None:
        self._escape = escape

    def prepare(self, context: MailingContext, rendered: RenderedVariant) -> _Variant:
        escape = self._escape
        subject = mime_encoding.require_single_line(rendered.subject, "Subject")
        return _Variant(
            subject=escape.text(subject),
            html=TextTemplate(_between_tags(rendered.html, escape.html), merge_tags.html_value),
            text=TextTemplate(_between_tags(rendered.text, escape.text)),
            language=rendered.language,
            sender=self._sender(context),
            headers=_shared_headers(context),
        )

    def encode(
        self,
        context: MailingContext,
        variant: _Variant,
        claimed: ClaimedDelivery,
        token: str,
        links: tokens.Links,
        time: BuildTime,
    ) -> EspMessage:
        urls = context.urls
        values = {
            "unsubscribe_url": urls.unsubscribe_url.replace(TOKEN, links.unsubscribe),
            "preferences_url": urls.preferences_url.replace(TOKEN, links.preferences),
            "countries": _country_names(claimed.countries, variant.language),
            "subscriber_token": context.subscriber_token(claimed),
        }
        unsubscribe = f"<{values['unsubscribe_url']}>"
        if urls.unsubscribe_mailto:
            unsubscribe += f", <mailto:{urls.unsubscribe_mailto.replace(TOKEN, links.unsubscribe_mailto)}>"
        fields = {"List-Unsubscribe": unsubscribe, "Content-Language": variant.language}
        return EspMessage(
            token=token,
            to=mime_encoding.require_single_line(claimed.email, "To"),
            sender=variant.sender,
            reply_to=context.headers.reply_to,
            subject=variant.subject,
            html=FilledText(variant.html, values),
            text=FilledText(variant.text, values),
            headers={**variant.headers, **fields},
            message_id=f"<{urls.message_id.replace(TOKEN, token)}>",
            envelope_sender=context.envelope_sender.replace(TOKEN, token),
        )

    def _sender(self, context: MailingContext) -> str:
        name = mime_encoding.require_single_line(context.headers.from_name, "the name in From")
        return str(Address(self._escape.text(name), addr_spec=context.headers.from_email))


def _between_tags(text: str, escape: Callable[[str], str]) -> str:
    """Escape `text` but for our merge tags, which an ESP may take for its own: Mailgun knows
    %unsubscribe_url%."""
    pieces = _TAG.split(text)
    pieces[::2] = map(escape, pieces[::2])
    return "".join(pieces)


def _interleaved(literals: list[AnyStr], values: list[AnyStr], last: AnyStr) -> list[AnyStr]:
    """Literals, each followed by its value, and the last one."""
    return [piece for pair in zip(literals, values, strict=True) for piece in pair] + [last]


def _json_content(text: str) -> bytes:
    """What is between the quotation marks of a JSON string."""
    return json_string(text)[1:-1]


def delivery_token(delivery: int) -> str:
    """A delivery's token: letters and digits, which the strictest ESP accepts as a tag."""
    return message_identifiers.make_token("delivery", delivery)


def delivery_of(token: str) -> int | None:
    """The id of the delivery that a token identifies, or None if we did not make it."""
    return message_identifiers.read_token("delivery", token)


def _shared_headers(context: MailingContext) -> dict[str, str]:
    """List-Id without a name: some ESPs send text outside ASCII unencoded, which breaks the field."""
    shared = {
        "List-Id": f"<{context.headers.list_id}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Precedence": "bulk",
        "X-Auto-Response-Suppress": "OOF, AutoReply",
    }
    if context.headers.archive_url:
        shared["List-Archive"] = f"<{context.headers.archive_url}>"
    return shared
