"""Lists of names, months and days in the language of the desk that the user chose."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext, pgettext
from wagtail.admin.paginator import WagtailPaginator

from mailer import staff_localization
from mailer.rendering import localization


def country_names_or_all(codes: Sequence[str]) -> str:
    """The countries' names as a list; "All countries" for none."""
    return staff_localization.country_names(codes) if codes else gettext("All countries")


def language_names(codes: Sequence[str]) -> str:
    """The languages' names, separated by commas."""
    return ", ".join(staff_localization.language_name(code) for code in codes)


def month_name(period: str) -> str:
    """A period, "2021-12", as "December 2021"."""
    return localization.period_in_sentence(period, staff_localization.active_language())


def format_day(when: date) -> str:
    """A day: "29 November 2021"."""
    shown = localization.format_day_without_year_of_period(when, "", staff_localization.active_language())
    return shown.replace("\N{NO-BREAK SPACE}", " ")


def format_moment(when: datetime, zone: str) -> str:
    """A time in an IANA zone: "3 December 2021 at 09:00 (Almaty time, UTC+6)"."""
    local = when.astimezone(ZoneInfo(zone))
    return gettext("%(day)s at %(time)s (%(zone)s)") % {
        "day": format_day(local.date()),
        "time": f"{local:%H:%M}",
        "zone": staff_localization.zone_label(when, ZoneInfo(zone)),
    }


def items_count_label(paginator: WagtailPaginator) -> str:
    """How many rows a list has: "3 users"."""
    objects = paginator.verbose_name if paginator.count == 1 else paginator.verbose_name_plural
    # Other languages write it so that no form of the noun depends on the number.
    return pgettext("rows of a list", "%(number)s %(objects)s") % {
        "number": paginator.count,
        "objects": objects,
    }


def format_day_with_weekday(when: date) -> str:
    """A day with its day of the week: "Tuesday, 7 December 2021"."""
    return gettext("%(weekday)s, %(day)s") % {"weekday": WEEKDAYS[when.weekday()], "day": format_day(when)}


def format_local_moment_with_weekday(local_moment: datetime) -> str:
    """A time in its own zone, with the day of the week: "Tuesday, 7 December 2021, 09:00"."""
    weekday = WEEKDAYS[local_moment.weekday()]
    return gettext("%(weekday)s, %(day)s, %(time)s") % {
        "weekday": weekday,
        "day": format_day(local_moment.date()),
        "time": f"{local_moment:%H:%M}",
    }
