"""Texts per language beneath a form: each language once."""

from __future__ import annotations

from typing import Any

from subscribers import places


def refuse_repeated_languages(form: Any, relation: str) -> bool:
    """False, with an error at the second text of a language; True when each language stands once.

    For a form whose formsets are valid; it asks also of a draft, as the database would refuse it.
    """
    seen: set[str] = set()
    repeated = False
    for child in form.formsets[relation].forms:
        language = child.cleaned_data.get("language") if hasattr(child, "cleaned_data") else None
        if not language or child.cleaned_data.get("DELETE"):
            continue
        if language in seen:
            repeated = True
            name = places.language_name(language, "en")
            child.add_error(
                "language", f"There is already a text in {name}. Change that one, or choose another language."
            )
        seen.add(language)
    return not repeated
