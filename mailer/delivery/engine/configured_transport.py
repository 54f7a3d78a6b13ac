"""The configured transport: SMTP relays, or the ESP that the configuration names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol, Self

from django.conf import settings

from mailer.delivery.esp.capabilities import CAPABILITIES
from mailer.delivery.esp.message_parts_encoder import PartsEncoder
from mailer.delivery.ledger.attempt_journal import Journal
from mailer.delivery.ledger.attempt_types_and_retry_schedule import Attempt, ClaimedDelivery, SendJob
from mailer.delivery.message_builder import MessageBuilder
from mailer.delivery.models import Mailing
from mailer.delivery.smtp.message_encoder import MimeEncoder
from mailer.delivery.smtp.relays import configured_pool
from mailer.delivery.smtp.sender import Sender, SendError
from mailer.delivery.throttle import hourly_outcomes_by_provider, provider_throttle


class Builder(Protocol):
    """Builds the messages that its Transport sends."""

    def messages(
        self, mailing: Mailing, claimed: list[ClaimedDelivery], now: datetime
    ) -> Sequence[Callable[[], Any]]: ...


class Transport(Protocol):
    """Takes jobs and returns outcomes; smtp.sender.Sender documents each method."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def submit(self, jobs: Iterable[SendJob]) -> None: ...

    def collect(self, seconds: float) -> list[Attempt]: ...

    def take_errors(self) -> list[SendError]: ...

    def drop_mailing(self, mailing: int) -> None: ...

    def stop(self, grace: float) -> None: ...


def message_builder() -> Builder:
    """The builder for the transport that `open_transport` opens. Raises ConfigError."""
    name = settings.CONFIG.service.name
    if not name:
        return MessageBuilder(MimeEncoder())
    if name == "amazon_ses":
        # Amazon replaces Message-ID and Date, which would break our signature; it adds its own.
        return MessageBuilder(MimeEncoder(signs=False))
    return MessageBuilder(PartsEncoder(CAPABILITIES[name].escape))


@contextmanager
def open_transport(journal: Journal, now: Callable[[], datetime]) -> Iterator[Transport]:
    """The configured transport, started; it is stopped at the end."""
    service = settings.CONFIG.service
    if not service.name:
        usual_seconds = provider_throttle.slow_provider_delivery_seconds()
        with Sender(configured_pool(), journal, usual_seconds) as sender:
            yield sender
        provider_throttle.save_usual_seconds(usual_seconds, now())
        return
    # Slow to load (requests, anymail), and needed only where an ESP is configured.
    from mailer.delivery.esp.configured_client import create_client
    from mailer.delivery.esp.sender import EspPool

    capability = CAPABILITIES[service.name]
    with EspPool(
        capability,
        lambda: create_client(service),
        journal,
        service.connections,
        has_accepted=hourly_outcomes_by_provider.has_accepted,
    ) as pool:
        yield pool
