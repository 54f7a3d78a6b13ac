"""The names that a delivery carries: its Message-ID, and the address to which a reader writes to leave."""

from __future__ import annotations

import re
from typing import NamedTuple

from django.conf import settings

from mailer.config.bounces import TOKEN
from mailer.delivery import signed_ids
from subscribers import tokens

# It begins with its letter for speed: whole messages are searched.
_MESSAGE_ID = re.compile(rf"m\.(?<![a-z0-9]..)({signed_ids.TOKEN_RE})@")


class Departure(NamedTuple):
    """Who wishes to leave what."""

    subscriber: int
    newsletter: int


def message_id(delivery_id: int, domain: str) -> str:
    """The delivery's Message-ID with its angle brackets: the same for every attempt, and no address in it."""
    return f"<m.{signed_ids.token('delivery', delivery_id)}@{domain}>"


def delivery_of(message_id: str) -> int | None:
    """The delivery that a Message-ID (with or without brackets, or among others) names, or None."""
    for match in _MESSAGE_ID.finditer(message_id.lower()):
        delivery_id = signed_ids.read("delivery", match[1])
        if delivery_id is not None:
            return delivery_id
    return None


def leave_form(sender_domain: str = "") -> str:
    """The addresses of `leave_address`, with {token} in place of the reader's own token."""
    bounces = settings.CONFIG.bounces
    return f"{bounces.leave_address}@{bounces.domain or sender_domain}"


def leave_address(subscriber: int, newsletter: int, sender_domain: str = "") -> str:
    """The address that a reader writes to in order to leave a newsletter (RFC 2369 mailto)."""
    (links,) = tokens.links([subscriber], newsletter)
    return leave_form(sender_domain).replace(TOKEN, links.unsubscribe_mailto)


def read_leave_address(address: str) -> Departure | None:
    """Who wrote to which newsletter's leave address, or None when the address was not made here."""
    for token in signed_ids.find_tokens(address.lower()):
        try:
            return Departure(*tokens.read("unsubscribe", token))
        except tokens.InvalidToken:
            continue
    return None
