"""Word documents become stories: as three programs write them, with several languages, tables and damage."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import date, datetime
from io import BytesIO

import docx
import pytest
from docx.shared import Pt

from mailer.stories.sources.documents import line_recognition
from mailer.stories.sources.reader_interface import SourceError, SourceItem
from mailer.stories.sources.word_documents import read_document
from tests.stories import word_files
from tests.stories.word_files import EDITION, FILM, KAZAKHS, RING, Package, paragraph, picture, run


@pytest.mark.parametrize("make", [word_files.by_python_docx, word_files.by_libreoffice, word_files.by_word])
def test_an_edition_becomes_its_eight_stories(make: Callable[[], bytes]) -> None:
    items = {item.title: item for item in read_document(make()).items}
    assert set(items) == {sample.title for sample in EDITION}
    for sample in EDITION:
        item = items[sample.title]
        assert (item.countries, item.kind, item.link) == (sample.countries, sample.kind, sample.link)
        assert item.picture == (picture(sample.colour) if sample.colour else b"")
        assert all(text in item.html for text in sample.text)
    film = items[FILM.title]
    assert film.starts == datetime.fromisoformat("2021-12-18T18:30")
    assert film.ends == datetime.fromisoformat("2021-12-18T20:30")
    assert film.place == "House of Cinema, Almaty"
    published = items[KAZAKHS.title].published
    assert published is not None and published.date() == date(2021, 11, 16)
    # From the caption, or what the document says of the picture; never Word's "Picture 1".
    assert items[RING.title].picture_alt in ("Tashkent", "Border guards at a desk")
    assert items[KAZAKHS.title].picture_alt in ("", KAZAKHS.colour)


def test_what_a_document_of_word_has_besides_text_is_reported_and_left_out() -> None:
    found = read_document(word_files.by_word())
    text = "".join(item.html for item in found.items)
    assert "of understanding" not in "".join(item.title for item in found.items)
    assert "[1] Published in 2021." in text and "“national action plan”" in text
    assert "\u00ad" not in text and "\u00a0" not in text
    # Tracked changes, a comment, a metafile.
    assert len(found.warnings) == 3


def test_the_same_story_has_the_same_id_in_a_corrected_document() -> None:
    first, again = (read_document(_stories(text)).items for text in ("A mitsake.", "A mistake."))
    assert [item.id for item in first] == [item.id for item in again]
    assert len({item.id for item in first}) == len(first)


def test_a_headline_of_another_month_is_another_story() -> None:
    dated = (
        "On 16 November 2021 it began.",
        "On 17 November 2021 it began.",
        "On 16 December 2021 it began.",
    )
    first, corrected, later = ({item.id for item in read_document(_stories(text)).items} for text in dated)
    assert first == corrected and first.isdisjoint(later)


def _stories(text: str) -> bytes:
    document = docx.Document()
    for title in ("Four words are enough", "Another story about something", "Four words are enough"):
        document.add_heading(title, 1)
        document.add_paragraph(text)
    return _saved(document)


def _saved(document: object) -> bytes:
    file = BytesIO()
    document.save(file)  # type: ignore[attr-defined]
    return file.getvalue()


def _by_sections() -> bytes:
    document = docx.Document()
    for language, first, second in (
        ("English", "The new office opens", "A course for teachers"),
        ("Русский", "Открывается новый офис", "Курс для учителей"),
    ):
        document.add_heading(language, 1)
        document.add_heading(first, 2)
        document.add_paragraph("Kazakhstan" if language == "English" else "Казахстан")
        document.add_paragraph(first)
        document.add_heading(second, 2)
        document.add_paragraph(second)
    return _saved(document)


def _by_story() -> bytes:
    document = docx.Document()
    for first, second in (
        ("The new office opens", "Открывается новый офис"),
        ("A course for teachers", "Курс для учителей"),
    ):
        document.add_heading(first, 1)
        document.add_paragraph(first)
        document.add_heading("Русский", 2)
        document.add_paragraph(second)
        document.add_paragraph(second)
    return _saved(document)


def _by_columns() -> bytes:
    document = docx.Document()
    table = document.add_table(rows=3, cols=2)
    for row, texts in zip(
        table.rows,
        (
            ("EN", "RU"),
            ("The new office opens", "Открывается новый офис"),
            ("A course for teachers", "Курс для учителей"),
        ),
        strict=True,
    ):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
            if len(text) > 2:
                cell.add_paragraph(f"{text}, as was said on Monday.")
    return _saved(document)


@pytest.mark.parametrize("make", [_by_sections, _by_story, _by_columns])
def test_several_languages_in_a_document_are_texts_of_the_same_story(make: Callable[[], bytes]) -> None:
    items = read_document(make()).items
    by_id = {item.id: item for item in items}
    pairs = {(by_id[item.translation_of].title, item.title) for item in items if item.translation_of}
    assert pairs == {
        ("The new office opens", "Открывается новый офис"),
        ("A course for teachers", "Курс для учителей"),
    }
    assert {item.language for item in items if item.translation_of} == {"ru"}
    assert all(item.html for item in items)


def _one(body: str, package: Package | None = None) -> SourceItem:
    (item,) = read_document((package or Package()).save(body, "")).items
    return item


def test_a_document_without_headlines_is_one_story_with_lists_and_tables() -> None:
    document = docx.Document()
    document.add_paragraph("A table of two towns")
    document.add_paragraph("First", style="List Number")
    document.add_paragraph("Second", style="List Number")
    table = document.add_table(rows=2, cols=2)
    for row, texts in zip(table.rows, (("Town", "People"), ("Osh", "322 164")), strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    found = read_document(_saved(document))
    (item,) = found.items
    assert item.title == "A table of two towns"
    assert "<ol><li>First</li><li>Second</li></ol>" in item.html
    assert "<ul><li><b>Osh</b>: People: 322 164</li></ul>" in item.html
    assert len(found.warnings) == 1


def test_sections_and_pictures_are_understood_where_all_headings_have_one_rank() -> None:
    document = docx.Document()
    document.add_heading("Newsletter, December 2021", 1)
    document.add_paragraph("Central Asia")
    for country, title, colour in (
        ("Kazakhstan", "A first story", "navy"),
        ("", "A second story", "green"),
        ("Uzbekistan", "A third story", "maroon"),
    ):
        if country:
            document.add_heading(country, 1)
        # Pictures stand above their headlines here.
        document.add_picture(BytesIO(picture(colour)), width=Pt(200))
        document.add_heading(title, 1)
        document.add_paragraph("Its text.")
        document.add_heading("Details", 2)
        document.add_paragraph("More.")
    items = read_document(_saved(document)).items
    assert [item.countries for item in items] == [("KZ",), ("KZ",), ("UZ",)]
    assert [item.picture for item in items] == [picture(one) for one in ("navy", "green", "maroon")]
    assert all("<p><b>Details</b></p><p>More.</p>" in item.html for item in items)


def test_scripts_and_addresses_of_other_kinds_do_not_become_links() -> None:
    package = Package()
    key = package.relate("hyperlink", "javascript:alert(1)", external=True)
    body = paragraph(run("A title of this story")) + paragraph(
        f'<w:hyperlink r:id="{key}">{run("<script>press</script>")}</w:hyperlink>',
        f'<w:hyperlink w:anchor="_Toc1">{run(" here")}</w:hyperlink>',
    )
    item = _one(body, package)
    assert item.html == "<p>&lt;script&gt;press&lt;/script&gt; here</p>" and not item.link


def _mark(kind: str, look: str = "") -> str:
    return f'<w:r><w:rPr>{look}</w:rPr><w:fldChar w:fldCharType="{kind}"/></w:r>'


@pytest.mark.parametrize(
    "end",
    [
        _mark("end"),
        _mark("end", "<w:vanish/>"),
        f'<w:del w:id="1" w:author="A">{_mark("end")}</w:del>',
    ],
)
def test_a_link_ends_where_its_field_does_also_if_that_is_hidden_or_deleted(end: str) -> None:
    code = '<w:r><w:instrText> HYPERLINK "https://example.org/a" </w:instrText></w:r>'
    linked = (_mark("begin"), code, _mark("separate"), run("here"))
    body = paragraph(run("A title of this story")) + paragraph(run("See "), *linked, end, run(" and there."))
    item = _one(body + paragraph(run("More.")))
    assert item.html == '<p>See <a href="https://example.org/a">here</a> and there.</p><p>More.</p>'


def test_a_table_of_contents_without_an_end_hides_no_story() -> None:
    code = '<w:r><w:instrText> TOC \\o "1-3" </w:instrText></w:r>'
    contents = paragraph(_mark("begin"), code, _mark("separate"), run("A bridge 1"))
    heading = paragraph(run("A bridge"), properties='<w:outlineLvl w:val="0"/>')
    item = _one(contents + heading + paragraph(run("Its text.")))
    assert (item.title, item.html) == ("A bridge", "<p>Its text.</p>")


def test_what_a_form_asks_for_is_no_text() -> None:
    def control(content: str) -> str:
        return f"<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>{content}</w:sdtContent></w:sdt>"

    asked = run("Click or tap here to enter text.")
    body = paragraph(run("A title of this story")) + paragraph(run("Text."), control(asked))
    assert _one(body + control(paragraph(asked))).html == "<p>Text.</p>"


def _bomb() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * 40_000_000)
    return file.getvalue()


def _entities() -> bytes:
    return _part(b'<!DOCTYPE d [<!ENTITY a "aaaa">]><d>&a;</d>')


def _deep() -> bytes:
    return _part(b"<a>" * 5_000 + b"</a>" * 5_000)


def _part(content: bytes) -> bytes:
    return _changed("word/document.xml", lambda _: content)


def _changed(part: str, change: Callable[[bytes], bytes]) -> bytes:
    file = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(word_files.by_libreoffice())) as given,
        zipfile.ZipFile(file, "w") as changed,
    ):
        for name in given.namelist():
            content = given.read(name)
            changed.writestr(name, change(content) if name == part else content)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"", b"no document", b"\xd0\xcf\x11\xe0old", _bomb(), _entities(), _deep(), word_files.by_word()[:-900]],
    ids=["empty", "text", "old", "bomb", "entities", "deep", "cut off"],
)
def test_hostile_and_damaged_files_are_refused(data: bytes) -> None:
    with pytest.raises(SourceError):
        read_document(data)


@pytest.mark.parametrize("target", ["../NULL", "NULL", "/word/media/gone.png", "#bookmark", "../../../x"])
def test_a_relationship_to_a_part_that_is_not_there_is_left_out(target: str) -> None:
    image = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/image"
    dangling = f'<Relationship Id="rNone" Type="{image}" Target="{target}"/></Relationships>'.encode()
    data = _changed(
        "word/_rels/document.xml.rels", lambda content: content.replace(b"</Relationships>", dangling)
    )
    whole = read_document(word_files.by_libreoffice())
    assert read_document(data) == whole
    # Names of parts are the same in any case.
    data = _changed(
        "_rels/.rels", lambda content: content.replace(b"word/document.xml", b"word/Document.xml")
    )
    assert read_document(data) == whole


def test_a_template_is_named_with_what_to_do() -> None:
    data = _changed(
        "[Content_Types].xml", lambda content: content.replace(b"document.main", b"template.main")
    )
    with pytest.raises(SourceError, match="dotx"):
        read_document(data)


def test_a_file_of_strict_open_xml_is_named_with_what_to_do() -> None:
    strict = b'<w:document xmlns:w="http://purl.oclc.org/ooxml/wordprocessingml/main"/>'
    with pytest.raises(SourceError, match="Strict Open XML"):
        read_document(_part(strict))


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("Kazakhstan", ("KZ",)),
        ("КАЗАХСТАН:", ("KZ",)),
        ("Өзбекстан және Қырғызстан", ("UZ", "KG")),
        ("Кыргызстан, Тажикстан", ("KG", "TJ")),
        ("Тоҷикистон ва Ӯзбекистон", ("TJ", "UZ")),
        ("Oʻzbekiston | Qozog'iston", ("UZ", "KZ")),
        ("Türkmenistan we Özbegistan", ("TM", "UZ")),
        ("KZ / UZ", ("KZ", "UZ")),
        ("Центральная Азия", ()),
        ("Kazakhstan opens an office", None),
        ("News", None),
        ("It", None),
    ],
)
def test_lines_of_countries_are_recognised(line: str, codes: tuple[str, ...] | None) -> None:
    assert line_recognition.parse_countries_line(line) == codes


@pytest.mark.parametrize(
    "line",
    [
        "18 December 2021",
        "December 18, 2021 at noon",
        "Saturday, 18.12.2021",
        "2021-12-18",
        "18 декабря 2021 г., суббота",
        "2021 жылғы 18 желтоқсан",
        "2021-жылдын 18-декабры",
        "18 декабри соли 2021",
        "2021-yil 18-dekabr",
        "2021-nji ýylyň 18-nji dekabry",
    ],
)
def test_dates_are_read_in_seven_languages(line: str) -> None:
    found = line_recognition.find_day(line)
    assert found is not None and found[0] == date(2021, 12, 18)
