"""What was changed, in the reader's words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from babel.dates import format_date
from django.utils.translation import gettext

from subscribers import iso_codes
from subscribers.models import MailingList
from subscribers.preference_center.preferences import Preferences
from subscribers.subscribe import forms


def changes(before: Preferences, after: Preferences, language: str) -> list[tuple[str, str]]:
    """(what, how it is now) for everything that differs; call it in `language`."""
    return list(_changes(before, after, language))


def _changes(before: Preferences, after: Preferences, language: str) -> Iterator[tuple[str, str]]:
    if after.lists != before.lists:
        names = MailingList.objects.filter(pk__in=after.lists).values_list("name", flat=True)
        yield gettext("Newsletters"), ", ".join(names) or gettext("none")
    if after.countries != before.countries:
        every = gettext("all countries")
        yield gettext("Countries"), iso_codes.country_names(after.countries, language) or every
    if after.language != before.language:
        yield gettext("Language"), forms.native_language_name(after.language)
    if after.paused_until != before.paused_until:
        yield gettext("How often"), pause_text(after, language)
    if after.tracking != before.tracking:
        yield (
            gettext("Links you open"),
            gettext("counted under your name") if after.tracking else gettext("not counted under your name"),
        )


def pause_text(wishes: Preferences, language: str) -> str:
    """How often something comes."""
    if wishes.paused_until is None:
        return gettext("Every edition")
    return gettext("Nothing comes before %(day)s.") % {"day": format_day(wishes.paused_until, language)}


def format_day(date_: date, language: str) -> str:
    """A day as the language writes it: "31 January 2027"."""
    return format_date(date_, "long", locale=iso_codes.locale_of(language))
