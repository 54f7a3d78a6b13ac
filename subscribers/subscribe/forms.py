"""The forms of joining and of what a reader chooses, and what keeps machines from filling in the first."""

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

from subscribers import consent, iso_codes
from subscribers.addresses import normalise
from subscribers.models import MailingList, Subscriber
from subscribers.subscribe import signup_abuse

# Seconds between showing the form and sending it: nobody is faster, and nobody leaves it open longer.
_MIN_SECONDS, _MAX_SECONDS = 2, 12 * 3600
_form_signer = Signer(salt="subscribers.subscribe.forms.shown")
_question_signer = Signer(salt="subscribers.subscribe.forms.asked")


class PreferenceFields(forms.Form):
    """What a reader may choose."""

    language = forms.ChoiceField(label=gettext_lazy("Language"))
    countries = forms.MultipleChoiceField(
        label=gettext_lazy("Countries you want to read about"),
        help_text=gettext_lazy("Choose none, and you get the stories of all of them."),
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
        """`also_…`: what the reader has and the site does not offer; `spoken`: the language of the page."""
        super().__init__(*args, **kwargs)
        site = settings.CONFIG.site
        countries = dict.fromkeys((*site.countries, *extra_countries))
        languages = dict.fromkeys((*site.languages, *([extra_language] if extra_language else [])))
        self._choice_field("countries").choices = [
            (code, iso_codes.country_name(code, page_language)) for code in countries
        ]
        self._choice_field("language").choices = [(code, native_language_name(code)) for code in languages]
        self.offered = list(lists)
        self._choice_field("lists").choices = [(one.pk, one.name) for one in self.offered]

    def _choice_field(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        return field


class TrackingConsentForm(forms.Form):
    """A reader's word to be counted by name. It is theirs to give: the box is never ticked for them."""

    tracking = forms.BooleanField(
        label=gettext_lazy("You may see which links I open"),
        help_text=gettext_lazy(
            "It helps us to choose our stories. Untick it at any time, and your name is taken out of what we "
            "counted."
        ),
        required=False,
    )


def tracking_consent_form(data: Any, subscriber: Subscriber) -> TrackingConsentForm | None:
    """The box, ticked where the reader ticked it before; None where the office does not ask for it."""
    if not consent.is_tracking_offered():
        return None
    return TrackingConsentForm(data, initial={"tracking": subscriber.tracking_consent_at is not None})


def tracking_consent_text() -> str:
    """What stands beside the box, in the active language; the consent ledger keeps it."""
    box = TrackingConsentForm()["tracking"]
    return f"{box.label}\n{box.help_text}"


class SignUpForm(PreferenceFields):
    """Asking for newsletters; a list need not be chosen where there is only one."""

    email = forms.CharField(label=gettext_lazy("Your e-mail address"), max_length=400, required=False)
    # A field that people do not see, and machines fill in.
    website = forms.CharField(required=False)
    shown = forms.CharField(required=False)
    # The question that is asked when many sign up, as `Question.sealed` has it, and what was answered.
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
        """Whether the hidden field was filled in."""
        return bool(self.data.get("website"))

    def is_suspicious(self, now: datetime) -> bool:
        """Whether the form was sent sooner or later than a person would, twice, or was not shown by us."""
        try:
            shown, _, nonce = _form_signer.unsign(str(self.data.get("shown", ""))).partition(" ")
            seconds = now.timestamp() - int(shown)
        except (BadSignature, ValueError):
            return True
        return not _MIN_SECONDS <= seconds <= _MAX_SECONDS or not signup_abuse.claim_form(nonce, now)

    def is_question_answered(self) -> bool:
        """Whether the question was asked, and answered rightly."""
        try:
            first, second = _question_signer.unsign(str(self.data.get("asked", ""))).split("+")
            return int(str(self.data.get("answer", "")).strip()) == int(first) + int(second)
        except (BadSignature, ValueError):
            return False


@dataclass(frozen=True)
class Question:
    """How much are two small numbers? Easy for whoever reads it or hears it read."""

    first: int
    second: int

    @classmethod
    def new(cls) -> Question:
        return cls(secrets.randbelow(8) + 2, secrets.randbelow(8) + 2)

    @property
    def signed(self) -> str:
        """It in a hidden field. It is asked with a form that is good once, so it is worth nothing twice."""
        return _question_signer.sign(f"{self.first}+{self.second}")


def parse_address(text: str) -> str:
    """An address, normalised, that somebody wrote into a form; raises ValidationError in their language."""
    try:
        return normalise(text)
    except ValueError:
        raise forms.ValidationError(gettext("Write your e-mail address, such as name@example.org.")) from None


def consent_text() -> str:
    """What a reader is told beside the button, in the active language; the consent ledger keeps it."""
    return gettext("We use your address to send you what you chose, and for nothing else.")


def form_token(now: datetime) -> str:
    """The signed moment at which a form is shown, with a number of its own."""
    return _form_signer.sign(f"{int(now.timestamp())} {secrets.token_urlsafe(12)}")


def native_language_name(code: str) -> str:
    """A language's name in itself."""
    names = dict(settings.LANGUAGES)
    return names.get(code) or iso_codes.language_name(code, code).capitalize()
