"""Reads a Word document (.docx, ECMA-376) from standard input, in a process of its own with limits.

`python -m mailer.stories.sources.word_reader MEMORY CPU` writes lines of JSON: the notes, the paragraphs and
tables in reading order, the pictures, what was left out, then an empty line. It loads neither Django nor the
configuration. Tracked changes are read as if they were accepted.
"""

from __future__ import annotations

import json
import posixpath
import re
import sys
import zipfile
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from mailer.stories.picture_formats import ENDINGS, format_of
from subscribers.limited_process import limit_this_process, require_xml_depth_at_most

# Parts of the archive, and bytes of it when unpacked: all of it, and its XML.
_MAX_PARTS = 3_000
_MAX_UNPACKED = 120 << 20
_MAX_XML = 30 << 20
# Nested tables and text boxes need more levels than workbooks.
_MAX_DEPTH = 200
_MAX_PICTURE = 10 << 20
_MAX_PICTURES = 200
# Pictures smaller than this in either direction, in English Metric Units (914,400 an inch), are decoration.
_SMALL_PICTURE = 340_000
# A heading's style, by its name in documents of programs that do not write the English name.
_HEADING_NAME = re.compile(
    r"(?:heading|заголовок|тақырып|аталыш|сарлавҳа|sarlavha|сарлавха|başlık|überschrift|titre|título|titolo"
    r"|nagłówek) ?([1-9])",
    re.IGNORECASE,
)
_HYPERLINK = re.compile(r'HYPERLINK\s+(?:"([^"]*)"|(?!\\)(\S+))', re.IGNORECASE)
# Marks the place of a footnote in a text; the number of the note is between them.
NOTE_BEGIN, NOTE_END = "\ue000", "\ue001"
_INVISIBLE = str.maketrans(
    {"\u00ad": "", "\u200b": "", "\ufeff": "", "\u2060": "", "\u00a0": " ", "\u202f": " "}
)

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_ALTERNATIVES = "{http://schemas.openxmlformats.org/markup-compatibility/2006}AlternateContent"
# Elements that only hold others; what is inserted or moved here is part of the text.
_TRANSPARENT = frozenset(("ins", "moveTo", "smartTag", "customXml", "sdtContent", "bdo", "dir", "rubyBase"))
_REMOVED = frozenset(("del", "moveFrom"))
# The namespaces of Strict Open XML begin so (ISO/IEC 29500-1); the library knows the transitional ones.
_STRICT = b"http://purl.oclc.org/ooxml/"


class UnusableDocument(Exception):  # noqa: N818  (a finding about the file)
    """Why the file cannot be read: "old", "macro", "template", "strict", "large" or "broken"."""


@dataclass
class _Style:
    """A style with what it inherits."""

    name: str = ""
    level: int = 0
    bold: bool = False
    italic: bool = False
    size: float = 0.0
    numbering: str = ""


@dataclass
class _Paragraph:
    """A paragraph that is being read."""

    style: _Style
    # Text, bold, italic, address of the link, size in points.
    runs: list[tuple[str, bool, bool, str, float]] = field(default_factory=list)
    pictures: list[tuple[int, str]] = field(default_factory=list)
    boxes: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class _Field:
    """A field (ECMA-376 part 1, §17.16.2): instruction, then result."""

    code: str = ""
    in_result: bool = False

    @property
    def is_contents(self) -> bool:
        return self.code.lstrip().upper().startswith("TOC")


def read(data: bytes) -> Iterator[dict[str, Any]]:
    """The lines. Raises UnusableDocument."""
    _check(data)
    import docx  # slow to load, and only this process needs it

    try:
        document = docx.Document(BytesIO(without_dangling_relationships(data)))
    except (KeyError, ValueError) as error:
        # The library names the type of the document that it found.
        found = (("macro", "macroEnabled"), ("template", "template.main"))
        raise UnusableDocument(
            next((kind for kind, name in found if name in str(error)), "broken")
        ) from error
    reader = _Reader(document)
    blocks = list(reader.blocks(document.element.body))
    title = str(document.core_properties.title or "")
    yield {"kind": "document", "notes": reader.notes(), "title": title.translate(_INVISIBLE)}
    yield from blocks
    for number, (name, blob) in enumerate(reader.blobs):
        yield {"kind": "picture", "number": number, "name": name, "data": b64encode(blob).decode()}
    yield {"kind": "left_out", "counts": dict(reader.left_out)}


