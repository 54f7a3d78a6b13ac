"""Texts per language beneath a form: each language once, and words for whoever writes one twice."""

from __future__ import annotations

from wagtail.admin.forms.models import WagtailAdminModelForm

from subscribers import iso_codes


class TextsForm(WagtailAdminModelForm):
    """A form over `texts`; Django finds a language that stands twice, this says which, at its field."""

    def is_valid(self) -> bool:
        valid = bool(super().is_valid())
        if self.is_bound:
            self._name_repeated()
        return valid

    def _name_repeated(self) -> None:
        texts = self.formsets["texts"]
        seen: set[str] = set()
        for child in texts.forms:
            # Django has taken the doubled value out of the cleaned data: what was typed still says it.
            language = str(child["language"].value() or "")
            if not language or child in texts.deleted_forms:
                continue
            if language in seen and "language" not in child.errors:
                child.add_error("language", _words(language))
            seen.add(language)


def _words(language: str) -> str:
    name = iso_codes.language_name(language, "en")
    return f"There is already a text in {name}. Change that one, or choose another language."
