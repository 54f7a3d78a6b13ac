"""A mailing's progress and totals, the actions on it (pause, resume, cancel and so on), and dry runs.

In a dry run every subscriber's email is built exactly as it would be sent, and goes to a colleague.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from wagtail.admin import messages

from mailer.approval.models import Snapshot
from mailer.delivery.models import Intervention, Mailing
from mailer.delivery.rollout import control, plan_deliveries, stop_rules
from mailer.desk.base.page_classes import EditionPage, current_user
from mailer.reports.charts import totals_bars, totals_chart
from mailer.reports.collect_stats import stats_of
from mailer.reports.labels import format_number, reason_label
from mailer.reports.stats import Totals, latest_dry_run, latest_mailing

_State = Mailing.State

# Any of these permissions allows starting and controlling a dry run.
DRY_RUN_PERMISSIONS = ("mailer.submit_edition", "mailer.approve_edition", "mailer.schedule_edition")


class _Action(NamedTuple):
    do: Callable[[Mailing, Any, Any], object]
    # In the audit log.
    log_action: str
    # Shown to the user afterwards.
    success: StrOrPromise
    # The states in which it is available.
    states: tuple[str, ...]


_ACTIONS = {
    "pause": _Action(
        control.pause,
        "desk.pause",
        _("Sending is paused. No more messages are sent until you or a colleague resumes it."),
        (_State.SENDING,),
    ),
    "resume": _Action(control.resume, "desk.resume", _("Sending is resumed."), (_State.PAUSED,)),
    "release": _Action(
        control.release_all,
        "desk.release_all",
        _("The gradual rollout has ended. All remaining subscribers receive the edition now."),
        (_State.SENDING, _State.PAUSED),
    ),
    "cancel": _Action(
        control.cancel,
        "desk.cancel",
        _("Cancelled. Subscribers who had not received it yet are counted as excluded."),
        (_State.PLANNING, _State.HELD, _State.SENDING, _State.PAUSED),
    ),
    "confirm": _Action(
        control.confirm_audience,
        "desk.confirm_audience",
        _("The audience is confirmed. Sending starts now."),
        (_State.HELD,),
    ),
}


def available_actions(mailing: Mailing) -> tuple[str, ...]:
    """Names of the actions that are available for the mailing in its current state."""
    return tuple(name for name, action in _ACTIONS.items() if _is_available(name, action, mailing))


def _is_available(name: str, action: _Action, mailing: Mailing) -> bool:
    return mailing.state in action.states and (name != "release" or mailing.released_up_to is not None)


class ControlAction(EditionPage):
    """POST only: runs the action that the form names on the edition's latest mailing or dry run."""

    http_method_names = ["post"]

    def has_permission(self) -> bool:
        permissions = DRY_RUN_PERMISSIONS if self._is_dry_run else ("mailer.schedule_edition",)
        return any(self.request.user.has_perm(permission) for permission in permissions)

    @property
    def _is_dry_run(self) -> bool:
        return "dry_run" in self.request.POST

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        action = _ACTIONS.get(request.POST.get("action", ""))
        mailing = latest_dry_run(self.edition) if self._is_dry_run else latest_mailing(self.edition)
        page = "dry_run" if self._is_dry_run else "report"
        if action is None or mailing is None or mailing.state not in action.states:
            messages.error(
                request, gettext("That action is no longer available: the state of the mailing has changed.")
            )
            return self.redirect_to(page)
        return self.attempt(
            lambda: action.do(mailing, request.user, timezone.now()),
            str(action.success),
            action.log_action,
            on_success=page,
            on_error=page,
        )


_IN_PROGRESS = (_State.PLANNING, _State.SENDING)
# What staff can do about a mailing that does not continue.
_ADVICE = {
    _State.HELD: _(
        "Nothing has been sent yet. Find out why the audience changed, for example by an import or "
        "an added list. Then confirm the audience or cancel."
    ),
    _State.PAUSED: _(
        "No messages are being sent. Check which subscribers were not reached and the server "
        "responses. Then resume or cancel."
    ),
}
_PAUSED_BY_STOP_RULES = _(
    "No messages are being sent. Check the bounces and complaints and the server responses. If the problem "
    "is solved, resume: {then}, and the stop rules start counting from zero. If not, cancel and clean up "
    "the list."
)

_INTERVENTIONS = {
    "warned": ("waiting", _("Warned")),
    "slowed": ("busy", _("Slowed down")),
    "paused": ("problem", _("Paused")),
}


def progress(account: Any) -> int:
    """Percent of the audience whose delivery has ended; 0 before the audience is counted."""
    return round(100 * account.final / account.audience) if account.audience else 0


def progress_context(mailing: Mailing, counted: Totals, now: datetime) -> dict[str, Any]:
    """Template context about a mailing's totals and progress."""
    return {
        "mailing": mailing,
        "totals": counted,
        "chart": totals_chart(counted),
        "terms": [(bar.label, bar.count, bar.style.mark) for bar in totals_bars(counted)],
        "excluded": [(reason_label(reason), count) for reason, count in sorted(counted.excluded.items())],
        "progress": progress(counted),
        "speed": _speed(mailing, counted, now),
        "in_progress": mailing.state in _IN_PROGRESS,
        "advice": _advice(mailing),
        "rollout": _rollout(mailing),
    }