def _check(data: bytes) -> None:
    if data.startswith((b"\xd0\xcf\x11\xe0", b"{\\rtf")):
        raise UnusableDocument("old")
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            parts = archive.infolist()
            xml = [part for part in parts if part.filename.lower().endswith((".xml", ".rels"))]
            if (
                len(parts) > _MAX_PARTS
                or sum(part.file_size for part in parts) > _MAX_UNPACKED
                or sum(part.file_size for part in xml) > _MAX_XML
            ):
                raise UnusableDocument("large")
            for part in xml:
                # A size in the directory may be false; reading stops at it, with an error.
                content = archive.read(part)
                if b"<!DOCTYPE" in content.replace(b"\0", b""):
                    raise UnusableDocument("broken")
                if part.filename == "word/document.xml" and _STRICT in content:
                    raise UnusableDocument("strict")
                require_xml_depth_at_most(iter([content, b""]), _MAX_DEPTH)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise UnusableDocument("broken") from error


def without_dangling_relationships(data: bytes) -> bytes:
    """The document without its relationships to parts that it has not, as programs leave them ("../NULL").

    The library fails for one of them; readers of documents ignore them. Names of parts are compared without
    case (ECMA-376 part 2). `data`: an archive whose XML is not hostile. Raises ValueError and KeyError.
    """
    with zipfile.ZipFile(BytesIO(data)) as archive:
        names = {name.lower(): name for name in archive.namelist()}
        changed = {
            name: corrected
            for name in archive.namelist()
            if name.lower().endswith(".rels")
            and (corrected := _with_known_targets(archive.read(name), name, names))
        }
        if not changed:
            return data
        target = BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
            for name in names.values():
                copy.writestr(name, changed.get(name) or archive.read(name))
    return target.getvalue()


def _with_known_targets(content: bytes, name: str, names: Mapping[str, str]) -> bytes:
    """The relationships of a part without those that lead to no part; b"" where all of them lead to one."""
    from docx.opc.oxml import serialize_part_xml
    from docx.oxml.parser import parse_xml  # resolves no entities

    root, is_changed = parse_xml(content), False
    base = f"/{name.rpartition('_rels/')[0]}"
    for one in list(root):
        if not isinstance(one.tag, str) or one.get("TargetMode") == "External":
            continue
        target = posixpath.normpath(posixpath.join(base, one.get("Target") or "")).lstrip("/")
        found = names.get(target.lower())
        if found is None:
            root.remove(one)
        elif found != target:
            one.set("Target", f"/{found}")
        is_changed = is_changed or found != target
    return serialize_part_xml(root) if is_changed else b""


