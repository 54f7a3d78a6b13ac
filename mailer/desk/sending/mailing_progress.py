"""The progress of a mailing: totals, speed, rollout step, and advice when it is on hold or paused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from mailer.delivery.models import Intervention, Mailing
from mailer.delivery.rollout import steps, stop_rules
from mailer.desk.home import progress
from mailer.reports.charts.bars import account_bars, account_chart
from mailer.reports.labels import number, reason_words
from mailer.reports.totals import Account

_State = Mailing.State
_IN_PROGRESS = (_State.PLANNING, _State.SENDING)
# What staff can do about a mailing that does not continue.
_ADVICE = {
    _State.HELD: "Nothing has been sent yet. Find out why the audience changed, for example by an import or "
    "an added list. Then confirm the audience or cancel.",
    _State.PAUSED: "No messages are being sent. Check which subscribers were not reached and the server "
    "responses. Then resume or cancel.",
}
_PAUSED_BY_STOP_RULES = (
    "No messages are being sent. Check the bounces and complaints and the server responses. If the problem "
    "is solved, resume: {then}, and the stop rules start counting from zero. If not, cancel and clean up "
    "the list."
)

_INTERVENTIONS = {
    "warned": ("waiting", "Warned"),
    "slowed": ("busy", "Slowed down"),
    "paused": ("problem", "Paused"),
}


def progress_context(mailing: Mailing, counted: Account, now: datetime) -> dict[str, Any]:
    """Template context about a mailing's totals and progress."""
    return {
        "mailing": mailing,
        "totals": counted,
        "chart": account_chart(counted),
        "terms": [(bar.label, bar.count, bar.mark) for bar in account_bars(counted)],
        "excluded": [(reason_words(reason), count) for reason, count in sorted(counted.excluded.items())],
        "progress": progress(counted),
        "speed": _speed(mailing, counted, now),
        "in_progress": mailing.state in _IN_PROGRESS,
        "advice": _advice(mailing),
        "rollout": _rollout(mailing),
    }


def _speed(mailing: Mailing, counted: Account, now: datetime) -> str:
    """Messages per minute since the start and the time left, as text; "" if not known."""
    if mailing.state != _State.SENDING or mailing.started_at is None or mailing.released_up_to is not None:
        return ""
    minutes = (now - mailing.started_at).total_seconds() / 60
    if not counted.accepted or minutes < 0.1:
        return ""
    per_minute = counted.accepted / minutes
    left = timedelta(minutes=(counted.planned + counted.claimed) / per_minute)
    speed = f"about {number(max(round(per_minute), 1))} per minute"
    return f"{speed}, {_duration(left)} left" if counted.planned else speed


def _duration(left: timedelta) -> str:
    minutes = round(left.total_seconds() / 60)
    if minutes < 2:
        return "less than two minutes"
    return f"about {minutes} minutes" if minutes < 120 else f"about {round(minutes / 60)} hours"


def _advice(mailing: Mailing) -> str:
    if mailing.state == _State.PAUSED and stop_rules.would_pause(mailing):
        gradual = mailing.released_up_to is not None
        return _PAUSED_BY_STOP_RULES.format(then="the next step is sent" if gradual else "the rest is sent")
    return _ADVICE.get(_State(mailing.state), "")


def interventions(mailing: Mailing) -> list[tuple[str, str, Intervention]]:
    """Actions of the stop rules on the mailing, newest first: (tone, label, intervention)."""
    return [(*_INTERVENTIONS[one.action], one) for one in mailing.interventions.all()]


def _rollout(mailing: Mailing) -> dict[str, Any] | None:
    """The steps of a gradual rollout; None for a mailing without steps or one that has ended."""
    if mailing.step is None or mailing.state not in (_State.HELD, _State.SENDING, _State.PAUSED):
        return None
    shares = [f"{share:g} %" for share in steps.percentages()]
    marks = [
        ("done" if index < mailing.step else "now" if index == mailing.step else "todo", label)
        for index, label in enumerate([*shares, "everyone"])
    ]
    next_check_at = (
        mailing.step_completed_at + timedelta(minutes=settings.CONFIG.sending.step_minutes)
        if mailing.step_completed_at
        else None
    )
    return {
        "steps": marks,
        "next_check_at": next_check_at,
        "share": steps.released_share(mailing),
        "is_open": mailing.released_up_to is not None,
    }
