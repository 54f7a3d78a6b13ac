"""A mailing in steps: how far it may go, and whether all of that was tried.

The rows of such a mailing lie in an order that spreads its readers, so "the first 2 %" are a sample of all.
"""

from __future__ import annotations

import math
from typing import Any

from django.conf import settings
from django.db.models import Q

from mailer.config import sending as written
from mailer.delivery.models import Delivery, Mailing

State = Delivery.State


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


def waiting(mailing: Mailing) -> bool:
    """Whether anything of what was released was not tried yet."""
    rows = Delivery.objects.filter(mailing=mailing)
    # Some were put off before they were tried.
    untried = Q(state=State.CLAIMED) | Q(state=State.DEFERRED, attempts=0)
    released = Q(state=State.PLANNED, pk__lte=mailing.released_up_to or 0)
    return rows.filter(untried).exists() or rows.filter(released).exists()


def share(mailing: Mailing) -> str:
    """How much of the readers the mailing was released to, "2 %"."""
    shares = percentages()
    step = mailing.step or 0
    return f"{shares[step]:g} %" if step < len(shares) else "100 %"


def widened(mailing: Mailing) -> dict[str, Any]:
    """The columns of a mailing that goes on to its next step."""
    step = (mailing.step or 0) + 1
    return {"step": step, "released_up_to": bound(mailing, step), "step_at": None}