class _Reader:
    def __init__(self, document: Any) -> None:
        self.part = document.part
        self.left_out: Counter[str] = Counter()
        self.blobs: list[tuple[str, bytes]] = []
        self._numbers: dict[str, int | None] = {}
        self._styles, self._default = _styles_of(document)
        self._lists = _lists_of(self.part)
        self._fields: list[_Field] = []
        # Runs of a paragraph whose mark was deleted: it continues with the next one.
        self._carried: list[tuple[str, bool, bool, str, float]] = []

    def blocks(self, container: Any) -> Iterator[dict[str, Any]]:
        """Paragraphs and tables of a body, cell, text box or content control."""
        for child in container:
            name = _local(child)
            if name == "p":
                yield from self._paragraph(child)
            elif name == "tbl":
                yield self._table(child)
            elif name == "sdt":
                if not (_is_contents(child) or _is_placeholder(child)):
                    yield from self.blocks(child)
            elif name in _TRANSPARENT:
                yield from self.blocks(child)
            elif child.tag == _ALTERNATIVES:
                yield from self.blocks(_alternative(child))
            elif name in _REMOVED:
                self.left_out["changes"] += 1
            elif name == "altChunk":
                self.left_out["embedded"] += 1

    def notes(self) -> dict[str, str]:
        """Texts of footnotes and endnotes by their marks, such as "footnote 2"."""
        found = {}
        for relation in self.part.rels.values():
            kind = relation.reltype.rpartition("/")[2]
            if kind not in ("footnotes", "endnotes") or relation.is_external:
                continue
            for note in _parsed(relation.target_part):
                texts = (one.text or "" for one in note.iter(f"{_W}t") if not _is_removed(one))
                text = " ".join("".join(texts).translate(_INVISIBLE).split())
                if text:
                    found[f"{kind[:-1]} {note.get(f'{_W}id')}"] = text
        return found

    def _paragraph(self, element: Any) -> Iterator[dict[str, Any]]:
        properties = element.find(f"{_W}pPr")
        style = self._styles.get(_value(properties, "pStyle"), self._default)
        paragraph = _Paragraph(style, self._carried)
        self._carried = []
        level = self._level(properties, style)
        if level:
            # A table of contents whose end is missing ends here at the latest.
            self._fields = [one for one in self._fields if not one.is_contents]
        self._inline(element, paragraph, "")
        # A field whose instruction does not end in its paragraph is broken.
        self._fields = [one for one in self._fields if one.in_result]
        if properties is not None and _removed_mark(properties):
            self._carried = paragraph.runs
            paragraph.runs = []
        text = "".join(run[0] for run in paragraph.runs)
        if text.strip() or paragraph.pictures:
            yield {
                "kind": "p",
                "style": style.name,
                "level": level,
                "list": "" if level else self._list(properties, style),
                "runs": paragraph.runs if text.strip() else [],
                "pictures": paragraph.pictures,
            }
        yield from paragraph.boxes

    def _level(self, properties: Any, style: _Style) -> int:
        own = _value(properties, "outlineLvl")
        return (int(own) + 1) % 10 if own.isdigit() else style.level

    def _list(self, properties: Any, style: _Style) -> str:
        numbering = None if properties is None else properties.find(f"{_W}numPr")
        own = _value(numbering, "numId") if numbering is not None else ""
        kind = self._lists.get(own or style.numbering, "")
        name = style.name.lower()
        if not kind and not own and name.startswith(("list bullet", "list number")):
            kind = "ul" if name.startswith("list bullet") else "ol"
        return kind

    def _table(self, element: Any) -> dict[str, Any]:
        rows = []
        for row in _children(element, "tr"):
            removed = row.find(f"{_W}trPr/{_W}del")
            if removed is not None:
                self.left_out["changes"] += 1
                continue
            cells = [
                list(self.blocks(cell))
                for cell in _children(row, "tc")
                if cell.find(f"{_W}tcPr/{_W}cellDel") is None
            ]
            rows.append(cells)
        return {"kind": "table", "rows": rows}

    def _inline(self, container: Any, paragraph: _Paragraph, link: str) -> None:
        for child in container:
            name = _local(child)
            if name == "r":
                self._run(child, paragraph, link)
            elif name == "hyperlink":
                self._inline(child, paragraph, self._target(child))
            elif name == "fldSimple":
                instruction = child.get(f"{_W}instr") or ""
                if not _Field(instruction).is_contents:
                    self._inline(child, paragraph, _field_link(instruction) or link)
            elif name in _TRANSPARENT:
                if name in ("ins", "moveTo"):
                    self.left_out["changes"] += 1
                self._inline(child, paragraph, link)
            elif name == "sdt":
                if not _is_placeholder(child):
                    self._inline(child, paragraph, link)
            elif name in _REMOVED:
                self.left_out["changes"] += 1
                self._fields_without_text(child)
            elif child.tag == _ALTERNATIVES:
                self._inline(_alternative(child), paragraph, link)
            elif name in ("oMath", "oMathPara"):
                self._add(
                    paragraph, "".join(one.text or "" for one in child.iter() if _local(one) == "t"), link
                )

    def _run(self, run: Any, paragraph: _Paragraph, link: str) -> None:
        properties = run.find(f"{_W}rPr")
        if _toggle(properties, "vanish"):
            self._fields_without_text(run)
            return
        character = self._styles.get(_value(properties, "rStyle"), _Style())
        bold = _toggle(properties, "b", character.bold or paragraph.style.bold)
        italic = _toggle(properties, "i", character.italic or paragraph.style.italic)
        size = _size(properties) or character.size or paragraph.style.size
        for child in run:
            self._run_content(child, paragraph, link, (bold, italic, size))

    def _run_content(
        self, child: Any, paragraph: _Paragraph, link: str, look: tuple[bool, bool, float]
    ) -> None:
        name = _local(child)
        if name == "fldChar":
            self._field(child.get(f"{_W}fldCharType") or "")
        elif name == "instrText" and self._fields and not self._fields[-1].in_result:
            self._fields[-1].code += child.text or ""
        elif name in ("drawing", "pict", "object"):
            self._graphic(child, paragraph, "")
        elif child.tag == _ALTERNATIVES:
            for one in _alternative(child):
                self._run_content(one, paragraph, link, look)
        elif name in ("footnoteReference", "endnoteReference"):
            mark = f"{name[:-9]} {child.get(f'{_W}id')}"
            self._add(paragraph, f"{NOTE_BEGIN}{mark}{NOTE_END}", "", look)
        elif name == "commentReference":
            self.left_out["comments"] += 1
        elif name == "ruby":
            for base in child.iter(f"{_W}rubyBase"):
                self._inline(base, paragraph, link)
        else:
            self._add(paragraph, _text_of(name, child), link, look)

    def _add(
        self,
        paragraph: _Paragraph,
        text: str,
        link: str,
        look: tuple[bool, bool, float] = (False, False, 0.0),
    ) -> None:
        if any(not one.in_result or one.is_contents for one in self._fields):
            return
        links = (found for one in reversed(self._fields) if (found := _field_link(one.code)))
        bold, italic, size = look
        text = text.translate(_INVISIBLE)
        if text:
            paragraph.runs.append((text, bold, italic, link or next(links, ""), size))

    def _field(self, mark: str) -> None:
        if mark == "begin":
            self._fields.append(_Field())
        elif mark == "separate" and self._fields:
            self._fields[-1].in_result = True
        elif mark == "end" and self._fields:
            self._fields.pop()

    def _fields_without_text(self, element: Any) -> None:
        """Begin and end of fields in what is hidden or deleted: the other one may be in what is shown."""
        for child in element.iter():
            name = _local(child)
            if name == "fldChar":
                self._field(child.get(f"{_W}fldCharType") or "")
            elif name == "instrText" and self._fields and not self._fields[-1].in_result:
                self._fields[-1].code += child.text or ""

    def _target(self, hyperlink: Any) -> str:
        """The address outside of the document; "" for a bookmark in it."""
        relation = self.part.rels.get(hyperlink.get(f"{_R}id") or "")
        if relation is None or not relation.is_external:
            return ""
        anchor = hyperlink.get(f"{_W}anchor")
        return f"{relation.target_ref}#{anchor}" if anchor else str(relation.target_ref)

    def _graphic(self, element: Any, paragraph: _Paragraph, alt: str) -> None:
        """Pictures and text boxes of a drawing, shape or group, in their order."""
        small = False
        for child in element:
            name = _local(child)
            if name in ("docPr", "cNvPr"):
                alt = child.get("descr") or child.get("title") or alt
            elif name == "extent":
                small = min(_number(child.get("cx")), _number(child.get("cy"))) < _SMALL_PICTURE
            elif name == "txbxContent":
                outer, self._fields = self._fields, []
                paragraph.boxes.extend(self.blocks(child))
                self._fields = outer
            elif name in ("blip", "imagedata"):
                self._picture(child, paragraph, alt)
            elif name in ("chart", "relIds"):
                self.left_out["charts"] += 1
            elif child.tag == _ALTERNATIVES:
                self._graphic(_alternative(child), paragraph, alt)
            elif not small or child.find(f".//{_W}txbxContent") is not None:
                inner = next((one for one in child if _local(one).startswith("nv")), None)
                named = "" if inner is None else _description(inner)
                self._graphic(child, paragraph, named or child.get("alt") or alt)

    def _picture(self, element: Any, paragraph: _Paragraph, alt: str) -> None:
        key = element.get(f"{_R}embed") or element.get(f"{_R}id") or ""
        relation = self.part.rels.get(key)
        if relation is None or relation.is_external:
            self.left_out["linked"] += bool(relation or element.get(f"{_R}link"))
            return
        name = str(relation.target_part.partname)
        if name not in self._numbers:
            self._numbers[name] = self._stored(name, relation.target_part.blob)
        number = self._numbers[name]
        if number is not None:
            paragraph.pictures.append((number, alt.translate(_INVISIBLE).strip()))

    def _stored(self, name: str, blob: bytes) -> int | None:
        ending = ENDINGS.get(format_of(blob), "")
        if not ending:
            self.left_out["formats"] += 1
        elif len(blob) > _MAX_PICTURE or len(self.blobs) >= _MAX_PICTURES:
            self.left_out["large"] += 1
        else:
            self.blobs.append((f"{name.rpartition('/')[2].rpartition('.')[0] or 'picture'}.{ending}", blob))
            return len(self.blobs) - 1
        return None


