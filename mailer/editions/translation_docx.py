"""Files for translators in Word's format (DOCX): a table of source and translation, read when it comes back.

Of the formatting, bold, italic, lists and links are exchanged; tracked changes are accepted. A file is read
only after its parts were found to be small and free of entities, and cells that were merged are not read: a
few bytes say that a cell spans millions of columns.
"""

from __future__ import annotations

import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from html.parser import HTMLParser
from io import BytesIO
from typing import Any
from xml.etree import ElementTree as ET

import docx
from defusedxml import ElementTree as SafeTree
from defusedxml.common import DefusedXmlException
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt, RGBColor
from docx.table import _Cell
from docx.text.hyperlink import Hyperlink

from mailer.editions.translation_units_and_returned_files import TranslatedUnit, TranslationFile, Unit
from mailer.editions.translation_xliff import ChangedTable, InvalidFile, require_small_xml
from mailer.stories.sources.word_reader import without_dangling_relationships

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_MAX_BYTES = 5_000_000
_MAX_PARTS = 500
_MAX_UNPACKED = 20_000_000
_XML_ENDINGS, _CONTENT_TYPES = (".xml", ".rels"), "[Content_Types].xml"
# Of the table: the note, the source and the translation.
_COLUMNS = 3
_LISTS = {"ul": "List Bullet", "ol": "List Number"}
# Of the styles "List Bullet", "List Bullet 2" and "List Bullet 3".
_DEEPEST = 3
# Tracked changes and other elements: what is deleted, and what the text stands in.
_DELETED = tuple(qn(f"w:{name}") for name in ("del", "moveFrom", "sdtPr", "sdtEndPr"))
_AROUND_TEXT = tuple(
    qn(f"w:{name}") for name in ("ins", "moveTo", "sdt", "sdtContent", "smartTag", "customXml", "fldSimple")
)
# The last line of a row's first cell.
_ID = re.compile(r"\[([\w-]{1,80}) ([0-9a-f]{12})\]\s*$")
# In the document's properties: "silk-road-monthly-2021-12 en kk".
_IDENTIFIER = re.compile(r"([\w-]{1,80}) ([\w-]{1,12}) ([\w-]{1,12})")


def write(
    edition: str,
    source: str,
    target: str,
    units: Iterable[Unit],
    notes: Iterable[Sequence[str]],
    heading: str,
) -> bytes:
    """The document for a translation from `source` to `target`; `notes` are those of translation_xliff."""
    document = docx.Document()
    document.core_properties.identifier = f"{edition} {source} {target}"
    document.core_properties.title = heading
    document.add_heading(heading, 1)
    table = document.add_table(rows=1, cols=_COLUMNS)
    table.style = "Table Grid"
    for cell, text in zip(table.rows[0].cells, ("", source, target), strict=True):
        cell.text = text
    for unit, note in zip(units, notes, strict=True):
        first, written, translated = table.add_row().cells
        first.text = note[0]
        for text in note[1:]:
            first.add_paragraph().add_run(text).italic = True
        mark = first.add_paragraph().add_run(f"[{unit.id} {unit.mark}]")
        mark.font.size, mark.font.color.rgb = Pt(7), RGBColor(0x80, 0x80, 0x80)
        for cell, text in ((written, unit.source), (translated, unit.target)):
            if unit.rich:
                _Writer(cell).write(text)
            else:
                cell.text = text
    data = BytesIO()
    document.save(data)
    return data.getvalue()


def read(data: bytes) -> TranslationFile:
    """The inverse of `write`, of a document that a translator returned. Raises InvalidFile.

    Without the edition where a program dropped the document's properties: the units have marks.
    """
    _check(data)
    try:
        document = docx.Document(BytesIO(without_dangling_relationships(data)))
        _accept_changes(document.element.body)
        known = _IDENTIFIER.fullmatch(document.core_properties.identifier or "")
        lists = _Lists(document)
        table = document.tables[0] if document.tables else None
        rows = [] if table is None else [_cells(row, table) for row in table._tbl.tr_lst]
        units = [unit for cells in rows if (unit := _unit(cells, lists))]
    except InvalidFile:
        raise
    # The library raises what its parts happen to raise on damaged files.
    except Exception as error:
        raise InvalidFile("no Word document") from error
    if not units:
        raise InvalidFile("no document of ours")
    if known is not None:
        return TranslationFile(known[1], known[2], known[3], tuple(units))
    languages = [cell.text.strip() for cell in rows[0][1:]]
    if len(languages) != 2:
        raise ChangedTable("no languages in the first row")
    return TranslationFile("", languages[0], languages[1], tuple(units))


