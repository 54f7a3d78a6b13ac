"""Takes returned mail in: each message is stored and put into effect in one transaction, and never answered.

A message is never lost and never counted twice: what could not be committed stays with whoever had it, and
what is seen again is known by its hash.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from datetime import datetime

from django.db import InterfaceError, OperationalError, transaction

from mailer.feedback.decisions.apply import apply
from mailer.feedback.models import ReturnedMessage
from mailer.feedback.parsing import mime
from mailer.feedback.parsing.parse import read
from mailer.feedback.parsing.records import Origin, Reading
from mailer.feedback.sources.mailbox import MAX_OCTETS

logger = logging.getLogger(__name__)

# Octets in which the fields of a message's head are looked for.
_HEAD_OCTETS = 64 * 1024
# What must not stand in a field that we write, and what a list shows wrongly.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# What would tell of the database and not of the message.
_OUTAGES = (OperationalError, InterfaceError)


@dataclass(frozen=True)
class Received:
    message: ReturnedMessage
    # False when the same message had been taken in before: then nothing was done.
    new: bool


def receive(raw: bytes, now: datetime, envelope_to: str | None = None) -> Received:
    """Read one message, store it and act on it, all in one transaction.

    `envelope_to` is the address it was delivered to, where the transport tells; it is kept in the message's
    head, so that one message to two addresses is two. Raises django.db.Error when it could not be stored:
    then nothing happened, and it must be kept.
    """
    if envelope_to:
        raw = b"Delivered-To: %s\n" % _UNSEEN.sub("", envelope_to).encode("utf-8", "replace") + raw
    raw = raw[:MAX_OCTETS]
    reading = read(raw, envelope_to)
    try:
        return _store(raw, reading, now)
    except _OUTAGES:
        raise
    except Exception as error:  # noqa: BLE001  (what cannot be acted upon is kept for a person, and never lost)
        # The error's own words could name a reader.
        logger.error("action=feedback_unapplied error=%s", type(error).__name__)
        return _store(raw, Reading("other"), now)


def _store(raw: bytes, reading: Reading, now: datetime) -> Received:
    digest = hashlib.sha256(mime.normalise(raw)).hexdigest()
    with transaction.atomic():
        message, new = ReturnedMessage.objects.get_or_create(
            sha256=digest,
            defaults={"kind": reading.kind, "raw": raw, "received_at": now, **_shown(raw)},
        )
        if new:
            apply(reading, Origin(f"mail {digest}", now, message.pk), now)
    return Received(message, new)


def _shown(raw: bytes) -> dict[str, str]:
    """Who wrote it about what, for people to find it by."""
    headers, _ = mime.split_headers(mime.normalise(raw[:_HEAD_OCTETS]).decode("utf-8", "replace"))
    return {
        column: _UNSEEN.sub(" ", headers.words(name)).strip()[:200]
        for column, name in (("sender", "from"), ("subject", "subject"))
    }
