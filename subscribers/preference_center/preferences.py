"""A subscriber's preferences: read, edited in forms, saved with consent records, and undone by a token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core import signing
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from subscribers import consent, iso_codes, rate_limit, transactional_emails, unsubscribe
from subscribers.consent import Event, Evidence
from subscribers.models import MailingList, Subscriber
from subscribers.rate_limit import Limit
from subscribers.subscribe import subscribe
from subscribers.subscribe.forms import (
    PreferenceFields,
    native_language_name,
    parse_address,
    tracking_consent_text,
)
from subscribers.suppression import is_suppressed

# A pause is for a holiday or a busy season; who wants a longer one unsubscribes.
MAX_PAUSE = timedelta(days=366)
# How long the undo button works.
UNDO_WITHIN = timedelta(days=1)
# Links to the preferences that are emailed to a subscriber in a day, and for one network in an hour, at most.
_LINKS_PER_DAY, _LINKS_PER_NETWORK = 3, 20
_SALT = "subscribers.preference_center.undo"
_EVERY, _UNTIL = "every", "until"


@dataclass(frozen=True)
class Preferences:
    # Language code.
    language: str
    # ISO 3166-1 alpha-2, sorted; none: every country.
    countries: tuple[str, ...]
    # Ids of the lists with a confirmed subscription, sorted.
    lists: tuple[int, ...]
    # The first day on which editions are sent again; None: no pause.
    paused_until: date | None
    # Whether the subscriber agreed to tracking under their name.
    tracking: bool


class AddressChangeForm(forms.Form):
    """A new address."""

    new_email = forms.CharField(label=gettext_lazy("Your new email address"), max_length=400, required=False)

    def clean_new_email(self) -> str:
        return parse_address(self.cleaned_data["new_email"])


class PreferencesForm(PreferenceFields):
    """Lists, countries and language, and how often."""

    often = forms.ChoiceField(
        label=gettext_lazy("How often"),
        choices=[
            (_EVERY, gettext_lazy("Every edition")),
            (_UNTIL, gettext_lazy("Nothing until a day that you choose")),
        ],
        widget=forms.RadioSelect,
        required=False,
    )
    until = forms.DateField(
        label=gettext_lazy("The day on which emails start again"),
        input_formats=["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y"],
        required=False,
    )

    def __init__(self, data: Any, *, subscriber: Subscriber, page_language: str, now: datetime) -> None:
        """`page_language` is the active language."""
        self.current = current = read_preferences(subscriber, now)
        self.today = timezone.localdate(now)
        self.last_day = self.today + MAX_PAUSE
        initial: dict[str, Any] = {
            "language": current.language,
            "countries": list(current.countries),
            "lists": list(current.lists),
            "often": _UNTIL if current.paused_until else _EVERY,
            "until": current.paused_until,
        }
        super().__init__(
            data,
            lists=offered_lists(subscriber),
            page_language=page_language,
            extra_countries=current.countries,
            extra_language=current.language,
            initial=initial,
        )
        self.fields["until"].error_messages["invalid"] = gettext("Enter the day as in 2027-01-31.")

    @property
    def until_value(self) -> str:
        """The value of the date field, as browsers take it."""
        value = self["until"].value()
        return value.isoformat() if isinstance(value, date) else str(value or "")

    @property
    def first_day(self) -> date:
        """The first day that a pause may end on."""
        return self.today + timedelta(days=1)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("often") == _UNTIL and "until" not in self.errors:
            until = cleaned.get("until")
            if until is None:
                self.add_error("until", gettext("Choose the day on which emails start again."))
            elif not self.first_day <= until <= self.last_day:
                self.add_error("until", gettext("Choose a day from tomorrow on, and within a year."))
        return cleaned

    def preferences(self, tracking: bool) -> Preferences:
        """The preferences in the form; without an answer to “How often” the pause stays as it was."""
        often = self.cleaned_data["often"]
        until = {_UNTIL: self.cleaned_data["until"], _EVERY: None}.get(often, self.current.paused_until)
        return Preferences(
            self.cleaned_data["language"],
            tuple(sorted(self.cleaned_data["countries"])),
            tuple(sorted(self.cleaned_data["lists"])),
            until,
            tracking,
        )


def read_preferences(subscriber: Subscriber, now: datetime) -> Preferences:
    """The present preferences. A pause that has ended is none."""
    until = subscriber.paused_until
    return Preferences(
        subscriber.language,
        tuple(subscriber.countries),
        unsubscribe.confirmed_list_ids(subscriber.pk),
        timezone.localdate(until) if until and until > now else None,
        subscriber.tracking_consent_at is not None,
    )


def offered_lists(subscriber: Subscriber) -> QuerySet[MailingList]:
    """Lists that the subscriber may choose: public ones, and those they are on."""
    return MailingList.objects.filter(
        Q(public=True) | Q(pk__in=unsubscribe.confirmed_list_ids(subscriber.pk))
    )


def save(
    subscriber: Subscriber,
    wanted: Preferences,
    link_newsletter_id: int | None,
    evidence: Evidence,
    now: datetime,
) -> None:
    """Save the wanted preferences, with a consent record for each change and none for what stays.

    `link_newsletter_id`: the newsletter whose link was used, as in `unsubscribe.unsubscribe`. Call it with
    the subscriber's language active.
    """
    with transaction.atomic():
        before = read_preferences(Subscriber.objects.select_for_update().get(pk=subscriber.pk), now)
        _save_fields(subscriber, before, wanted, evidence, now)
        subscribe.add_to_lists(subscriber, sorted(set(wanted.lists) - set(before.lists)), evidence, now)
        unsubscribe.unsubscribe(
            subscriber.pk, set(before.lists) - set(wanted.lists), link_newsletter_id, evidence, now
        )
        if consent.is_tracking_offered():
            consent.set_tracking_consent(
                subscriber, wanted.tracking, replace(evidence, text=tracking_consent_text()), now
            )


def send_preferences_link(subscriber: Subscriber, newsletter_id: int, network: str, now: datetime) -> str:
    """Email the link to the preferences to the subscriber: "sent", or "busy" when it was requested too often.

    A suppressed address gets none, which the answer does not reveal. `network`: as consent.network_of gives
    it.
    """
    with transaction.atomic():
        limits = [Limit(f"preferences link {subscriber.pk}", _LINKS_PER_DAY, timedelta(days=1))]
        if network:
            limits.append(Limit(f"preferences links {network}", _LINKS_PER_NETWORK, timedelta(hours=1)))
        if rate_limit.count_hit_unless_limited(limits, now) is not None:
            return "busy"
        if not is_suppressed(subscriber):
            transactional_emails.send_preferences_link(subscriber, newsletter_id)
    return "sent"


def undo_token(subscriber: Subscriber, before: Preferences) -> str:
    """The value of the undo button, which restores `before`."""
    until = before.paused_until
    kept = [before.language, before.countries, before.lists, until and until.isoformat(), before.tracking]
    return signing.dumps([subscriber.pk, *kept], salt=_SALT)


def read_undo_token(subscriber: Subscriber, token: str) -> Preferences | None:
    """The preferences in an `undo_token`; None when it is another subscriber's, forged or expired.

    Lists that others removed the subscriber from since are left out.
    """
    try:
        kept = signing.loads(token, salt=_SALT, max_age=UNDO_WITHIN)
    except signing.BadSignature:
        return None
    number, language, countries, lists, until, tracking = kept
    if number != subscriber.pk:
        return None
    own = set(offered_lists(subscriber).values_list("pk", flat=True)) | unsubscribe.self_unsubscribed(
        subscriber.pk, lists
    )
    return Preferences(
        language,
        tuple(countries),
        tuple(one for one in lists if one in own),
        date.fromisoformat(until) if until else None,
        tracking,
    )


def start_of_day(day: date) -> datetime:
    """The time at which a day begins in the site's time zone."""
    return timezone.make_aware(datetime.combine(day, time()))


