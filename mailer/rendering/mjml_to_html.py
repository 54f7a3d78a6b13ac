"""MJML to the HTML that is sent: compiled, with its stylesheet inlined, and shortened.

Most sections of a variant stand in many others. What a section becomes follows from the document's head, the
stylesheet and the section alone, so that it is compiled once and kept; the HTML is the same as that of the
document compiled as a whole. A document for which this is not certain is compiled as a whole.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import NamedTuple

import css_inline
from mjml import mjml2html

from mailer.rendering import minify_html

# Of the head: what sections do not depend on, and what writes outside of them.
_OF_THE_PAGE = re.compile(r"<(mj-title|mj-style|mj-raw)\b.*?</\1>\s*", re.DOTALL)
_UNKNOWN_IN_HEAD = re.compile("<mj-preview|<mj-include|<mj-html-attributes")
_HEAD, _HEAD_END, _BODY, _BODY_END = "<mj-head>", "</mj-head>", "<mj-body", "</mj-body>"
_SECTION_BEGINS = re.compile(r"\s*<(mj-section|mj-wrapper|mj-raw)\b")
_CSS_BLOCK = re.compile(r"/\*.*?\*/|\{[^{}]*\}", re.DOTALL)
# A text between two tags that the compiler and the inliner leave unchanged, but for no-break spaces.
_PLAIN_TEXT = re.compile(
    r"""(</?[a-z][^<>"']*(?:"[^"]*"[^<>"']*)*>\s*)"""
    r"([^<>&\s\x00-\x20\x7f-\xa0](?:[^<>&\x00-\x1f\x7f-\x9f]*[^<>&\s\x00-\x20\x7f-\xa0])?)(?=\s*<)"
)
_TEXT = "mailer-text-"
_TEXT_PLACE = re.compile(_TEXT + r"(\d+)-")
# How many are kept, of some kilobytes each.
_KEPT_SECTIONS, _KEPT_HEADS = 1_024, 512
# Characters of a section that is too long to be kept.
_LONG = 16_000
# Stand for the variant's own address, and before and after the sections.
_ADDRESS, _BEFORE, _AFTER = "mailer-own-address", "mailer-before-sections", "mailer-after-sections"


def to_html(source: str, stylesheet: str, unique_url: str = "") -> str:
    """The HTML of the MJML document `source`. Raises ValueError where it cannot be compiled.

    `unique_url`: a URL that no other document has; sections that differ by it alone are compiled once.
    """
    replaced = bool(unique_url) and unique_url.isascii() and not set(unique_url) & set("<>&\"'")
    document = _split(source.replace(unique_url, _ADDRESS) if replaced else source)
    if document is None or _ADDRESS in source or not _is_local(stylesheet):
        return compile_whole(source, stylesheet)
    try:
        html = _compile_sections(document, stylesheet)
    except ValueError:
        # Again, for the error's place in the document.
        return compile_whole(source, stylesheet)
    return html.replace(_ADDRESS, unique_url) if replaced else html


def compile_whole(source: str, stylesheet: str) -> str:
    """The same without kept sections."""
    return _strip_blank_space(minify_html.minify(_inlined(source, stylesheet)))


class _Document(NamedTuple):
    """An MJML document in pieces: joined, they are its source."""

    start: str
    head: str
    # From the end of the head to the beginning of the body.
    between: str
    sections: tuple[str, ...]
    end: str


def _split(source: str) -> _Document | None:
    """None where the sections cannot be told apart with certainty, or one is too long to be kept."""
    start, _head, rest = source.partition(_HEAD)
    head, _head_end, rest = rest.partition(_HEAD_END)
    before_body, _body, rest = rest.partition(_BODY)
    attributes, _closes, rest = rest.partition(">")
    body, _body_end, end = rest.rpartition(_BODY_END)
    between = f"{_HEAD_END}{before_body}{_BODY}{attributes}>"
    whole = (start + _HEAD + head + between, body, _BODY_END + end)
    if "".join(whole) != source or before_body.strip() or _without_page(head) is None:
        return None
    if "<!" in source or any(word in source for word in (_BEFORE, _AFTER, _TEXT)):
        return None
    sections = _sections(body)
    return None if sections is None else _Document(start + _HEAD, head, between, sections, _BODY_END + end)


def _sections(body: str) -> tuple[str, ...] | None:
    place, sections = 0, []
    while begins := _SECTION_BEGINS.match(body, place):
        closing = f"</{begins[1]}>"
        end = body.find(closing, begins.end())
        # An element of the same name inside, or one without an end of its own.
        if end < 0 or body.find(f"<{begins[1]}", begins.end(), end) >= 0:
            return None
        sections.append(body[begins.start(1) - 1 : end + len(closing)])
        if len(sections[-1]) >= _LONG:
            return None
        place = end + len(closing)
    return None if body[place:].strip() else tuple(sections)


@lru_cache(maxsize=_KEPT_HEADS)
def _without_page(head: str) -> str | None:
    """The part of a head that sections depend on; None where more than the sections follows from it."""
    return None if _UNKNOWN_IN_HEAD.search(head) else _OF_THE_PAGE.sub("", head)


@lru_cache(maxsize=64)
def _is_local(stylesheet: str) -> bool:
    """Whether its rules select elements by the element and its ancestors, never by its neighbours."""
    return not set(_CSS_BLOCK.sub(" ", stylesheet)) & set("+~:@{}")


@dataclass(frozen=True)
class _Frame:
    """What stands around the sections."""

    document: tuple[str, str, str, str]
    stylesheet: str
    # What the sections add to the head of the HTML, and for each such addition a section that makes it.
    additions: frozenset[str]
    samples: tuple[str, ...] = field(compare=False)


def _compile_sections(document: _Document, stylesheet: str) -> str:
    start, head, between, sections, end = document
    plain = (start, _without_page(head) or "", between, end)
    compiled = [_compile_section(section, plain, stylesheet) for section in sections]
    samples = {addition: section for section, (_html, addition) in zip(sections, compiled, strict=True)}
    frame = _Frame((start, head, between, end), stylesheet, frozenset(samples), tuple(samples.values()))
    before, after = _compile_frame(frame)
    pieces = (before, *(html for html, _addition in compiled if html), after)
    page = before + minify_html.join_minified(pieces[1:-1]) + after
    # Each piece has none inside, so that only places where two meet can have some.
    meets_some = any(piece[0].isspace() or piece[-1].isspace() for piece in pieces)
    has_some = meets_some or any(space in page for space in ("\n\n", "\n ", " \n"))
    return _strip_blank_space(page) if has_some else page


@lru_cache(maxsize=_KEPT_SECTIONS)
def _compile_section(section: str, around: tuple[str, str, str, str], stylesheet: str) -> tuple[str, str]:
    """The HTML of a section, and the head of a document that has no other one."""
    texts: list[str] = []

    def taken_out(found: re.Match[str]) -> str:
        # As the inliner writes it.
        texts.append(found[2].replace("\xa0", "&nbsp;"))
        return f"{found[1]}{_TEXT}{len(texts) - 1}-"

    # Sections that differ by such texts alone are compiled once.
    html, addition = _compile_shape(_PLAIN_TEXT.sub(taken_out, section), around, stylesheet)
    return _strip_inside(_TEXT_PLACE.sub(lambda found: texts[int(found[1])], html)), addition


@lru_cache(maxsize=_KEPT_SECTIONS)
def _compile_shape(section: str, around: tuple[str, str, str, str], stylesheet: str) -> tuple[str, str]:
    page = _with_sections(around, section, stylesheet)
    html = page.partition(_BEFORE)[2].rpartition(_AFTER)[0]
    return minify_html.minify_body(html), sys.intern(page.partition("</head>")[0])


@lru_cache(maxsize=_KEPT_HEADS)
def _compile_frame(frame: _Frame) -> tuple[str, str]:
    page = minify_html.minify(_with_sections(frame.document, "".join(frame.samples), frame.stylesheet))
    return _strip_inside(page.partition(_BEFORE)[0]), _strip_inside(page.rpartition(_AFTER)[2])


def _with_sections(around: tuple[str, str, str, str], sections: str, stylesheet: str) -> str:
    start, head, between, end = around
    marked = f"<mj-raw>{_BEFORE}</mj-raw>{sections}<mj-raw>{_AFTER}</mj-raw>"
    return _inlined(f"{start}{head}{between}{marked}{end}", stylesheet)


def _inlined(source: str, stylesheet: str) -> str:
    escaped = _needs_reference().sub(_reference, source)
    further = _BEYOND_BASIC_PLANE.sub(_reference_if_needed, escaped)
    return _inliner(stylesheet).inline(str(mjml2html(further, fonts={})))


def _reference(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"


def _reference_if_needed(found: re.Match[str]) -> str:
    return _reference(found) if unicodedata.category(found[0])[0] in "MCZ" else found[0]


# The flag of Wales, some scripts and emoji of later years have such characters beyond the basic plane.
_BEYOND_BASIC_PLANE = re.compile("[\U00010000-\U0010ffff]")
# Hangul fillers, which are invisible, and halfwidth Katakana sound marks.
_LETTERS_LIKE_COMBINING_MARKS = "\u115f\u1160\u3164\uffa0\uff9e\uff9f"


@cache
def _needs_reference() -> re.Pattern[str]:
    """Characters that the MJML compiler escapes in attributes as Rust does: "\\u{306}" for a breve.

    Character references pass unchanged: needed for combining marks, unusual spaces and control characters.
    """
    # Of the basic plane only: with others, the character class is a hundred times slower.
    plane = map(chr, (*range(0x80, 0xD800), *range(0xE000, 0x10000)))
    quoted = "".join(one for one in plane if unicodedata.category(one)[0] in "MCZ")
    return re.compile(f"[\\\\{quoted}{_LETTERS_LIKE_COMBINING_MARKS}]")


@lru_cache(maxsize=64)
def _inliner(stylesheet: str) -> css_inline.CSSInliner:
    # Our own stylesheet only: inlining MJML's reset would repeat 80 bytes in every cell.
    return css_inline.CSSInliner(
        inline_style_tags=False, keep_style_tags=True, extra_css=stylesheet, load_remote_stylesheets=False
    )


def _strip_blank_space(page: str) -> str:
    """Without the white space that templates leave between elements; one element a line."""
    return "\n".join(filter(None, map(str.strip, page.split("\n"))))


def _strip_inside(piece: str) -> str:
    """The same for a piece of a page, with the white space at its beginning and end as it is."""
    bare = piece.strip()
    return piece.replace(bare, _strip_blank_space(bare), 1) if bare else piece
