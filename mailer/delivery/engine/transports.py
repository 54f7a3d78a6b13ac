"""How our mail leaves: over SMTP, or by the service that the configuration names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self

from django.conf import settings

from mailer.delivery.engine.composing import Composer
from mailer.delivery.ledger.journal import Journal
from mailer.delivery.ledger.records import Attempt, ClaimedDelivery, SendJob
from mailer.delivery.models import Mailing
from mailer.delivery.smtp import relays
from mailer.delivery.smtp.sender import Sender, Trouble


class Writer(Protocol):
    """Makes the messages that its Transport understands."""

    def envelopes(
        self, mailing: Mailing, claimed: list[ClaimedDelivery], now: datetime
    ) -> Sequence[Callable[[], Any]]: ...


class Transport(Protocol):
    """Takes jobs and gives back outcomes; Sender says what each method promises."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def put(self, jobs: Iterable[SendJob]) -> None: ...

    def take(self, seconds: float) -> list[Attempt]: ...

    def troubles(self) -> list[Trouble]: ...

    def drop(self, mailing: int) -> None: ...

    def stop(self, grace: float) -> None: ...


def writer() -> Writer:
    """What makes the messages for the transport that `opened` opens."""
    if not settings.CONFIG.service.name:
        return Composer()
    from mailer.delivery import (
        esp,  # the APIs' clients are slow to load, and only needed where one is configured
    )

    return esp.writer()


def opened(journal: Journal) -> Transport:
    """The configured transport, to be entered."""
    if not settings.CONFIG.service.name:
        return Sender(relays.choice(), journal)
    from mailer.delivery import esp  # slow to load, as above

    return esp.opened(journal)
