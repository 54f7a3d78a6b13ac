"""A field of models for a short set of codes (countries, languages), kept as one comma-separated text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from subscribers import iso_codes


def split_codes(value: str | Iterable[str] | None) -> tuple[str, ...]:
    """ "KZ,UZ" or an iterable of codes as a tuple without repeats, in the order given."""
    if value is None:
        return ()
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(dict.fromkeys(part.strip() for part in parts if part and part.strip()))


if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    _CharField = models.CharField[Any, Any]
else:
    _CharField = models.CharField


class CodesField(_CharField):
    """A tuple of codes in Python, "KZ,UZ" in the database: comparable, groupable, searchable with LIKE."""

    known: frozenset[str] = frozenset()
    kind: StrOrPromise = "code"
    # What may be assigned and what is read, for django-stubs: any iterable of codes, and a tuple of them.
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 800)
        kwargs.setdefault("default", "")
        kwargs.setdefault("blank", True)
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: str | None, *_: Any) -> tuple[str, ...]:
        return split_codes(value)

    def normalise(self, codes: tuple[str, ...]) -> tuple[str, ...]:
        return codes

    def to_python(self, value: Any) -> tuple[str, ...]:
        codes = self.normalise(split_codes(value))
        for code in codes:
            if code not in self.known:
                raise ValidationError(
                    gettext("“%(code)s” is not a known %(kind)s.") % {"code": code, "kind": self.kind},
                    code="unknown",
                )
        return codes

    def get_prep_value(self, value: Any) -> str:
        return ",".join(self.normalise(split_codes(value)))

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj))

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        if not value and not self.blank:
            raise ValidationError(self.error_messages["blank"], code="blank")

    def run_validators(self, value: Any) -> None:
        super().run_validators(",".join(value))

    def choices_for_form(self) -> Sequence[tuple[str, str]]:
        return [(code, code) for code in sorted(self.known)]

    def formfield(self, **kwargs: Any) -> Any:
        options: dict[str, Any] = {
            "required": not self.blank,
            "label": capfirst(self.verbose_name),
            "help_text": self.help_text,
            "choices": self.choices_for_form,
            "widget": forms.CheckboxSelectMultiple,
        }
        options.update(
            {key: value for key, value in kwargs.items() if key in ("widget", "label", "help_text")}
        )
        return forms.MultipleChoiceField(**options)


class CountriesField(CodesField):
    """ISO 3166-1 alpha-2 codes, sorted; none means every country (for a reader) or regional (a story)."""

    known = iso_codes.COUNTRIES
    kind = _("ISO 3166-1 country code")

    def normalise(self, codes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(code.upper() for code in codes))

    def choices_for_form(self) -> Sequence[tuple[str, str]]:
        return _offered("countries", self.known, iso_codes.country_name)


class OrderedCountriesField(CountriesField):
    """Like CountriesField, in the given order: the first is where it happened."""

    def normalise(self, codes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(code.upper() for code in codes)


class LanguagesField(CodesField):
    """Language codes in the order of preference."""

    known = iso_codes.LANGUAGES
    kind = _("language code")

    def choices_for_form(self) -> Sequence[tuple[str, str]]:
        return _offered("languages", self.known, iso_codes.language_name)


def _offered(section: str, known: frozenset[str], name: Callable[[str, str], str]) -> list[tuple[str, str]]:
    offered = tuple(getattr(settings.CONFIG.site, section))
    return list(_sorted_by_name(offered, known, name, get_language() or "en"))


# For each field in each language of staff and readers.
@lru_cache(maxsize=64)
def _sorted_by_name(
    offered: tuple[str, ...], known: frozenset[str], name: Callable[[str, str], str], language: str
) -> tuple[tuple[str, str], ...]:
    """Codes with their names, the office's own first: a form asks for hundreds of them many times."""
    named = {code: name(code, language) for code in known.union(offered)}
    others = sorted(known.difference(offered), key=named.__getitem__)
    return tuple((code, named[code]) for code in (*offered, *others))
