"""Files for translators in XLIFF 2.1 (OASIS): exported, and read again when they come back.

Formatting is held by paired codes (`pc`), which refer to the source's own elements: what a file says about
elements and links is not taken over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from html.parser import HTMLParser
from xml.etree import ElementTree as ET
from xml.parsers import expat

from defusedxml import ElementTree as SafeTree
from defusedxml.common import DefusedXmlException

from mailer.editions.translation_units_and_returned_files import TranslatedUnit, TranslationFile, Unit

_CORE = "urn:oasis:names:tc:xliff:document:2.0"
# Our own attributes, which tools hand back unchanged (XLIFF 2.1 §4.2.2.7 allows other namespaces here).
_OWN = "urn:newsletter-mailer:translation"
_XML = "{http://www.w3.org/XML/1998/namespace}"
MEDIA_TYPE = "application/xliff+xml"
_MAX_BYTES = 5_000_000


# Elements, and levels of them; the texts of an edition need a small part of these.
_MAX_ELEMENTS, _MAX_DEPTH = 300_000, 200


class InvalidFile(ValueError):  # noqa: N818 (a verdict on input)
    """The file is not one that this program exported, or is damaged."""


class ChangedTable(InvalidFile):
    """Cells of a document's table were merged, split or deleted."""


def require_small_xml(parts: Iterable[bytes]) -> None:
    """Raise InvalidFile where the parts of a file are no XML, have a DTD, or need much memory as trees."""
    elements = depth = 0

    def start(_name: str, _attributes: object) -> None:
        nonlocal elements, depth
        elements, depth = elements + 1, depth + 1
        if elements > _MAX_ELEMENTS or depth > _MAX_DEPTH:
            raise InvalidFile("too many elements")

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse(*_: object) -> None:
        raise InvalidFile("with entities")

    for content in parts:
        parser = expat.ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = start, end
        parser.StartDoctypeDeclHandler = refuse
        try:
            parser.Parse(content, True)
        except InvalidFile:
            raise
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise InvalidFile("not well-formed XML") from error


def write(
    edition: str, source: str, target: str, units: Iterable[Unit], notes: Iterable[Sequence[str]]
) -> bytes:
    """The file for a translation from `source` to `target`.

    `notes` stand with each unit, in the order of the units: first what it is, then what to know of its names.
    """
    ET.register_namespace("", _CORE)
    ET.register_namespace("nm", _OWN)
    root = ET.Element(f"{{{_CORE}}}xliff", {"version": "2.1", "srcLang": source, "trgLang": target})
    file = ET.SubElement(root, f"{{{_CORE}}}file", {"id": "f1", "original": edition})
    for unit, note in zip(units, notes, strict=True):
        held = ET.SubElement(
            file, f"{{{_CORE}}}unit", {"id": unit.id, "name": note[0], f"{{{_OWN}}}mark": unit.mark}
        )
        about = ET.SubElement(held, f"{{{_CORE}}}notes")
        for text in note:
            ET.SubElement(about, f"{{{_CORE}}}note").text = text
        known = _known_elements(unit) if unit.rich else []
        _add_original_data(held, known)
        state = "translated" if unit.target else "initial"
        segment = ET.SubElement(held, f"{{{_CORE}}}segment", {"id": "s1", "state": state})
        _fill(ET.SubElement(segment, f"{{{_CORE}}}source", {f"{_XML}space": "preserve"}), unit.source, known)
        if unit.target:
            written = ET.SubElement(segment, f"{{{_CORE}}}target", {f"{_XML}space": "preserve"})
            _fill(written, unit.target, known)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data


