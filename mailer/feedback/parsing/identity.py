"""Whose copy a returned message is about: signed tokens in its envelope, its headers and what it returns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mailer.delivery import identifiers
from mailer.delivery.identifiers import UnsubscribeAddress, read_message_id, read_unsubscribe_address
from mailer.feedback.parsing.mime import Headers

# Where an envelope recipient is written on arrival, the surest first.
_ENVELOPE = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-rcpt-to", "to")


class Identity(NamedTuple):
    # None where it was a probe.
    delivery: int | None
    # "verp" or "message_id": each needs a token with a valid MAC.
    found: str
    # Number of the probe.
    probe: int | None = None


def envelope_recipients(headers: Headers, envelope_to: str | None) -> list[str]:
    """The addresses that the message may have been delivered to, the surest first."""
    written = [value for name in _ENVELOPE for value in headers.all(name)[:5]]
    return [address for address in (envelope_to, *written) if address]


def identify(envelope: Iterable[str], message: str) -> Identity | None:
    """The delivery or probe that the envelope, or else any token within the message's text, names with a
    valid MAC.

    A token that was cut, folded in case or surrounded by what a relay adds is read; a forged one is not.
    """
    for address in envelope:
        if (known := _by_address(address)) is not None:
            return known
    delivery = read_message_id(message)
    return _by_address(message) if delivery is None else Identity(delivery, "message_id")


def _by_address(text: str) -> Identity | None:
    delivery = identifiers.read_envelope_sender(text)
    if delivery is not None:
        return Identity(delivery, "verp")
    probe = identifiers.read_probe(text)
    return None if probe is None else Identity(None, "verp", probe)


def departure(envelope: Iterable[str]) -> UnsubscribeAddress | None:
    """Who wishes to leave what, when the message was written to a leave address of ours."""
    return next((found for found in map(read_unsubscribe_address, envelope) if found is not None), None)
