"""Scheduling an approved edition, the countdown before it is sent, and cancelling the schedule."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse
from django.utils import timezone

from mailer.approval import approve
from mailer.approval.models import Snapshot
from mailer.desk.base.page_classes import SnapshotPage, current_user
from mailer.editions.audience import Audience

# The page shows a countdown when sending starts within this time.
_COUNTDOWN_FROM = timedelta(minutes=10)
_MORNING = 9


class ScheduleForm(forms.Form):
    """When to send, in the newsletter's time zone, and whether at a given hour of each subscriber's day."""

    when = forms.ChoiceField(
        choices=[("now", "Send now"), ("later", "Schedule for later")],
        widget=forms.RadioSelect,
        initial="now",
    )
    at = forms.DateTimeField(
        label="Date and time",
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
    )
    local = forms.BooleanField(
        label="Send by time zone: at the same local time for every subscriber", required=False
    )
    hour = forms.TypedChoiceField(
        label="Local time",
        coerce=int,
        required=False,
        choices=[(hour, f"{hour}:00") for hour in range(24)],
        initial=_MORNING,
    )

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("when") == "later" and not data.get("at") and "at" not in self.errors:
            self.add_error("at", "Choose a date and time, or send now.")
        if data.get("local") and data.get("hour") in ("", None):
            self.add_error("hour", "Choose the local time.")
        return data

    def send_at(self) -> datetime | None:
        """The chosen time as an aware datetime; None for now."""
        if self.cleaned_data["when"] == "now":
            return None
        typed: datetime = self.cleaned_data["at"]
        return typed.replace(tzinfo=self.zone)

    def local_hour(self) -> int | None:
        return int(self.cleaned_data["hour"]) if self.cleaned_data["local"] else None


class SchedulePage(SnapshotPage):
    """Schedules an edition in its approved window, sends it now, or cancels the schedule."""

    page_title = "Schedule"
    template_name = "desk/sending/schedule.html"
    post_permission = "mailer.schedule_edition"
    fallback_page = "schedule"
    no_snapshot_error = "There is no approved version to schedule any more: it was changed or withdrawn."

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.edition.newsletter.zone)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        snapshot = context["overview"].snapshot
        context.setdefault("form", ScheduleForm(zone=self.zone, initial={"at": self._next_hour()}))
        if snapshot is not None:
            context["form"].fields["at"].widget.attrs |= {
                "min": f"{snapshot.window_from.astimezone(self.zone):%Y-%m-%dT%H:%M}",
                "max": f"{snapshot.window_until.astimezone(self.zone):%Y-%m-%dT%H:%M}",
            }
        return {
            **context,
            "snapshot": snapshot,
            "zone": self.zone.key,
            "may_schedule": self.request.user.has_perm(self.post_permission),
            "subscribers": Audience.of_edition(self.edition, timezone.now()).count(),
            "countdown": _countdown(snapshot),
        }

    def post_for(self, snapshot: Snapshot) -> HttpResponse:
        request = self.request
        if request.POST.get("action") == "unschedule":
            return self._unschedule(snapshot)
        form = ScheduleForm(request.POST, zone=self.zone)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        at = form.send_at()
        hour = form.local_hour()
        return self.attempt(
            lambda: approve.schedule(snapshot, current_user(request), at, timezone.now(), local_hour=hour),
            f"{self.edition} will be sent {self._describe(at, hour)}. You can cancel it until then.",
            "desk.schedule",
            on_success="schedule",
            on_error="schedule",
        )

    def _next_hour(self) -> str:
        hour = timezone.now().astimezone(self.zone) + timedelta(hours=1)
        return f"{hour:%Y-%m-%dT%H:00}"

    def _describe(self, at: datetime | None, hour: int | None) -> str:
        when = "in a few seconds" if at is None else f"on {at:%d %B %Y at %H:%M} ({self.zone.key})"
        return when if hour is None else f"{when}, to each subscriber at {hour}:00 local time"

    def _unschedule(self, snapshot: Snapshot) -> HttpResponse:
        return self.attempt(
            lambda: approve.unschedule(snapshot, current_user(self.request)),
            "The schedule is cancelled. Nothing is sent until it is scheduled again.",
            "desk.unschedule",
            on_success="schedule",
            on_error="schedule",
        )


def _countdown(snapshot: Snapshot | None) -> int | None:
    """Whole seconds until sending starts; None unless that is soon."""
    if snapshot is None or snapshot.send_at is None:
        return None
    left = snapshot.send_at - timezone.now()
    return max(round(left.total_seconds()), 0) if left < _COUNTDOWN_FROM else None
