"""The steps of a rollout: which deliveries may be sent so far, and whether all of those were tried.

Planning orders the deliveries of such a mailing so that the first 2 % are a sample of the whole audience.
"""

from __future__ import annotations

import math
from typing import Any

from django.conf import settings
from django.db.models import Q

from mailer.config import reader as sending_config
from mailer.delivery.models import Delivery, Mailing

State = Delivery.State


def percentages() -> tuple[float, ...]:
    """The shares of the audience, in percent and rising, after which a rollout waits."""
    return sending_config.rollout_percentages(settings.CONFIG.sending.rollout_percentages)


def release_bound(mailing: Mailing, step: int) -> int | None:
    """The last delivery id that may be sent in this step, from 0; None when all may."""
    shares = percentages()
    if step >= len(shares):
        return None
    rows = Delivery.objects.filter(mailing=mailing)
    planned = rows.filter(state=State.PLANNED)
    begun = rows.exclude(state__in=[State.PLANNED, State.EXCLUDED]).count()
    more = max(math.ceil((begun + planned.count()) * shares[step] / 100) - begun, 1)
    last: int | None = next(iter(planned.order_by("pk").values_list("pk", flat=True)[more - 1 : more]), None)
    return last


def has_untried(mailing: Mailing) -> bool:
    """Whether any released delivery was not tried yet."""
    rows = Delivery.objects.filter(mailing=mailing)
    # Some were deferred before their first attempt.
    untried = Q(state=State.CLAIMED) | Q(state=State.DEFERRED, attempts=0)
    released = Q(state=State.PLANNED, pk__lte=mailing.released_up_to or 0)
    return rows.filter(untried).exists() or rows.filter(released).exists()


def released_share(mailing: Mailing) -> str:
    """The share of the audience that the mailing is released to, "2 %"."""
    shares = percentages()
    step = mailing.step or 0
    return f"{shares[step]:g} %" if step < len(shares) else "100 %"


def next_step(mailing: Mailing) -> dict[str, Any]:
    """The columns that move a mailing to its next step."""
    step = (mailing.step or 0) + 1
    return {"step": step, "released_up_to": release_bound(mailing, step), "step_completed_at": None}
