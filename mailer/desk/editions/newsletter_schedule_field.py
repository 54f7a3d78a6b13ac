"""The form field of a schedule: plain choices for the rule, and the rule as text in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dates import WEEKDAYS as WEEKDAY_NAMES
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.telepath import register

from mailer import staff_localization
from mailer.desk.base.form_widgets import ServerWidgetAdapter
from mailer.editions import schedule_rules
from mailer.editions.models import SCHEDULE_LENGTH
from mailer.editions.schedule_rules import (
    LAST_WORKING_DAY,
    WEEKDAYS,
    Cron,
    EveryTwoWeeks,
    InvalidSchedule,
    MonthlyDay,
    MonthlyWeekday,
    Schedule,
    Weekly,
)
from mailer.rendering import localization

# How often, by the first words of a line.
_REPEATS: tuple[tuple[str, Promise], ...] = (
    ("", _("Manually")),
    ("monthly", _("Monthly, on a day of the month")),
    ("monthly-weekday", _("Monthly, on a day of the week")),
    (LAST_WORKING_DAY, _("Monthly, on the last working day")),
    ("weekly", _("Weekly")),
    ("two-weeks", _("Every two weeks")),
    ("cron", _("By a cron expression")),
)
_POSITIONS: tuple[tuple[str, Promise], ...] = (
    ("first", _("1st")),
    ("second", _("2nd")),
    ("third", _("3rd")),
    ("fourth", _("4th")),
    ("last", _("last of the month")),
)
# Whole sentences, because the words depend on each other in other languages.
_MONTHLY: dict[tuple[int, int], Promise] = {
    (1, 0): _("First Monday of the month"),
    (1, 1): _("First Tuesday of the month"),
    (1, 2): _("First Wednesday of the month"),
    (1, 3): _("First Thursday of the month"),
    (1, 4): _("First Friday of the month"),
    (1, 5): _("First Saturday of the month"),
    (1, 6): _("First Sunday of the month"),
    (2, 0): _("Second Monday of the month"),
    (2, 1): _("Second Tuesday of the month"),
    (2, 2): _("Second Wednesday of the month"),
    (2, 3): _("Second Thursday of the month"),
    (2, 4): _("Second Friday of the month"),
    (2, 5): _("Second Saturday of the month"),
    (2, 6): _("Second Sunday of the month"),
    (3, 0): _("Third Monday of the month"),
    (3, 1): _("Third Tuesday of the month"),
    (3, 2): _("Third Wednesday of the month"),
    (3, 3): _("Third Thursday of the month"),
    (3, 4): _("Third Friday of the month"),
    (3, 5): _("Third Saturday of the month"),
    (3, 6): _("Third Sunday of the month"),
    (4, 0): _("Fourth Monday of the month"),
    (4, 1): _("Fourth Tuesday of the month"),
    (4, 2): _("Fourth Wednesday of the month"),
    (4, 3): _("Fourth Thursday of the month"),
    (4, 4): _("Fourth Friday of the month"),
    (4, 5): _("Fourth Saturday of the month"),
    (4, 6): _("Fourth Sunday of the month"),
    (-1, 0): _("Last Monday of the month"),
    (-1, 1): _("Last Tuesday of the month"),
    (-1, 2): _("Last Wednesday of the month"),
    (-1, 3): _("Last Thursday of the month"),
    (-1, 4): _("Last Friday of the month"),
    (-1, 5): _("Last Saturday of the month"),
    (-1, 6): _("Last Sunday of the month"),
}
_WEEKLY: tuple[Promise, ...] = (
    _("Every Monday"),
    _("Every Tuesday"),
    _("Every Wednesday"),
    _("Every Thursday"),
    _("Every Friday"),
    _("Every Saturday"),
    _("Every Sunday"),
)
_TWO_WEEKS: tuple[Promise, ...] = (
    _("Every second Monday"),
    _("Every second Tuesday"),
    _("Every second Wednesday"),
    _("Every second Thursday"),
    _("Every second Friday"),
    _("Every second Saturday"),
    _("Every second Sunday"),
)
_DEFAULTS = {"repeat": "", "day": "1", "position": "first", "weekday": "monday", "time": "09:00", "cron": ""}
_PARTS = ("repeat", "day", "position", "weekday", "since", "time", "cron")


def schedule_text(line: str, zone: str) -> str:
    """A line as text: "First Tuesday of the month, 09:00 (Almaty time)"; an empty one: by staff."""
    if not line:
        return gettext("By staff, without a schedule")
    found = Schedule.parse(line)
    return gettext("%(days)s, %(time)s (%(zone)s)") % {
        "days": _days_text(found.rule),
        "time": f"{found.time:%H:%M}",
        "zone": staff_localization.zone_label(None, ZoneInfo(zone)),
    }


def _days_text(rule: schedule_rules.Rule) -> str:
    if isinstance(rule, MonthlyDay):
        return gettext("Day %(day)s of the month") % {"day": rule.day}
    if isinstance(rule, MonthlyWeekday):
        return str(_MONTHLY[rule.position, rule.weekday])
    if isinstance(rule, Weekly):
        return str(_WEEKLY[rule.weekday])
    if isinstance(rule, EveryTwoWeeks):
        return str(_TWO_WEEKS[rule.weekday])
    if isinstance(rule, Cron):
        return gettext("Cron expression: %(expression)s") % {"expression": rule.expression}
    return gettext("Last working day of the month")


def parts_of(line: str) -> dict[str, str]:
    """What the inputs show for a line, also for one that is no schedule."""
    kind, _space, rest = line.partition(" ")
    parts = {**_DEFAULTS, "since": _today()}
    if kind == "cron":
        return {**parts, "repeat": kind, "cron": rest}
    words = rest.split(" ")
    if kind == "monthly" and words[0] == LAST_WORKING_DAY:
        return {**parts, "repeat": LAST_WORKING_DAY, "time": words[-1]}
    if kind == "monthly" and len(words) > 2:
        return {
            **parts,
            "repeat": "monthly-weekday",
            "position": words[0],
            "weekday": words[1],
            "time": words[-1],
        }
    if kind == "monthly":
        return {**parts, "repeat": kind, "day": words[0], "time": words[-1]}
    if kind == "weekly":
        return {**parts, "repeat": kind, "weekday": words[0], "time": words[-1]}
    if kind == "two-weeks" and len(words) > 2:
        return {**parts, "repeat": kind, "weekday": words[0], "time": words[1], "since": words[2]}
    return parts


def line_of(parts: Mapping[str, str]) -> str:
    """The inverse of `parts_of`, of what a form sent; it may be no schedule."""
    # An input of the form never has a space, except for cron's.
    given = {name: "_".join(parts.get(name, "").split()) or "?" for name in _PARTS}
    repeat = parts.get("repeat", "")
    lines = {
        "monthly": "monthly {day} {time}",
        "monthly-weekday": "monthly {position} {weekday} {time}",
        LAST_WORKING_DAY: f"monthly {LAST_WORKING_DAY} {{time}}",
        "weekly": "weekly {weekday} {time}",
        "two-weeks": "two-weeks {weekday} {time} {since}",
    }
    if repeat == "cron":
        return f"cron {' '.join(parts.get('cron', '').split())}"[:SCHEDULE_LENGTH]
    return lines[repeat].format(**given)[:SCHEDULE_LENGTH] if repeat in lines else ""


def _today() -> str:
    today = timezone.now().date()
    return str(today - timedelta(days=today.weekday()))


class ScheduleInput(forms.Widget):
    """Selects and inputs of one rule. A script hides those that the chosen rule does not need."""

    use_fieldset = True

    class Media:
        js = ["desk/schedule_editor.js"]

    def id_for_label(self, id_: str, index: str | None = None) -> str:
        return ""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        parts = parts_of(str(value or ""))
        widget = {
            "name": name,
            "id": (attrs or {}).get("id", f"id_{name}"),
            "parts": parts,
            "repeats": _REPEATS,
            "positions": _POSITIONS,
            "weekdays": [(word, WEEKDAY_NAMES[number]) for number, word in enumerate(WEEKDAYS)],
            "described_by": (attrs or {}).get("aria-describedby", ""),
        }
        return {"widget": widget}

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        return render_to_string("desk/widgets/schedule.html", self.get_context(name, value, attrs))

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        return line_of({part: str(data.get(f"{name}-{part}", "")) for part in _PARTS})

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return f"{name}-repeat" not in data


register(ServerWidgetAdapter(), ScheduleInput)


class ScheduleField(forms.CharField):
    """A schedule's line; empty: by hand."""

    widget = ScheduleInput

    def validate(self, value: str) -> None:
        super().validate(value)
        try:
            if value:
                Schedule.parse(value)
        except InvalidSchedule as error:
            raise ValidationError(_error(parts_of(value)), code="schedule") from error


def _error(parts: Mapping[str, str]) -> str:
    """What is wrong in the inputs."""
    if parts["repeat"] == "cron":
        return gettext(
            "Write the five fields of a cron expression, the first two as numbers: minute, hour, "
            "day, month, day of the week, such as 0 9 * * 2."
        )
    if parts["repeat"] == "monthly" and not _is_day(parts["day"]):
        return gettext("Choose a day of the month from 1 to 31. In a shorter month, its last day is used.")
    if parts["repeat"] == "two-weeks" and not _is_date(parts["since"]):
        return gettext("Choose the day from which every second week is counted.")
    return gettext("Choose a day of the week and a time, such as 09:00.")


def _is_day(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= 31


def _is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def date_moved_note(names: tuple[str, ...]) -> str:
    """Why a date was moved."""
    if not names:
        return ""
    return gettext("moved because of a public holiday: %(names)s") % {
        "names": localization.join_with_commas(names)
    }
