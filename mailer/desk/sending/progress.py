"""How far a mailing is: its page while it is sent, and what other pages show of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from mailer.delivery.models import Intervention, Mailing
from mailer.delivery.rollout import plan_deliveries, stop_rules
from mailer.delivery.throttle import provider_throttle
from mailer.desk.base.page_base_classes import EditionPage
from mailer.desk.sending import mailing_control
from mailer.reports.charts import column_chart, totals_bars, totals_chart
from mailer.reports.collect_stats import stats_of
from mailer.reports.number_formats import format_number
from mailer.reports.reason_labels_and_mailing_summary import reason_label
from mailer.reports.stats import OTHERS, OutcomeCounts, Stats, Totals, build_timeline, sum_outcomes

_State = Mailing.State
_IN_PROGRESS = (_State.PLANNING, _State.SENDING)
# What staff can do about a mailing that does not continue.
_ADVICE = {
    _State.HELD: _(
        "Nothing has been sent yet. Find out why the audience changed, for example by an import or an added "
        "list. Then confirm the audience or cancel."
    ),
    _State.PAUSED: _(
        "No messages are being sent. Check which subscribers were not reached and the server responses. Then "
        "resume or cancel."
    ),
}
_PAUSED_BY_STOP_RULES = _(
    "No messages are being sent. Check the bounces and complaints and the server responses. If the problem "
    "is solved, resume: the rest is sent, and the stop rules start counting from zero. If not, cancel "
    "and clean up the list."
)
_STEP_PAUSED_BY_STOP_RULES = _(
    "No messages are being sent. Check the bounces and complaints and the server responses. If the problem "
    "is solved, resume: the next step is sent, and the stop rules start counting from zero. If not, cancel "
    "and clean up the list."
)

_INTERVENTIONS = {
    "warned": ("waiting", _("Staff were warned")),
    "slowed": ("busy", _("Sending was slowed down")),
    "paused": ("problem", _("Paused")),
}
# The pace is measured over so many whole minutes.
_PACE_MINUTES = 5
# Providers that the page lists; the others are one row.
_MAX_PROVIDERS = 12


class ProgressPage(EditionPage):
    """Follows the edition's mailing without reloading: pace, steps, providers, and the actions on it."""

    page_title = _("Progress")
    template_name = "desk/sending/progress_page.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        mailing: Mailing | None = context["overview"].mailing
        if mailing is None:
            return {**context, "mailing": None}
        now, zone = context["now"], self.edition.newsletter.zone
        counts = stats_of(mailing, now)
        may_control = self.request.user.has_perm("mailer.schedule_edition")
        timeline, title = build_timeline(counts.accepted_by_minute, zone), gettext("Emails sent over time")
        enough = len(timeline.intervals) > 1
        return {
            **context,
            **progress_context(mailing, counts, now),
            "interventions": stop_rule_actions(mailing),
            "actions": mailing_control.available_actions(mailing) if may_control else (),
            "providers": provider_rows(counts, now) if counts.totals.audience else [],
            "timeline": column_chart(timeline, title, "progress-timeline") if enough else "",
        }


def progress_percent(account: Totals) -> int:
    """Percent of the recipients whose delivery has ended, 100 only when all have; 0 before the audience is
    counted."""
    if not account.recipients:
        return 100 if account.audience else 0
    return 100 * (account.recipients - account.pending) // account.recipients


def progress_context(mailing: Mailing, counts: Stats, now: datetime) -> dict[str, Any]:
    """Template context about a mailing's totals and progress."""
    counted = counts.totals
    return {
        "mailing": mailing,
        "seen": mailing_control.state_fingerprint(mailing),
        "totals": counted,
        "chart": totals_chart(counted),
        "terms": [(bar.label, bar.count, bar.style.mark) for bar in totals_bars(counted)],
        "excluded": [(reason_label(reason), count) for reason, count in sorted(counted.excluded.items())],
        "excluded_count": sum(counted.excluded.values()),
        "progress": progress_percent(counted),
        "pace": _pace_label(mailing, counts, now),
        "in_progress": mailing.state in _IN_PROGRESS,
        "advice": _advice(mailing),
        "rollout": _rollout(mailing),
        # Shown for cached figures only.
        "counted_at": counts.collected_at if counts.collected_at != now else None,
    }


def _pace_label(mailing: Mailing, counts: Stats, now: datetime) -> str:
    """Messages per minute and the time left, as text; "" if not known."""
    if mailing.state != _State.SENDING or mailing.started_at is None:
        return ""
    counted, pace = counts.totals, recent_messages_per_minute(mailing.started_at, counts, now)
    if not pace:
        return ""
    rate = format_number(max(round(pace), 1))
    if mailing.released_up_to is not None or not counted.planned:
        return gettext("about %(count)s messages per minute") % {"count": rate}
    return _pace_and_time_left(rate, timedelta(minutes=(counted.planned + counted.claimed) / pace))


