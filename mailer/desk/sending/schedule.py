"""Scheduling an approved edition in two steps, the countdown before it is sent, and undoing the schedule.

The first step is a form without a consequence, sent by GET: it can be reloaded, opened again by the back
button and returned to after signing in. The second shows who gets what and when, and posts. The post names
the snapshot and the schedule that the page showed, so that an old page changes nothing that is newer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import get_language, gettext, gettext_lazy, pgettext_lazy
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer import staff_localization
from mailer.approval import send_time_in_reader_timezone, snapshot_state_changes
from mailer.approval.content_changes_and_authors import user_or_system_name
from mailer.approval.models import Snapshot
from mailer.approval.snapshot_state_changes import ApprovalError, WrongState
from mailer.delivery.rollout import plan_deliveries
from mailer.desk.base.page_base_classes import SnapshotPage, current_user
from mailer.desk.base.setup_progress import open_server_steps
from mailer.desk.sending import time_labels
from mailer.desk.sending.time_labels import CountryTime
from mailer.editions.audience import Audience, ReaderCounts
from mailer.reports.number_formats import format_number
from subscribers import iso_codes
from subscribers.segments.rule_format import InvalidRule

# The page shows a running countdown when sending starts within this time.
_COUNTDOWN_FROM = timedelta(minutes=10)
_MORNING = 9
_FIELD_FORMAT = "%Y-%m-%dT%H:%M"
# Audiences up to this size are counted for each page; of larger ones, the counts of the submission are shown.
_COUNTED_LIVE = 20_000
# Countries that the page lists; the others are summed up.
_MAX_COUNTRIES = 12


class ScheduleForm(forms.Form):
    """When to send, in the newsletter's time zone, and whether at a given hour of each subscriber's day."""

    when = forms.ChoiceField(choices=[("later", "later"), ("now", "now")])
    at = forms.DateTimeField(
        label=gettext_lazy("Date and time"),
        required=False,
        input_formats=[_FIELD_FORMAT, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(format=_FIELD_FORMAT, attrs={"type": "datetime-local"}),
        error_messages={"invalid": gettext_lazy("Enter the date and time of sending.")},
    )
    local = forms.BooleanField(
        label=gettext_lazy("Send by time zone: at the same local time for every subscriber"), required=False
    )
    hour = forms.TypedChoiceField(
        label=gettext_lazy("Local time"),
        coerce=int,
        required=False,
        choices=[(hour, f"{hour:02}:00") for hour in range(24)],
        initial=_MORNING,
    )

    def __init__(self, *args: Any, snapshot: Snapshot, zone: ZoneInfo, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone, self.now, self.latest = zone, now, snapshot.window_until
        self.earliest = max(now, snapshot.window_from)
        whole_minute = self.earliest.replace(second=0, microsecond=0) + timedelta(minutes=1)
        self.fields["at"].widget.attrs |= {
            "min": f"{whole_minute.astimezone(zone):{_FIELD_FORMAT}}",
            "max": f"{self.latest.astimezone(zone):{_FIELD_FORMAT}}",
            "aria-describedby": "desk-at-help",
        }
        if "at" in self.errors:
            self.fields["at"].widget.attrs |= {
                "aria-invalid": "true",
                "aria-describedby": "desk-at-error desk-at-help",
            }

    def clean_at(self) -> datetime | None:
        """The chosen time as an aware datetime."""
        typed: datetime | None = self.cleaned_data["at"]
        return typed.replace(tzinfo=self.zone) if typed else None

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("when") == "now":
            # Whatever stands in the field is not used.
            self.errors.pop("at", None)
        elif "at" not in self.errors:
            self._check_time(data.get("at"))
        if data.get("local"):
            self._check_hour(data.get("hour"))
        return data

    def _check_time(self, at: datetime | None) -> None:
        if at is None:
            self.add_error("at", gettext("Choose the date and time of sending."))
        elif at < self.earliest:
            self.add_error("at", gettext("This time has already passed. Choose a later one."))
        elif at > self.latest:
            until = time_labels.moment_label(self.latest, self.zone)
            self.add_error(
                "at",
                gettext("The approved sending window ends on %(until)s. Choose an earlier time.")
                % {"until": until},
            )

    def _check_hour(self, hour: Any) -> None:
        if hour in ("", None):
            self.add_error("hour", gettext("Choose the local time of sending."))
            return
        start = self.cleaned_data.get("at") if self.cleaned_data.get("when") == "later" else self.now
        if start and "at" not in self.errors and self._too_late(start, int(hour)):
            until = time_labels.moment_label(self.latest, self.zone)
            self.add_error(
                "hour",
                gettext(
                    "The approved sending window ends on %(until)s, before this hour. Choose an earlier hour."
                )
                % {"until": until},
            )

    def _too_late(self, start: datetime, hour: int) -> bool:
        return send_time_in_reader_timezone.next_hour(start, hour, self.zone) > self.latest

    def send_at(self) -> datetime | None:
        """The chosen time, aware; None for now."""
        return self.cleaned_data["at"] if self.cleaned_data["when"] == "later" else None

    def local_hour(self) -> int | None:
        return int(self.cleaned_data["hour"]) if self.cleaned_data["local"] else None


class _CountryRow(NamedTuple):
    name: str
    readers: int
    # Shares of the languages: "Kazakh 800, Russian 400".
    languages: str
    # When it gets there; None where all clocks agree.
    time: CountryTime | None


class SchedulePage(SnapshotPage):
    """Schedules an edition in its approved window, sends it now, or cancels the schedule."""

    page_title = pgettext_lazy("page of an edition", "Schedule")
    template_name = "desk/sending/schedule.html"
    post_permission = "mailer.schedule_edition"
    fallback_page = "schedule"

    @property
    def no_snapshot_error(self) -> str:  # type: ignore[override]
        return gettext(
            "The edition can no longer be scheduled: its approved version was changed or withdrawn."
        )

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.edition.newsletter.zone)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        snapshot, now = context["overview"].snapshot, context["now"]
        context |= {
            "snapshot": snapshot,
            "zone_label": staff_localization.zone_label(now, self.zone),
            "may_schedule": self.request.user.has_perm(self.post_permission),
        }
        if snapshot is None:
            return context
        if snapshot.state == Snapshot.State.SCHEDULED and snapshot.send_at and not snapshot.mailed:
            context |= self._scheduled(snapshot, now)
        if snapshot.state == Snapshot.State.APPROVED:
            context.setdefault("form", self._form_of_query(snapshot, now))
            if self._is_chosen(context["form"]):
                context |= self._confirmation(snapshot, context["form"], now)
            context["open_steps"] = open_server_steps()
            context["window_until"] = time_labels.moment_label(snapshot.window_until, self.zone)
        return context

    def _is_chosen(self, form: ScheduleForm) -> bool:
        """Whether the first step is done, so that the page asks for a confirmation."""
        return form.is_bound and form.is_valid()

    def _form_of_query(self, snapshot: Snapshot, now: datetime) -> ScheduleForm:
        """The form as the URL fills it in; a field that is not in the URL has its default."""
        given = self.request.GET
        if "when" in given:
            return ScheduleForm(given, snapshot=snapshot, zone=self.zone, now=now)
        initial: dict[str, Any] = {"at": self._default_time(snapshot, now)}
        initial |= {name: given[name] for name in ("at", "local", "hour") if name in given}
        return ScheduleForm(initial=initial, snapshot=snapshot, zone=self.zone, now=now)

    def _default_time(self, snapshot: Snapshot, now: datetime) -> str:
        """The next morning in the newsletter's zone; the next full hour where the window ends before."""
        at = send_time_in_reader_timezone.next_hour(now, _MORNING, self.zone)
        if at > snapshot.window_until:
            at = now + timedelta(hours=1)
        return f"{at.astimezone(self.zone):%Y-%m-%dT%H:00}"

    def _confirmation(self, snapshot: Snapshot, form: ScheduleForm, now: datetime) -> dict[str, Any]:
        at, hour = form.send_at(), form.local_hour()
        moment = at or now
        readers, counted_live = _readers(snapshot, self.edition.newsletter, now)
        by_country = sorted(readers.countries.items(), key=lambda row: -sum(row[1].values()))
        listed = by_country[:_MAX_COUNTRIES]
        codes = [code for code, _languages in listed if code]
        times = time_labels.country_times(codes, moment, self.zone, hour)
        return {
            "confirming": True,
            "at": at,
            "moment": time_labels.moment_label(moment, self.zone),
            "time_left": time_labels.time_left(moment, now),
            "local_hour": f"{hour:02}:00" if hour is not None else "",
            "readers": readers.total,
            "counted_live": counted_live,
            "languages": _shares(readers.languages),
            "countries": [_country_row(code, found, times.get(code)) for code, found in listed],
            "has_times": bool(times),
            "more_countries": max(0, len(by_country) - _MAX_COUNTRIES),
            "undo_seconds": settings.CONFIG.sending.undo_seconds,
            "rollout": [f"{share:g} %" for share in plan_deliveries.rollout_percentages()]
            if hour is None
            else [],
            "edit_query": urlencode(_query(at, hour)),
        }

    def _scheduled(self, snapshot: Snapshot, now: datetime) -> dict[str, Any]:
        assert snapshot.send_at is not None
        return {
            "moment": time_labels.moment_label(snapshot.send_at, self.zone),
            "local_hour": f"{snapshot.local_hour:02}:00" if snapshot.local_hour is not None else "",
            "time_left": time_labels.time_left(snapshot.send_at, now),
            "countdown": _countdown(snapshot),
            "scheduled_by": user_or_system_name(snapshot.scheduled_by) if snapshot.scheduled_by else "",
            "seen": _seen(snapshot),
        }

    def post_for(self, snapshot: Snapshot) -> HttpResponse:
        if self.request.POST.get("action") == "unschedule":
            return self._unschedule(snapshot)
        return self._schedule(snapshot)

    def _schedule(self, snapshot: Snapshot) -> HttpResponse:
        if snapshot.sha256 != self.request.POST.get("sha256"):
            return self._explain(
                messages.error,
                gettext(
                    "The edition was not scheduled: it was submitted again since you opened "
                    "that page. Check the new version."
                ),
            )
        if snapshot.state != Snapshot.State.APPROVED:
            return self._explain_state(snapshot)
        form = ScheduleForm(self.request.POST, snapshot=snapshot, zone=self.zone, now=timezone.now())
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        user, at, hour = current_user(self.request), form.send_at(), form.local_hour()
        try:
            snapshot_state_changes.schedule(snapshot, user, at, timezone.now(), local_hour=hour)
        except WrongState:
            # Another request was faster.
            return self._explain_state(snapshot)
        except ApprovalError as error:
            messages.error(self.request, str(error))
            return self._back_to_form(at, hour)
        log(instance=self.edition, action="desk.schedule", user=user)
        messages.success(self.request, self._confirmed(snapshot, at))
        return self.redirect_to("schedule")

    def _confirmed(self, snapshot: Snapshot, at: datetime | None) -> str:
        if at is None:
            return gettext(
                "The edition “%(edition)s” will be sent in a few seconds. Until then you can undo this."
            ) % {"edition": self.edition}
        return gettext(
            "The edition “%(edition)s” is scheduled: %(moment)s. Until then you can cancel the schedule."
        ) % {
            "edition": self.edition,
            "moment": time_labels.moment_label(snapshot.send_at or at, self.zone),
        }

    def _unschedule(self, snapshot: Snapshot) -> HttpResponse:
        if snapshot.state != Snapshot.State.SCHEDULED or snapshot.mailed:
            return self._explain_state(snapshot)
        if self.request.POST.get("seen") != _seen(snapshot):
            return self._explain(
                messages.warning,
                gettext(
                    "The schedule of the edition was changed since you opened that page, so "
                    "it was not cancelled. Check it below."
                ),
            )
        at, hour = snapshot.send_at, snapshot.local_hour
        try:
            snapshot_state_changes.unschedule(snapshot, current_user(self.request))
        except WrongState:
            return self._explain_state(snapshot)
        except ApprovalError as error:
            return self._explain(messages.error, str(error))
        log(instance=self.edition, action="desk.unschedule", user=current_user(self.request))
        messages.success(
            self.request,
            gettext("The schedule is cancelled. The edition is not sent until it is scheduled again."),
        )
        return self._back_to_form(at, hour)

    def _back_to_form(self, at: datetime | None, hour: int | None) -> HttpResponse:
        """To the first step, filled in as it was; a time that is about to pass is left out."""
        if at is not None:
            at = at.astimezone(self.zone) if at - timezone.now() > _COUNTDOWN_FROM else None
        query = urlencode(_query(at, hour))
        address = reverse("desk_edition:schedule", args=[self.edition.pk])
        return redirect(f"{address}?{query}" if query else address)

    def _explain(self, show: Any, text: str) -> HttpResponse:
        show(self.request, text)
        return self.redirect_to("schedule")

    def _explain_state(self, snapshot: Snapshot) -> HttpResponse:
        """Say what already happened to the edition, in place of doing it twice."""
        snapshot.refresh_from_db()
        if snapshot.mailed:
            messages.warning(
                self.request,
                gettext(
                    "Sending had already begun, so nothing was changed; you can pause or cancel it here."
                ),
            )
            return self.redirect_to("progress")
        if snapshot.state == Snapshot.State.SCHEDULED and snapshot.send_at:
            text = gettext(
                "The edition was already scheduled by %(name)s: %(moment)s. It was not scheduled twice."
            ) % {
                "name": user_or_system_name(snapshot.scheduled_by) if snapshot.scheduled_by else "–",
                "moment": time_labels.moment_label(snapshot.send_at, self.zone),
            }
            return self._explain(messages.info, text)
        if snapshot.state == Snapshot.State.APPROVED:
            return self._explain(
                messages.info, gettext("The schedule was already cancelled: the edition is not scheduled.")
            )
        return self._explain(
            messages.error, gettext("Only approved editions can be scheduled. Nothing was changed.")
        )


