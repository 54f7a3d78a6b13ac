"""Each text of an edition is in the table of translations, the translators' files, forms and preflight."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from wagtail import blocks

from mailer.approval.preflight.check_table import CHECKS
from mailer.approval.preflight.findings_and_overrides import run_checks
from mailer.desk.editions import block_pages, translation_table_and_files
from mailer.desk.editions.workbench import BLOCK_LABELS
from mailer.editions import draft_blocks
from mailer.editions.models import EDITION_BLOCKS, Edition, EditionText
from mailer.editions.translation_completeness import completeness_of
from mailer.editions.translation_units_and_returned_files import (
    TranslatedUnit,
    TranslationFile,
    changes_in,
    set_texts_unsaved,
    units_of,
)
from mailer.rendering.data_types import WRITTEN_KINDS, Block, LocalText, Picture
from mailer.rendering.edition_text_parts import BLOCK_PARTS, PARTS, TextPart
from tests.approval.preflight_edition import CLEAN, PICTURE, with_block
from tests.desk.cast import Desk

KINDS = dict(EDITION_BLOCKS)
OWN = [kind for kind, parts in BLOCK_PARTS.items() if parts]
WRITE = [(kind, part) for kind in OWN for part in BLOCK_PARTS[kind]]


def example(part: TextPart, language: str = "en") -> str:
    """A text of the part, as a block stores it."""
    if part.rich:
        return f"<p>The <b>{part.meaning}</b> in {language}</p>"
    return f"12 | {part.meaning}\n13 | {language}" if part.lines else f"The {part.meaning} in {language}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_block_says_which_texts_it_has(kind: str) -> None:
    parts = BLOCK_PARTS[kind]  # type: ignore[index]
    block = KINDS[kind]
    if not isinstance(block, blocks.StructBlock):
        # It shows stories, whose texts are their own.
        assert parts == () and kind not in block_pages.FORMS
        return
    stored = set(block.child_blocks["texts"].child_block.child_blocks)
    assert {part.name for part in parts} <= stored - {"language"}
    # Whoever has a form of its own can write each text, and no other.
    form = block_pages.FORMS[kind]
    if kind not in ("heading", "text"):
        assert kind in WRITTEN_KINDS
        assert set(form.parts) == {part.name for part in parts}  # type: ignore[union-attr]
    assert kind in BLOCK_LABELS


def test_every_kind_that_is_described_exists_and_every_text_has_a_name_for_staff() -> None:
    assert set(BLOCK_PARTS) == set(KINDS)
    assert set(PARTS) == set(translation_table_and_files._PARTS)
    # No two texts share a name.
    assert {part for parts in BLOCK_PARTS.values() for part in parts} <= set(PARTS.values())


@pytest.mark.parametrize("kind, part", WRITE, ids=[f"{kind}-{part.name}" for kind, part in WRITE])
def test_preflight_reads_every_text_of_every_block(kind: Any, part: TextPart) -> None:
    fault = "<p>TODO: write.</p>" if part.rich else "TODO: write."
    texts = tuple(replace(LocalText(code, ""), **{part.name: fault}) for code in ("ru", "kk"))
    block = Block(kind, texts=texts, link="https://www.office.int/a", picture=Picture(PICTURE, 1080, 720))
    description = with_block(CLEAN, block)
    (finding,) = [one for one in run_checks(CHECKS, description) if one.code == "text.placeholder"]
    assert [(one.place.kind, one.place.language) for one in finding.found] == [
        ("block", "ru"),
        ("block", "kk"),
    ]


def with_every_block(draft: Edition) -> None:
    draft.texts = [EditionText(language="en", subject="News", preheader="More news")]
    for kind in OWN:
        texts = {"en": {part.name: example(part) for part in BLOCK_PARTS[kind]}}
        value = {"countries": [], "texts": draft_blocks.written_texts(texts), "link": "", "picture": 1}
        draft_blocks.add_block(draft, kind, value, None)


@pytest.mark.django_db
def test_the_table_of_translations_has_every_block_and_what_it_lacks(desk: Desk) -> None:
    draft = draft_blocks.latest_draft(desk.edition)
    before = len(completeness_of(draft).rows)
    with_every_block(draft)
    for block in draft_blocks.raw_blocks(draft)[-len(OWN) :]:
        first = BLOCK_PARTS[block["type"]][0]
        draft_blocks.set_block_text(draft, block["id"], first.name, "ru", example(first, "ru"))
    draft.texts = [*draft.texts.all(), EditionText(language="ru", subject="Новости")]
    rows = completeness_of(draft).rows
    assert len(rows) == before + 1 + len(OWN)
    subject = {cell.language: (cell.state, cell.lacks) for cell in rows[0].cells}
    assert subject["en"] == ("translated", ()) and subject["kk"] == ("missing", ())
    assert subject["ru"] == ("incomplete", ("preheader",))
    for kind, row in zip(OWN, rows[-len(OWN) :], strict=True):
        cells = {cell.language: cell for cell in row.cells}
        lacking = tuple(part.meaning for part in BLOCK_PARTS[kind][1:])
        assert (row.kind, cells["en"].state, cells["kk"].state) == (kind, "translated", "missing")
        assert cells["ru"].lacks == lacking
        assert cells["ru"].state == ("incomplete" if lacking else "translated")
        assert row.label and "<" not in row.label


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["xliff", "docx"])
def test_a_translator_s_file_brings_back_every_text_of_the_edition(desk: Desk, kind: str) -> None:
    draft = draft_blocks.latest_draft(desk.edition)
    with_every_block(draft)
    units = [unit for unit in units_of(draft, "en", "kk") if unit.story is None]
    assert {unit.part for unit in units} == {"subject", "preheader"} | {part.meaning for _kind, part in WRITE}
    module = import_module(f"mailer.editions.translation_{kind}")
    more = ("December",) if kind == "docx" else ()
    names = [(unit.id,) for unit in units]
    back = [replace(unit, target=unit.source.replace("in en", "in kk")) for unit in units]
    file: TranslationFile = module.read(module.write(desk.edition.slug, "en", "kk", back, names, *more))
    marks = {unit.id: unit.mark for unit in units}
    file = replace(file, units=tuple(TranslatedUnit(one.id, marks[one.id], one.target) for one in file.units))
    changes = changes_in(file, draft)
    assert {change.status for change in changes} == {"new"}
    assert set_texts_unsaved(draft, changes, "kk") == len(units)
    again = [unit for unit in units_of(draft, "en", "kk") if unit.story is None]
    assert [(unit.id, unit.source, unit.target) for unit in again] == [
        (unit.id, unit.source, unit.target) for unit in back
    ]
    # A second import of the same file changes nothing.
    assert changes_in(file, draft) == []
