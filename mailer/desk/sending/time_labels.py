"""Moments as staff read them: in the newsletter's time zone, in their own, and where the readers are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timeuntil
from django.utils.translation import get_language, gettext, ngettext

from mailer.approval.send_time_in_reader_timezone import local_send_time, zones_of
from mailer.rendering import localization
from mailer.staff_localization import city_of_zone, zone_label

_TIME = "H:i"


def own_zone() -> ZoneInfo:
    """The time zone that the user chose for the desk; that of the installation where they chose none."""
    return ZoneInfo(timezone.get_current_timezone_name())


def moment_label(moment: datetime, zone: ZoneInfo) -> str:
    """The moment with its zone, and the user's own time where that differs, as it stands in a sentence.

    "Friday, 3 December 2021, 09:00 (Almaty time, UTC+5; in Zurich 05:00)"
    """
    values = {
        "moment": _with_weekday(moment.astimezone(zone)),
        "zone": zone_label(moment, zone),
    }
    own = own_zone()
    if moment.astimezone(own).utcoffset() == moment.astimezone(zone).utcoffset():
        return gettext("%(moment)s (%(zone)s)") % values
    same_day = moment.astimezone(own).date() == moment.astimezone(zone).date()
    # "E" is the month as the language writes it within a date.
    there = date_format(moment.astimezone(own), _TIME if same_day else "j E, H:i")
    return gettext("%(moment)s (%(zone)s; in %(city)s %(time)s)") % {
        **values,
        "city": city_of_zone(own),
        "time": there,
    }


def _with_weekday(local: datetime) -> str:
    # Django's names of weekdays begin with a capital, also in languages that write them small in a sentence.
    weekday = localization.babel_locale(get_language() or "en").days["format"]["wide"][local.weekday()]
    return f"{weekday}, {date_format(local, 'DATETIME_FORMAT')}"


class CountryTime(NamedTuple):
    """When an edition is sent to the readers of a country."""

    # Their clock: "09:00"; "09:00–18:00" where clocks within the country differ.
    local: str
    # The newsletter's: "3 December, 08:00".
    office: str


def country_times(
    countries: Sequence[str], moment: datetime, zone: ZoneInfo, local_hour: int | None
) -> dict[str, CountryTime]:
    """By country (ISO 3166-1 alpha-2); empty where all clocks agree with the zone's."""
    rows = {}
    differs = local_hour is not None
    for code in countries:
        at = moment if local_hour is None else local_send_time((code,), moment, local_hour, zone)
        zones = list(zones_of((code,))) or [zone]
        clocks = sorted({at.astimezone(one).replace(tzinfo=None) for one in zones})
        differs = differs or clocks != [at.astimezone(zone).replace(tzinfo=None)]
        first, last = date_format(clocks[0], _TIME), date_format(clocks[-1], _TIME)
        rows[code] = CountryTime(
            first if len(clocks) == 1 else f"{first}–{last}", date_format(at.astimezone(zone), "j E, H:i")
        )
    return rows if differs else {}


def time_left(moment: datetime, now: datetime) -> str:
    """How long until a moment, in the largest two units: "2 days, 3 hours"; "" when it has passed."""
    seconds = round((moment - now).total_seconds())
    if 0 < seconds < 60:
        return ngettext("%(count)s second", "%(count)s seconds", seconds) % {"count": seconds}
    return timeuntil(moment, now) if moment > now else ""
