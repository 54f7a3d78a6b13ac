"""Texts of the database in the language of the page."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from mailer.rendering.mark_staff_messages_for_translation import stored as stored_by_rendering
from subscribers.translate_stored_texts import stored, translated

_FALLBACK = "%(what)s has no %(language)s text; readers see %(other_language)s."


def test_english_texts_are_stored_and_shown_as_they_are() -> None:
    text = stored("Sending was paused by %(name)s.", name="dana")
    assert text == "Sending was paused by dana."
    with override("en"):
        assert translated(text) == text


def test_values_keep_their_place_and_names_are_those_of_the_page() -> None:
    text = stored_by_rendering(
        _FALLBACK,
        what=stored_by_rendering("The newsletter's tagline"),
        language="Kazakh",
        other_language="Russian",
    )
    assert text == "The newsletter's tagline has no Kazakh text; readers see Russian."
    with override("ru"):
        shown = translated(text)
    assert shown.startswith("Подзаголовок")
    assert shown.index("казахский") < shown.index("русский")


@pytest.mark.parametrize("text", ["", "A text that no code writes", "100 % %(name)s"])
def test_a_text_of_no_catalogue_stays(text: str) -> None:
    with override("ru"):
        assert translated(text) == text


def test_what_the_doctor_found_is_translated_with_its_values_and_optional_sentences() -> None:
    with override("ru"):
        assert translated("The relay answers, and offers SIZE, STARTTLS. This system signed in as dana.") == (
            "Он отвечает и предлагает SIZE, STARTTLS. Вход выполнен как dana."
        )
        assert translated("The relay answers, and offers SIZE.") == "Он отвечает и предлагает SIZE."


@pytest.mark.parametrize(
    ("period", "english", "russian"),
    [
        ("2021-12", "December 2021", "декабрь 2021"),
        ("2021-12-06", "Dec 6 – 12, 2021", "6–12 дек. 2021"),
        ("2021-11-29-2w", "Nov 29 – Dec 12, 2021", "29 нояб. – 12 дек. 2021"),
        ("2021-12-06-n2", "December 6, 2021", "6 декабря 2021"),
        # No day of the calendar, and no period.
        ("2021-02-31", "2021-02-31", "2021-02-31"),
        ("Floods in the south", "Floods in the south", "Floods in the south"),
    ],
)
def test_the_period_of_an_edition_is_named_in_the_language(period: str, english: str, russian: str) -> None:
    text = stored("%(name)s changed the edition “%(title)s”", name="Dana", title=f"Weekly, {period}")
    with override("en"):
        assert _plain(translated(text)) == f"Dana changed the edition “Weekly, {english}”"
    with override("ru"):
        shown = _plain(translated(text))
    assert f"Weekly, {russian}" in shown


def _plain(text: str) -> str:
    """With ordinary spaces, which differ between versions of CLDR."""
    return " ".join(text.split())
