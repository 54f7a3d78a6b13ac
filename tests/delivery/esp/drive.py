"""Drives an EspPool without a ledger."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from mailer.backoff import BackoffPolicy
from mailer.config import Service
from mailer.delivery import message_identifiers
from mailer.delivery.esp.capabilities import CAPABILITIES
from mailer.delivery.esp.client_base import READ_TIMEOUT
from mailer.delivery.esp.configured_client import create_client
from mailer.delivery.esp.message_parts_encoder import EspMessage, delivery_token, literal_text
from mailer.delivery.esp.sender import EspPool, RetryPolicy
from mailer.delivery.ledger import attempt_journal
from mailer.delivery.ledger.attempt_journal import Journal
from mailer.delivery.ledger.attempt_types_and_retry_schedule import (
    Attempt,
    ClaimedDelivery,
    Deadline,
    SendJob,
)
from mailer.delivery.smtp.envelope_and_commands import Envelope
from mailer.delivery.smtp.sender import SendError
from mailer.rendering import mime, mime_encoding
from mailer.rendering.data_types import RenderedVariant
from tests.delivery.deadlines import deadline
from tests.waiting import SAFETY_SECONDS, until

SHORT = RetryPolicy(BackoffPolicy(first=0.01, cap=0.01), retries=3, max_retry_after=2, max_lost=3)
HTML, TEXT = "<p>Добрый день, {{ x }}</p>", "Добрый день"
LEAVE = "https://news.example.org/unsubscribe/t0ken/"


def claimed(number: int, mailing: int = 1) -> ClaimedDelivery:
    return ClaimedDelivery(number, mailing, 1, 1, number, f"reader-{number}@example.net", "", ())


def message(one: ClaimedDelivery, subject: str = "Новости") -> EspMessage:
    return EspMessage(
        token=delivery_token(one.id),
        to=one.email,
        sender='"Офис, «Азия»" <news@example.org>',
        reply_to="office@example.org",
        subject=subject,
        html=literal_text(HTML),
        text=literal_text(TEXT),
        headers={
            "List-Id": "<monthly.example.org>",
            "List-Unsubscribe": f"<{LEAVE}>, <mailto:u+t@bounces.example.org>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Precedence": "bulk",
        },
        message_id=message_identifiers.message_id(one.id, "example.org"),
        envelope_sender=message_identifiers.envelope_sender(one.id, "example.org"),
    )


def envelope(one: ClaimedDelivery) -> Envelope:
    """What Amazon gets in place of an EspMessage."""
    made = message(one)
    head = mime.MailingHeaders("Офис, «Азия»", "news@example.org", "monthly.example.org", "M", made.reply_to)
    rendered = RenderedVariant("k", "ru", (), made.subject, "", HTML, TEXT)
    forms = mime.UrlTemplates(made.message_id.strip("<>"), LEAVE, LEAVE, "u+t@bounces.example.org")
    personal = mime.Personalization(one.email, mime_encoding.format_date(datetime.now(UTC)), "")
    return Envelope(
        made.envelope_sender, one.email, mime.MessageTemplate(rendered, head, forms).message(personal)
    )


class Drive:
    """An EspPool and its journal. A context manager."""

    def __init__(
        self,
        service: Service,
        folder: Path,
        policy: RetryPolicy = SHORT,
        read_timeout: float = READ_TIMEOUT,
    ) -> None:
        self.service = service
        self.folder = folder / "journal"
        self.journal = Journal.open(self.folder)
        self.pool = EspPool(
            CAPABILITIES[service.name],
            lambda: create_client(service, read_timeout),
            self.journal,
            service.connections,
            policy,
        )
        self.done: list[Attempt] = []

    def __enter__(self) -> Self:
        self.pool.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.stop(0)
        self.journal.discard()

    def submit(self, *those: ClaimedDelivery, latest: Deadline | None = None) -> None:
        raw = self.service.name == "amazon_ses"
        self.pool.submit(
            SendJob(
                one,
                (lambda one=one: envelope(one)) if raw else (lambda one=one: message(one)),
                latest or deadline(),
            )
            for one in those
        )

    def until(self, count: int) -> dict[int, Any]:
        """Outcomes by delivery, as soon as there are `count`."""
        limit = time.monotonic() + SAFETY_SECONDS
        while len(self.done) < count and time.monotonic() < limit:
            self.done += self.pool.collect(0.05)
        assert len(self.done) == count
        return {one.id: outcome for one, outcome in self.done}

    def send(self, count: int) -> dict[int, Any]:
        self.submit(*(claimed(number) for number in range(1, count + 1)))
        return self.until(count)

    def error(self) -> SendError:
        """The first error, as soon as there is one."""
        return until(self.pool.take_errors, "an error")[0]

    def counts(self) -> dict[str, int]:
        return dict(Counter(outcome.reply_class.value for _, outcome in self.done))

    def journaled(self) -> dict[tuple[int, int], Any]:
        """What recovery would read in the journal after a crash."""
        found = attempt_journal.find_journal(self.folder, self.journal.owner)
        assert found is not None
        return found.attempts
