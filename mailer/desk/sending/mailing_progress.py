"""A mailing under way: how far it is, how fast it goes, in which step, and what a person can do about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from mailer.delivery.models import Intervention, Mailing
from mailer.delivery.rollout import provider_stats, rollout
from mailer.desk.home import progress
from mailer.reports.charts.bars import account_bars, account_chart
from mailer.reports.labels import number, reason_words
from mailer.reports.totals import Account

_State = Mailing.State
_MOVING = (_State.PLANNING, _State.SENDING)
# What a person can do about a mailing that stands still.
_ADVICE = {
    _State.HELD: "Nothing has left yet. Find out why the number changed: an import, a list that was added? "
    "Then send to the readers counted now, or cancel.",
    _State.PAUSED: "Nothing more leaves. Look at who was not reached and at what the servers said; "
    "then resume, or cancel what is left.",
}
_STOPPED = (
    "Nothing more leaves. Look at who came back and what was said. If it was chance or is mended, resume: "
    "{then}, and what comes back of it is counted afresh. If not, cancel what is left and mend the list."
)

_DEEDS = {
    "warned": ("waiting", "Warned"),
    "braked": ("busy", "Slowed down"),
    "paused": ("problem", "Paused"),
}


def told(mailing: Mailing, counted: Account, now: datetime) -> dict[str, Any]:
    """What a page tells of a mailing's account and progress."""
    return {
        "mailing": mailing,
        "account": counted,
        "chart": account_chart(counted),
        "terms": [(bar.label, bar.count, bar.mark) for bar in account_bars(counted)],
        "excluded": [(reason_words(reason), count) for reason, count in sorted(counted.excluded.items())],
        "progress": progress(counted),
        "pace": _pace(mailing, counted, now),
        "moving": mailing.state in _MOVING,
        "advice": _advice(mailing),
        "release": _release(mailing),
    }


def _pace(mailing: Mailing, counted: Account, now: datetime) -> str:
    """How fast it leaves and when it will be done, from what was accepted since it began."""
    if mailing.state != _State.SENDING or mailing.started_at is None or mailing.released_up_to is not None:
        return ""
    minutes = (now - mailing.started_at).total_seconds() / 60
    if not counted.accepted or minutes < 0.1:
        return ""
    each_minute = counted.accepted / minutes
    left = timedelta(minutes=(counted.planned + counted.claimed) / each_minute)
    speed = f"about {number(max(round(each_minute), 1))} a minute"
    return f"{speed}; {_duration(left)} to go" if counted.planned else speed


def _duration(left: timedelta) -> str:
    minutes = round(left.total_seconds() / 60)
    if minutes < 2:
        return "less than two minutes"
    return f"about {minutes} minutes" if minutes < 120 else f"about {round(minutes / 60)} hours"


def _advice(mailing: Mailing) -> str:
    if mailing.state == _State.PAUSED and provider_stats.would_pause(mailing):
        in_steps = mailing.released_up_to is not None
        return _STOPPED.format(then="the next step leaves" if in_steps else "the rest leaves")
    return _ADVICE.get(_State(mailing.state), "")


def interventions(mailing: Mailing) -> list[tuple[str, str, Intervention]]:
    """What the stop rules did about it, newest first, each with tone and word."""
    return [(*_DEEDS[one.deed], one) for one in mailing.interventions.all()]


def _release(mailing: Mailing) -> dict[str, Any] | None:
    """How far a mailing in steps has come; None for one that leaves at once."""
    if mailing.step is None or mailing.state not in (_State.HELD, _State.SENDING, _State.PAUSED):
        return None
    shares = [f"{share:g} %" for share in rollout.percentages()]
    marks = [
        ("done" if index < mailing.step else "now" if index == mailing.step else "todo", label)
        for index, label in enumerate([*shares, "everybody"])
    ]
    looks_at = (
        mailing.step_at + timedelta(minutes=settings.CONFIG.sending.step_minutes) if mailing.step_at else None
    )
    return {
        "marks": marks,
        "looks_at": looks_at,
        "share": rollout.share(mailing),
        "open": mailing.released_up_to,
    }