def _cells(row: Any, table: Any) -> list[_Cell]:
    """The cells of a row. Raises ChangedTable where they are not those of an export.

    The library's `cells` repeats a cell for every column that it spans.
    """
    found = row.tc_lst
    if any(cell.vMerge == "continue" for cell in found):
        raise ChangedTable("rows were merged")
    cells = [_Cell(cell, table) for cell in found]
    is_unit = any(_ID.search(cell.text) for cell in cells)
    if is_unit and (len(found) != _COLUMNS or any(cell.grid_span != 1 for cell in found)):
        raise ChangedTable("cells were merged or split")
    return cells


def _check(data: bytes) -> None:
    """Raise InvalidFile for what is no archive, unpacks to too much, or declares entities."""
    if len(data) > _MAX_BYTES:
        raise InvalidFile("too large")
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            parts = archive.infolist()
            if len(parts) > _MAX_PARTS or sum(part.file_size for part in parts) > _MAX_UNPACKED:
                raise InvalidFile("too large when unpacked")
            # A size in the directory may be false; reading stops at it, with an error.
            require_small_xml(
                archive.read(part) for part in parts if part.filename.lower().endswith(_XML_ENDINGS)
            )
            if any(map(_is_hidden_xml, SafeTree.fromstring(archive.read(_CONTENT_TYPES), forbid_dtd=True))):
                raise InvalidFile("XML with another ending")
    except InvalidFile:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        ET.ParseError,
        DefusedXmlException,
        ValueError,
        LookupError,
    ) as error:
        raise InvalidFile("no Word document, or with entities") from error


def _is_hidden_xml(listed: ET.Element) -> bool:
    """Whether the content type would have the library parse a part that its name does not show to be XML."""
    kind, name = (
        listed.get("ContentType", "").lower(),
        listed.get("PartName") or f".{listed.get('Extension')}",
    )
    return (
        kind.startswith("application/") and kind.endswith("xml") and not name.lower().endswith(_XML_ENDINGS)
    )


def _unit(cells: Sequence[_Cell], lists: _Lists) -> TranslatedUnit | None:
    found = _ID.search(cells[0].text) if len(cells) == _COLUMNS else None
    if found is None:
        return None
    # As `Unit.id` says.
    rich = found[1].endswith("-body")
    text = "".join(_html_of(cells[2], lists)) if rich else cells[2].text
    return TranslatedUnit(found[1], found[2], text)


def _accept_changes(body: Any) -> None:
    """Leave the text as it reads with all tracked changes, which the library would leave out."""
    for deleted in list(body.iter(*_DELETED)):
        deleted.getparent().remove(deleted)
    for around in list(body.iter(*_AROUND_TEXT)):
        for inner in list(around):
            around.addprevious(inner)
        around.getparent().remove(around)


def _html_of(cell: Any, known: _Lists) -> Iterator[str]:
    """The HTML of a cell: a paragraph or an item of a list for each of its paragraphs."""
    lists: list[str] = []
    for paragraph in cell.paragraphs:
        inner = _joined("".join(_inline(paragraph)))
        if not inner.strip():
            continue
        kind, level = known.tag_and_level(paragraph)
        # No level is skipped.
        level = min(level, len(lists) + 1)
        while len(lists) > level or (kind and len(lists) == level and lists[-1] != kind):
            yield f"</li></{lists.pop()}>"
        if not kind:
            yield f"<p>{inner}</p>"
            continue
        yield "</li><li>" if len(lists) == level else f"<{kind}><li>"
        lists += [kind] * (level - len(lists))
        yield inner
    yield from (f"</li></{kind}>" for kind in reversed(lists))


