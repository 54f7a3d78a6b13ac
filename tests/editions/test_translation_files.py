"""Files for translators: what comes back is what was sent out, and hostile files are refused."""

from __future__ import annotations

import copy
import time
import zipfile
from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import quote, unquote

import docx
import pytest
from docx.oxml import OxmlElement
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.editions import translation_docx, translation_xliff
from mailer.editions.translation_units_and_returned_files import (
    TranslatedUnit,
    TranslationFile,
    Unit,
    _changes,
    _value,
)
from mailer.editions.translation_xliff import ChangedTable, InvalidFile
from mailer.rendering import sanitize
from mailer.rendering.edition_text_parts import PARTS

RICH = (
    "<p>A <b>bold</b> word, an <i>italic</i> one &amp; a "
    '<a href="https://example.org/a?b=1&amp;c=2">link</a>.</p><ul><li>One</li><li><b>Two</b></li></ul><p>End</p>'
)
UNITS = [
    Unit("subject", "subject", "News & more", ""),
    Unit("story-7-headline", "headline", "A headline <with> signs", "Тақырып", 7, "A headline"),
    Unit("story-7-body", "body", RICH, "<p>Ескі <b>мәтін</b> <i>мұнда</i></p>", 7, "A headline"),
]
NOTES = ["Subject", "Headline", "Body"]


def xliff(units: list[Unit]) -> bytes:
    return translation_xliff.write("monthly-2021-12", "en", "kk", units, [(unit.id,) for unit in units])


def word(units: list[Unit]) -> bytes:
    names = [(unit.id,) for unit in units]
    return translation_docx.write("monthly-2021-12", "en", "kk", units, names, "December")


FORMATS = pytest.mark.parametrize(
    "write, read", [(xliff, translation_xliff.read), (word, translation_docx.read)], ids=["xliff", "docx"]
)


@FORMATS
def test_a_file_that_comes_back_untouched_changes_nothing(write, read) -> None:
    file: TranslationFile = read(write(UNITS))
    assert (file.edition, file.source, file.target) == ("monthly-2021-12", "en", "kk")
    assert [unit.mark for unit in file.units] == [unit.mark for unit in UNITS]
    assert list(_changes(file.units, {unit.id: unit for unit in UNITS})) == []


@FORMATS
def test_formatting_and_the_links_of_the_source_are_kept(write, read) -> None:
    translated = [Unit(unit.id, unit.part, unit.source, unit.source, unit.story) for unit in UNITS]
    file = read(write(translated))
    marks = {unit.id: unit.mark for unit in UNITS}
    units = [type(one)(one.id, marks[one.id], one.target) for one in file.units]
    found = {one.id: one for one in _changes(units, {unit.id: unit for unit in UNITS})}
    assert {one.status for one in found.values()} == {"new"}
    assert {key: one.new for key, one in found.items()} == {unit.id: unit.source for unit in UNITS}


@FORMATS
def test_what_changed_here_since_the_export_is_kept(write, read) -> None:
    file = read(write([Unit(u.id, u.part, u.source, u.target or "Жаңа", u.story) for u in UNITS]))
    subject = file.units[0]
    now = {
        "source": Unit("subject", "subject", "Other news", ""),
        "target": Unit("subject", "subject", "News & more", "Басқа"),
        "long": Unit("subject", "subject", "News & more", "Жаңа"),
    }
    assert [one.status for one in _changes([subject], {"subject": now["source"]})] == ["source_changed"]
    assert [one.status for one in _changes([subject], {"subject": now["target"]})] == ["target_changed"]
    assert list(_changes([subject], {"subject": now["long"]})) == []
    assert [one.status for one in _changes([subject], {})] == ["gone"]
    long = type(subject)("subject", now["target"].mark, "x" * 151)
    assert [one.status for one in _changes([long], {"subject": now["target"]})] == ["too_long"]


def test_a_link_that_the_source_does_not_have_is_not_taken_over() -> None:
    evil = UNITS[2].source.replace("https://example.org/a", "https://evil.example/a")
    file = translation_xliff.read(xliff([Unit("story-7-body", "body", evil, evil, 7)]))
    one = type(file.units[0])("story-7-body", UNITS[2].mark, file.units[0].target + "<script>x</script>")
    (change,) = _changes([one], {"story-7-body": UNITS[2]})
    assert "evil" not in change.new and "<a" not in change.new and "script" not in change.new
    assert "link" in change.new and "<b>bold</b>" in change.new


