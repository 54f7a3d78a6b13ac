"""When a message that was put off is tried again, and when it is given up."""

from __future__ import annotations

from datetime import datetime, timedelta

# Minutes after the first, second… attempt. Greylisting lets a message pass after 1 to 15. The last repeats.
_MINUTES = (5, 15, 30, 60, 120, 240)


def next_try(attempts: int, now: datetime, expires_at: datetime | None) -> datetime | None:
    """When to try again after so many attempts (at least one); None when that would be past `expires_at`."""
    wait = timedelta(minutes=_MINUTES[min(max(attempts, 1), len(_MINUTES)) - 1])
    due = now + wait
    return None if expires_at is not None and due >= expires_at else due
