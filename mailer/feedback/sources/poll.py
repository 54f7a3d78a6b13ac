"""Polls the configured mailboxes: each message is stored first, and acknowledged only then.

The worker polls each kind of mailbox in a job of its own, so that one which waits or fails delays no other;
and a message that cannot be read or stored delays none after it.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import Error as DatabaseError

from mailer.config import Config
from mailer.feedback.models import InboundSource
from mailer.feedback.sources import imap, lmtp, pop3_maildir, source_health
from mailer.feedback.sources.base import Ingest, Ingested, Mailbox, MailboxError, MessageUnavailable, Stop

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

# After this many failures in one session, the messages are not the cause.
_MAX_FAILURES = 20


@dataclass(frozen=True)
class Source:
    """A mailbox that the configuration names."""

    # maildir, imap, pop3.
    kind: str
    # Identifies it (InboundSource.url).
    url: str
    # Time between two sessions; one that can wait in the mailbox for messages begins the next at once.
    interval: timedelta
    open: Callable[[datetime], AbstractContextManager[Mailbox]]


@dataclass
class PollSummary:
    # Messages stored, by kind.
    kinds: Counter[str] = field(default_factory=Counter)
    # Messages that had been stored before.
    repeated: int = 0
    # Messages that remain in the mailbox, to be tried again.
    failed: int = 0

    @property
    def received(self) -> int:
        return sum(self.kinds.values())

    def count(self, ingested: Ingested) -> None:
        if ingested.new:
            self.kinds[ingested.message.kind] += 1
        else:
            self.repeated += 1


class RetryTracker:
    """Which messages of a mailbox failed, and when each is tried again."""

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()
        self._due: dict[str, datetime] = {}

    def is_waiting(self, name: str, now: datetime) -> bool:
        return name in self._due and self._due[name] > now

    def postpone(self, name: str, now: datetime) -> bool:
        """Try the message later, each time after twice as long; whether it failed for the first time."""
        self._failures[name] += 1
        self._due[name] = now + source_health.retry_pause(self._failures[name])
        return self._failures[name] == 1

    def forget(self, name: str) -> None:
        self._failures.pop(name, None)
        self._due.pop(name, None)


# By the mailbox's URL. After a restart, each message is tried at once.
_RETRIES: defaultdict[str, RetryTracker] = defaultdict(RetryTracker)


def configured_mailboxes(config: Config) -> list[Source]:
    """Every mailbox that the configuration names."""
    bounces = config.bounces
    found = []
    if bounces.maildir:
        folder = config.path(bounces.maildir)
        found.append(
            Source("maildir", f"maildir:{folder}", timedelta(), lambda now: pop3_maildir.open_maildir(folder))
        )
    if bounces.imap_host:
        found.append(Source("imap", imap.url_of(bounces), timedelta(minutes=1), partial(_open_imap, config)))
    if bounces.pop3_host:
        found.append(
            Source(
                "pop3",
                pop3_maildir.server_of(bounces).url,
                timedelta(minutes=1),
                lambda now: pop3_maildir.open_pop3(bounces),
            )
        )
    return found


def configured_urls(config: Config) -> list[str]:
    """The URL (InboundSource.url) of every mailbox that the configuration names, and of the LMTP server."""
    found = [source.url for source in configured_mailboxes(config)]
    return [*found, lmtp.url_of(config.bounces)] if config.bounces.lmtp_port else found


def poll_due_mailboxes(
    kind: str,
    ingest: Ingest,
    now: Clock,
    stop: Stop,
    *,
    sources: Iterable[Source] | None = None,
    retries: defaultdict[str, RetryTracker] = _RETRIES,
) -> None:
    """The worker's job: poll the due mailboxes of this kind, among `sources` or the configured ones."""
    for source in configured_mailboxes(settings.CONFIG) if sources is None else sources:
        if source.kind == kind and source_health.is_source_due(source.url, now()):
            _run_source(source, ingest, now, stop, retries[source.url])


def _run_source(source: Source, ingest: Ingest, now: Clock, stop: Stop, retries: RetryTracker) -> None:
    """Poll one mailbox as long as it can wait for messages, and record its health."""
    try:
        with source.open(now()) as mailbox:
            again = True
            while again:
                failed = ingest_mailbox_return_failed_count(
                    mailbox, PollSummary(), ingest, now, stop, retries
                )
                source_health.record_source_ok(source.url, now(), failed)
                again = not stop() and mailbox.wait_for_more(stop)
        if source.interval and not stop():
            source_health.record_source_ok(source.url, now(), failed, source.interval)
    except MailboxError as error:
        source_health.record_source_failure_and_alert(source.url, str(error), now())
    except Exception as error:
        # Whatever a server sends: it is tried again, less and less often, and the log is not filled with it.
        source_health.record_source_failure_and_alert(
            source.url, f"It could not be read: {type(error).__name__}.", now()
        )
        raise


def poll_all(ingest: Ingest, now: Clock) -> tuple[PollSummary, list[str]]:
    """Poll every configured mailbox once; what was stored, and an error for each that cannot be read."""
    total, errors = PollSummary(), []
    for source in configured_mailboxes(settings.CONFIG):
        try:
            with source.open(now()) as mailbox:
                ingest_mailbox_return_failed_count(mailbox, total, ingest, now, lambda: False)
        except MailboxError as error:
            errors.append(str(error))
    return total, errors


def ingest_mailbox_return_failed_count(
    mailbox: Mailbox,
    summary: PollSummary,
    ingest: Ingest,
    now: Clock,
    stop: Stop,
    retries: RetryTracker | None = None,
) -> int:
    """Store every new message, until `stop`, and count it in `summary`; returns how many failed."""
    retries = retries or RetryTracker()
    waiting = failures = 0
    for name in mailbox.list_new():
        if stop() or failures >= _MAX_FAILURES:
            break
        if retries.is_waiting(name, now()):
            waiting += 1
            continue
        try:
            _ingest_one(mailbox, name, summary, ingest, now())
        except (DatabaseError, MessageUnavailable) as error:
            failures += 1
            if retries.postpone(name, now()):
                name_of_error = type(error.__cause__ or error).__name__
                log.error("action=returned_message_not_stored error=%s", name_of_error)
        else:
            retries.forget(name)
    summary.failed += waiting + failures
    return waiting + failures


def _ingest_one(mailbox: Mailbox, name: str, summary: PollSummary, ingest: Ingest, now: datetime) -> None:
    content = mailbox.fetch(name)
    if content is not None:
        try:
            ingested = ingest(content, now)
        except DatabaseError:
            raise
        except Exception as error:
            raise MessageUnavailable(type(error).__name__) from error
        mailbox.acknowledge(name)
        summary.count(ingested)


def _open_imap(config: Config, now: datetime) -> AbstractContextManager[Mailbox]:
    bounces = config.bounces
    url = imap.url_of(bounces)
    row = InboundSource.objects.filter(url=url).first()
    token_path = config.path(bounces.imap_token_path) if bounces.imap_token_path else None
    # A mailbox that is new to us may hold years of mail, of which nothing would be kept.
    since = now - timedelta(days=bounces.keep_days)
    position = row.position if row else ""
    return imap.open_mailbox(bounces, token_path, position, partial(_save_position, url), since)


def _save_position(url: str, position: str) -> None:
    InboundSource.objects.update_or_create(url=url, defaults={"position": position})
