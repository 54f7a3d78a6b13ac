"""What names a delivery in its message: envelope sender (VERP), Message-ID and unsubscribe address.

Each carries an encrypted, authenticated token, so that returned mail needs no guessing.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings

from mailer.config.sections import TOKEN
from subscribers import tokens
from subscribers.tokens import MailPurpose

# What a token looks like, in lower case.
TOKEN_RE = tokens.MAIL_TOKEN
_TOKEN = re.compile(r"(?<![0-9A-Za-z])[0-9][0-9A-Fa-f]{48}(?![0-9A-Za-z])")
_TOKEN_LENGTH = 49
# Turns every hexadecimal digit into "0" and anything else into a space.
_ZERO_DIGITS = bytes(ord("0") if chr(octet) in string.hexdigits else ord(" ") for octet in range(256))
_ZEROS = re.compile(rb"0+")
_MESSAGE_ID_START = re.compile(r"(?<![0-9A-Za-z])[Mm]\.\Z")


class FoundToken(NamedTuple):
    """What looks like a token in a text."""

    # Lower case.
    token: str
    # Whether it stands where a Message-ID of ours has it.
    in_message_id: bool


class UnsubscribeAddress(NamedTuple):
    """Who unsubscribes from what."""

    subscriber: int
    newsletter: int


def delivery_tokens(delivery_ids: Iterable[int]) -> list[str]:
    """The token of each delivery, for its envelope sender, its Message-ID and X-Delivery."""
    return tokens.encrypt_ids_for_addresses("delivery", delivery_ids)


def make_token(purpose: MailPurpose, number: int) -> str:
    """One token of 49 characters, of lower case. Raises OverflowError unless the number fits into 64 bits."""
    return tokens.encrypt_ids_for_addresses(purpose, [number])[0]


def read_token(purpose: MailPurpose, token: str) -> int | None:
    """The id in a token, or None if it was not made here for this purpose."""
    try:
        return tokens.decrypt_id(purpose, token)
    except tokens.InvalidToken:
        return None


def find_possible_tokens(text: str) -> list[FoundToken]:
    """Everything in a text, in any case, that looks like a token and is not part of a longer word."""
    # Whole messages are searched. Runs of 49 digits are found so in a sixth of the time of one search with an
    # expression, and most messages have one or two.
    digits = text.encode("ascii", "replace").translate(_ZERO_DIGITS)
    run, found = b"0" * _TOKEN_LENGTH, []
    start = digits.find(run)
    while start >= 0:
        if match := _TOKEN.match(text, start):
            before = text[max(start - 3, 0) : start]
            in_message_id = bool(_MESSAGE_ID_START.search(before)) and text.startswith("@", match.end())
            found.append(FoundToken(match[0].lower(), in_message_id))
        zeros = _ZEROS.match(digits, start)
        start = digits.find(run, zeros.end() if zeros else len(digits))
    return found


def first_id(purpose: MailPurpose, tokens: Iterable[FoundToken]) -> int | None:
    """The id in the first of the tokens that was made here for this purpose, or None."""
    # Authentication alone tells a token of ours. Servers on the way may have put anything around it: prefixes
    # (prvs=, SRS0=), quotes, tags, another sign for "+". Mail sent under another configured form is read too.
    ids = (read_token(purpose, found.token) for found in tokens)
    return next((found for found in ids if found is not None), None)


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
    return envelope_sender_template(sender_domain).replace(TOKEN, make_token("delivery", delivery_id))


def read_envelope_sender(address: str) -> int | None:
    """The delivery id in the address that a bounce was sent to, or None if it was not made here."""
    return first_id("delivery", find_possible_tokens(address))


def probe_envelope_sender(number: int, sender_domain: str = "") -> str:
    """The envelope sender of a probe, a message that only tests whether an address works."""
    return envelope_sender_template(sender_domain).replace(TOKEN, make_token("probe", number))


def probe_message_id(number: int, sender_domain: str) -> str:
    """A probe's Message-ID, with its angle brackets."""
    return f"<p.{make_token('probe', number)}@{sender_domain}>"


def read_probe(text: str) -> int | None:
    """The probe id in an address or a Message-ID within the text, or None if it was not made here."""
    return first_id("probe", find_possible_tokens(text))


def message_id(delivery_id: int, domain: str) -> str:
    """The delivery's Message-ID with angle brackets: the same for every attempt, without an address in it."""
    return f"<m.{make_token('delivery', delivery_id)}@{domain}>"


def read_message_id(message_id: str) -> int | None:
    """The delivery id in a Message-ID (with or without brackets, or among others), or None."""
    return first_id("delivery", (found for found in find_possible_tokens(message_id) if found.in_message_id))


def can_receive_unsubscribe_mail() -> bool:
    """Whether requests by email can reach this system: a mailbox is read, or a domain is set up for returned
    mail, whose mail server may run `mailer bounces receive`."""
    bounces = settings.CONFIG.bounces
    return bool(bounces.domain or bounces.has_inbound)


def unsubscribe_address_template(sender_domain: str = "") -> str:
    """The address of `unsubscribe_address`, with {token} in place of the subscriber's token."""
    bounces = settings.CONFIG.bounces
    return f"{bounces.unsubscribe_address}@{bounces.domain or sender_domain}"


def unsubscribe_address(subscriber: int, newsletter: int, sender_domain: str = "") -> str:
    """The address to which a subscriber writes to unsubscribe from a newsletter (RFC 2369 mailto)."""
    (links,) = tokens.link_tokens([subscriber], newsletter)
    return unsubscribe_address_template(sender_domain).replace(TOKEN, links.unsubscribe_mailto)


def read_unsubscribe_address(address: str) -> UnsubscribeAddress | None:
    """The subscriber and newsletter in an unsubscribe address, or None if it was not made here."""
    for found in find_possible_tokens(address):
        try:
            return UnsubscribeAddress(*tokens.read_token("unsubscribe", found.token))
        except tokens.InvalidToken:
            continue
    return None
