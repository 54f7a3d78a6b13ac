"""What names a delivery in its message: envelope sender (VERP), Message-ID and unsubscribe address.

Each carries an encrypted, authenticated token, so that returned mail needs no guessing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.conf import settings

from mailer.config.bounces import TOKEN
from subscribers import tokens
from subscribers.tokens import MailPurpose

# What a token looks like, in lower case.
TOKEN_RE = tokens.MAIL_TOKEN
# It begins with its digit for speed: whole messages are searched.
_TOKEN = re.compile(r"[0-9](?<![0-9a-z].)[0-9a-f]{48}(?![0-9a-z])")


def delivery_tokens(delivery_ids: Iterable[int]) -> list[str]:
    """The token of each delivery, for its envelope sender, its Message-ID and X-Delivery."""
    return tokens.encrypt_ids_for_mail("delivery", delivery_ids)


def token(purpose: MailPurpose, number: int) -> str:
    """One token of 49 characters, of lower case. Raises OverflowError unless the number fits into 64 bits."""
    return tokens.encrypt_ids_for_mail(purpose, [number])[0]


def read_token(purpose: MailPurpose, token: str) -> int | None:
    """The id in a token, or None if it was not made here for this purpose."""
    try:
        return tokens.decrypt_id(purpose, token)
    except tokens.InvalidToken:
        return None


def find_tokens(text: str) -> Iterator[str]:
    """Everything in a lower-case text that looks like a token and is not part of a longer word."""
    return (found[0] for found in _TOKEN.finditer(text))


def envelope_sender_template(sender_domain: str = "") -> str:
    """The envelope sender of every message to subscribers, with {token} in place of its token.

    By [bounces] address, at the bounce domain or else the sender's own.
    """
    bounces = settings.CONFIG.bounces
    return f"{bounces.address}@{bounces.domain or sender_domain}"


def envelope_sender(delivery_id: int, sender_domain: str = "") -> str:
    """The envelope sender of a delivery: usually b+TOKEN@ the bounce domain.

    The local part has at most 64 octets, of lower case.
    """
    return envelope_sender_template(sender_domain).replace(TOKEN, token("delivery", delivery_id))


def read_envelope_sender(address: str) -> int | None:
    """The delivery id in the address that a bounce was sent to, or None if it was not made here."""
    return _first_id("delivery", address)


def probe_envelope_sender(number: int, sender_domain: str = "") -> str:
    """The envelope sender of a probe, a message that only tests whether an address works."""
    return envelope_sender_template(sender_domain).replace(TOKEN, token("probe", number))


def probe_message_id(number: int, sender_domain: str) -> str:
    """A probe's Message-ID, with its angle brackets."""
    return f"<p.{token('probe', number)}@{sender_domain}>"


def read_probe(text: str) -> int | None:
    """The probe id in an address or a Message-ID within the text, or None if it was not made here."""
    return _first_id("probe", text)


def _first_id(purpose: MailPurpose, text: str) -> int | None:
    # Authentication alone tells a token of ours. Servers on the way may have put anything around it: prefixes
    # (prvs=, SRS0=), quotes, tags, another sign for "+". Mail sent under another configured form is read too.
    numbers = (read_token(purpose, token) for token in find_tokens(text.lower()))
    return next((number for number in numbers if number is not None), None)


# It begins with its letter for speed: whole messages are searched.
_MESSAGE_ID = re.compile(rf"m\.(?<![a-z0-9]..)({TOKEN_RE})@")


class UnsubscribeAddress(NamedTuple):
    """Who unsubscribes from what."""

    subscriber: int
    newsletter: int


def message_id(delivery_id: int, domain: str) -> str:
    """The delivery's Message-ID with angle brackets: the same for every attempt, without an address in it."""
    return f"<m.{token('delivery', delivery_id)}@{domain}>"


def read_message_id(message_id: str) -> int | None:
    """The delivery id in a Message-ID (with or without brackets, or among others), or None."""
    for match in _MESSAGE_ID.finditer(message_id.lower()):
        delivery_id = read_token("delivery", match[1])
        if delivery_id is not None:
            return delivery_id
    return None


def unsubscribe_address_template(sender_domain: str = "") -> str:
    """The address of `unsubscribe_address`, with {token} in place of the subscriber's token."""
    bounces = settings.CONFIG.bounces
    return f"{bounces.unsubscribe_address}@{bounces.domain or sender_domain}"


def unsubscribe_address(subscriber: int, newsletter: int, sender_domain: str = "") -> str:
    """The address to which a subscriber writes to unsubscribe from a newsletter (RFC 2369 mailto)."""
    (links,) = tokens.links([subscriber], newsletter)
    return unsubscribe_address_template(sender_domain).replace(TOKEN, links.unsubscribe_mailto)


def read_unsubscribe_address(address: str) -> UnsubscribeAddress | None:
    """The subscriber and newsletter in an unsubscribe address, or None if it was not made here."""
    for token in find_tokens(address.lower()):
        try:
            return UnsubscribeAddress(*tokens.read("unsubscribe", token))
        except tokens.InvalidToken:
            continue
    return None
