"""Warnings about what some readers get appear only where subscribers get it, the same in every language."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailer.approval.preflight.check_input import Description, Reader
from mailer.approval.preflight.findings_and_overrides import Finding
from mailer.rendering.data_types import Block, LocalText, Subject
from tests.approval.preflight_edition import CLEAN, check, with_block, with_content, with_masthead, with_text

PROMISES = "subject.promises"
LIBRARY = {
    "en": ("New library opens in Tashkent", "Rivers and a new library"),
    "ru": ("В Ташкенте открылась новая библиотека", "Реки и новая библиотека"),
    "kk": ("Ташкентте жаңа кітапхана ашылды", "Өзендер және жаңа кітапхана"),
}
ALMATY, TASHKENT, EVERYWHERE = Reader(("KZ",), "en"), Reader(("UZ",), "en"), Reader((), "en")


def library(*readers: Reader, languages: tuple[str, ...] = ("en", "ru", "kk")) -> Description:
    """An edition whose subject names a story for Uzbekistan in these languages."""
    subjects = tuple(Subject(code, LIBRARY[code][1], "") for code in languages)
    description = with_content(replace(CLEAN, readers=readers), subjects=subjects)
    for code, (headline, _) in LIBRARY.items():
        description = with_text(description, "film", code, headline=headline)
    return description


def places(finding: Finding | None) -> dict[str, str]:
    """The detail of what was found, by language."""
    return {one.place.language: one.detail for one in finding.found} if finding else {}


@pytest.mark.parametrize("language", LIBRARY)
def test_a_story_that_readers_lack_is_found_in_the_subject_of_each_language(language: str) -> None:
    reader = replace(ALMATY, language=language)
    together = places(check(library(reader, TASHKENT)).get(PROMISES))
    alone = places(check(library(reader, TASHKENT, languages=(language,))).get(PROMISES))
    assert set(together) == set(alone) == {language}
    assert "Kazakhstan" in alone[language] and "Uzbekistan" not in alone[language]


def test_only_countries_with_subscribers_count() -> None:
    assert PROMISES not in check(library(TASHKENT, EVERYWHERE))
    assert PROMISES not in check(library())
    both = Reader(("KZ", "UZ"), "ru")
    assert PROMISES not in check(library(both)), "they get the story for their other country"


def test_readers_without_a_subject_of_their_own_see_that_of_the_fallback() -> None:
    """Of the newsletter's fallbacks, Russian is the first."""
    reader = replace(ALMATY, language="kk")
    assert set(places(check(library(reader, languages=("en", "ru"))).get(PROMISES))) == {"ru"}


def test_one_common_word_names_no_story() -> None:
    description = library(ALMATY)
    subject = Subject("en", "A new month with new rivers", "")
    assert PROMISES not in check(with_content(description, subjects=(subject,)))


MISSING, NO_TEXTS = "text.missing", "audience.language_without_texts"


def with_tajik(*readers: Reader) -> Description:
    """A newsletter that offers Tajik too, in which nothing is written."""
    languages = (*CLEAN.content.masthead.languages, "tg")
    return with_masthead(replace(CLEAN, readers=(*CLEAN.readers, *readers)), languages=languages)


def test_a_language_without_readers_and_stories_lacks_nothing() -> None:
    assert {MISSING, NO_TEXTS}.isdisjoint(check(with_tajik()))


def test_a_language_with_a_reader_warns_of_what_is_missing() -> None:
    assert {MISSING, NO_TEXTS} <= set(check(with_tajik(Reader((), "tg"))))


def test_a_language_in_which_one_story_is_written_warns_of_the_others() -> None:
    description = with_tajik()
    first, *others = description.content.stories
    written = replace(first.texts[0], language="tg", headline="Харитаи диаспораи Қазоқистон")
    stories = (replace(first, texts=(*first.texts, written)), *others)
    found = check(with_content(description, stories=stories))
    assert NO_TEXTS not in found
    assert {one.place.key for one in found[MISSING].found} >= {"cash", "film"}


def test_without_any_subscriber_every_language_is_looked_at() -> None:
    assert {MISSING, NO_TEXTS} <= set(check(replace(with_tajik(), readers=())))


def test_an_untranslated_block_names_only_languages_that_are_used() -> None:
    block = Block("text", texts=(LocalText("en", "<p>A word from the editors.</p>"),))
    (one,) = check(with_block(with_tajik(), block))[MISSING].found
    assert "Russian, Kazakh" in one.detail and "Tajik" not in one.detail