def _styles_of(document: Any) -> tuple[dict[str, _Style], _Style]:
    """Styles by id, and the one of paragraphs that name none."""
    root = document.styles.element
    defaults = root.find(f"{_W}docDefaults/{_W}rPrDefault/{_W}rPr")
    base = _Style(size=_size(defaults) or 10.0)
    elements = {one.get(f"{_W}styleId") or "": one for one in _children(root, "style")}
    found: dict[str, _Style] = {}

    def resolve(key: str, above: frozenset[str]) -> _Style:
        if key in found or key not in elements or key in above or len(above) > 20:
            return found.get(key, base)
        element = elements[key]
        parent = resolve(_value(element, "basedOn"), above | {key})
        name = _value(element, "name")
        heading = _HEADING_NAME.fullmatch(name.strip())
        properties, look = element.find(f"{_W}pPr"), element.find(f"{_W}rPr")
        outline = _value(properties, "outlineLvl")
        numbering = None if properties is None else properties.find(f"{_W}numPr")
        level = (int(outline) + 1) % 10 if outline.isdigit() else parent.level
        found[key] = _Style(
            name=name,
            level=int(heading[1]) if heading else level,
            bold=_toggle(look, "b", parent.bold),
            italic=_toggle(look, "i", parent.italic),
            # A character style that names no size leaves the paragraph's.
            size=_size(look) or (parent.size if element.get(f"{_W}type") == "paragraph" else 0.0),
            numbering=_value(numbering, "numId") or parent.numbering,
        )
        return found[key]

    for key in elements:
        resolve(key, frozenset())
    standard = next(
        (
            key
            for key, one in elements.items()
            if one.get(f"{_W}type") == "paragraph" and one.get(f"{_W}default") in ("1", "true")
        ),
        "",
    )
    return found, found.get(standard, base)


