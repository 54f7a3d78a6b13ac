"""When a message that was put off is tried again, and when it is given up."""

from __future__ import annotations

from datetime import datetime, timedelta

from mailer.delivery.outcome import ReplyClass

# Minutes after the first, second… attempt. Greylisting lets a message pass after 1 to 15. The last repeats.
_MINUTES = (5, 15, 30, 60, 120, 240)
# Where in these an answer begins that five minutes will not change.
_BEGINS = {ReplyClass.MAILBOX_FULL: 4, ReplyClass.BLOCKED: 4}
# A wait is up to so much longer, so that what was put off in one moment does not come back in one.
_JITTER = 0.1
# A block is tried once more after somebody may have looked into it, and no oftener.
_BLOCKED_ATTEMPTS = 2


def next_try(
    attempts: int,
    now: datetime,
    expires_at: datetime | None,
    reply_class: ReplyClass = ReplyClass.TRY_LATER,
    chance: float = 0.0,
) -> datetime | None:
    """When to try again after so many attempts (at least one); None when it is given up.

    It is given up when that would be past `expires_at`, and a block when it was tried again already. `chance`
    is between 0 and 1.
    """
    if reply_class is ReplyClass.BLOCKED and attempts >= _BLOCKED_ATTEMPTS:
        return None
    place = max(attempts, 1) - 1 + _BEGINS.get(reply_class, 1) - 1
    minutes = _MINUTES[min(place, len(_MINUTES) - 1)] * (1 + _JITTER * chance)
    due = now + timedelta(minutes=minutes)
    return None if expires_at is not None and due >= expires_at else due
