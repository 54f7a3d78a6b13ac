"""Jobs that move mailings on: start those that are due, and advance rollouts."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from mailer.approval import snapshot_state_changes
from mailer.approval.models import Snapshot
from mailer.approval.snapshot_state_changes import SnapshotChanged
from mailer.delivery.models import Mailing
from mailer.delivery.rollout import (
    plan_deliveries,
    schedule_or_hold_planned_editions,
)
from mailer.delivery.rollout.apply_stop_rules import apply_stop_rules
from mailer.delivery.rollout.plan_deliveries import plan_then_start_or_hold
from mailer.editions.audience import Audience
from mailer.one_by_one import each_alone
from subscribers.segments.rule_format import InvalidRule
from subscribers.translate_stored_texts import stored

log = logging.getLogger(__name__)
_WINDOW_PASSED = stored("The approved sending window has passed. Submit the edition again.")


def create_and_start_or_hold_due_mailings(now: datetime) -> list[Mailing]:
    """Create and plan the mailings of scheduled snapshots that are due; the planned mailings.

    A snapshot whose window has passed, scheduled or not, or whose content changed, is not sent, and gets the
    reason. Running twice or dying in between never makes a second mailing and loses none: planning is
    repeated. One that fails holds up no other.
    """
    _invalidate_unscheduled_after_window(now)
    due = Snapshot.objects.not_mailed().filter(state=Snapshot.State.SCHEDULED, send_at__lte=now)
    planned = []
    with each_alone() as alone:
        for snapshot in due.select_related("edition__newsletter").order_by("send_at", "pk"):
            with alone():
                create_mailing_or_stop_snapshot(snapshot, now)
        for mailing in Mailing.objects.filter(state=Mailing.State.PLANNING).order_by("pk"):
            with alone():
                planned.append(plan_then_start_or_hold(mailing, now))
    return planned


def create_mailing_or_stop_snapshot(snapshot: Snapshot, now: datetime) -> None:
    """Create the mailing of a snapshot if it is still scheduled, due and unchanged."""
    if now > snapshot.window_until:
        _invalidate(snapshot, _WINDOW_PASSED)
        return
    if now < snapshot.window_from:
        return
    if schedule_or_hold_planned_editions.missed_automatic_send_time(snapshot, now):
        schedule_or_hold_planned_editions.unschedule_and_hold_missed(snapshot, now)
        return
    expires_at = now + timedelta(hours=settings.CONFIG.sending.expire_after_hours)
    try:
        with transaction.atomic():
            held = Snapshot.objects.select_for_update().get(pk=snapshot.pk)
            if held.state != Snapshot.State.SCHEDULED or held.send_at is None or held.send_at > now:
                # It was unscheduled meanwhile.
                return
            snapshot_state_changes.require_approved_and_invalidate_if_changed(held)
            Audience.from_dict(held.audience, now).segment()
            mailing = Mailing.objects.create(
                snapshot=held, edition=snapshot.edition, created_at=now, expires_at=expires_at
            )
    except SnapshotChanged as error:
        _invalidate(snapshot, str(error))
        return
    except InvalidRule as error:
        _invalidate(
            snapshot,
            stored(
                "The audience of the edition cannot be determined. %(error)s Correct the "
                "segment, and submit the edition again.",
                error=error,
            ),
        )
        return
    except IntegrityError:
        # Another worker was first, or the snapshot was changed just now; the next call sees which.
        log.info("action=mailing_not_created snapshot=%d", snapshot.pk)
        return
    log.info("action=mailing_created snapshot=%d mailing=%d", snapshot.pk, mailing.pk)


def _invalidate_unscheduled_after_window(now: datetime) -> None:
    """Return approved editions that can no longer be scheduled to their writers."""
    waiting = Snapshot.objects.not_mailed().filter(state=Snapshot.State.APPROVED, window_until__lt=now)
    for pk in waiting.values_list("pk", flat=True):
        if waiting.filter(pk=pk).invalidate(_WINDOW_PASSED):
            log.warning("action=approval_ended_with_window snapshot=%d", pk)


def _invalidate(snapshot: Snapshot, reason: str) -> None:
    waiting = Snapshot.objects.not_mailed().filter(pk=snapshot.pk, state=Snapshot.State.SCHEDULED)
    waiting.invalidate(reason)
    log.error("action=snapshot_not_sent snapshot=%d reason=%s", snapshot.pk, reason)


def advance_or_pause_rollouts(now: datetime) -> list[Mailing]:
    """Pause or advance every mailing in a rollout; those that changed. May run twice, and at any time.

    The stop rules are applied first, and may pause it. The next step begins when every delivery of this one
    was tried and `rollout_wait_minutes` have passed since, so that bounces can arrive.
    """
    stepping = Mailing.objects.filter(state=Mailing.State.SENDING, released_up_to__isnull=False)
    changed = []
    with each_alone() as alone:
        for mailing in stepping.order_by("pk"):
            with alone():
                if _advance(mailing, now):
                    changed.append(mailing)
    return changed


def _advance(mailing: Mailing, now: datetime) -> bool:
    if apply_stop_rules(mailing, now):
        return True
    if plan_deliveries.has_released_unattempted(mailing):
        return False
    unchanged = Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SENDING, step=mailing.step)
    unchanged = unchanged.filter(released_up_to=mailing.released_up_to)
    if mailing.step_completed_at is None:
        unchanged.update(step_completed_at=now)
        return False
    if now < mailing.step_completed_at + timedelta(minutes=settings.CONFIG.sending.rollout_wait_minutes):
        return False
    advanced = unchanged.update(**plan_deliveries.next_step_columns(mailing))
    if advanced:
        log.info("action=rollout_advanced mailing=%d step=%d", mailing.pk, (mailing.step or 0) + 1)
    return bool(advanced)
