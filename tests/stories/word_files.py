"""Word documents in the shape of a real edition, as three programs write them."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import Any

import docx
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt
from PIL import Image


def picture(colour: str) -> bytes:
    """A PNG of its own colour."""
    file = BytesIO()
    Image.new("RGB", (64, 48), colour).save(file, "PNG")
    return file.getvalue()


@dataclass(frozen=True)
class Sample:
    """A story of the edition, as its author thinks of it."""

    title: str
    countries: tuple[str, ...]
    text: Sequence[str]
    kind: str = ""
    link: str = ""
    # The colour of its picture, or "".
    colour: str = ""


KAZAKHS = Sample(
    "Memorandum with the World Association of Kazakhs",
    ("KZ",),
    (
        "On 16 November 2021 both sides signed a memorandum; a workshop on diaspora mapping followed.",
        "The project serves targets 10.7 and 17.16 and objective 19 of the Global Compact.",
    ),
    link="https://example.org/news/memorandum",
    colour="navy",
)
RING = Sample(
    "Border teams train to recognize, isolate, notify and give support",
    ("UZ", "KZ", "KG", "TJ"),
    (
        "Tashkent hosted a training for health inspectors, customs and border guards.",
        "They practised the steps for a public-health event at a point of entry.",
    ),
    link="https://example.org/news/ring",
    colour="green",
)
PLAN = Sample(
    "Partners finish the plan against trafficking for 2022–2024",
    ("TJ",),
    ("In Dushanbe the government and civil society agreed on the “national action plan”.",),
)
REMITTANCES = Sample(
    "Who uses digital remittances, and who prefers cash",
    ("KG",),
    ("A study looked at supply and demand. Most recipients prefer cash.",),
    link="https://example.org/studies/remittances",
    colour="maroon",
)
FILM = Sample(
    "Save the date: “Ayka” for International Migrants Day",
    ("KZ",),
    ("A screening of the feature film within a worldwide festival.",),
    kind="event",
)
PROFILE = Sample(
    "Migration profile of Kazakhstan, 2014–2019",
    ("KZ",),
    (),
    kind="publication",
    link="https://example.org/books/profile",
)
RECRUITMENT = Sample(
    "Information technology in recruitment for trafficking in three countries",
    ("KZ", "KG", "TJ"),
    (),
    kind="publication",
    link="https://example.org/books/recruitment",
)
FOLLOW = Sample(
    "Follow the office for news and videos",
    (),
    ("Our page has more.",),
    link="https://social.example.org/office",
)
EDITION = (KAZAKHS, RING, PLAN, REMITTANCES, FILM, PROFILE, RECRUITMENT, FOLLOW)


def add_link(paragraph: Any, text: str, address: str) -> None:
    """A hyperlink, which the library itself only reads."""
    key = paragraph.part.relate_to(address, RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
    link, run, inner = OxmlElement("w:hyperlink"), OxmlElement("w:r"), OxmlElement("w:t")
    link.set(qn("r:id"), key)
    inner.text = text
    run.append(inner)
    link.append(run)
    paragraph._p.append(link)


def by_python_docx() -> bytes:
    """Sections by heading styles, pictures inline, a caption, a list of titles."""
    document = docx.Document()
    document.add_heading("Silk Road Monthly", 0)
    document.add_paragraph("December 2021 · Central Asia")
    document.add_heading("Kazakhstan", 1)
    _story(document, KAZAKHS)
    document.add_heading(FILM.title, 2)
    document.add_paragraph(FILM.text[0])
    document.add_paragraph("Date: 18 December 2021")
    document.add_paragraph("Time: 18:30–20:30")
    document.add_paragraph("Place: House of Cinema, Almaty")
    document.add_heading("Uzbekistan, Kazakhstan, Kyrgyzstan and Tajikistan", 1)
    _story(document, RING, "Tashkent")
    document.add_heading("Таджикистан:", 1)
    _story(document, PLAN)
    document.add_heading("Кыргызстан", 1)
    _story(document, REMITTANCES)
    document.add_heading("Publications", 1)
    for sample, names in ((PROFILE, "Kazakhstan"), (RECRUITMENT, "Kazakhstan, Kyrgyzstan, Tajikistan")):
        item = document.add_paragraph(style="List Bullet")
        add_link(item, sample.title, sample.link)
        item.add_run(f" ({names})")
    document.add_heading("Whole region", 1)
    _story(document, FOLLOW)
    return _saved(document)


def _story(document: Any, sample: Sample, caption: str = "") -> None:
    document.add_heading(sample.title, 2)
    if sample.colour:
        document.add_picture(BytesIO(picture(sample.colour)), width=Pt(200))
        if caption:
            document.add_paragraph(f"Photo: {caption}", style="Caption")
    for text in sample.text:
        document.add_paragraph(text)
    if sample.link:
        add_link(document.add_paragraph("Read more: "), sample.link, sample.link)


def _saved(document: Any) -> bytes:
    file = BytesIO()
    document.save(file)
    return file.getvalue()


_NAMESPACES = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
    "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "pic": "http://schemas.openxmlformats.org/drawingml/2006/picture",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
    "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
    "wpg": "http://schemas.microsoft.com/office/word/2010/wordprocessingGroup",
    "v": "urn:schemas-microsoft-com:vml",
}
_XMLNS = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in _NAMESPACES.items())
_PARTS = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "application/vnd.openxmlformats-officedocument.wordprocessingml"


class Package:
    """A document whose XML is written by hand."""

    def __init__(self) -> None:
        self.parts: dict[str, bytes] = {}
        self._relations: list[str] = []

    def relate(self, kind: str, target: str, *, external: bool = False) -> str:
        key = f"rId{len(self._relations) + 1}"
        mode = ' TargetMode="External"' if external else ""
        self._relations.append(
            f'<Relationship Id="{key}" Type="{_NAMESPACES["r"]}/{kind}" Target="{escape(target)}"{mode}/>'
        )
        return key

    def image(self, blob: bytes, ending: str = "png") -> str:
        name = f"media/image{len(self.parts) + 1}.{ending}"
        self.parts[f"word/{name}"] = blob
        return self.relate("image", name)

    def save(self, body: str, styles: str, more: dict[str, str] | None = None) -> bytes:
        """The file; `more`: the content of further parts by the kind of their relation."""
        written = {"document": f"<w:document {_XMLNS}><w:body>{body}</w:body></w:document>"}
        written["styles"] = f"<w:styles {_XMLNS}>{styles}</w:styles>"
        written.update(more or {})
        for kind in written:
            if kind != "document":
                self.relate(kind, f"{kind}.xml")
        main = "".join(
            f'<Override PartName="/word/{kind}.xml" ContentType="{_OFFICE}.'
            f'{"document.main" if kind == "document" else kind}+xml"/>'
            for kind in written
        )
        types = (
            f'<Types xmlns="{_PARTS}/content-types"><Default Extension="png" ContentType="image/png"/>'
            f'<Default Extension="emf" ContentType="image/x-emf"/><Default Extension="rels" '
            f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{main}</Types>'
        )
        root = (
            f'<Relationships xmlns="{_PARTS}/relationships"><Relationship Id="rId1" '
            f'Type="{_NAMESPACES["r"]}/officeDocument" Target="word/document.xml"/></Relationships>'
        )
        relations = (
            f'<Relationships xmlns="{_PARTS}/relationships">{"".join(self._relations)}</Relationships>'
        )
        file = BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("[Content_Types].xml", types)
            archive.writestr("_rels/.rels", root)
            archive.writestr("word/_rels/document.xml.rels", relations)
            for kind, content in written.items():
                archive.writestr(f"word/{kind}.xml", content)
            for name, blob in self.parts.items():
                archive.writestr(name, blob)
        return file.getvalue()


def run(text: str, look: str = "") -> str:
    return f'<w:r><w:rPr>{look}</w:rPr><w:t xml:space="preserve">{escape(text, quote=False)}</w:t></w:r>'


def paragraph(*content: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{''.join(content)}</w:p>"


def _blip(key: str, alt: str = "") -> str:
    return (
        f'<pic:pic><pic:nvPicPr><pic:cNvPr id="1" name="p" descr="{alt}"/></pic:nvPicPr><pic:blipFill>'
        f'<a:blip r:embed="{key}"/></pic:blipFill></pic:pic>'
    )


def drawing(content: str, *, alt: str = "", place: str = "inline") -> str:
    """A drawing in the line, or "anchor": floating."""
    return (
        f'<w:r><w:drawing><wp:{place}><wp:extent cx="2857500" cy="1905000"/><wp:docPr id="1" name="Image1" '
        f'descr="{alt}"/><a:graphic><a:graphicData uri="x">{content}</a:graphicData></a:graphic></wp:{place}>'
        "</w:drawing></w:r>"
    )


def _link(package: Package, text: str, address: str) -> str:
    key = package.relate("hyperlink", address, external=True)
    return f'<w:hyperlink r:id="{key}">{run(text)}</w:hyperlink>'


def _box(content: str) -> str:
    """A text box as Word writes it: once as a shape, and once more for programs that know none."""
    inner = f"<w:txbxContent>{content}</w:txbxContent>"
    shape = drawing(f"<wps:wsp><wps:txbx>{inner}</wps:txbx></wps:wsp>", place="anchor")
    old = f"<w:pict><v:shape><v:textbox>{inner}</v:textbox></v:shape></w:pict>"
    shape = shape.removeprefix("<w:r>").removesuffix("</w:r>")
    return (
        f'<w:r><mc:AlternateContent><mc:Choice Requires="wps">{shape}</mc:Choice>'
        f"<mc:Fallback>{old}</mc:Fallback></mc:AlternateContent></w:r>"
    )


def _style(key: str, name: str, more: str = "") -> str:
    default = ' w:default="1"' if name == "Normal" else ""
    return f'<w:style w:type="paragraph" w:styleId="{key}"{default}><w:name w:val="{name}"/>{more}</w:style>'


def by_libreoffice() -> bytes:
    """Headings with a list's numbering taken off, frames with picture and caption, bookmarks."""
    package = Package()
    styles = _style("Normal", "Normal") + _style("BodyText", "Body Text", '<w:basedOn w:val="Normal"/>')
    styles += "".join(
        _style(f"Heading{rank}", f"heading {rank}", '<w:basedOn w:val="Normal"/>') for rank in (1, 2)
    )
    styles += _style("Illustration", "Illustration") + _style("Title", "Title")

    def styled(style: str, *content: str) -> str:
        off = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="0"/></w:numPr><w:bidi w:val="0"/>'
        return paragraph(*content, properties=f'<w:pStyle w:val="{style}"/>{off}')

    def heading(rank: int, text: str) -> str:
        mark = '<w:bookmarkStart w:id="0" w:name="__RefHeading___1"/><w:bookmarkEnd w:id="0"/>'
        return styled(f"Heading{rank}", mark, run(text))

    def story(sample: Sample, *, framed: bool = False) -> str:
        found = heading(2, sample.title)
        if sample.colour and framed:
            shown = drawing(_blip(package.image(picture(sample.colour))))
            found += styled("BodyText", _box(styled("Illustration", shown, run("Figure 1: Tashkent"))))
        elif sample.colour:
            shown = drawing(_blip(package.image(picture(sample.colour)), sample.colour), alt=sample.colour)
            found += styled("BodyText", shown)
        found += "".join(styled("BodyText", run(text)) for text in sample.text)
        if sample.link:
            found += styled("BodyText", run("Подробнее: "), _link(package, sample.link, sample.link))
        return found

    body = styled("Title", run("Silk Road Monthly")) + heading(1, "Қазақстан") + story(KAZAKHS)
    body += heading(2, FILM.title) + styled("BodyText", run(FILM.text[0]))
    body += styled("BodyText", run("Когда: 18 декабря 2021 г., 18:30–20:30"))
    body += styled("BodyText", run("Где: House of Cinema, Almaty"))
    body += heading(1, "Oʻzbekiston, Qozogʻiston, Qirgʻiziston va Tojikiston") + story(RING, framed=True)
    body += heading(1, "Тоҷикистон") + story(PLAN) + heading(1, "Кыргызстан") + story(REMITTANCES)
    body += heading(1, "Публикации")
    for sample, names in ((PROFILE, "KZ"), (RECRUITMENT, "KZ, KG, TJ")):
        body += styled("BodyText", _link(package, sample.title, sample.link), run(f" ({names})"))
    body += heading(1, "Весь регион") + story(FOLLOW)
    return package.save(body, styles)


