"""Release: an approved edition whose moment has come becomes a mailing, if its seal still holds."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from mailer.approval import approve
from mailer.approval.errors import SnapshotChanged
from mailer.approval.models import Snapshot
from mailer.delivery.ledger.plan import plan
from mailer.delivery.models import Mailing
from mailer.editions.audience import Audience
from subscribers.segments.rules import BadRule

log = logging.getLogger(__name__)

_WINDOW_PASSED = "The window in which it might leave has passed. Submit the edition again."


def release_due(now: datetime) -> list[Mailing]:
    """Make and plan the mailings of scheduled copies whose moment has come; the mailings that it planned.

    A copy whose window has passed, or whose seal does not hold, does not leave, and says why. Running twice,
    or dying in the middle, makes no second mailing and loses none: what was begun is planned again.
    """
    due = Snapshot.objects.not_mailed().filter(state=Snapshot.State.SCHEDULED, send_at__lte=now)
    for snapshot in due.select_related("edition__newsletter").order_by("send_at", "pk"):
        _release(snapshot, now)
    waiting = Mailing.objects.filter(state=Mailing.State.PLANNING).order_by("pk")
    return [plan(mailing, now) for mailing in waiting]


def _release(snapshot: Snapshot, now: datetime) -> None:
    if now > snapshot.window_until:
        _break(snapshot, _WINDOW_PASSED)
        return
    if now < snapshot.window_from:
        return
    expires_at = now + timedelta(hours=settings.CONFIG.sending.expire_after_hours)
    try:
        with transaction.atomic():
            held = Snapshot.objects.select_for_update().get(pk=snapshot.pk)
            if held.state != Snapshot.State.SCHEDULED or held.send_at is None or held.send_at > now:
                # Its moment was taken back meanwhile.
                return
            approve.verify(held)
            Audience.from_dict(held.audience, now).segment()
            mailing = Mailing.objects.create(
                snapshot=held, edition=snapshot.edition, created_at=now, expires_at=expires_at
            )
    except SnapshotChanged as broken:
        _break(snapshot, str(broken))
        return
    except BadRule as gone:
        _break(
            snapshot,
            f"Its audience is unknown now. {gone} Correct the segment, and submit it again.",
        )
        return
    except IntegrityError:
        # Another worker was first, or the seal was broken in this moment; the next call sees which.
        log.info("action=release_lost copy=%d", snapshot.pk)
        return
    log.info("action=released copy=%d mailing=%d", snapshot.pk, mailing.pk)


def _break(snapshot: Snapshot, because: str) -> None:
    waiting = Snapshot.objects.not_mailed().filter(pk=snapshot.pk, state=Snapshot.State.SCHEDULED)
    waiting.invalidate(because)
    log.error("action=not_released copy=%d reason=%s", snapshot.pk, because)
