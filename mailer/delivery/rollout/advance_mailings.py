"""Jobs that move mailings on: start those that are due, advance rollouts, and apply the stop rules.

The stop rules warn staff, slow a provider down or pause the mailing; each action is done once.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from wagtail.log_actions import log as audit

from mailer.approval import snapshot_state_changes
from mailer.approval.models import Snapshot
from mailer.approval.snapshot_state_changes import SnapshotChanged
from mailer.delivery.models import Intervention, Mailing
from mailer.delivery.outbox import staff_alerts
from mailer.delivery.rollout import (
    mailing_control,
    plan_deliveries,
    schedule_or_hold_planned_editions,
    stop_rules,
)
from mailer.delivery.rollout.plan_deliveries import plan
from mailer.delivery.rollout.stop_rules import Level, ReachedLimit
from mailer.delivery.throttle import provider_throttle
from mailer.editions.audience import Audience
from subscribers.segments.rules import InvalidRule
from subscribers.translate_stored_texts import stored

log = logging.getLogger(__name__)
_WINDOW_PASSED = stored("The approved sending window has passed. Submit the edition again.")
_Action = Intervention.Action
_ACTIONS = {Level.WARN: _Action.WARNED, Level.SLOW: _Action.SLOWED, Level.PAUSE: _Action.PAUSED}
# For so long after the last message was sent, staff are warned about its bounces and complaints.
_WATCHED_AFTER_SENDING = timedelta(days=3)


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
    if schedule_or_hold_planned_editions.is_too_late(snapshot, now):
        schedule_or_hold_planned_editions.hold_late(snapshot, now)
        return
    expires_at = now + timedelta(hours=settings.CONFIG.sending.expire_after_hours)
    try:
        with transaction.atomic():
            held = Snapshot.objects.select_for_update().get(pk=snapshot.pk)
            if held.state != Snapshot.State.SCHEDULED or held.send_at is None or held.send_at > now:
                # It was unscheduled meanwhile.
                return
            snapshot_state_changes.verify(held)
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
    advanced = unchanged.update(**plan_deliveries.next_step(mailing))
    if advanced:
        log.info("action=rollout_advanced mailing=%d step=%d", mailing.pk, (mailing.step or 0) + 1)
    return bool(advanced)


def apply_stop_rules_to_all(now: datetime) -> list[int]:
    """Apply the rules to every mailing that is being sent or was just sent; the ids of those it paused.

    May run twice, and beside itself.
    """
    sending = Q(state=Mailing.State.SENDING)
    sent = Q(state=Mailing.State.DONE, finished_at__gt=now - _WATCHED_AFTER_SENDING)
    mailings = Mailing.objects.real().filter(sending | sent).select_related("edition").order_by("pk")
    return [mailing.pk for mailing in mailings if apply_stop_rules(mailing, now)]


def apply_stop_rules(mailing: Mailing, now: datetime) -> bool:
    """Do what the rules demand for one mailing; whether it was paused.

    A mailing that is already sent cannot be paused, so staff are warned instead.
    """
    reached = stop_rules.reached_limits(mailing)
    if mailing.state == Mailing.State.SENDING and reached and reached[0].level is Level.PAUSE:
        return _pause(mailing, reached[0], now)
    for limit in reached:
        _warn_or_slow(mailing, limit, now)
    return False


def interventions_of(mailing: Mailing) -> list[dict[str, str]]:
    """What the rules did to a mailing, newest first, each with `at` (ISO 8601), `action`, `metric`,
    `provider` and `message`."""
    return [
        {
            "at": one.at.isoformat(timespec="seconds"),
            "action": one.action,
            "metric": one.metric,
            "provider": one.provider,
            "message": one.message,
        }
        for one in mailing.interventions.all()
    ]


def _pause(mailing: Mailing, limit: ReachedLimit, now: datetime) -> bool:
    rule = stop_rules.describe(limit)
    if mailing.released_up_to is None:
        reason = stored("Sending was paused automatically. %(rule)s", rule=rule)
    else:
        share = plan_deliveries.released_share(mailing)
        reason = stored(
            "Sending was paused automatically after the first %(share)s of subscribers. %(rule)s",
            share=share,
            rule=rule,
        )
    with transaction.atomic():
        # Staff who resumed it since these were counted have seen them.
        if not mailing_control.pause_automatically(mailing.pk, reason, counted_from=mailing.counted_from):
            return False
        _record(mailing, limit, _Action.PAUSED, now)
        staff_alerts.raise_alert("stop_rules", reason, mailing.pk, now)
    return True


def _warn_or_slow(mailing: Mailing, limit: ReachedLimit, now: datetime) -> None:
    level = Level.WARN if limit.level is Level.PAUSE else limit.level
    if not _is_news(mailing, limit, level):
        return
    with transaction.atomic():
        if not _record(mailing, limit, _ACTIONS[level], now):
            return
        message = stop_rules.describe(limit)
        if level is Level.SLOW:
            provider_throttle.penalise(limit.provider, now)
            message = stored(
                "Sending to %(provider)s was slowed down. %(message)s",
                provider=limit.provider,
                message=message,
            )
        staff_alerts.warn(f"stop_rules_{limit.metric}", message, mailing.pk, now)


def _is_news(mailing: Mailing, limit: ReachedLimit, level: Level) -> bool:
    """Whether it is more severe than the last action; a provider is slowed again when there are new cases."""
    earlier = mailing.interventions.filter(metric=limit.metric, provider=limit.provider)
    last = earlier.filter(counted_from=_counting_since(mailing)).first()
    if last is None or last.action == _Action.PAUSED:
        return last is None
    return _ACTIONS[level] != last.action or (level is Level.SLOW and limit.total_cases > last.total_cases)


def _record(mailing: Mailing, limit: ReachedLimit, action: _Action, now: datetime) -> bool:
    """Record the action, in the audit log as well; False when another worker just did."""
    message = stop_rules.describe(limit)
    _, new = Intervention.objects.get_or_create(
        mailing=mailing,
        counted_from=_counting_since(mailing),
        provider=limit.provider,
        metric=limit.metric,
        action=action,
        total_cases=limit.total_cases,
        defaults={
            "cases": limit.cases,
            "total": limit.total,
            "limit": limit.limit,
            "message": message[:300],
            "at": now,
        },
    )
    if new:
        audit(instance=mailing.edition, action=f"desk.stop_rules_{action}", data={"because": message})
        log.warning("action=stop_rules_%s mailing=%d metric=%s", action, mailing.pk, limit.metric)
    return new


def _counting_since(mailing: Mailing) -> datetime:
    return mailing.counted_from or mailing.created_at