@FORMATS
def test_texts_with_control_characters_can_be_written_and_read(write, read) -> None:
    plain, rich = "One\x0btwo\x01", "<p>One\x0btwo\x01</p>"
    units = [
        Unit(f"story-1-{part}", part, _value(PARTS[part], text), _value(PARTS[part], text), 1)
        for part, text in (("headline", plain), ("body", rich))
    ]
    assert [unit.target for unit in read(write(units)).units] == ["One two", "<p>One two</p>"]


NESTED = (
    "<ul><li>One<ol><li>Two</li><li>Three</li></ol></li><li>Four</li></ul><p>Five</p><ol><li>Six</li></ol>"
)


@FORMATS
@pytest.mark.parametrize(
    "text",
    [NESTED, "<p><strong>One <em>two</em></strong> three</p><p></p><p>four<br>five</p>"],
    ids=["lists", "emphasis"],
)
def test_lists_in_lists_and_emphasis_come_back_as_they_were(write, read, text: str) -> None:
    unit = Unit("story-7-body", "body", text, text, 7)
    assert list(_changes(read(write([unit])).units, {unit.id: unit})) == []


def reworked(unit: Unit, change: Callable[[Any], None]) -> str:
    """The translation of a unit in a Word file whose cell for it was changed."""
    document = docx.Document(BytesIO(word([unit])))
    change(document.tables[0].rows[1].cells[2])
    data = BytesIO()
    document.save(data)
    (found,) = translation_docx.read(data.getvalue()).units
    (changed,) = _changes([found], {unit.id: unit})
    return changed.new


def track_changes(cell: Any) -> None:
    """As Word does it for a text that begins with a run: it is deleted, and another one is inserted."""
    paragraph = cell.paragraphs[0]
    old, new = paragraph.runs[0], paragraph.add_run("Жаңа")
    for run, name in ((old, "w:del"), (new, "w:ins")):
        around = OxmlElement(name)
        run._element.addprevious(around)
        around.append(run._element)


@pytest.mark.parametrize(
    ("id", "part", "new"), [("subject", "subject", "Жаңа"), ("b-body", "text", "<p>Жаңа</p>")]
)
def test_tracked_changes_of_a_word_file_are_accepted(id: str, part: str, new: str) -> None:
    old = "<p>Ескі</p>" if part == "text" else "Ескі"
    assert reworked(Unit(id, part, "News", old), track_changes) == new


def test_lists_of_programs_that_do_not_use_words_styles_are_lists() -> None:
    def renamed(cell: Any) -> None:
        for paragraph in cell.paragraphs:
            if paragraph.style.name.startswith("List"):
                numbering = copy.deepcopy(paragraph.style.element.pPr.numPr)
                paragraph.style = None
                paragraph._p.get_or_add_pPr().append(numbering)
        cell.paragraphs[0].runs[0].text = "New"

    assert reworked(Unit("b-body", "text", NESTED, NESTED), renamed) == (
        "<ul><li>New</li></ul><ol><li>Two</li><li>Three</li></ol><ul><li>Four</li></ul><p>Five</p><ol><li>Six</li></ol>"
    )


@pytest.mark.parametrize("spelled", ["https://example.org/страница?q=б", "https://example.org/%D1%81"])
def test_links_that_a_word_processor_spells_in_another_way_are_those_of_the_source(spelled: str) -> None:
    source = f'<p><a href="{spelled}">link</a></p>'
    returned = [quote(unquote(spelled), safe=":/?=") + "/", unquote(spelled), spelled]
    units = [
        TranslatedUnit("b-body", Unit("b-body", "text", source, "").mark, f'<p><a href="{one}">link</a></p>')
        for one in returned
    ]
    unit = Unit("b-body", "text", source, "")
    assert [one.new for one in _changes(units, {unit.id: unit})] == [source] * 3


SOURCE = "<p>One <b>two. Three</b> four.</p>"
FIRST = "<source><sc id='1' dataRef='d1'/>One <sc id='2' dataRef='d2'/>two.</source>"
SECOND = "<source>Three<ec startRef='2'/> four.<ec startRef='1'/></source>"
BETWEEN = "<ignorable><source> </source></ignorable>"
SUGGESTED = (
    "<mtc:matches xmlns:mtc='urn:oasis:names:tc:xliff:matches:2.0'><mtc:match ref='#s1'>"
    "<source>One</source><target>Wrong</target></mtc:match></mtc:matches>"
)


