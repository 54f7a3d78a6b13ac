"""Paragraphs, tables and pictures of a document, as its stories are made of them, and their HTML."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from itertools import groupby
from typing import Any

from mailer.rendering import sanitize
from mailer.stories.sources.documents.line_recognition import parse_language_line
from mailer.stories.sources.word_reader import NOTE_BEGIN, NOTE_END

_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\"'«»“”]+[^\s<>\"'«»“”.,;:!?)\]]", re.IGNORECASE)
_NOTE = re.compile(f"{NOTE_BEGIN}([^{NOTE_END}]*){NOTE_END}")
_TYPED_NUMBER = re.compile(r"^\s*\d{1,2}(?:\.\d{1,2})*[.)]\s+")
# The longest line that can be a headline.
LONGEST_HEADLINE = 200
_ENDS_SENTENCE = re.compile(r"[.;,:…]$")


@dataclass(frozen=True)
class Run:
    """Text of one look."""

    text: str
    bold: bool = False
    italic: bool = False
    # An address, or "".
    link: str = ""
    # Points.
    size: float = 0.0


@dataclass(frozen=True)
class Paragraph:
    """A paragraph, heading or item of a list, with the pictures that are anchored in it."""

    runs: tuple[Run, ...] = ()
    # Numbers of pictures, and what the document says of each.
    pictures: tuple[tuple[int, str], ...] = ()
    # The style's name; built-in styles have their English name in every language.
    style: str = ""
    # 1 to 9 of a heading, smaller for a higher rank; 0 of text.
    level: float = 0
    # "ul", "ol" or "".
    list_tag: str = ""

    @property
    def text(self) -> str:
        """The text, in which manual line breaks are line breaks."""
        return _NOTE.sub("", "".join(run.text for run in self.runs)).strip()

    @property
    def line(self) -> str:
        """The text on one line."""
        return " ".join(self.text.split())

    @property
    def links(self) -> list[str]:
        """Addresses on the web, in their order: of links, and such as are written out."""
        found = []
        for run in self.runs:
            found += (
                [run.link]
                if run.link
                else [add_scheme_to_www_address(one[0]) for one in _ADDRESS.finditer(run.text)]
            )
        return list(dict.fromkeys(one for one in found if one.startswith(("http://", "https://"))))

    @property
    def without_links(self) -> str:
        """The text outside of links and addresses, on one line."""
        rest = (_ADDRESS.sub("", run.text) for run in self.runs if not run.link)
        return " ".join("".join(rest).split())

    @property
    def size(self) -> float:
        """The size of most of its characters, in points."""
        sizes: Counter[float] = Counter()
        for run in self.runs:
            sizes[run.size] += len(run.text.strip())
        return sizes.most_common(1)[0][0] if sizes else 0.0

    @property
    def all_bold(self) -> bool:
        written = [run for run in self.runs if run.text.strip()]
        return bool(written) and all(run.bold for run in written)


@dataclass(frozen=True)
class Table:
    """Rows of cells, each with its blocks."""

    rows: tuple[tuple[tuple[Block, ...], ...], ...]


@dataclass(frozen=True)
class Columns:
    """A table with a language in each column: the blocks of each, by the language's code."""

    languages: tuple[str, ...]
    columns: tuple[tuple[Block, ...], ...]


Block = Paragraph | Table | Columns


@dataclass
class Notes:
    """Footnotes, by their marks; each story numbers its own from 1."""

    texts: Mapping[str, str] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)

    def number(self, mark: str) -> str:
        """ "[2]", of the mark in a text; "" of a note that has no text."""
        text = self.texts.get(mark)
        if not text:
            return ""
        if text not in self.used:
            self.used.append(text)
        return f"[{self.used.index(text) + 1}]"


def blocks_of(raw: Iterable[Mapping[str, Any]]) -> list[Block]:
    """Blocks as `word_reader` writes them; tables for layout become their contents."""
    found: list[Block] = []
    for one in raw:
        if one["kind"] == "table":
            found += _unfolded(
                Table(tuple(tuple(tuple(blocks_of(cell)) for cell in row) for row in one["rows"]))
            )
        else:
            found += _split(_paragraph(one))
    return found