class _Lists:
    """Finds the lists that paragraphs belong to; the library looks through all styles for each of them."""

    def __init__(self, document: Any) -> None:
        self._styles = {style.style_id: style.name or "" for style in document.styles}
        try:
            defined = document.part.part_related_by(RELATIONSHIP_TYPE.NUMBERING).element
        except KeyError:
            defined = ()
        self._definitions: dict[str, str] = {}
        self._formats: dict[tuple[str, str], str] = {}
        for one in defined:
            if one.tag == qn("w:num"):
                for inner in one.iterchildren(qn("w:abstractNumId")):
                    self._definitions[one.get(qn("w:numId"), "")] = inner.get(qn("w:val"), "")
            elif one.tag == qn("w:abstractNum"):
                for level in one.iterchildren(qn("w:lvl")):
                    place = one.get(qn("w:abstractNumId"), ""), level.get(qn("w:ilvl"), "")
                    for inner in level.iterchildren(qn("w:numFmt")):
                        self._formats.setdefault(place, inner.get(qn("w:val"), ""))

    def tag_and_level(self, paragraph: Any) -> tuple[str, int]:
        """The tag of a paragraph's list, and its level from 1; empty and 0 outside of lists.

        Word's own styles name lists; other programs only number the paragraph.
        """
        style = self._styles.get(paragraph._p.style or "", "")
        kind = next((tag for tag, name in _LISTS.items() if style.startswith(name)), "")
        deeper = style.removeprefix(_LISTS.get(kind, "")).strip()
        level = int(deeper) if deeper.isdecimal() else 1
        numbering = getattr(paragraph._p.pPr, "numPr", None)
        if numbering is None or numbering.numId is None:
            return kind, level if kind else 0
        level = numbering.ilvl.val + 1 if numbering.ilvl is not None else level
        kind = kind or self._tag_of_numbering(numbering.numId.val, level)
        return (kind, level) if kind and numbering.numId.val else ("", 0)

    def _tag_of_numbering(self, number: int, level: int) -> str:
        """The tag of a list that the document defines; empty: it is not there."""
        written = self._formats.get((self._definitions.get(str(number), ""), str(level - 1)), "none")
        return "ul" if written == "bullet" else "" if written == "none" else "ol"


def _joined(html: str) -> str:
    """HTML of runs, which Word cuts anywhere, without the places where equal formatting ends and begins."""
    return html.replace("</b><b>", "").replace("</i><i>", "")


def _inline(paragraph: Any) -> Iterator[str]:
    for part in paragraph.iter_inner_content():
        if isinstance(part, Hyperlink):
            inner, url = "".join(_run(run) for run in part.runs), _url(part)
            yield f'<a href="{escape(url)}">{inner}</a>' if url else inner
        else:
            yield _run(part)


def _url(link: Hyperlink) -> str:
    try:
        return link.url
    except KeyError:
        # It leads to nothing that the document has.
        return ""


def _run(run: Any) -> str:
    text = escape(run.text, quote=False).replace("\n", "<br>")
    if not text:
        return ""
    text = f"<i>{text}</i>" if run.italic else text
    return f"<b>{text}</b>" if run.bold else text


class _Writer(HTMLParser):
    """Writes a rich text into a cell."""

    def __init__(self, cell: Any) -> None:
        super().__init__(convert_charrefs=True)
        self.cell = cell
        self.paragraph: Any = None
        self.lists: list[str] = []
        self.bold = self.italic = 0
        self.link: Any = None

    def write(self, text: str) -> None:
        self.feed(text)
        self.close()
        # Every cell begins with an empty paragraph, and must keep one.
        first = self.cell.paragraphs[0]
        if len(self.cell.paragraphs) > 1 and not first.text:
            first._element.getparent().remove(first._element)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _LISTS:
            self.lists.append(tag)
        elif tag in ("p", "li"):
            self.paragraph = self.cell.add_paragraph(style=self._style() if tag == "li" else None)
        elif tag == "a":
            self.link = self._hyperlink(dict(attrs).get("href") or "")
        elif tag == "br":
            self._run_of("\n")
        self.bold += tag in ("b", "strong")
        self.italic += tag in ("i", "em")

    def _style(self) -> str | None:
        """The style of an item of the innermost list."""
        level = min(len(self.lists), _DEEPEST)
        return f"{_LISTS[self.lists[-1]]}{f' {level}' if level > 1 else ''}" if level else None

    def handle_endtag(self, tag: str) -> None:
        if tag in _LISTS and self.lists:
            self.lists.pop()
        elif tag == "a":
            self.link = None
        self.bold -= tag in ("b", "strong")
        self.italic -= tag in ("i", "em")

    def handle_data(self, data: str) -> None:
        if data.strip() or self.paragraph is not None:
            self._run_of(data.replace("\n", " "))

    def _run_of(self, text: str) -> None:
        self.paragraph = self.paragraph or self.cell.add_paragraph()
        run = self.paragraph.add_run(text)
        run.bold, run.italic = self.bold > 0 or None, self.italic > 0 or None
        if self.link is not None:
            run.font.underline = True
            self.link.append(run._element)

    def _hyperlink(self, href: str) -> Any:
        # The library reads hyperlinks and does not write them.
        self.paragraph = self.paragraph or self.cell.add_paragraph()
        link = OxmlElement("w:hyperlink")
        link.set(
            qn("r:id"), self.paragraph.part.relate_to(href, RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
        )
        self.paragraph._element.append(link)
        return link