def _lists_of(part: Any) -> dict[str, str]:
    """ "ul" or "ol" by the id of a numbering."""
    part_of = next((one for one in part.rels.values() if one.reltype.endswith("/numbering")), None)
    if part_of is None or part_of.is_external:
        return {}
    root = _parsed(part_of.target_part)
    formats = {}
    for one in _children(root, "abstractNum"):
        level = one.find(f"{_W}lvl")
        formats[one.get(f"{_W}abstractNumId")] = _value(level, "numFmt")
    kinds = {"bullet": "ul", "none": "", "": ""}
    return {
        one.get(f"{_W}numId") or "": kinds.get(formats.get(_value(one, "abstractNumId"), ""), "ol")
        for one in _children(root, "num")
    }


def _parsed(part: Any) -> Any:
    from docx.oxml.parser import parse_xml  # resolves no entities

    return parse_xml(part.blob)


def _local(element: Any) -> str:
    """The name without its namespace; "" of comments and processing instructions."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _children(element: Any, name: str) -> Iterable[Any]:
    """Children of this name, also those within content controls and insertions."""
    for child in element:
        found = _local(child)
        if found == name:
            yield child
        elif (found == "sdt" and not _is_placeholder(child)) or found in _TRANSPARENT:
            yield from _children(child, name)


def _value(element: Any, name: str) -> str:
    child = None if element is None else element.find(f"{_W}{name}")
    return "" if child is None else child.get(f"{_W}val") or ""


def _toggle(properties: Any, name: str, otherwise: bool = False) -> bool:
    child = None if properties is None else properties.find(f"{_W}{name}")
    return otherwise if child is None else child.get(f"{_W}val") not in ("0", "false", "off")


def _size(properties: Any) -> float:
    """Points; 0 where none is given."""
    return _number(_value(properties, "sz")) / 2


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() and len(text) < 12 else 0


def _removed_mark(properties: Any) -> bool:
    marks = properties.find(f"{_W}rPr")
    return marks is not None and any(_local(one) == "del" for one in marks)


def _is_removed(element: Any) -> bool:
    return any(_local(one) in _REMOVED for one in element.iterancestors())


def _is_contents(control: Any) -> bool:
    """Whether the content control is a table of contents."""
    gallery = control.find(f"{_W}sdtPr/{_W}docPartObj/{_W}docPartGallery")
    return gallery is not None and "Contents" in (gallery.get(f"{_W}val") or "")


def _is_placeholder(control: Any) -> bool:
    """Whether the content control shows only what to write in it."""
    shown = control.find(f"{_W}sdtPr")
    return _toggle(shown, "showingPlcHdr")


def _alternative(element: Any) -> Any:
    """The first choice with text or a picture, else the fallback (ECMA-376 part 3)."""
    useful = ("txbxContent", "blip", "imagedata", "t")
    for child in element:
        if any(_local(one) in useful for one in child.iter()):
            return child
    return ()


def _description(element: Any) -> str:
    child = next((one for one in element if _local(one) == "cNvPr"), None)
    return "" if child is None else child.get("descr") or ""


def _field_link(code: str) -> str:
    found = _HYPERLINK.search(code)
    return (found[1] or found[2] or "") if found else ""


def _text_of(name: str, element: Any) -> str:
    if name == "t":
        return element.text or ""
    if name == "sym":
        code = element.get(f"{_W}char") or ""
        value = int(code, 16) if re.fullmatch(r"[0-9A-Fa-f]{1,5}", code) else 0
        # Those of symbol fonts have no character of their own.
        return chr(value) if 0x20 <= value < 0xE000 and not 0xD800 <= value < 0xE000 else ""
    return {"tab": " ", "ptab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "\u2011"}.get(name, "")


def _main() -> None:
    limit_this_process(sys.argv[1:])
    try:
        for line in read(sys.stdin.buffer.read()):
            sys.stdout.write(json.dumps(line) + "\n")
    except UnusableDocument as error:
        sys.stdout.write(json.dumps({"kind": "error", "reason": str(error)}) + "\n")
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  (damaged files make the library raise anything)
        sys.stdout.write(json.dumps({"kind": "error", "reason": "broken"}) + "\n")
    sys.stdout.write("\n")


if __name__ == "__main__":
    _main()