def _query(at: datetime | None, hour: int | None) -> dict[str, str]:
    """The parameters that fill in the first step."""
    query = {"at": f"{at:{_FIELD_FORMAT}}"} if at else {}
    return query if hour is None else {**query, "local": "on", "hour": str(hour)}


def _seen(snapshot: Snapshot) -> str:
    """What a page showed of a schedule; another schedule has another value."""
    return f"{snapshot.sha256[:12]} {snapshot.send_at.isoformat() if snapshot.send_at else ''}"


def _readers(snapshot: Snapshot, newsletter: Any, now: datetime) -> tuple[ReaderCounts, bool]:
    """Subscribers who get it, and whether they were counted now rather than at submission."""
    stored = ReaderCounts.from_dict(snapshot.readers)
    if snapshot.audience_count > _COUNTED_LIVE and stored:
        return stored, False
    try:
        combinations = Audience.from_dict(snapshot.audience, now).combinations()
    except InvalidRule:
        # The mailing will not start, and says so; until then the page shows what is known.
        return stored or ReaderCounts(snapshot.audience_count, {}, {}), False
    return ReaderCounts.from_combinations(combinations, newsletter.languages, newsletter.fallbacks), True


def _shares(languages: Mapping[str, int]) -> str:
    """Counts by language, the most frequent first: "Kazakh 800, Russian 400"."""
    page_language = get_language() or "en"
    return ", ".join(
        f"{iso_codes.language_name(code, page_language)} {format_number(count)}"
        for code, count in sorted(languages.items(), key=lambda row: -row[1])
    )


def _country_row(code: str, languages: Mapping[str, int], time: CountryTime | None) -> _CountryRow:
    name = iso_codes.country_name(code, get_language() or "en") if code else gettext("All countries")
    return _CountryRow(name, sum(languages.values()), _shares(languages), time)


def _countdown(snapshot: Snapshot | None) -> int | None:
    """Whole seconds until sending starts; None unless that is soon."""
    if snapshot is None or snapshot.send_at is None:
        return None
    left = snapshot.send_at - timezone.now()
    return max(round(left.total_seconds()), 0) if left < _COUNTDOWN_FROM else None
