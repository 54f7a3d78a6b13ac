"""Looks at mailings in steps: the next one follows when all was tried and the stop rules say nothing."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings

from mailer.delivery.models import Mailing
from mailer.delivery.rollout import rollout, stop_rules

log = logging.getLogger(__name__)


def look(now: datetime) -> list[Mailing]:
    """Stop or widen whatever is in steps; the mailings that moved. May run twice, and at any time.

    The stop rules are asked first, and may pause it at once. It widens when everything in it was tried and
    `step_minutes` have passed since, in which mail could come back.
    """
    stepping = Mailing.objects.filter(state=Mailing.State.SENDING, released_up_to__isnull=False)
    return [mailing for mailing in stepping.order_by("pk") if _looked_at(mailing, now)]


def _looked_at(mailing: Mailing, now: datetime) -> bool:
    if stop_rules.attend(mailing, now):
        return True
    if rollout.waiting(mailing):
        return False
    here = Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SENDING, step=mailing.step)
    here = here.filter(released_up_to=mailing.released_up_to)
    if mailing.step_at is None:
        here.update(step_at=now)
        return False
    if now < mailing.step_at + timedelta(minutes=settings.CONFIG.sending.step_minutes):
        return False
    moved = here.update(**rollout.widened(mailing))
    if moved:
        log.info("action=mailing_widened mailing=%d step=%d", mailing.pk, (mailing.step or 0) + 1)
    return bool(moved)