def split(*pieces: str) -> str:
    """What is read of a rich text that a tool split into these pieces."""
    whole = xliff([Unit("story-7-body", "body", SOURCE, "", 7)]).decode()
    before, _, rest = whole.partition("<segment")
    cut = f"{before}{''.join(pieces)}{rest.partition('</segment>')[2]}"
    (unit,) = translation_xliff.read(cut.encode()).units
    return sanitize.clean_story_html(unit.target)


def test_a_text_that_a_tool_split_keeps_its_formatting_and_the_space_between_sentences() -> None:
    first, second = (
        f"<segment>{piece}{piece.replace('source>', 'target>')}</segment>" for piece in (FIRST, SECOND)
    )
    assert split(first, BETWEEN, second) == SOURCE
    assert split(SUGGESTED, first, BETWEEN, second) == SOURCE


def test_a_text_that_is_translated_in_part_is_left_out() -> None:
    first = f"<segment>{FIRST}{FIRST.replace('source>', 'target>')}</segment>"
    assert split(first, BETWEEN, f"<segment>{SECOND}</segment>") == ""


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=60))
@settings(max_examples=40, deadline=None)
def test_any_text_comes_back_as_it_was(text: str) -> None:
    plain = " ".join(sanitize.without_unprintable(text).split())
    rich = sanitize.clean_story_html(f"<p>{plain.replace('&', '&amp;').replace('<', '&lt;')}</p>")
    units = [Unit("subject", "subject", "x", plain), Unit("story-1-body", "body", "<p>x</p>", rich, 1)]
    file = translation_xliff.read(xliff(units))
    assert list(_changes(file.units, {unit.id: unit for unit in units})) == []


def bomb(content: bytes) -> bytes:
    data = BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", content)
    return data.getvalue()


ENTITIES = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'


def damaged() -> bytes:
    """An archive whose packed data cannot be unpacked."""
    data = bytearray(bomb(b"<x>" + b"0" * 5_000 + b"</x>"))
    start = 30 + len("word/document.xml")
    data[start + 2 : start + 12] = bytes(byte ^ 0xFF for byte in data[start + 2 : start + 12])
    return bytes(data)


def nested(levels: int) -> bytes:
    """A file whose text has so many codes within each other."""
    (unit,) = (one for one in UNITS if one.rich)
    inner = unit.target or unit.source
    code, end = b'<pc id="1" dataRefStart="d1">', b"</pc>"
    whole = xliff([Unit(unit.id, unit.part, unit.source, inner, unit.story)])
    before, tag, after = whole.partition(b'<target xml:space="preserve">')
    return before + tag + code * levels + end * levels + after


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 broken",
        b"<xliff",
        b"<html/>",
        ENTITIES,
        ENTITIES.replace(b'"aaaaaaaaaa"', b'SYSTEM "file:///etc/passwd"'),
        bomb(b"0" * 30_000_000),
        bomb(ENTITIES),
        bomb(b"<x/>"),
        b"<x>" * 100_000,
        b"0" * 5_000_001,
        damaged(),
        nested(20_000),
    ],
    ids=[
        "empty",
        "zip",
        "xml",
        "html",
        "entities",
        "file",
        "bomb",
        "docx-entities",
        "parts",
        "deep",
        "large",
        "damaged",
        "nested",
    ],
)
def test_hostile_and_foreign_files_are_refused(data: bytes) -> None:
    for read in (translation_xliff.read, translation_docx.read):
        with pytest.raises(InvalidFile):
            read(data)


def with_parts(data: bytes, change: Callable[[str, bytes], bytes], **added: bytes) -> bytes:
    """The archive with other contents of its parts, and more of them."""
    target = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, content in added.items():
            new.writestr(name, content)
    return target.getvalue()


def in_document(written: bytes, instead: bytes, count: int = -1) -> bytes:
    return with_parts(
        word(UNITS),
        lambda name, text: text.replace(written, instead, count) if name == "word/document.xml" else text,
    )


