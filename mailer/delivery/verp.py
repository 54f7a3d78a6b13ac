"""Envelope senders that name what they belong to, so that what returns needs no guessing (VERP)."""

from __future__ import annotations

from django.conf import settings

from mailer.config.bounces import TOKEN
from mailer.delivery import signed_ids
from subscribers.tokens import MailPurpose


def form(sender_domain: str = "") -> str:
    """The envelope sender of every mail to readers, with {token} in place of its own token.

    As [bounces] address says, at the bounce domain or else the sender's own.
    """
    bounces = settings.CONFIG.bounces
    return f"{bounces.address}@{bounces.domain or sender_domain}"


def address(delivery_id: int, sender_domain: str = "") -> str:
    """The envelope sender of a delivery: usually b+TOKEN@ the bounce domain.

    The local part has at most 64 octets, of lower case.
    """
    return form(sender_domain).replace(TOKEN, signed_ids.token("delivery", delivery_id))


def read(address: str) -> int | None:
    """The delivery that a returned address names, or None when it was not made here."""
    return _first("delivery", address)


def probe_address(number: int, sender_domain: str = "") -> str:
    """The envelope sender of a probe, a mail that only asks whether an address still works."""
    return form(sender_domain).replace(TOKEN, signed_ids.token("probe", number))


def probe_message_id(number: int, sender_domain: str) -> str:
    """A probe's Message-ID, with its angle brackets."""
    return f"<p.{signed_ids.token('probe', number)}@{sender_domain}>"


def read_probe(text: str) -> int | None:
    """The probe that an address or a Message-ID in the text names, or None when it was not made here."""
    return _first("probe", text)


def _first(purpose: MailPurpose, text: str) -> int | None:
    # Authentication alone tells a token of ours. Servers on the way may have put anything around it: prefixes
    # (prvs=, SRS0=), quotes, tags, another sign for "+". Mail sent under another configured form is read too.
    numbers = (signed_ids.read(purpose, token) for token in signed_ids.find_tokens(text.lower()))
    return next((number for number in numbers if number is not None), None)
