"""A mailing in steps: how far it may go, what came back from there, and whether that is too much.

The rows of such a mailing lie in an order that spreads its readers, so "the first 2 %" are a sample of all.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Count, Q

from mailer.config import sending as written
from mailer.delivery.meaning import Meaning
from mailer.delivery.models import Delivery, Mailing

State = Delivery.State

# Fewer are chance, whatever share of a small step they are.
_FEWEST = 2
# Also where it is tried again: what is blocked for the first readers is blocked for the others.
_BLOCKED = Q(state__in=[State.REFUSED, State.DEFERRED], reason=Meaning.BLOCKED)


class Seen(NamedTuple):
    """What is known of the readers that a mailing was released to so far."""

    readers: int
    # Of those: not tried yet.
    waiting: int
    # Turned down for good, or came back after they were accepted.
    came_back: int
    complained: int
    # Turned down because of who we are, not who they are.
    blocked: int


def percentages() -> tuple[float, ...]:
    """Shares of the readers after which a mailing waits, rising; the rest follows."""
    return written.steps(settings.CONFIG.sending.steps)


def bound(mailing: Mailing, step: int) -> int | None:
    """The last delivery (by id) that may leave in this step, from 0; None when all may."""
    shares = percentages()
    if step >= len(shares):
        return None
    rows = Delivery.objects.filter(mailing=mailing)
    planned = rows.filter(state=State.PLANNED)
    begun = rows.exclude(state__in=[State.PLANNED, State.EXCLUDED]).count()
    more = max(math.ceil((begun + planned.count()) * shares[step] / 100) - begun, 1)
    last: int | None = next(iter(planned.order_by("pk").values_list("pk", flat=True)[more - 1 : more]), None)
    return last


def seen(mailing: Mailing) -> Seen:
    """What came back so far. While it is in steps, whatever was tried belongs to them."""
    rows = Delivery.objects.filter(mailing=mailing)
    begun: dict[str, Any] = rows.exclude(state__in=[State.PLANNED, State.EXCLUDED]).aggregate(
        readers=Count("pk"),
        # Some were put off before they were tried.
        untried=Count("pk", filter=Q(state=State.CLAIMED) | Q(state=State.DEFERRED, attempts=0)),
        refused=Count("pk", filter=Q(state=State.REFUSED) & ~Q(reason__in=["expired", Meaning.BLOCKED])),
        blocked=Count("pk", filter=_BLOCKED),
        bounced=Count("bounced_at"),
        complained=Count("complained_at"),
    )
    released = rows.filter(state=State.PLANNED, pk__lte=mailing.released_up_to or 0).count()
    return Seen(
        readers=begun["readers"] + released,
        waiting=begun["untried"] + released,
        came_back=begun["refused"] + begun["bounced"],
        complained=begun["complained"],
        blocked=begun["blocked"],
    )


def objection(mailing: Mailing, found: Seen) -> str:
    """Why the mailing should stop, in words for staff; empty when nothing speaks against going on."""
    limits = settings.CONFIG.sending
    for count, limit, words in (
        (found.came_back, limits.stop_at_bounced, "came back"),
        (found.complained, limits.stop_at_complained, "complained"),
        (found.blocked, limits.stop_at_blocked, "were blocked by the receiving servers"),
    ):
        if count >= _FEWEST and count * 100 > limit * found.readers:
            first = f"Stopped after the first {share(mailing)}"
            return f"{first}: {count} of {found.readers} {words} (limit {limit:g} %)."
    return ""


def share(mailing: Mailing) -> str:
    """How much of the readers the mailing was released to, "2 %"."""
    shares = percentages()
    step = mailing.step or 0
    return f"{shares[step]:g} %" if step < len(shares) else "100 %"


def widened(mailing: Mailing) -> dict[str, Any]:
    """The columns of a mailing that goes on to its next step."""
    step = (mailing.step or 0) + 1
    return {"step": step, "released_up_to": bound(mailing, step), "step_at": None}
