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

from subscribers import iso_codes
from subscribers.addresses import normalise
from subscribers.consent import tracking_consent
from subscribers.models import MailingList, Subscriber
from subscribers.subscribe import signup_abuse

# Seconds between showing the form and sending it: nobody is faster, and nobody leaves it open longer.
_FASTEST, _SLOWEST = 2, 12 * 3600
_signer = Signer(salt="subscribers.subscribe.forms.shown")
_asker = Signer(salt="subscribers.subscribe.forms.asked")


class ChoicesForm(forms.Form):
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
        spoken: str,
        also_countries: Sequence[str] = (),
        also_language: str = "",
        **kwargs: Any,
    ) -> None:
        """`also_…`: what the reader has and the site does not offer; `spoken`: the language of the page."""
        super().__init__(*args, **kwargs)
        site = settings.CONFIG.site
        countries = dict.fromkeys((*site.countries, *also_countries))
        languages = dict.fromkeys((*site.languages, *([also_language] if also_language else [])))
        self._offer("countries").choices = [
            (code, iso_codes.country_name(code, spoken)) for code in countries
        ]
        self._offer("language").choices = [(code, own_name(code)) for code in languages]
        self.offered = list(lists)
        self._offer("lists").choices = [(one.pk, one.name) for one in self.offered]

    def _offer(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        return field


class AgreementForm(forms.Form):
    """A reader's word to be counted by name. It is theirs to give: the box is never ticked for them."""

    tracking = forms.BooleanField(
        label=gettext_lazy("You may see which links I open"),
        help_text=gettext_lazy(
            "It helps us to choose our stories. Untick it at any time, and your name is taken out of what we "
            "counted."
        ),
        required=False,
    )


def agreement(data: Any, person: Subscriber) -> AgreementForm | None:
    """The box, ticked where the reader ticked it before; None where the office does not ask for it."""
    if not tracking_consent.is_asked():
        return None
    return AgreementForm(data, initial={"tracking": person.tracking_agreed_at is not None})


def agreement_words() -> str:
    """What stands beside the box, in the active language; the consent ledger keeps it."""
    box = AgreementForm()["tracking"]
    return f"{box.label}\n{box.help_text}"


class SignUpForm(ChoicesForm):
    """Asking for newsletters; a list need not be chosen where there is only one."""

    email = forms.CharField(label=gettext_lazy("Your e-mail address"), max_length=400, required=False)
    # A field that people do not see, and machines fill in.
    website = forms.CharField(required=False)
    shown = forms.CharField(required=False)
    # The question that is asked when many sign up, as `Question.sealed` has it, and what was answered.
    asked = forms.CharField(required=False)
    answer = forms.CharField(required=False, max_length=20)

    def clean_email(self) -> str:
        return read_address(self.cleaned_data["email"])

    def clean_lists(self) -> list[int]:
        chosen: list[int] = self.cleaned_data["lists"]
        if not chosen and len(self.offered) == 1:
            return [self.offered[0].pk]
        if not chosen:
            raise forms.ValidationError(gettext("Choose at least one newsletter."))
        return chosen

    def by_a_machine(self) -> bool:
        """Whether the hidden field was filled in."""
        return bool(self.data.get("website"))

    def needs_another_press(self, now: datetime) -> bool:
        """Whether the form was sent sooner or later than a person would, twice, or was not shown by us."""
        try:
            shown, _, nonce = _signer.unsign(str(self.data.get("shown", ""))).partition(" ")
            seconds = now.timestamp() - int(shown)
        except (BadSignature, ValueError):
            return True
        return not _FASTEST <= seconds <= _SLOWEST or not signup_abuse.unused(nonce, now)

    def answered(self) -> bool:
        """Whether the question was asked, and answered rightly."""
        try:
            first, second = _asker.unsign(str(self.data.get("asked", ""))).split("+")
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
    def sealed(self) -> str:
        """It in a hidden field. It is asked with a form that is good once, so it is worth nothing twice."""
        return _asker.sign(f"{self.first}+{self.second}")


def read_address(written: str) -> str:
    """An address, normalised, that somebody wrote into a form; raises ValidationError in their language."""
    try:
        return normalise(written)
    except ValueError:
        raise forms.ValidationError(gettext("Write your e-mail address, such as name@example.org.")) from None


def promise() -> str:
    """What a reader is told beside the button, in the active language; the consent ledger keeps it."""
    return gettext("We use your address to send you what you chose, and for nothing else.")


def stamp(now: datetime) -> str:
    """The signed moment at which a form is shown, with a number of its own."""
    return _signer.sign(f"{int(now.timestamp())} {secrets.token_urlsafe(12)}")


def own_name(code: str) -> str:
    """A language's name in itself."""
    names = dict(settings.LANGUAGES)
    return names.get(code) or iso_codes.language_name(code, code).capitalize()
