"""Letters and a sender for them, without a ledger."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mailer.config import Service
from mailer.delivery import esp, identity, verp
from mailer.delivery.esp.capabilities import CAPABILITIES
from mailer.delivery.esp.message import Letter, token
from mailer.delivery.esp.pool import Patience, ServiceSender
from mailer.delivery.ledger import journal
from mailer.delivery.ledger.journal import Journal
from mailer.delivery.ledger.records import Attempt, ClaimedDelivery, SendJob
from mailer.delivery.smtp.base import Envelope
from mailer.delivery.smtp.sender import Trouble
from mailer.rendering import headers, mime
from mailer.rendering.records import RenderedVariant

QUICK = Patience(pauses=(0.01, 0.01, 0.01), longest=2, lost=3)
HTML, TEXT = "<p>Добрый день, {{ x }}</p>", "Добрый день"
LEAVE = "https://news.example.org/unsubscribe/t0ken/"


def claimed(number: int, mailing: int = 1) -> ClaimedDelivery:
    return ClaimedDelivery(number, mailing, 1, 1, number, f"reader-{number}@example.net", "", ())


def letter(one: ClaimedDelivery, subject: str = "Новости") -> Letter:
    return Letter(
        token=token(one.id),
        to=one.email,
        sender='"Офис, «Азия»" <news@example.org>',
        reply_to="office@example.org",
        subject=subject,
        html=HTML,
        text=TEXT,
        headers={
            "List-Id": "<monthly.example.org>",
            "List-Unsubscribe": f"<{LEAVE}>, <mailto:u+t@bounces.example.org>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Precedence": "bulk",
        },
        message_id=identity.message_id(one.id, "example.org"),
        return_path=verp.address(one.id, "example.org"),
    )


def envelope(one: ClaimedDelivery) -> Envelope:
    """What Amazon is given in place of a letter."""
    made = letter(one)
    head = mime.MailingHeaders("Офис, «Азия»", "news@example.org", "monthly.example.org", "M", made.reply_to)
    rendered = RenderedVariant("k", "ru", (), made.subject, "", HTML, TEXT)
    forms = mime.UrlTemplates(made.message_id.strip("<>"), LEAVE, LEAVE, "u+t@bounces.example.org")
    copy = mime.Personalization(one.email, headers.date(datetime.now(UTC)), "")
    return Envelope(made.return_path, one.email, mime.MessageTemplate(rendered, head, forms).message(copy))


class Drive:
    """A ServiceSender and its journal. A context manager."""

    def __init__(self, service: Service, folder: Path, patience: Patience = QUICK) -> None:
        self.service = service
        self.folder = folder / "journal"
        self.journal = Journal.open(self.folder)
        self.sender = ServiceSender(
            CAPABILITIES[service.name],
            lambda: esp.line(service),
            self.journal,
            service.connections,
            patience,
        )
        self.done: list[Attempt] = []

    def __enter__(self) -> Self:
        self.sender.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sender.stop(0)
        self.journal.discard()

    def put(self, *those: ClaimedDelivery, seconds: float = 60) -> None:
        whole = self.service.name == "amazon_ses"
        self.sender.put(
            SendJob(one, (lambda one=one: envelope(one)) if whole else (lambda one=one: letter(one)), latest)
            for one in those
            for latest in [time.monotonic() + seconds]
        )

    def until(self, count: int) -> dict[int, Any]:
        """Outcomes by delivery, when there are so many."""
        limit = time.monotonic() + 20
        while len(self.done) < count and time.monotonic() < limit:
            self.done += self.sender.take(0.05)
        assert len(self.done) == count
        return {one.id: outcome for one, outcome in self.done}

    def send(self, count: int) -> dict[int, Any]:
        self.put(*(claimed(number) for number in range(1, count + 1)))
        return self.until(count)

    def trouble(self) -> Trouble:
        """What went wrong first, when something has."""
        limit = time.monotonic() + 20
        while not (troubles := self.sender.troubles()) and time.monotonic() < limit:
            time.sleep(0.01)
        return troubles[0]

    def verdicts(self) -> dict[str, int]:
        return dict(Counter(outcome.reply_class.value for _, outcome in self.done))

    def told(self) -> dict[tuple[int, int], Any]:
        """What the journal would tell whoever finds it after a crash."""
        (path,) = self.folder.glob("*.journal")
        return journal._read(path, path.read_bytes()).attempts
