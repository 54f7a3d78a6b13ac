"""How long is kept what nobody needs for ever."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Retention:
    # Days after which a sign-up that nobody confirmed is forgotten, and the person with it.
    pending_days: int = 7
    # Months after which network and program of whoever consented are emptied; what they said stays.
    details_months: int = 13
