"""Plain records between ledger and engine."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from mailer.delivery.models import Delivery

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
