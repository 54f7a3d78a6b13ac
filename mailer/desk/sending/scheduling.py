"""The moment of sending: pick it, see it come, take it back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from wagtail.admin import messages

from mailer.approval import approve
from mailer.approval.models import Snapshot
from mailer.desk.base.current_user import staff
from mailer.desk.editions.edition_base import EditionPage
from mailer.editions.audience import Audience

# A moment nearer than this is counted down.
_SOON = timedelta(minutes=10)
_MORNING = 9


class MomentForm(forms.Form):
    """When an approved edition leaves, in the newsletter's zone, and whether at each reader's own hour."""

    when = forms.ChoiceField(
        choices=[("now", "Send now"), ("later", "At a chosen moment")],
        widget=forms.RadioSelect,
        initial="now",
    )
    at = forms.DateTimeField(
        label="Moment",
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
    )
    local = forms.BooleanField(label="Each reader in their own morning or evening", required=False)
    hour = forms.TypedChoiceField(
        label="Hour",
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
            self.add_error("at", "Choose the day and the hour, or send now.")
        if data.get("local") and data.get("hour") in ("", None):
            self.add_error("hour", "Choose the hour of the readers’ own day.")
        return data

    def moment(self) -> datetime | None:
        """The chosen moment, aware, None for now."""
        if self.cleaned_data["when"] == "now":
            return None
        typed: datetime = self.cleaned_data["at"]
        return typed.replace(tzinfo=self.zone)

    def local_hour(self) -> int | None:
        return int(self.cleaned_data["hour"]) if self.cleaned_data["local"] else None


class SchedulePage(EditionPage):
    """Pick a moment inside the window, or send now; take it back while nothing has left."""

    page_title = "Schedule"
    template_name = "desk/editions/schedule.html"
    current = "Schedule"
    acting_permission = "mailer.schedule_edition"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.edition.newsletter.zone)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        snapshot = context["overview"].snapshot
        context.setdefault("form", MomentForm(zone=self.zone, initial={"at": self._next_hour()}))
        if snapshot is not None:
            context["form"].fields["at"].widget.attrs |= {
                "min": f"{snapshot.window_from.astimezone(self.zone):%Y-%m-%dT%H:%M}",
                "max": f"{snapshot.window_until.astimezone(self.zone):%Y-%m-%dT%H:%M}",
            }
        return {
            **context,
            "snapshot": snapshot,
            "zone": self.zone.key,
            "may_schedule": self.request.user.has_perm(self.acting_permission),
            "readers": Audience.of(self.edition, timezone.now()).count(),
            "seconds": _seconds(snapshot),
        }

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        snapshot = self.edition.snapshots.filter(state__in=Snapshot.OPEN).first()
        if snapshot is None:
            messages.error(
                request, "There is no approved copy to schedule any more; it was changed or taken back."
            )
            return self.go("schedule")
        if request.POST.get("deed") == "take-back":
            return self._take_back(snapshot)
        form = MomentForm(request.POST, zone=self.zone)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        at = form.moment()
        hour = form.local_hour()
        return self.attempt(
            lambda: approve.schedule(snapshot, staff(request), at, timezone.now(), local_hour=hour),
            f"{self.edition} leaves {self._said(at, hour)}. Until then it can be taken back.",
            "desk.schedule",
            then="schedule",
            otherwise="schedule",
        )

    def _next_hour(self) -> str:
        hour = timezone.now().astimezone(self.zone) + timedelta(hours=1)
        return f"{hour:%Y-%m-%dT%H:00}"

    def _said(self, at: datetime | None, hour: int | None) -> str:
        moment = "in a moment" if at is None else f"on {at:%d %B %Y at %H:%M} ({self.zone.key})"
        return moment if hour is None else f"{moment}, each reader’s copy at {hour}:00 of their own day"

    def _take_back(self, snapshot: Snapshot) -> HttpResponse:
        return self.attempt(
            lambda: approve.unschedule(snapshot, staff(self.request)),
            "The moment is taken back; nothing leaves until somebody picks another.",
            "desk.unschedule",
            then="schedule",
            otherwise="schedule",
        )


def _seconds(snapshot: Snapshot | None) -> int | None:
    """Whole seconds until it leaves, when that is soon."""
    if snapshot is None or snapshot.send_at is None:
        return None
    left = snapshot.send_at - timezone.now()
    return max(round(left.total_seconds()), 0) if left < _SOON else None
