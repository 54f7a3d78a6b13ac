"""The languages of the desk, which of them a member of staff reads, and names as staff read them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_location
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.utils.translation import get_language, gettext, override
from django.utils.translation.trans_real import parse_accept_lang_header

from subscribers import iso_codes

# What commands, logs and the database are written in; also where nobody chose a language.
DEFAULT = "en"


def desk_languages() -> tuple[str, ...]:
    """The codes of the languages that the desk is translated to, English first."""
    return tuple(code for code, _ in settings.WAGTAILADMIN_PERMITTED_LANGUAGES)


def active_language() -> str:
    """The language that texts are being translated to, such as that of a page."""
    return get_language() or DEFAULT


def country_name(code: str) -> str:
    """The country's name in the active language, by its ISO 3166-1 alpha-2 code."""
    return iso_codes.country_name(code, active_language())


def country_names(codes: Sequence[str]) -> str:
    """Names joined as the active language joins a list: "Kazakhstan, Kyrgyzstan and Uzbekistan"."""
    return iso_codes.country_names(codes, active_language())


def language_name(code: str) -> str:
    """The language's name in the active language."""
    return iso_codes.language_name(code, active_language())


def city_of_zone(zone: ZoneInfo) -> str:
    """The city that a time zone is named after, in the active language."""
    locale = active_language().replace("-", "_")
    return str(get_timezone_location(zone, locale=locale, return_city=True))


def utc_offset(moment: datetime, zone: ZoneInfo) -> str:
    """How far the zone is from UTC at a moment: "UTC+5", "UTC+5:30", "UTC"."""
    offset = moment.astimezone(zone).utcoffset() or timedelta()
    if not offset:
        return "UTC"
    hours, minutes = divmod(abs(round(offset.total_seconds() / 60)), 60)
    return f"UTC{'−' if offset < timedelta() else '+'}{hours}{f':{minutes:02}' if minutes else ''}"


def zone_label(moment: datetime | None, zone: ZoneInfo) -> str:
    """The zone spelled out: "Almaty time, UTC+5"; "UTC" for UTC.

    Without a moment, as of a rule, "Almaty time".
    """
    city = city_of_zone(zone)
    if city == "UTC":
        return city
    if moment is None:
        return gettext("%(city)s time") % {"city": city}
    return gettext("%(city)s time, %(offset)s") % {"city": city, "offset": utc_offset(moment, zone)}


def office_desk_language() -> str:
    """The first of the office's languages that the desk has; English where it has none of them."""
    offered = desk_languages()
    return next((code for code in settings.CONFIG.site.languages if code in offered), DEFAULT)


def chosen_language(user: User | AnonymousUser) -> str:
    """What the user chose on their account page; "" if they chose nothing."""
    profile = getattr(user, "wagtail_userprofile", None)
    code = str(profile.preferred_language) if profile is not None else ""
    return code if code in desk_languages() else ""


def language_of(user: User) -> str:
    """The language of emails to this member of staff: what they chose, else the office's."""
    return chosen_language(user) or office_desk_language()


def in_language_of(user: User) -> AbstractContextManager[None]:
    """Translates, within a `with` block, to the language of emails to this member of staff."""
    return override(language_of(user))


def accepted_language(request: HttpRequest, offered: tuple[str, ...], default: str) -> str:
    """The first language of the browser's Accept-Language (RFC 9110 §12.5.4) that is offered."""
    for wanted, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        for code in (wanted, wanted.partition("-")[0]):
            if code in offered:
                return code
    return default
