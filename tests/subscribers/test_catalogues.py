from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings

from tests.subscribers.messages import ROOT, messages

FOLDERS = sorted((ROOT / "subscribers" / "locale").glob("*/LC_MESSAGES"))
LANGUAGES = [folder.parent.name for folder in FOLDERS]
_FIELD = re.compile(r"%\(\w+\)s")


def _catalogue(folder: Path) -> Catalog:
    return read_po(BytesIO((folder / "django.po").read_bytes()), locale=folder.parent.name)


def test_every_language_of_the_pages_but_english_has_a_catalogue() -> None:
    assert {"en", *LANGUAGES} == {code for code, _ in settings.LANGUAGES}


@pytest.mark.parametrize("folder", FOLDERS, ids=LANGUAGES)
def test_no_message_of_the_pages_is_missing_or_left_over(folder: Path) -> None:
    said = {entry.id: entry.string for entry in _catalogue(folder) if entry.id}
    assert set(said) == messages()
    assert all(said.values())


@pytest.mark.parametrize("folder", FOLDERS, ids=LANGUAGES)
def test_a_translation_keeps_the_fields_of_its_message(folder: Path) -> None:
    for entry in _catalogue(folder):
        if entry.id:
            assert sorted(_FIELD.findall(str(entry.id))) == sorted(_FIELD.findall(str(entry.string)))


@pytest.mark.parametrize("folder", FOLDERS, ids=LANGUAGES)
def test_the_compiled_catalogue_is_that_of_the_text(folder: Path) -> None:
    compiled = BytesIO()
    write_mo(compiled, _catalogue(folder))
    assert (folder / "django.mo").read_bytes() == compiled.getvalue()