def _paragraph(raw: Mapping[str, Any]) -> Paragraph:
    return Paragraph(
        tuple(Run(*run) for run in raw["runs"]),
        tuple((number, alt) for number, alt in raw["pictures"]),
        raw["style"],
        raw["level"],
        raw["list"],
    )


def _split(paragraph: Paragraph) -> list[Paragraph]:
    """In two where a bold first line, ended by a manual break, stands above the text; at empty lines too."""
    lines: list[list[Run]] = [[]]
    for run in paragraph.runs:
        first, *others = run.text.split("\n")
        lines[-1].append(replace(run, text=first))
        lines += [[replace(run, text=other)] for other in others]
    if len(lines) == 1 or paragraph.level or paragraph.list_tag:
        return [paragraph]
    pieces: list[list[list[Run]]] = [[]]
    for number, line in enumerate(lines):
        bare = replace(paragraph, runs=tuple(line))
        if not bare.text:
            pieces.append([])
            continue
        pieces[-1].append(line)
        rest = [run for later in lines[number + 1 :] for run in later if run.text.strip()]
        if number == 0 and bare.all_bold and rest and not all(run.bold for run in rest):
            pieces.append([])
    found: list[Paragraph] = []
    for piece in filter(None, pieces):
        runs = [run for line in piece for run in (*line, Run("\n"))][:-1]
        found.append(replace(paragraph, runs=tuple(runs), pictures=() if found else paragraph.pictures))
    return found or [paragraph]


def _unfolded(table: Table) -> list[Block]:
    """The table, its languages side by side, or its contents where it only arranges them."""
    rows = [row for row in table.rows if any(row)]
    if not rows:
        return []
    names = [parse_language_line(_cell_text(cell)) for cell in rows[0]]
    if len(names) > 1 and all(names) and len(rows) > 1:
        columns = tuple(
            tuple(block for row in rows[1:] if place < len(row) for block in _as_headline(row[place]))
            for place in range(len(names))
        )
        return [Columns(tuple(names), columns)]
    if len(rows[0]) == 1 or len(rows) == 1 or any(_arranges(cell) for row in rows for cell in row):
        return [block for row in rows for cell in row for block in cell]
    return [Table(tuple(rows))]


def _as_headline(cell: tuple[Block, ...]) -> tuple[Block, ...]:
    """The cell's blocks; the first of several is a heading where it has none and could be one."""
    if any(isinstance(one, Paragraph) and one.level for one in cell):
        return cell
    first = cell[0] if cell else None
    if isinstance(first, Paragraph) and could_be_headline(first) and (len(cell) > 1 or first.all_bold):
        return (replace(first, level=20), *cell[1:])
    if isinstance(first, Paragraph) and len(cell) == 1 and could_be_headline(first):
        return (replace(first, level=20),)
    return cell


def _arranges(cell: tuple[Block, ...]) -> bool:
    """Whether it holds what cells of data do not: headings, pictures, or several paragraphs of text."""
    long = sum(isinstance(one, Paragraph) and len(one.line) > LONGEST_HEADLINE for one in cell)
    return long > 1 or any(
        not isinstance(one, Paragraph) or bool(one.level) or bool(one.pictures) for one in cell
    )


def _cell_text(cell: Iterable[Block]) -> str:
    return " ".join(one.line for one in cell if isinstance(one, Paragraph))


def could_be_headline(paragraph: Paragraph) -> bool:
    """Whether it is a line of its own that reads like a headline."""
    line = paragraph.line
    if not line or len(line) > LONGEST_HEADLINE or paragraph.list_tag:
        return False
    return not _ENDS_SENTENCE.search(line) or line.endswith(("…", ":"))


def headline_text(paragraph: Paragraph) -> str:
    """Its text as a headline: on one line, without a typed number."""
    return _TYPED_NUMBER.sub("", paragraph.line).strip(" :")