_BOLD, _LARGE = "<w:b/>", '<w:b/><w:sz w:val="28"/>'


def _field(text: str, address: str) -> str:
    """A hyperlink as a field."""
    return (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
        f'<w:r><w:instrText xml:space="preserve"> HYPERLINK "{address}" </w:instrText></w:r>'
        f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{run(text)}'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


def by_word() -> bytes:
    """No heading styles, tracked changes, a text box, floating and grouped pictures, a note, a comment."""
    package = Package()
    styles = '<w:docDefaults><w:rPrDefault><w:rPr><w:sz w:val="22"/></w:rPr></w:rPrDefault></w:docDefaults>'
    styles += _style("a", "Normal") + _style("a3", "caption")

    def floating(colour: str) -> str:
        return drawing(_blip(package.image(picture(colour))), alt="Рисунок 1", place="anchor")

    grouped = drawing(
        f"<wpg:wgp>{_blip(package.image(picture(RING.colour)), 'Border guards at a desk')}</wpg:wgp>",
        place="anchor",
    )
    metafile = drawing(_blip(package.image(b"\x01\0\0\0 a metafile", "emf")))
    moved = paragraph(run(PLAN.title, _BOLD)) + paragraph(run(PLAN.text[0]))
    taken = moved.replace("<w:r>", "<w:moveFrom><w:r>").replace("</w:r>", "</w:r></w:moveFrom>")
    moved = moved.replace("<w:r>", "<w:moveTo><w:r>").replace("</w:r>", "</w:r></w:moveTo>")
    deleted = '<w:del w:id="1"><w:r><w:delText>of understanding </w:delText></w:r></w:del>'
    note = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    body = paragraph(run("Silk Road Monthly", '<w:b/><w:sz w:val="40"/>')) + paragraph(run("December 2021"))
    body += paragraph(run("KAZAKHSTAN", _LARGE)) + taken
    inserted = run("with the World Asso\u00adciation of\u00a0Kazakhs", _BOLD)
    body += paragraph(run("Memorandum ", _BOLD), deleted, f"<w:ins>{inserted}</w:ins>")
    body += paragraph(floating(KAZAKHS.colour)) + "".join(paragraph(run(text)) for text in KAZAKHS.text)
    body += paragraph(_field("Read more", KAZAKHS.link), run(" »"))
    body += paragraph(
        _box(
            paragraph(run(FILM.title, _BOLD))
            + paragraph(run(FILM.text[0]))
            + paragraph(run("18 December 2021, 18:30–20:30"))
            + paragraph(run("Venue: House of Cinema, Almaty"))
        )
    )
    body += paragraph(run("UZBEKISTAN | KAZAKHSTAN | KYRGYZSTAN | TAJIKISTAN", _LARGE))
    body += paragraph(run(RING.title, _BOLD), "<w:r><w:br/></w:r>", run(RING.text[0]))
    body += paragraph(grouped, metafile) + paragraph(run(RING.text[1]))
    body += paragraph(run("More information: "), _link(package, "on our site", RING.link))
    body += paragraph(run("Tajikistan", _LARGE)) + moved
    body += paragraph(run("Кыргызстан", _LARGE)) + paragraph(
        floating("maroon"), run(REMITTANCES.title, _BOLD)
    )
    body += paragraph(run(REMITTANCES.text[0]), note, '<w:r><w:commentReference w:id="0"/></w:r>')
    body += paragraph(_link(package, "Read the study", REMITTANCES.link))
    body += paragraph(run("From the bookstore", _LARGE))
    for sample, names in ((PROFILE, "Kazakhstan"), (RECRUITMENT, "Kazakhstan, Kyrgyzstan, Tajikistan")):
        body += paragraph(run(f"{sample.title} ({names}): {sample.link}"))
    body += paragraph(run("Whole region", _LARGE)) + paragraph(run(FOLLOW.title, _BOLD))
    body += paragraph(run(FOLLOW.text[0])) + paragraph(run(FOLLOW.link))
    note = f'<w:footnote w:id="2">{paragraph(run("Published in 2021."))}</w:footnote>'
    notes = f"<w:footnotes {_XMLNS}>{note}</w:footnotes>"
    return package.save(body, styles, {"footnotes": notes})
