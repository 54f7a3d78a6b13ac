"""Envelope senders that name what they belong to, so that what returns needs no guessing (VERP)."""

from __future__ import annotations

import re

from django.conf import settings

from mailer.delivery import proof

# Some relays drop "+", so "-" is read too. Prefixes (prvs=, SRS0=), quotes and added tags may surround it.
# Beginning with its letter, and looking back from there, it is twenty times as fast over a whole message.
_TOKEN = re.compile(rf"b[+-](?<![a-z0-9]..)({proof.SHAPE})(?![0-9a-z])")
# A probe's Message-ID carries the same token as its envelope sender.
_PROBE = re.compile(rf"p[+.-](?<![a-z0-9]..)({proof.SHAPE})(?![0-9a-z])")


def address(delivery_id: int, sender_domain: str = "") -> str:
    """The envelope sender of a delivery: b+TOKEN@ the bounce domain, else the sender's own domain.

    The local part has at most 39 octets, of lower case, within what the oldest systems carry.
    """
    return f"b+{proof.token('verp', delivery_id)}@{settings.CONFIG.bounces.domain or sender_domain}"


def read(address: str) -> int | None:
    """The delivery that a returned address names, or None when it was not made here."""
    return _first("verp", _TOKEN, address)


def probe_address(number: int, sender_domain: str = "") -> str:
    """The envelope sender of a probe, a mail that only asks whether an address still works."""
    return f"p+{proof.token('probe', number)}@{settings.CONFIG.bounces.domain or sender_domain}"


def probe_message_id(number: int, sender_domain: str) -> str:
    """A probe's Message-ID, with its angle brackets."""
    return f"<p.{proof.token('probe', number)}@{sender_domain}>"


def read_probe(text: str) -> int | None:
    """The probe that an address or a Message-ID in the text names, or None when it was not made here."""
    return _first("probe", _PROBE, text)


def _first(purpose: str, pattern: re.Pattern[str], text: str) -> int | None:
    numbers = (proof.read(purpose, match[1]) for match in pattern.finditer(text.lower()))
    return next((number for number in numbers if number is not None), None)