def describe_changes(before: Preferences, after: Preferences, language: str) -> list[tuple[str, str]]:
    """(what, its new value) for everything that differs, with `language` active."""
    return list(_changes(before, after, language))


def _changes(before: Preferences, after: Preferences, language: str) -> Iterator[tuple[str, str]]:
    if after.lists != before.lists:
        names = MailingList.objects.filter(pk__in=after.lists).values_list("name", flat=True)
        yield gettext("Newsletters"), ", ".join(names) or gettext("none")
    if after.countries != before.countries:
        every = gettext("all countries")
        yield gettext("Countries"), iso_codes.country_names(after.countries, language) or every
    if after.language != before.language:
        yield gettext("Language"), native_language_name(after.language)
    if after.paused_until != before.paused_until:
        yield gettext("How often"), mail_frequency_text(after, language)
    if after.tracking != before.tracking:
        yield (
            gettext("Links you open"),
            gettext("counted under your name") if after.tracking else gettext("not counted under your name"),
        )


def mail_frequency_text(preferences: Preferences, language: str) -> str:
    """How often mail comes, with `language` active."""
    if preferences.paused_until is None:
        return gettext("Every edition")
    return gettext("You will receive nothing before %(day)s.") % {
        "day": format_day(preferences.paused_until, language)
    }


def format_day(date_: date, language: str) -> str:
    """A day as the language writes it: "31 January 2027"."""
    return iso_codes.long_date(date_, language)


def _save_fields(
    subscriber: Subscriber, before: Preferences, wanted: Preferences, evidence: Evidence, now: datetime
) -> None:
    changes: dict[str, Any] = {}
    sources = []
    if (wanted.language, wanted.countries) != (before.language, before.countries):
        changes |= {"language": wanted.language, "countries": wanted.countries}
        sources.append(f"{wanted.language}: {', '.join(wanted.countries) or 'every country'}")
    if wanted.paused_until != before.paused_until:
        changes["paused_until"] = start_of_day(wanted.paused_until) if wanted.paused_until else None
        sources.append(f"nothing before {wanted.paused_until}" if wanted.paused_until else "every edition")
    if changes:
        for name, value in changes.items():
            setattr(subscriber, name, value)
        subscriber.save(update_fields=[*changes, "updated_at"])
    for source in sources:
        consent.record(Event.PREFERENCES, [subscriber.pk], [None], replace(evidence, source=source), now)
