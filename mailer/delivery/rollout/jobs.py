"""Jobs of the rollout: start due mailings, and advance them step by step.

Planning orders the deliveries of a mailing so that the first 2 % are a sample of the whole audience.
"""

from __future__ import annotations

import logging
import math
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from mailer.approval import approve
from mailer.approval.errors import SnapshotChanged
from mailer.approval.models import Snapshot
from mailer.config import sending_syntax as sending_config
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import interventions
from mailer.delivery.rollout.planning import plan
from mailer.editions.audience import Audience
from subscribers.segments.rules import InvalidRule

log = logging.getLogger(__name__)

_WINDOW_PASSED = "The approved sending window has passed. Submit the edition again."


def start_due(now: datetime) -> list[Mailing]:
    """Create and plan the mailings of scheduled snapshots that are due; the planned mailings.

    A snapshot whose window has passed, or whose content changed, is not sent, and gets the reason. Running
    twice or dying in between never makes a second mailing and loses none: planning is repeated.
    """
    due = Snapshot.objects.not_mailed().filter(state=Snapshot.State.SCHEDULED, send_at__lte=now)
    for snapshot in due.select_related("edition__newsletter").order_by("send_at", "pk"):
        start(snapshot, now)
    waiting = Mailing.objects.filter(state=Mailing.State.PLANNING).order_by("pk")
    return [plan(mailing, now) for mailing in waiting]


def start(snapshot: Snapshot, now: datetime) -> None:
    """Create the mailing of a snapshot if it is still scheduled, due and unchanged."""
    if now > snapshot.window_until:
        _invalidate(snapshot, _WINDOW_PASSED)
        return
    if now < snapshot.window_from:
        return
    expires_at = now + timedelta(hours=settings.CONFIG.sending.expire_after_hours)
    try:
        with transaction.atomic():
            held = Snapshot.objects.select_for_update().get(pk=snapshot.pk)
            if held.state != Snapshot.State.SCHEDULED or held.send_at is None or held.send_at > now:
                # It was unscheduled meanwhile.
                return
            approve.verify(held)
            Audience.from_dict(held.audience, now).segment()
            mailing = Mailing.objects.create(
                snapshot=held, edition=snapshot.edition, created_at=now, expires_at=expires_at
            )
    except SnapshotChanged as error:
        _invalidate(snapshot, str(error))
        return
    except InvalidRule as error:
        _invalidate(
            snapshot, f"The audience cannot be determined. {error} Correct the segment, and submit it again."
        )
        return
    except IntegrityError:
        # Another worker was first, or the snapshot was changed just now; the next call sees which.
        log.info("action=mailing_not_created snapshot=%d", snapshot.pk)
        return
    log.info("action=mailing_created snapshot=%d mailing=%d", snapshot.pk, mailing.pk)


def _invalidate(snapshot: Snapshot, reason: str) -> None:
    waiting = Snapshot.objects.not_mailed().filter(pk=snapshot.pk, state=Snapshot.State.SCHEDULED)
    waiting.invalidate(reason)
    log.error("action=snapshot_not_sent snapshot=%d reason=%s", snapshot.pk, reason)


def advance_due(now: datetime) -> list[Mailing]:
    """Pause or advance every mailing in a rollout; those that changed. May run twice, and at any time.

    The stop rules are applied first, and may pause it. The next step begins when every delivery of this one
    was tried and `rollout_wait_minutes` have passed since, so that bounces can arrive.
    """
    stepping = Mailing.objects.filter(state=Mailing.State.SENDING, released_up_to__isnull=False)
    return [mailing for mailing in stepping.order_by("pk") if _advance(mailing, now)]


def _advance(mailing: Mailing, now: datetime) -> bool:
    if interventions.apply(mailing, now):
        return True
    if has_untried(mailing):
        return False
    unchanged = Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SENDING, step=mailing.step)
    unchanged = unchanged.filter(released_up_to=mailing.released_up_to)
    if mailing.step_completed_at is None:
        unchanged.update(step_completed_at=now)
        return False
    if now < mailing.step_completed_at + timedelta(minutes=settings.CONFIG.sending.rollout_wait_minutes):
        return False
    advanced = unchanged.update(**next_step(mailing))
    if advanced:
        log.info("action=rollout_advanced mailing=%d step=%d", mailing.pk, (mailing.step or 0) + 1)
    return bool(advanced)


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
