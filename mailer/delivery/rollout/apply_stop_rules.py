"""Does what the stop rules say: warns staff, slows a provider down or pauses the mailing, each once."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from wagtail.log_actions import log as audit

from mailer.delivery.models import Intervention, Mailing
from mailer.delivery.outbox import staff_alerts
from mailer.delivery.rollout import (
    mailing_control,
    plan_deliveries,
    stop_rules,
)
from mailer.delivery.rollout.stop_rules import Level, ReachedLimit
from mailer.delivery.throttle import provider_throttle
from mailer.one_by_one import each_alone
from subscribers.translate_stored_texts import stored

log = logging.getLogger(__name__)


_Action = Intervention.Action


_ACTIONS = {Level.WARN: _Action.WARNED, Level.SLOW: _Action.SLOWED, Level.PAUSE: _Action.PAUSED}


# For so long after the last message was sent, staff are warned about its bounces and complaints.
_WATCHED_AFTER_SENDING = timedelta(days=3)


def apply_stop_rules_to_mailings(now: datetime) -> list[int]:
    """Apply the rules to every mailing that is being sent or was just sent; the ids of those it paused.

    May run twice, and beside itself.
    """
    sending = Q(state=Mailing.State.SENDING)
    sent = Q(state=Mailing.State.DONE, finished_at__gt=now - _WATCHED_AFTER_SENDING)
    mailings = Mailing.objects.real().filter(sending | sent).select_related("edition").order_by("pk")
    paused = []
    with each_alone() as alone:
        for mailing in mailings:
            with alone():
                if apply_stop_rules(mailing, now):
                    paused.append(mailing.pk)
    return paused


def apply_stop_rules(mailing: Mailing, now: datetime) -> bool:
    """Do what the rules demand for one mailing; whether it was paused.

    A mailing that is already sent cannot be paused, so staff are warned instead.
    """
    reached = stop_rules.update_and_read_reached_limits(mailing)
    if mailing.state == Mailing.State.SENDING and reached and reached[0].level is Level.PAUSE:
        return _pause(mailing, reached[0], now)
    for limit in reached:
        _warn_or_slow(mailing, limit, now)
    return False


def stop_rule_actions_as_json(mailing: Mailing) -> list[dict[str, str]]:
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
        staff_alerts.alert_sending_stopped("stop_rules", reason, mailing.pk, now)
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