def _speed(mailing: Mailing, counted: Totals, now: datetime) -> str:
    """Messages per minute since the start and the time left, as text; "" if not known."""
    if mailing.state != _State.SENDING or mailing.started_at is None or mailing.released_up_to is not None:
        return ""
    minutes = (now - mailing.started_at).total_seconds() / 60
    if not counted.accepted or minutes < 0.1:
        return ""
    per_minute = counted.accepted / minutes
    left = timedelta(minutes=(counted.planned + counted.claimed) / per_minute)
    speed = gettext("about %(count)s per minute") % {"count": format_number(max(round(per_minute), 1))}
    return (
        gettext("%(speed)s, %(left)s left") % {"speed": speed, "left": _duration(left)}
        if counted.planned
        else speed
    )


def _about(minutes: int) -> str:
    if minutes < 120:
        return ngettext("about %(count)s minute", "about %(count)s minutes", minutes) % {"count": minutes}
    hours = round(minutes / 60)
    return ngettext("about %(count)s hour", "about %(count)s hours", hours) % {"count": hours}


def _duration(left: timedelta) -> str:
    minutes = round(left.total_seconds() / 60)
    if minutes < 2:
        return gettext("less than two minutes")
    return _about(minutes)


def _advice(mailing: Mailing) -> str:
    if mailing.state == _State.PAUSED and stop_rules.would_pause(mailing):
        gradual = mailing.released_up_to is not None
        return str(_PAUSED_BY_STOP_RULES).format(
            then=gettext("the next step is sent") if gradual else gettext("the rest is sent")
        )
    return str(_ADVICE.get(_State(mailing.state), ""))


def interventions(mailing: Mailing) -> list[tuple[str, str, Intervention]]:
    """Actions of the stop rules on the mailing, newest first: (tone, label, intervention)."""
    found = []
    for one in mailing.interventions.all():
        tone, label = _INTERVENTIONS[one.action]
        found.append((tone, str(label), one))
    return found


def _rollout(mailing: Mailing) -> dict[str, Any] | None:
    """The steps of a gradual rollout; None for a mailing without steps or one that has ended."""
    if mailing.step is None or mailing.state not in (_State.HELD, _State.SENDING, _State.PAUSED):
        return None
    shares = [f"{share:g} %" for share in plan_deliveries.percentages()]
    marks = [
        ("done" if index < mailing.step else "now" if index == mailing.step else "todo", label)
        for index, label in enumerate([*shares, "everyone"])
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


_SAMPLE_SIZE = 20


class DryRunForm(forms.Form):
    """The receiving address, and for how many subscribers."""

    to = forms.EmailField(
        label=_("Send all emails to"),
        widget=forms.EmailInput(attrs={"autocomplete": "email", "aria-describedby": "desk-to-help"}),
    )
    subscribers = forms.ChoiceField(label=_("Emails to send"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, audience: int, variants: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sample = max(_SAMPLE_SIZE, variants)
        choices = [
            (
                "all",
                gettext("All %(audience)s: one for each subscriber") % {"audience": format_number(audience)},
            )
        ]
        if sample < audience:
            choices.insert(
                0,
                (
                    str(sample),
                    gettext("A sample of %(sample)s that includes every variant") % {"sample": sample},
                ),
            )
        self.fields["subscribers"].choices = choices  # type: ignore[attr-defined]
        self.fields["subscribers"].initial = choices[0][0]

    def limit(self) -> int | None:
        chosen = self.cleaned_data["subscribers"]
        return None if chosen == "all" else int(chosen)


class DryRunPage(EditionPage):
    """Shows the last dry run (GET) and starts another one (POST)."""

    page_title = _("Dry run")
    template_name = "desk/sending/dry_run.html"

    def has_permission(self) -> bool:
        if self.request.method != "POST":
            return super().has_permission()
        return any(self.request.user.has_perm(permission) for permission in DRY_RUN_PERMISSIONS)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        last = latest_dry_run(self.edition)
        may_run = any(self.request.user.has_perm(permission) for permission in DRY_RUN_PERMISSIONS)
        context.setdefault("form", self._form())
        return {
            **context,
            **(
                progress_context(last, stats_of(last, context["now"]).totals, context["now"])
                if last
                else {"mailing": None}
            ),
            "actions": available_actions(last) if last and may_run else (),
            "may_start": may_run and context["form"] is not None and not _in_progress(last),
        }

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = self._form(request.POST)
        if form is None or not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        snapshot, to = self.edition.snapshots.first(), form.cleaned_data["to"]
        return self.attempt(
            lambda: control.start_dry_run(snapshot, to, form.limit(), current_user(request), timezone.now()),
            gettext("The dry run to %(to)s has started. You can pause or cancel it.") % {"to": to},
            "desk.dry_run",
            on_success="dry_run",
            on_error="dry_run",
        )

    def _form(self, data: Any = None) -> DryRunForm | None:
        """None if there is no open snapshot."""
        snapshot = self.edition.snapshots.first()
        if snapshot is None or snapshot.state not in Snapshot.OPEN or snapshot.mailed:
            return None
        initial = {"to": current_user(self.request).email}
        return DryRunForm(
            data, initial=initial, audience=snapshot.audience_count, variants=snapshot.variants.count()
        )


def _in_progress(last: Mailing | None) -> bool:
    return last is not None and last.state in control.ACTIVE
