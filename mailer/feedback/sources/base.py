"""What the sources of returned mail share: the mailbox interface, its errors, connecting to a mail server,
and the health of each source: when it is polled next, and when staff are alerted.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from mailer.backoff import BackoffPolicy
from mailer.config.sections import Security
from mailer.delivery.outbox import alerts
from mailer.delivery.smtp import session_setup
from mailer.feedback.models import InboundSource, ReturnedMessage
from subscribers.stored_texts import stored

# Whether work in progress must end.
Stop = Callable[[], bool]

# Octets of a message that are fetched and stored: the reasons of a bounce come first.
MAX_OCTETS = 2 * 1024 * 1024
# Seconds for connecting, and for each reply of a mail server.
TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class Ingested:
    """What became of a message that was handed over."""

    message: ReturnedMessage
    # False when the same message had been stored before: then nothing was done.
    new: bool


class Ingest(Protocol):
    """Stores a message and acts on it, in one transaction; raises django.db.Error when that failed."""

    def __call__(self, raw: bytes, now: datetime, envelope_to: str | None = None) -> Ingested: ...


class MailboxError(Exception):
    """The mailbox cannot be read now; the message tells staff which one, why, and what to do."""


class MessageUnavailable(Exception):  # noqa: N818  (a state of one message; MailboxError is the error)
    """This one message can be neither read nor acknowledged now; it remains, and the others are read."""


class MailServer(NamedTuple):
    """A server that mail is fetched from, and the user that we sign in as."""

    # "IMAP" or "POP3".
    protocol: str
    host: str
    port: int
    user: str

    @property
    def url(self) -> str:
        """Identifies the mailbox: another server or user makes another one."""
        return f"{self.protocol.lower()}://{self.user}@{self.host}:{self.port}"

    def __str__(self) -> str:
        """As messages name it: "The IMAP server mail.example.org:993"."""
        return stored(
            "The %(protocol)s server %(host)s:%(port)s",
            protocol=self.protocol,
            host=self.host,
            port=self.port,
        )


class Mailbox(Protocol):
    """An open mailbox. A message remains in it until it is acknowledged.

    Every method may raise MailboxError. After a crash, or with two workers, a message may be listed again.
    """

    def list_new(self) -> list[str]:
        """Names of the messages that were not acknowledged, the oldest first; they are valid in later
        sessions.
        """

    def fetch(self, name: str) -> bytes | None:
        """The first MAX_OCTETS of a message; None when it no longer exists. Raises MessageUnavailable."""

    def acknowledge(self, name: str) -> None:
        """Mark, move or delete a message that was stored. Raises MessageUnavailable."""

    def wait_for_more(self, stop: Stop) -> bool:
        """Wait in this session for new messages and return True; False where polling later is better."""


@contextmanager
def translate_errors(server: str, *protocol_errors: type[Exception]) -> Iterator[None]:
    """Raise MailboxError for errors of the connection and for `protocol_errors`.

    `server` names the server as the beginning of a sentence: "The IMAP server mail.example.org:993".
    """
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise MailboxError(
            stored(
                "%(server)s cannot be trusted: its certificate %(error)s.",
                server=server,
                error=session_setup.explain_certificate_error(error),
            )
        ) from error
    except ssl.SSLError as error:
        raise MailboxError(
            stored(
                "%(server)s does not offer TLS in a form that we support (%(reason)s). Perhaps its "
                "security must be set to starttls.",
                server=server,
                reason=error.reason,
            )
        ) from error
    except TimeoutError as error:
        raise MailboxError(
            stored(
                "%(server)s did not reply within %(timeout_seconds)s seconds.",
                server=server,
                timeout_seconds=f"{TIMEOUT_SECONDS:g}",
            )
        ) from error
    except OSError as error:
        raise MailboxError(
            stored("%(server)s cannot be reached: %(value)s.", server=server, value=error.strerror or error)
        ) from error
    except protocol_errors as error:
        raise MailboxError(
            stored(
                "%(server)s replied: %(value)s",
                server=server,
                value=server_text(error) or type(error).__name__,
            )
        ) from error


def require_tls(server: str, host: str, security: Security, key: str) -> None:
    """Refuse to send a password without encryption to another machine. Raises MailboxError, which names the
    key.
    """
    if security == "none" and not session_setup.is_loopback(host):
        raise MailboxError(
            stored(
                "%(server)s would receive our password without encryption: set [bounces] %(key)s to tls "
                "or starttls.",
                server=server,
                key=key,
            )
        )


def server_text(error: BaseException) -> str:
    """The server's text in an error of a protocol library, on one line, at most 300 characters."""
    text = error.args[0] if error.args else ""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return " ".join(text.split())[:300]


log = logging.getLogger(__name__)

_BACKOFF = BackoffPolicy(first=5, cap=600)
# Staff are alerted to an error that lasts this long, and again at this interval.
_ALERT_AFTER = timedelta(minutes=15)
_ALERT_AGAIN = timedelta(days=1)
# How often the row of a source is written while nothing changes.
_WRITE_INTERVAL = timedelta(seconds=30)


def is_source_due(url: str, now: datetime) -> bool:
    """Whether the source may be polled now."""
    return not InboundSource.objects.filter(url=url, next_poll_at__gt=now).exists()


def record_source_ok(
    url: str, now: datetime, failed_messages: int = 0, interval: timedelta = timedelta()
) -> None:
    """The source was read, but for `failed_messages` in it. It is polled again after `interval`."""
    row, _ = InboundSource.objects.get_or_create(url=url)
    if row.failures:
        log.info("action=inbound_source_recovered source=%d failures=%d", row.pk, row.failures)
    elif (
        row.failed_messages == failed_messages
        and not interval
        and row.last_read_at
        and row.last_read_at > now - _WRITE_INTERVAL
    ):
        return
    InboundSource.objects.filter(pk=row.pk).update(
        last_read_at=now,
        failed_messages=failed_messages,
        failing_since=None,
        failures=0,
        error="",
        next_poll_at=now + interval,
        notified_at=None,
    )


def record_source_failure(url: str, error: str, now: datetime) -> None:
    """The source could not be read. It is polled again after 5 s, then after twice as long each time, up to
    10 min.
    """
    row, _ = InboundSource.objects.get_or_create(url=url)
    row.failures += 1
    row.failing_since = row.failing_since or now
    row.error = error[:500]
    row.next_poll_at = now + retry_pause(row.failures)
    if row.failures == 1:
        log.warning("action=inbound_source_failed source=%d", row.pk)
    if now - row.failing_since >= _ALERT_AFTER and (
        not row.notified_at or now - row.notified_at >= _ALERT_AGAIN
    ):
        row.notified_at = now
        text = stored(
            "Returned mail has not been read since %(failing_since)s UTC. %(error)s",
            failing_since=f"{row.failing_since:%d %B, %H:%M}",
            error=error,
        )
        alerts.warn(f"inbound_source_{row.pk}", text, None, now, path="/desk/returned_mail/")
    row.save(update_fields=["failures", "failing_since", "error", "next_poll_at", "notified_at"])


def retry_pause(failures: int) -> timedelta:
    """How long to wait after this many failures in a row."""
    return timedelta(seconds=_BACKOFF.delay(failures))


def failing_sources(urls: Collection[str], now: datetime) -> list[InboundSource]:
    """Those of these sources that staff must know of: failing for a while, or with messages that cannot be
    read.
    """
    rows = InboundSource.objects.filter(url__in=urls)
    return [
        row
        for row in rows
        if row.failed_messages or (row.failing_since and now - row.failing_since >= _ALERT_AFTER)
    ]
