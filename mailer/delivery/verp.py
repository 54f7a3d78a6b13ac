"""Envelope senders that name the delivery they belong to, so that what returns needs no guessing (VERP)."""

from __future__ import annotations

import re

from django.conf import settings

from mailer.delivery import proof

# Some relays drop "+", so "-" is read too. Prefixes (prvs=, SRS0=), quotes and added tags may surround it.
_TOKEN = re.compile(rf"(?<![a-z0-9])b[+-]({proof.SHAPE})(?![0-9a-z])")


def address(delivery_id: int, sender_domain: str = "") -> str:
    """The envelope sender of a delivery: b+TOKEN@ the bounce domain, else the sender's own domain.

    The local part has at most 39 octets, of lower case, within what the oldest systems carry.
    """
    return f"b+{proof.token('verp', delivery_id)}@{settings.CONFIG.bounces.domain or sender_domain}"


def read(address: str) -> int | None:
    """The delivery that a returned address names, or None when it was not made here."""
    for match in _TOKEN.finditer(address.lower()):
        delivery_id = proof.read("verp", match[1])
        if delivery_id is not None:
            return delivery_id
    return None
