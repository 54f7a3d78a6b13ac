"""Plain records that ledger, throttle, engine and transports exchange."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from mailer.delivery.models import Delivery
from mailer.delivery.outcome import Outcome

State = Delivery.State


class ClaimedDelivery(NamedTuple):
    """A delivery that this process has claimed, with what its message needs."""

    id: int
    mailing: int
    # 1 for the first attempt; claiming raises it.
    attempt: int
    variant: int
    # 0 in a dry run, so that no personal link leads to a subscriber.
    subscriber: int
    # The subscriber's address and name as they are now.
    email: str
    name: str
    # ISO 3166-1 alpha-2 codes as they were when planned; none means every country.
    countries: tuple[str, ...]
    # Whether the subscriber agreed to be tracked by name.
    tracking_consent: bool = False


class SendJob(NamedTuple):
    """A claimed delivery on its way to a transport."""

    claimed: ClaimedDelivery
    # Makes the message when its turn comes, in the form that the transport understands.
    build: Callable[[], Any]
    # time.monotonic() after which its final dot must not be sent any more.
    deadline: float
    # time.monotonic() before which it must not begin.
    not_before: float = 0.0


# A delivery and the outcome of one attempt. A plain pair, because one is made for every message.
Attempt = tuple[ClaimedDelivery, Outcome]


class DeliveryResult(NamedTuple):
    """The new state of a claimed delivery."""

    delivery: int
    # A Delivery.State other than claimed.
    state: str
    # The server's reply, or our own text.
    reply: str = ""
    # For refused, deferred and excluded.
    reason: str = ""
    # For deferred and in doubt.
    due_at: datetime | None = None
    # For accepted.
    accepted_at: datetime | None = None
