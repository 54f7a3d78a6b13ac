"""Ingests returned mail: each message is stored and applied in one transaction, and deleted after its
retention period.

A message is never lost and never counted twice: one that could not be committed remains with the source that
handed it over, and one that arrives again is recognised by its hash. Nothing is ever answered.
"""

from __future__ import annotations

import hashlib
import logging
import re
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction

from mailer.feedback.decisions.apply_returned_mail import apply_one
from mailer.feedback.models import ReturnedMessage
from mailer.feedback.parsing import mime
from mailer.feedback.parsing.parse import parse_message
from mailer.feedback.parsing.parsed_message import EventSource, ParsedReturnedMessage
from mailer.feedback.sources.base import MAX_OCTETS, Ingested, max_message_octets
from mailer.stories import inbound_story_email

log = logging.getLogger(__name__)

# Octets of a message in which its header fields are looked for.
_HEADER_OCTETS = 64 * 1024
# Fields with the addresses of a message whose transport names none.
_RECIPIENT_FIELDS = ("delivered-to", "x-original-to", "envelope-to", "to", "cc")
# Characters that must not stand in a field that we write, and that a list shows wrongly.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Errors of the database connection, not of the message.
_CONNECTION_ERRORS = (OperationalError, InterfaceError)
# Messages that are deleted at a time.
_DELETE_BATCH = 200


def ingest_message(raw: bytes, now: datetime, envelope_to: str | None = None) -> Ingested:
    """Parse one message, store it and act on it, all in one transaction.

    `envelope_to` is the address it was delivered to, where the transport says so; it is stored in the
    message's header, so that one message to two addresses is two. Raises django.db.Error when the message
    could not be stored: then nothing happened, and its source must keep it.
    """
    if envelope_to:
        raw = b"Delivered-To: %s\n" % _INVISIBLE.sub("", envelope_to).encode("utf-8", "replace") + raw
    if mail := _story_mail(raw[: max_message_octets()], now, envelope_to):
        return mail
    raw = raw[:MAX_OCTETS]
    parsed = parse_message(raw, envelope_to)
    try:
        return _store(raw, parsed, now)
    except _CONNECTION_ERRORS:
        raise
    except Exception as error:  # noqa: BLE001  (what cannot be applied is kept for staff, and never lost)
        # The error's text could name a subscriber.
        log.error("action=feedback_not_applied error=%s", type(error).__name__)
        return _store(raw, ParsedReturnedMessage("other"), now)


def _story_mail(raw: bytes, now: datetime, envelope_to: str | None) -> Ingested | None:
    """What became of a message to the address for stories; None of all other messages."""
    if not settings.CONFIG.stories.address:
        return None
    head = mime.normalise_line_ends(raw[:_HEADER_OCTETS]).partition(b"\n\n")[0]
    headers, _ = mime.split_headers(mime.decode_head(head))
    named = (value for field in _RECIPIENT_FIELDS for value in headers.all(field))
    tag = inbound_story_email.tag_of_our_address([envelope_to] if envelope_to else named)
    return None if tag is None else Ingested(*inbound_story_email.store_message(raw, tag, now))


def delete_old(now: datetime, batch_size: int = _DELETE_BATCH) -> int:
    """Delete messages and services' events older than `[bounces] keep_days`; returns how many.

    Their FeedbackEvents stay, with the server's reply, the rule and the date: so decisions keep their
    evidence, and a message that arrives again still counts once.
    """
    until = now - timedelta(days=settings.CONFIG.bounces.keep_days)
    old = ReturnedMessage.objects.filter(received_at__lt=until).order_by("received_at")
    deleted = 0
    while pks := list(old.values_list("pk", flat=True)[:batch_size]):
        ReturnedMessage.objects.filter(pk__in=pks).delete()
        deleted += len(pks)
    if deleted:
        log.info("action=returned_mail_deleted messages=%d", deleted)
    return deleted


def _store(raw: bytes, parsed: ParsedReturnedMessage, now: datetime) -> Ingested:
    digest = hashlib.sha256(mime.normalise_line_ends(raw)).hexdigest()
    with transaction.atomic():
        message, new = ReturnedMessage.objects.get_or_create(
            sha256=digest,
            defaults={"kind": parsed.kind, "raw": raw, "received_at": now, **_sender_and_subject(raw)},
        )
        if new:
            apply_one(parsed, EventSource(f"mail {digest}", now, message.pk), now)
    return Ingested(message, new)


def _sender_and_subject(raw: bytes) -> dict[str, str]:
    """The columns by which staff find a message."""
    head = mime.normalise_line_ends(raw[:_HEADER_OCTETS]).partition(b"\n\n")[0]
    headers, _ = mime.split_headers(mime.decode_head(head))
    return {
        column: _INVISIBLE.sub(" ", headers.decoded(name)).strip()[:200]
        for column, name in (("sender", "from"), ("subject", "subject"))
    }
