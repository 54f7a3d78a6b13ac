"""The outbox: transactional email, written in the caller's transaction and sent by the worker."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.charset import QP, SHORTEST, Charset
from email.utils import parseaddr
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import sanitize_address
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext

from mailer.backoff import BackoffPolicy
from mailer.delivery.ledger.attempt_types_and_retry_schedule import lease_clock, next_attempt_at
from mailer.delivery.models import OutboxMessage
from mailer.delivery.outbox.secret_removal import without_secrets
from mailer.delivery.outcome import Outcome, ReplyClass
from mailer.delivery.smtp import dkim
from mailer.delivery.smtp.envelope_and_commands import Envelope
from mailer.delivery.smtp.relays import PermanentRelayError, SmtpError
from mailer.delivery.smtp.session import SendAborted, Session
from mailer.delivery.smtp.session_setup import open_with_any_relay
from subscribers import suppression
from subscribers.addresses import normalise
from subscribers.models import Subscriber, Suppression
from subscribers.translate_stored_texts import translated

log = logging.getLogger(__name__)
_BATCH = 50
# How long other workers leave a message alone while one sends it, and the seconds after which it is begun no
# more, and its final dot not sent: the ten minutes for the reply to that lie between them.
_LEASE = timedelta(minutes=15)
_BEGIN_SECONDS = 240.0
# How often a stop is looked for, and the seconds that the message under way has then.
_STOP_CHECK, _STOP_GRACE = 0.25, 8.0
# Seconds before another attempt after one at which no relay could be used. A wrong password that is tried
# every two seconds would get our address blocked.
_RELAY_RETRIES = BackoffPolicy(first=2.0, cap=60.0)
# A confirmation or password email is of no use after this time.
_EXPIRES_AFTER = timedelta(hours=48)
# How long sent and refused messages are kept.
_KEPT_FOR = timedelta(days=30)


class EmailBackend(BaseEmailBackend):
    """Django's email backend: writes one outbox row per recipient, in the open transaction."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the rows; the number of messages with a recipient."""
        rows = [row for message in email_messages for row in _rows(message)]
        OutboxMessage.objects.bulk_create(rows)
        return sum(1 for message in email_messages if message.recipients())


@dataclass
class OutboxSummary:
    """What one call of `send_due` did, in messages."""

    sent: int = 0
    refused: int = 0
    # Still waiting after an attempt.
    waiting: int = 0
    # Why nothing could be sent.
    error: str = ""


def enqueue(sender: str, recipient: str, message: bytes, now: datetime) -> OutboxMessage:
    """Put a complete message (CRLF line ends) into the outbox."""
    return OutboxMessage.objects.create(
        sender=sender, recipient=recipient, message=message, due_at=now, created_at=now
    )


def enqueue_email(message: EmailMessage, envelope_sender: str, now: datetime) -> OutboxMessage:
    """Put a message to one recipient into the outbox, with its own envelope sender."""
    (row,) = _rows(message)
    row.sender, row.due_at, row.created_at = envelope_sender, now, now
    row.save()
    return row


class NotStaff(ValueError):  # noqa: N818  (a verdict, named as one)
    """The address is neither that of an account nor in a domain for tests."""


def require_allowed_test_recipient(to: str) -> str:
    """The normalised address of an active account or in an allowed domain.

    Whether a subscriber has the address makes no difference: writers do not learn who reads.
    Raises ValueError for what is no address, and NotStaff for every other address.
    """
    try:
        address = normalise(to)
    except ValueError as error:
        raise ValueError(
            gettext("This email address %(error)s.") % {"error": translated(str(error))}
        ) from error
    domains = {domain.lower() for domain in settings.CONFIG.sending.dry_run_domains}
    if address.rpartition("@")[2] in domains:
        return address
    if User.objects.filter(email__iexact=address, is_active=True).exists():
        return address
    raise NotStaff(
        gettext(
            "Test messages can be sent only to the address of a staff account, or to a "
            "domain in [sending] dry_run_domains."
        )
    )