def recent_messages_per_minute(started_at: datetime, counts: Stats, now: datetime) -> float:
    """The pace of the last whole minutes; that since the start while it is younger; 0: not known yet."""
    # Figures of a large mailing are some seconds old.
    until = counts.collected_at or now
    whole = until.astimezone(UTC).replace(second=0, microsecond=0)
    since = whole - timedelta(minutes=_PACE_MINUTES)
    if started_at < since:
        minutes = [f"{since + timedelta(minutes=minute):%Y-%m-%d %H:%M}" for minute in range(_PACE_MINUTES)]
        return sum(counts.accepted_by_minute.get(minute, 0) for minute in minutes) / _PACE_MINUTES
    elapsed = (until - started_at).total_seconds() / 60
    return counts.totals.accepted / elapsed if elapsed > 0.1 else 0.0


def _pace_and_time_left(rate: str, left: timedelta) -> str:
    minutes = round(left.total_seconds() / 60)
    if minutes < 2:
        text = gettext("about %(rate)s messages per minute, less than two minutes left")
        return text % {"rate": rate}
    if minutes < 120:
        text = ngettext(
            "about %(rate)s messages per minute, about %(count)s minute left",
            "about %(rate)s messages per minute, about %(count)s minutes left",
            minutes,
        )
        return text % {"rate": rate, "count": minutes}
    hours = round(minutes / 60)
    text = ngettext(
        "about %(rate)s messages per minute, about %(count)s hour left",
        "about %(rate)s messages per minute, about %(count)s hours left",
        hours,
    )
    return text % {"rate": rate, "count": hours}


def _advice(mailing: Mailing) -> Any:
    if mailing.state == _State.PAUSED and stop_rules.update_counts_and_check_pause(mailing):
        gradual = mailing.released_up_to is not None
        return _STEP_PAUSED_BY_STOP_RULES if gradual else _PAUSED_BY_STOP_RULES
    return _ADVICE.get(_State(mailing.state), "")


def stop_rule_actions(mailing: Mailing) -> list[tuple[str, Any, Intervention]]:
    """Actions of the stop rules on the mailing, newest first: (tone, label, intervention)."""
    return [(*_INTERVENTIONS[one.action], one) for one in mailing.interventions.all()]


def _rollout(mailing: Mailing) -> dict[str, Any] | None:
    """The steps of a gradual rollout; None for a mailing without steps or one that has ended."""
    if mailing.step is None or mailing.state not in (_State.HELD, _State.SENDING, _State.PAUSED):
        return None
    shares = [f"{share:g} %" for share in plan_deliveries.rollout_percentages()]
    marks = [
        ("done" if index < mailing.step else "now" if index == mailing.step else "todo", label)
        for index, label in enumerate([*shares, gettext("all subscribers")])
    ]
    next_check_at = (
        mailing.step_completed_at + timedelta(minutes=settings.CONFIG.sending.rollout_wait_minutes)
        if mailing.step_completed_at
        else None
    )
    return {
        "steps": marks,
        "next_check_at": next_check_at,
        "share": plan_deliveries.released_share(mailing),
        "is_open": mailing.released_up_to is not None,
    }


class ProviderRow(NamedTuple):
    """How far a mailing is at one mailbox provider."""

    name: str
    recipients: int
    accepted: int
    # Not sent yet, to be retried or in doubt.
    waiting: int
    # Refused, or bounced after they were accepted.
    failed: int
    # Deliveries that have ended, 0 to 100.
    percent: int
    # Minutes until it is sent to again, where it asked us to slow down; None: it did not.
    waits_minutes: int | None = None


def provider_rows(counts: Stats, now: datetime) -> list[ProviderRow]:
    """The largest mailbox providers, and a last row for all others."""
    waits = provider_throttle.backoff_seconds(now)
    by_size = sorted(
        ((name, one) for name, one in counts.providers.items() if name != OTHERS),
        key=lambda row: -row[1].recipients,
    )
    rows = [
        _provider_row(name or gettext("Erased subscribers"), one, waits.get(name))
        for name, one in by_size[:_MAX_PROVIDERS]
    ]
    rest = dict(by_size[_MAX_PROVIDERS:]) | {
        name: one for name, one in counts.providers.items() if name == OTHERS
    }
    return (
        [*rows, _provider_row(gettext("All other mailbox providers"), sum_outcomes(rest), None)]
        if rest
        else rows
    )


def _provider_row(name: str, found: OutcomeCounts, wait: float | None) -> ProviderRow:
    ended = found.accepted + found.refused
    mailed = ended + found.pending
    return ProviderRow(
        name,
        found.recipients,
        found.accepted,
        found.pending,
        found.refused + found.bounced,
        100 * ended // mailed if mailed else 100,
        round(wait / 60) if wait and found.pending else None,
    )
