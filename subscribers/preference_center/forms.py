"""The forms of the preference center, filled in with the present preferences."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from subscribers.models import Subscriber
from subscribers.preference_center import preferences
from subscribers.preference_center.preferences import Preferences
from subscribers.subscribe.forms import PreferenceFields, parse_address

_EVERY, _UNTIL = "every", "until"


class AddressChangeForm(forms.Form):
    """A new address, other than the present one."""

    new_email = forms.CharField(label=gettext_lazy("Your new e-mail address"), max_length=400, required=False)

    def __init__(self, data: Any, *, current_email: str) -> None:
        super().__init__(data)
        self._present = current_email

    def clean_new_email(self) -> str:
        address = parse_address(self.cleaned_data["new_email"])
        if address == self._present:
            raise forms.ValidationError(gettext("This is the address that you have already."))
        return address


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
        label=gettext_lazy("The day on which it goes on"),
        input_formats=["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y"],
        required=False,
    )

    def __init__(self, data: Any, *, subscriber: Subscriber, page_language: str, now: datetime) -> None:
        """`page_language` is the active language."""
        self.current = current = preferences.current(subscriber, now)
        self.today = timezone.localdate(now)
        self.last_day = self.today + preferences.MAX_PAUSE
        initial: dict[str, Any] = {
            "language": current.language,
            "countries": list(current.countries),
            "lists": list(current.lists),
            "often": _UNTIL if current.paused_until else _EVERY,
            "until": current.paused_until,
        }
        super().__init__(
            data,
            lists=preferences.offered_lists(subscriber),
            page_language=page_language,
            extra_countries=current.countries,
            extra_language=current.language,
            initial=initial,
        )
        self.fields["until"].error_messages["invalid"] = gettext("Write the day as in 2027-01-31.")

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
                self.add_error("until", gettext("Choose the day on which it goes on."))
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