def send_due(now: datetime, stop: threading.Event | Callable[[], bool] | None = None) -> OutboxSummary:
    """Send the due messages, oldest first; `stop` ends the call within ten seconds.

    A message whose reply was lost is sent again later, with the same Message-ID: twice is better than never.
    """
    stopped = stop.is_set if isinstance(stop, threading.Event) else stop or (lambda: False)
    summary, started = OutboxSummary(), lease_clock()

    def clock() -> datetime:
        return now + timedelta(seconds=lease_clock() - started)

    while not stopped() and not summary.error and (claimed := _claim(clock())):
        _send_and_settle(claimed, stopped, clock, summary)
    return summary


class PacedSending:
    """`send_due` for the worker: less and less often while no relay can be used."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Calls in a row that could send nothing, and the time of `clock` before which there is no other.
        self._failures = 0
        self._not_before = 0.0

    def send_due(self, now: datetime, stop: Callable[[], bool]) -> OutboxSummary:
        """Send the due messages, unless it is too early for another attempt."""
        if self._failures and self._clock() < self._not_before:
            return OutboxSummary()
        summary = send_due(now, stop)
        self._failures = self._failures + 1 if summary.error else 0
        self._not_before = self._clock() + _RELAY_RETRIES.delay(self._failures)
        return summary


# Of this process.
PACED = PacedSending()


def delete_old(now: datetime) -> int:
    """Delete old sent and refused messages, because they hold addresses; how many."""
    old = OutboxMessage.objects.filter(created_at__lt=now - _KEPT_FOR).exclude(
        state=OutboxMessage.State.WAITING
    )
    return old.delete()[0]


def _rows(message: EmailMessage) -> Iterable[OutboxMessage]:
    recipients = message.recipients()
    if not recipients:
        return
    sender = message.from_email or settings.DEFAULT_FROM_EMAIL
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    # Random, and the same for every attempt; Django would put this machine's name into it.
    message.extra_headers.setdefault("Message-ID", f"<o.{secrets.token_hex(16)}@{domain}>")
    message.extra_headers.setdefault("Auto-Submitted", "auto-generated")
    if message.encoding is None:
        message.encoding = _seven_bit()
    # Django's message class, whose as_bytes takes more arguments than the declared class's.
    built: Any = message.message()
    octets = built.as_bytes(linesep="\r\n")
    for recipient in recipients:
        yield OutboxMessage(
            sender=sanitize_address(parseaddr(sender)[1], "utf-8"),
            recipient=sanitize_address(parseaddr(recipient)[1], "utf-8"),
            message=octets,
        )


def _seven_bit() -> Any:
    """UTF-8 in seven bits, which no relay has to re-encode."""
    charset = Charset("utf-8")
    charset.header_encoding = SHORTEST
    charset.body_encoding = QP
    return charset


def _claim(now: datetime) -> list[OutboxMessage]:
    """Due messages, each claimed by moving its due time: if the process dies, they become due again."""
    due = OutboxMessage.objects.filter(state=OutboxMessage.State.WAITING, due_at__lte=now).order_by(
        "due_at", "pk"
    )
    claimed = []
    for message in due[:_BATCH]:
        updated = OutboxMessage.objects.filter(
            pk=message.pk, state=OutboxMessage.State.WAITING, attempts=message.attempts
        ).update(due_at=now + _LEASE, attempts=F("attempts") + 1)
        if updated:
            message.attempts += 1
            claimed.append(message)
    return claimed


class _Ended(NamedTuple):
    """The sending thread sends nothing more."""

    # Why, if it has not sent everything.
    error: BaseException | None


# What the sending thread reports.
_Reports = SimpleQueue[tuple[OutboxMessage, Outcome] | _Ended]


def _send_and_settle(
    claimed: list[OutboxMessage],
    stopped: Callable[[], bool],
    clock: Callable[[], datetime],
    summary: OutboxSummary,
) -> None:
    """Send them in another thread: this one may have an event loop already. Each is settled when its outcome
    is known, so that a process that dies leaves one of them in doubt."""
    reports, ending = _Reports(), threading.Event()
    begin_until = lease_clock() + _BEGIN_SECONDS

    def run() -> None:
        try:
            asyncio.run(_send_or_end(claimed, reports, ending, begin_until))
        except BaseException as error:  # noqa: BLE001  (raised again in the calling thread)
            reports.put(_Ended(error))

    thread = threading.Thread(target=copy_context().run, args=(run,), name="mailer-outbox", daemon=True)
    thread.start()
    left, ended = {message.pk: message for message in claimed}, None
    try:
        while ended is None:
            with suppress(Empty):
                found = reports.get(timeout=_STOP_CHECK)
                if isinstance(found, _Ended):
                    ended = found
                else:
                    _settle(left.pop(found[0].pk), found[1], clock(), summary)
            if stopped():
                ending.set()
        for message in left.values():
            _settle(message, None, clock(), summary)
    finally:
        ending.set()
        thread.join()
    if isinstance(ended.error, SmtpError):
        summary.error = str(ended.error)
    elif ended.error is not None:
        raise ended.error


async def _send_or_end(
    claimed: list[OutboxMessage], reports: _Reports, ending: threading.Event, begin_until: float
) -> None:
    """As `_send`; once `ending` is set, the message under way has a few seconds. The last report says that it
    has ended."""
    sending = asyncio.create_task(_send(claimed, reports, ending, begin_until))
    while not ending.is_set() and not sending.done():
        await asyncio.wait([sending], timeout=_STOP_CHECK)
    await asyncio.wait([sending], timeout=_STOP_GRACE)
    sending.cancel()
    await asyncio.wait([sending])
    reports.put(_Ended(None if sending.cancelled() else sending.exception()))


async def _send(
    claimed: list[OutboxMessage], reports: _Reports, ending: threading.Event, begin_until: float
) -> None:
    """Send messages, and report the outcome of each, until `ending` is set or lease_clock() is past
    `begin_until`: another worker may have claimed the rest then."""

    def require_time() -> None:
        # The machine may have slept since the message was begun.
        if lease_clock() >= begin_until:
            raise SendAborted

    session: Session | None = None
    signer = dkim.configured_signer()
    try:
        for message in claimed:
            if session is None or not session.usable:
                session = await open_with_any_relay()
            if ending.is_set() or lease_clock() >= begin_until:
                return
            octets = bytes(message.message)
            if signer is not None:
                octets = signer.sign(octets, int(time.time()))
            envelope = Envelope(message.sender, message.recipient, octets)
            try:
                outcome = await session.deliver(envelope, require_time)
            except PermanentRelayError as error:
                # One rejected sender address must not hold up the other messages.
                outcome = Outcome(ReplyClass.TRY_LATER, str(error))
            reports.put((message, outcome))
    finally:
        if session is not None:
            await session.quit()


def _settle(message: OutboxMessage, outcome: Outcome | None, now: datetime, summary: OutboxSummary) -> None:
    row = OutboxMessage.objects.filter(
        pk=message.pk, state=OutboxMessage.State.WAITING, attempts=message.attempts
    )
    if outcome is None or outcome.reply_class is ReplyClass.NOT_TRIED:
        # Not tried: not counted as an attempt, and due since the same time, which monitoring measures.
        row.update(due_at=message.due_at, attempts=F("attempts") - 1)
        summary.waiting += 1
        return
    reply = outcome.reply[:500]
    if outcome.reply_class is ReplyClass.ACCEPTED:
        with transaction.atomic():
            summary.sent += _finish(message, row, state=OutboxMessage.State.SENT, sent_at=now, reply=reply)
        return
    due_at = next_attempt_at(message.attempts, now, message.created_at + _EXPIRES_AFTER)
    if outcome.permanent or due_at is None:
        with transaction.atomic():
            if _finish(message, row, state=OutboxMessage.State.REFUSED, reply=reply):
                # Loads imports and bulk actions, and few emails are given up.
                from subscribers.reconfirmation import campaigns

                campaigns.delete_unsent_request(bytes(message.message))
                summary.refused += 1
        log.warning("action=outbox_refused message=%d code=%d", message.pk, outcome.code)
        return
    summary.waiting += row.update(due_at=due_at, reply=reply)


def _finish(message: OutboxMessage, row: QuerySet[OutboxMessage], **columns: Any) -> int:
    """Store how a message ended, and remove its secrets; 0 when another worker did. The last email to an
    erased address is deleted: it names the address.
    """
    count = row.update(message=without_secrets(bytes(message.message)), **columns)
    if count and _is_erased(message.recipient):
        OutboxMessage.objects.filter(pk=message.pk).delete()
    return count


def _is_erased(address: str) -> bool:
    """Whether the address was erased, and has no new subscriber."""
    found = suppression.active_suppression(address)
    if found is None or found.reason != Suppression.Reason.ERASED:
        return False
    return not Subscriber.objects.filter(address_hash=found.address_hash).exists()