def html_of(blocks: Iterable[Block], footnotes: Notes) -> str:
    """Paragraphs, lists and links in HTML; the footnotes follow as paragraphs."""
    pieces = []
    for kind, group in groupby(blocks, lambda one: one.list_tag if isinstance(one, Paragraph) else ""):
        inner = [_block_html(one, "li" if kind else "p", footnotes) for one in group]
        if text := "".join(inner):
            pieces.append(f"<{kind}>{text}</{kind}>" if kind else text)
    pieces += [
        f"<p>[{number}] {_linked(escape(text, quote=False))}</p>"
        for number, text in enumerate(footnotes.used, 1)
    ]
    return "".join(pieces)


def _block_html(block: Block, tag: str, notes: Notes) -> str:
    if isinstance(block, Table):
        return _table_html(block, notes)
    if isinstance(block, Columns):
        return "".join(_block_html(one, "p", notes) for column in block.columns for one in column)
    inner = runs_html(block.runs, notes, wrap_in_bold=bool(block.level))
    return f"<{tag}>{inner}</{tag}>" if inner.strip() else ""


def _table_html(table: Table, notes: Notes) -> str:
    """A list, because the text of a story has no tables: "<b>Region</b>: Number: 3; Year: 2021"."""
    head, *rows = table.rows
    names = [_cell_text(cell).rstrip(": ") for cell in head]
    has_head = bool(rows) and all(names[1:]) and all(len(name) <= 60 for name in names)
    items = []
    for row in rows if has_head else table.rows:
        cells = [_cell_html(cell, notes) for cell in row]
        filled = [
            f"{escape(names[place], quote=False)}: {cell}" if has_head and 0 < place < len(names) else cell
            for place, cell in enumerate(cells)
            if cell
        ]
        if not filled:
            continue
        first, others = (f"<b>{cells[0]}</b>", filled[1:]) if cells[0] else ("", filled)
        items.append(f"<li>{': '.join(filter(None, (first, '; '.join(others))))}</li>")
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _cell_html(cell: Iterable[Block], notes: Notes) -> str:
    inner = (runs_html(one.runs, notes, wrap_in_bold=False) for one in cell if isinstance(one, Paragraph))
    return " ".join(one.strip() for one in inner if one.strip())


def runs_html(runs: Sequence[Run], notes: Notes, *, wrap_in_bold: bool) -> str:
    """Inline HTML; `wrap_in_bold`: all of it is."""
    pieces: list[str] = []
    all_bold = wrap_in_bold or all(run.bold for run in runs if run.text.strip())
    for link, linked in groupby(runs, lambda run: run.link):
        pieces.append(_link_html(link, "".join(_looks(linked, notes, plain=all_bold))))
    text = "".join(pieces)
    return f"<b>{text}</b>" if wrap_in_bold and text.strip() else text


def _looks(runs: Iterable[Run], notes: Notes, *, plain: bool) -> Iterator[str]:
    for (bold, italic), group in groupby(runs, lambda run: (run.bold, run.italic)):
        text = "".join(run.text for run in group)
        inner = escape(text, quote=False).replace("\n", "<br>")
        inner = _NOTE.sub(lambda found: notes.number(found[1]), inner)
        if not text.strip():
            yield inner
            continue
        inner = f"<i>{inner}</i>" if italic else inner
        # A paragraph that is bold as a whole is so by its style.
        yield f"<b>{inner}</b>" if bold and not plain else inner


def _link_html(address: str, inner: str) -> str:
    if not address:
        return _linked(inner)
    safe = sanitize.safe_link(address)
    return f'<a href="{escape(safe)}">{inner}</a>' if safe and inner.strip() else inner


def _linked(inner: str) -> str:
    """Escaped text in which addresses that are written out are links."""
    return _ADDRESS.sub(
        lambda found: (
            f'<a href="{escape(sanitize.safe_link(add_scheme_to_www_address(found[0])))}">{found[0]}</a>'
        ),
        inner,
    )


def add_scheme_to_www_address(text: str) -> str:
    """The address with its scheme."""
    text = text.replace("&amp;", "&")
    return f"https://{text}" if text.lower().startswith("www.") else text