_MERGED_ROW = b"<w:tr>" + b"<w:tc><w:tcPr><w:vMerge/></w:tcPr><w:p/></w:tc>" * 3 + b"</w:tr>"


@pytest.mark.parametrize(
    "data",
    [
        in_document(b"</w:tbl>", _MERGED_ROW * 2_000 + b"</w:tbl>"),
        in_document(b"<w:tcPr>", b'<w:tcPr><w:gridSpan w:val="60000000"/>'),
        in_document(b"<w:tr>", b"<w:tr><w:tc><w:p/></w:tc>"),
    ],
    ids=["rows", "columns", "split"],
)
def test_a_table_whose_cells_were_merged_or_split_is_refused_at_once(data: bytes) -> None:
    started = time.process_time()
    with pytest.raises(ChangedTable):
        translation_docx.read(data)
    assert time.process_time() - started < 3


def without_properties(data: bytes) -> bytes:
    """As programs save it that keep no identifier."""
    identifier = b"<dc:identifier>monthly-2021-12 en kk</dc:identifier>"
    return with_parts(data, lambda _, text: text.replace(identifier, b""))


def test_a_document_without_its_properties_has_its_languages_and_units() -> None:
    file = translation_docx.read(without_properties(word(UNITS)))
    assert (file.edition, file.source, file.target) == ("", "en", "kk")
    assert file.units == translation_docx.read(word(UNITS)).units


def test_a_relationship_to_a_part_that_is_not_there_keeps_no_text_out() -> None:
    dangling = b'<Relationship Id="rNone" Type="x" Target="../NULL"/></Relationships>'
    data = with_parts(
        word(UNITS),
        lambda name, text: text.replace(b"</Relationships>", dangling) if name.endswith(".rels") else text,
    )
    assert translation_docx.read(data) == translation_docx.read(word(UNITS))
    # A link without its relationship leaves its text.
    body = Unit("story-7-body", "body", RICH, RICH, 7)
    data = with_parts(word([body]), lambda _, text: text.replace(b' TargetMode="External"', b""))
    (unit,) = translation_docx.read(data).units
    assert "<a " not in unit.target and "link" in unit.target


def test_a_wide_title_row_changes_nothing() -> None:
    data = in_document(b"<w:tcPr>", b'<w:tcPr><w:gridSpan w:val="60000000"/>', 1)
    assert len(translation_docx.read(data).units) == len(UNITS)


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (
            translation_docx.read,
            with_parts(word(UNITS), lambda _, text: text, **{"a.xml": b"<r>%s</r>" % (b"<a/>" * 400_000)}),
        ),
        (
            translation_docx.read,
            with_parts(
                word(UNITS), lambda name, text: text.replace(b"/word/styles.xml", b"/word/styles.bin")
            ),
        ),
        (translation_xliff.read, xliff(UNITS).replace(b"</file>", b"<m/>" * 400_000 + b"</file>")),
        (translation_xliff.read, xliff(UNITS).replace(b"</file>", b"<m>" * 300 + b"</m>" * 300 + b"</file>")),
    ],
    ids=["docx", "hidden", "xliff", "deep"],
)
def test_no_tree_is_built_of_too_much_xml(
    read: Callable[[bytes], object], data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(docx, "Document", build)
    if read is translation_xliff.read:
        monkeypatch.setattr(translation_xliff.SafeTree, "fromstring", build)
    with pytest.raises(InvalidFile):
        read(data)


def test_many_styles_and_numberings_are_looked_through_once() -> None:
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="s{n}"><w:name w:val="n{n}"/></w:style>'
        for n in range(20_000)
    )
    paragraphs = b'<w:p><w:pPr><w:pStyle w:val="none"/></w:pPr><w:r><w:t>a</w:t></w:r></w:p>' * 20_000
    body = Unit("story-7-body", "body", "<p>Text</p>", "<p>M</p>", 7)

    def change(name: str, text: bytes) -> bytes:
        text = text.replace(b"</w:styles>", styles.encode() + b"</w:styles>")
        return text.replace(b"</w:tc></w:tr></w:tbl>", paragraphs + b"</w:tc></w:tr></w:tbl>")

    started = time.process_time()
    (unit,) = translation_docx.read(with_parts(word([body]), change)).units
    assert unit.target.count("<p>") == 20_001 and time.process_time() - started < 20
