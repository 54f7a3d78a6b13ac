"""The sign-up form, its protection against bots, and the fields that the preference center shares."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.utils.translation import gettext, gettext_lazy

from subscribers import consent, iso_codes, rate_limit
from subscribers.addresses import normalise
from subscribers.models import MailingList, Subscriber
from subscribers.subscribe import newsletters_per_list

# Seconds between showing and submitting the form: people need at least the first, at most the second.
_MIN_SECONDS, _MAX_SECONDS = 2, 12 * 3600
_form_signer = Signer(salt="subscribers.subscribe.forms.shown")
_question_signer = Signer(salt="subscribers.subscribe.forms.asked")


class PreferenceFields(forms.Form):
    """The preferences that a subscriber may choose."""

    language = forms.ChoiceField(label=gettext_lazy("Language"))
    countries = forms.MultipleChoiceField(
        label=gettext_lazy("Countries you want to read about"),
        help_text=gettext_lazy("If you choose none, you get the stories of all of them."),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    lists = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Newsletters"), coerce=int, widget=forms.CheckboxSelectMultiple, required=False
    )

    def __init__(
        self,
        *args: Any,
        lists: Iterable[MailingList],
        page_language: str,
        extra_countries: Sequence[str] = (),
        extra_language: str = "",
        **kwargs: Any,
    ) -> None:
        """`extra_…`: what the subscriber has and the site does not offer."""
        super().__init__(*args, **kwargs)
        site = settings.CONFIG.site
        countries = dict.fromkeys((*site.countries, *extra_countries))
        self.offered = list(lists)
        of_lists = newsletters_per_list.newsletters_of_lists([one.pk for one in self.offered])
        # With the names of the newsletters that are sent to it, where they differ from its own.
        self.newsletters = {
            one.pk: [found.name for found in of_lists.get(one.pk, []) if found.name != one.name]
            for one in self.offered
        }
        offered_languages = newsletters_per_list.signup_languages(of_lists.values())
        languages = dict.fromkeys((*offered_languages, *([extra_language] if extra_language else [])))
        self._choice_field("countries").choices = [
            (code, iso_codes.country_name(code, page_language)) for code in countries
        ]
        self._choice_field("language").choices = [(code, native_language_name(code)) for code in languages]
        self._choice_field("lists").choices = [(one.pk, self._label(one)) for one in self.offered]

    def _label(self, mailing_list: MailingList) -> str:
        """The list, and which newsletters are sent to it: "Monthly (Silk Road News)"."""
        names = ", ".join(self.newsletters[mailing_list.pk])
        return f"{mailing_list.name} ({names})" if names else mailing_list.name

    def _choice_field(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        return field


class TrackingConsentForm(forms.Form):
    """Consent to tracking under the subscriber's name. The box is never ticked for them."""

    tracking = forms.BooleanField(
        label=gettext_lazy("You may see which links I open"),
        help_text=gettext_lazy(
            "It helps us to choose our stories. You can untick it at any time; your name is then removed "
            "from what we counted."
        ),
        required=False,
    )


def tracking_consent_form(data: Any, subscriber: Subscriber) -> TrackingConsentForm | None:
    """The box, ticked where the subscriber ticked it before; None where the configuration does not ask."""
    if not consent.is_tracking_offered():
        return None
    return TrackingConsentForm(data, initial={"tracking": subscriber.tracking_consent_at is not None})


def tracking_consent_text() -> str:
    """The text beside the box, in the active language, for the consent record."""
    box = TrackingConsentForm()["tracking"]
    return f"{box.label}\n{box.help_text}"


class SignUpForm(PreferenceFields):
    """Sign-up; a list need not be chosen where there is only one."""

    email = forms.CharField(label=gettext_lazy("Your email address"), max_length=400, required=False)
    # A honeypot: people do not see it, and bots fill it in.
    website = forms.CharField(required=False)
    shown = forms.CharField(required=False)
    # The question shown during a flood of sign-ups, as `Question.signed`, and its answer.
    asked = forms.CharField(required=False)
    answer = forms.CharField(required=False, max_length=20)

    def clean_email(self) -> str:
        return parse_address(self.cleaned_data["email"])

    def clean_lists(self) -> list[int]:
        chosen: list[int] = self.cleaned_data["lists"]
        if not chosen and len(self.offered) == 1:
            return [self.offered[0].pk]
        if not chosen:
            raise forms.ValidationError(gettext("Choose at least one newsletter."))
        return chosen

    def is_honeypot_filled(self) -> bool:
        """Whether the honeypot was filled in."""
        return bool(self.data.get("website"))

    def is_suspicious(self, now: datetime) -> bool:
        """Whether the form was submitted too soon, too late or twice, or was not shown by us."""
        try:
            shown, _, nonce = _form_signer.unsign(str(self.data.get("shown", ""))).partition(" ")
            seconds = now.timestamp() - int(shown)
        except (BadSignature, ValueError):
            return True
        return not _MIN_SECONDS <= seconds <= _MAX_SECONDS or not rate_limit.claim_form(nonce, now)

    def is_question_answered(self) -> bool:
        """Whether the question was shown and answered correctly."""
        try:
            first, second = _question_signer.unsign(str(self.data.get("asked", ""))).split("+")
            return int(str(self.data.get("answer", "")).strip()) == int(first) + int(second)
        except (BadSignature, ValueError):
            return False


@dataclass(frozen=True)
class Question:
    """The sum of two small numbers: easy to answer for people who read or hear it."""

    first: int
    second: int

    @classmethod
    def new(cls) -> Question:
        return cls(secrets.randbelow(8) + 2, secrets.randbelow(8) + 2)

    @property
    def signed(self) -> str:
        """The value of a hidden field. The form is good for one sign-up, so this cannot be reused."""
        return _question_signer.sign(f"{self.first}+{self.second}")


def parse_address(text: str) -> str:
    """A normalised address from a form field; raises ValidationError in the active language."""
    try:
        return normalise(text)
    except ValueError:
        raise forms.ValidationError(gettext("Enter your email address, such as name@example.org.")) from None


def consent_text() -> str:
    """The text beside the button, in the active language, for the consent record."""
    return gettext("We use your address to send you what you chose, and for nothing else.")


def confirmation_text() -> str:
    """The text above the button that confirms, in the active language, for the consent record.

    Without the masked address: the text is stored once for all subscribers, and not erased with one of them.
    """
    return gettext("Press the button, and %(masked)s will receive:") % {"masked": "…"}


def form_token(now: datetime) -> str:
    """The signed time at which a form is shown, with a nonce."""
    return _form_signer.sign(f"{int(now.timestamp())} {secrets.token_urlsafe(12)}")


def native_language_name(code: str) -> str:
    """The native name of a language."""
    names = dict(settings.LANGUAGES)
    return names.get(code) or iso_codes.language_name(code, code).capitalize()
