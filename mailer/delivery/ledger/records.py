"""Plain records between ledger and engine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from mailer.delivery.models import Delivery
from mailer.delivery.outcome import Outcome

State = Delivery.State


class Claimed(NamedTuple):
    """A delivery that this process holds, with what its message needs."""

    id: int
    mailing: int
    # 1 for the first attempt; raised by claiming.
    attempt: int
    variant: int
    # 0 in a rehearsal: nobody, so that no personal link leads to anybody.
    subscriber: int
    # The reader's address and name as they are now.
    email: str
    name: str
    # ISO 3166-1 alpha-2 codes as they were when planned; none means every country.
    countries: tuple[str, ...]
    # Whether what they open may be counted under their name.
    agreed: bool = False


class Job(NamedTuple):
    claimed: Claimed
    # Makes the message, in the form that the transport understands, when its turn comes.
    message: Callable[[], Any]
    # time.monotonic() after which its final dot must not be sent any more.
    latest: float
    # time.monotonic() before which it must not begin.
    at: float = 0.0


# What an attempt at a delivery came to. A plain pair, as one is made for every message.
Attempt = tuple[Claimed, Outcome]


class Result(NamedTuple):
    """What became of a claimed delivery."""

    delivery: int
    # A Delivery.State other than claimed.
    state: str
    # The server's words, or ours.
    reply: str = ""
    # For refused and excluded.
    reason: str = ""
    # For deferred.
    due_at: datetime | None = None
    # For accepted.
    accepted_at: datetime | None = None
