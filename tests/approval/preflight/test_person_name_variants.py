"""One person in two spellings within one language."""

from __future__ import annotations

import pytest

from mailer.approval.preflight.person_name_variants import find_variant, persons_in
from tests.approval.preflight_clean_stories import STORIES


def is_found(language: str, first: str, second: str) -> bool:
    known = list(persons_in(first, language))
    return any(find_variant(one, known) for one in persons_in(second, language))


@pytest.mark.parametrize(
    ("language", "first", "second"),
    [
        ("ru", "Гульнара Токтобаева открыла курс.", "Договор получила Гульнара Токтабаева."),
        ("ru", "Гульнара Токтобаева открыла курс.", "Рассказ Гульнары Токтабаевой."),
        ("ru", "Токтобаева Гульнара открыла курс.", "С Гульнарой Тактабаевой говорили."),
        ("ru", "Динара Садыкова", "О Диноре Садыковой"),
        ("en", "Gulnara Toktobaeva opened it.", "It was Gulnara Toktabaeva’s plan."),
        ("en", "Nargiza Karimova", "Nargisa Karimova"),
        ("kk", "Айгерім Тоқтарова келді.", "Айгерім Тоқторованың сөзі."),
        ("ky", "Гүлнара Токтобаева келди.", "Гүлнара Токтабаеванын сөзү."),
        ("tg", "Гулнора Каримова омад.", "Гулнора Каремова гуфт."),
        ("uz", "Gulnora Toshmatova keldi.", "Gulnora Toshmotovaning so‘zi."),
        ("tk", "Gülnara Annamyradowa geldi.", "Gülnara Annamuradowanyň sözi."),
    ],
)
def test_two_spellings_are_found(language: str, first: str, second: str) -> None:
    assert is_found(language, first, second)


@pytest.mark.parametrize(
    ("language", "first", "second"),
    [
        ("ru", "Гульнара Токтобаева", "Гульнаре Токтобаевой, Гульнару Токтобаеву, с Гульнарой Токтобаевой"),
        ("ru", "Азиз Каримов", "Азиза Каримова, Азизу Каримову, Азизом Каримовым"),
        ("ru", "Айгуль Асанова", "Айгуль Усенова, Айнура Асанова, Гульмира Асанова"),
        ("en", "Nurlan Bekov", "Nurlan Bekova, Nurlan Osmonov, Mirlan Bekov"),
        ("uz", "Gulnora Toshmatova", "Gulnora Toshmatovaga, Gulnora Toshmatovaning"),
        ("kk", "Айгерім Тоқтарова", "Айгерім Тоқтароваға, Айгерім Тоқтарованың"),
    ],
)
def test_declension_and_other_people_are_none(language: str, first: str, second: str) -> None:
    assert not is_found(language, first, second)


def test_clean_stories_have_none() -> None:
    for language in ("en", "ru", "kk", "ky", "tg", "uz", "tk"):
        known = [one for story in STORIES for part in story[language] for one in persons_in(part, language)]
        assert not [one for one in known if find_variant(one, known)]