def read(data: bytes) -> TranslationFile:
    """The inverse of `write`, of a file that a translator returned. Raises InvalidFile."""
    if len(data) > _MAX_BYTES:
        raise InvalidFile("too large")
    require_small_xml([data])
    try:
        root = SafeTree.fromstring(data, forbid_dtd=True)
    except (ET.ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise InvalidFile("not well-formed XML, or with entities") from error
    file = root.find(f"{{{_CORE}}}file")
    if root.tag != f"{{{_CORE}}}xliff" or file is None:
        raise InvalidFile("no XLIFF 2 file")
    try:
        units = tuple(_unit(one) for one in file.iter(f"{{{_CORE}}}unit"))
    except RecursionError as error:
        raise InvalidFile("codes are nested too deeply") from error
    return TranslationFile(file.get("original", ""), root.get("srcLang", ""), root.get("trgLang", ""), units)


def _unit(unit: ET.Element) -> TranslatedUnit:
    elements = _elements(unit)
    targets = _targets(unit)
    opened = _open_codes(targets)
    text = "".join(
        _markup(target, elements, opened) if elements else "".join(target.itertext()) for target in targets
    )
    return TranslatedUnit(unit.get("id", ""), unit.get(f"{{{_OWN}}}mark", ""), text)


def _targets(unit: ET.Element) -> list[ET.Element]:
    """The translation in pieces, for a tool may have split the text; none where one is not translated.

    What stands between segments is often not repeated in the translation (XLIFF 2.1 §4.2.2.6). Targets
    elsewhere in the unit are suggestions of the tool.
    """
    targets = []
    for piece in unit:
        kind = piece.tag.rpartition("}")[2]
        if kind not in ("segment", "ignorable"):
            continue
        source, target = (piece.find(f"{{{_CORE}}}{name}") for name in ("source", "target"))
        if target is None and kind == "segment" and source is not None and "".join(source.itertext()).strip():
            return []
        targets.append(source if target is None else target)
    return [target for target in targets if target is not None]


def _open_codes(targets: Iterable[ET.Element]) -> dict[str, str]:
    """Of codes that begin in one piece and may end in another: their data, by their ids."""
    starts = (code for target in targets for code in target.iter(f"{{{_CORE}}}sc"))
    return {code.get("id", ""): code.get("dataRef", "") for code in starts}


class _Codes(HTMLParser):
    """The elements of a rich text, in order: (tag, href)."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs).get("href") or ""))


def _known_elements(unit: Unit) -> list[tuple[str, str]]:
    """The elements of the source, and those that only the translation has."""
    source, target = _Codes(), _Codes()
    source.feed(unit.source)
    target.feed(unit.target)
    return [*source.elements, *(Counter(target.elements) - Counter(source.elements)).elements()]


def _add_original_data(held: ET.Element, known: list[tuple[str, str]]) -> None:
    if known:
        data = ET.SubElement(held, f"{{{_CORE}}}originalData")
        for number, (tag, href) in enumerate(known, start=1):
            opening = f'<{tag} href="{escape(href)}">' if href else f"<{tag}>"
            ET.SubElement(data, f"{{{_CORE}}}data", {"id": f"d{number}"}).text = opening


def _elements(unit: ET.Element) -> dict[str, tuple[str, str]]:
    """The elements that the unit's codes stand for, by the id of their data."""
    found = {}
    for data in unit.iter(f"{{{_CORE}}}data"):
        codes = _Codes()
        codes.feed("".join(data.itertext()))
        if len(codes.elements) == 1:
            found[data.get("id", "")] = codes.elements[0]
    return found


class _Filler(HTMLParser):
    """Adds a rich text to an element, its tags as codes that refer to the source's elements."""

    def __init__(self, into: ET.Element, known: list[tuple[str, str]]) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [into]
        self.left = list(enumerate(known, start=1))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = (tag, dict(attrs).get("href") or "")
        place = next(index for index, (_, one) in enumerate(self.left) if one == wanted)
        number, _ = self.left.pop(place)
        name, reference = ("ph", "dataRef") if tag == "br" else ("pc", "dataRefStart")
        kind = "link" if tag == "a" else "fmt"
        code = ET.SubElement(
            self.open[-1], f"{{{_CORE}}}{name}", {"id": str(number), "type": kind, reference: f"d{number}"}
        )
        if tag != "br":
            self.open.append(code)

    def handle_endtag(self, tag: str) -> None:
        if tag != "br" and len(self.open) > 1:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        into = self.open[-1]
        if len(into):
            into[-1].tail = (into[-1].tail or "") + data
        else:
            into.text = (into.text or "") + data


def _fill(into: ET.Element, text: str, known: list[tuple[str, str]]) -> None:
    if not known:
        into.text = text
        return
    filler = _Filler(into, known)
    filler.feed(text)
    filler.close()


def _markup(element: ET.Element, elements: dict[str, tuple[str, str]], opened: dict[str, str]) -> str:
    """The HTML of a target; codes without a known element leave their text.

    `opened`: see `_open_codes`.
    """
    parts = [escape(element.text or "", quote=False)]
    for child in element:
        name = child.tag.rpartition("}")[2]
        data = child.get("dataRef") or child.get("dataRefStart") or opened.get(child.get("startRef", ""), "")
        tag, href = elements.get(data, ("", ""))
        inner = _markup(child, elements, opened)
        paired = bool(tag) and tag != "br"
        opening = f'<{tag} href="{escape(href)}">' if href else f"<{tag}>"
        if name == "ph":
            parts.append("<br>" if tag == "br" else "")
        elif name == "pc" and paired:
            parts.append(f"{opening}{inner}</{tag}>")
        elif name == "sc" and paired:
            parts.append(opening)
        elif name == "ec" and paired:
            parts.append(f"</{tag}>")
        else:
            parts.append(inner)
        parts.append(escape(child.tail or "", quote=False))
    return "".join(parts)
