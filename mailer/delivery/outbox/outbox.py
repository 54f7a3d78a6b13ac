"""The outbox: every mail that is not an edition, written in the caller's transaction, sent by the worker."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.charset import QP, SHORTEST, Charset
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import sanitize_address
from django.db.models import F

from mailer.delivery.ledger import retry
from mailer.delivery.models import OutboxMessage
from mailer.delivery.outcome import Outcome, ReplyClass
from mailer.delivery.smtp import dkim, relays
from mailer.delivery.smtp.base import Envelope, OurFault, SmtpError
from mailer.delivery.smtp.session import Session

log = logging.getLogger(__name__)

_BATCH = 50
# How long another worker leaves a message alone that one has begun to send: past the ten minutes after a dot.
_LEASE = timedelta(minutes=15)
# A mail about a password or a confirmation is of no use after this.
_KEEP_TRYING = timedelta(hours=48)
# How long what is settled stays to be looked at.
_KEEP = timedelta(days=30)


class EmailBackend(BaseEmailBackend):
    """Django's mail API onto the outbox: one row per recipient, in the transaction that is open."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the rows; the number of messages that had a recipient."""
        rows = [row for message in email_messages for row in _rows(message)]
        OutboxMessage.objects.bulk_create(rows)
        return sum(1 for message in email_messages if message.recipients())


@dataclass
class Sent:
    """What one call of `send_waiting` did, in messages."""

    sent: int = 0
    refused: int = 0
    # Still waiting after a try.
    waiting: int = 0
    # Why nothing could be sent, in words.
    trouble: str = ""


def put(sender: str, recipient: str, message: bytes, now: datetime) -> OutboxMessage:
    """Put a finished message (CRLF line ends) into the outbox."""
    return OutboxMessage.objects.create(
        sender=sender, recipient=recipient, message=message, due_at=now, created_at=now
    )


def write(message: EmailMessage, envelope_sender: str, now: datetime) -> OutboxMessage:
    """Put a message to one recipient into the outbox, with an envelope sender of its own."""
    (row,) = _rows(message)
    row.sender, row.due_at, row.created_at = envelope_sender, now, now
    row.save()
    return row


def send_waiting(now: datetime, stop: threading.Event | Callable[[], bool] | None = None) -> Sent:
    """Send what waits and is due, oldest first; `stop` ends the call between two messages.

    A message whose reply was lost is sent again later, with the same Message-ID: these mails had better come
    twice than never.
    """
    stopped = stop.is_set if isinstance(stop, threading.Event) else stop or (lambda: False)
    total = Sent()
    while not stopped() and not total.trouble:
        held = _claim(now)
        if not held:
            break
        outcomes, total.trouble = _in_thread(held, stopped)
        for message in held:
            _settle(message, outcomes.get(message.pk), now, total)
    return total


def delete_old(now: datetime) -> int:
    """Delete what was sent or refused long enough ago: it holds addresses and links. Returns how many."""
    old = OutboxMessage.objects.filter(created_at__lt=now - _KEEP).exclude(state=OutboxMessage.State.WAITING)
    return old.delete()[0]


def _rows(message: EmailMessage) -> Iterable[OutboxMessage]:
    recipients = message.recipients()
    if not recipients:
        return
    sender = message.from_email or settings.DEFAULT_FROM_EMAIL
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    # Known to us alone, and the same at every try; Django would put this machine's name into it.
    message.extra_headers.setdefault("Message-ID", f"<o.{secrets.token_hex(16)}@{domain}>")
    message.extra_headers.setdefault("Auto-Submitted", "auto-generated")
    if message.encoding is None:
        message.encoding = _seven_bit()
    # Django's own message, whose as_bytes knows more than that of the class it is declared as.
    built: Any = message.message()
    octets = built.as_bytes(linesep="\r\n")
    for recipient in recipients:
        yield OutboxMessage(
            sender=sanitize_address(parseaddr(sender)[1], "utf-8"),
            recipient=sanitize_address(parseaddr(recipient)[1], "utf-8"),
            message=octets,
        )


def _seven_bit() -> Any:
    """UTF-8 that no relay has to re-encode."""
    charset = Charset("utf-8")
    charset.header_encoding = SHORTEST
    charset.body_encoding = QP
    return charset


def _claim(now: datetime) -> list[OutboxMessage]:
    """Messages that are due, each taken by moving its due time: if the process dies, it comes up again."""
    due = OutboxMessage.objects.filter(state=OutboxMessage.State.WAITING, due_at__lte=now).order_by(
        "due_at", "pk"
    )
    held = []
    for message in due[:_BATCH]:
        mine = OutboxMessage.objects.filter(
            pk=message.pk, state=OutboxMessage.State.WAITING, attempts=message.attempts
        ).update(due_at=now + _LEASE, attempts=F("attempts") + 1)
        if mine:
            message.attempts += 1
            held.append(message)
    return held


def _in_thread(held: list[OutboxMessage], stopped: Callable[[], bool]) -> tuple[dict[int, Outcome], str]:
    """Send them in a thread of its own: the caller's may have an event loop already."""
    outcomes: dict[int, Outcome] = {}
    trouble: list[str] = []

    def run() -> None:
        try:
            asyncio.run(_send(held, outcomes, stopped))
        except SmtpError as error:
            trouble.append(str(error))

    thread = threading.Thread(target=run, name="mailer-outbox", daemon=True)
    thread.start()
    thread.join()
    return outcomes, "".join(trouble)


async def _send(held: list[OutboxMessage], outcomes: dict[int, Outcome], stopped: Callable[[], bool]) -> None:
    session: Session | None = None
    signer = dkim.configured()
    try:
        for message in held:
            if stopped():
                return
            if session is None or not session.usable:
                session = await relays.open_any()
            octets = bytes(message.message)
            if signer is not None:
                octets = signer.signed(octets, int(time.time()))
            envelope = Envelope(message.sender, message.recipient, octets)
            try:
                outcomes[message.pk] = await session.deliver(envelope, lambda: None)
            except OurFault as fault:
                # One bad sender address must not hold up the mails behind it.
                outcomes[message.pk] = Outcome(ReplyClass.TRY_LATER, str(fault))
    finally:
        if session is not None:
            await session.quit()


def _settle(message: OutboxMessage, outcome: Outcome | None, now: datetime, total: Sent) -> None:
    mine = OutboxMessage.objects.filter(
        pk=message.pk, state=OutboxMessage.State.WAITING, attempts=message.attempts
    )
    if outcome is None or outcome.reply_class is ReplyClass.NOT_TRIED:
        # Not tried: due again at once, and the attempt does not count.
        mine.update(due_at=now, attempts=F("attempts") - 1)
        total.waiting += 1
        return
    words = outcome.reply[:500]
    if outcome.reply_class is ReplyClass.ACCEPTED:
        total.sent += mine.update(state=OutboxMessage.State.SENT, sent_at=now, reply=words)
        return
    due_at = retry.next_try(message.attempts, now, message.created_at + _KEEP_TRYING)
    if outcome.permanent or due_at is None:
        total.refused += mine.update(state=OutboxMessage.State.REFUSED, reply=words)
        log.warning("action=outbox_refused message=%d code=%d", message.pk, outcome.code)
        return
    total.waiting += mine.update(due_at=due_at, reply=words)
