"""Forms with one set of texts per language, which name a language that is entered twice."""

from __future__ import annotations

from wagtail.admin.forms.models import WagtailAdminModelForm

from subscribers import iso_codes


class TranslationsForm(WagtailAdminModelForm):
    """A form with inline `texts`. Django rejects a repeated language; this puts the error at its field."""

    def is_valid(self) -> bool:
        valid = bool(super().is_valid())
        if self.is_bound:
            self._mark_repeated_languages()
        return valid

    def _mark_repeated_languages(self) -> None:
        texts = self.formsets["texts"]
        seen: set[str] = set()
        for child in texts.forms:
            # Django removed the repeated value from the cleaned data, so read what was typed.
            language = str(child["language"].value() or "")
            if not language or child in texts.deleted_forms:
                continue
            if language in seen and "language" not in child.errors:
                child.add_error("language", _repeated_message(language))
            seen.add(language)


def _repeated_message(language: str) -> str:
    name = iso_codes.language_name(language, "en")
    return f"There is already a text in {name}. Edit that one, or choose another language."
