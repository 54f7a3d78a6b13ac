"""Makes rich text, links and plain text from outside safe: stories on import, and every part of a message."""

from __future__ import annotations

import html
import re
from functools import lru_cache
from urllib.parse import urlsplit

import nh3
from markupsafe import Markup

from mailer.rendering.html_within_limits import within_limits

_TAGS = {
    "p",
    "br",
    "strong",
    "b",
    "em",
    "i",
    "ul",
    "ol",
    "li",
    "a",
    "h2",
    "h3",
    "h4",
    "blockquote",
    "sub",
    "sup",
}
_SCHEMES = {"http", "https", "mailto"}
# What XML 1.0 §2.2 forbids (the MJML parser is strict), the C1 controls, and direction overrides, which
# can make a URL look like another.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff\ufffe\uffff]")
# The same texts come in many variants of an edition. Longer ones than these are not kept.
_KEPT_CHARACTERS = 8_000
_KEPT_TEXTS = 512
_UNSAFE_IN_URL = re.compile("[\\s\x00-\x20\x7f-\xa0<>\"'\\\\^`{|}\u2028\u2029]")


# An anchor whose address was unsafe or missing, as nh3 writes it; anchors never contain anchors.
_WITHOUT_TARGET = re.compile(r"<a>(.*?)</a>", re.DOTALL)


def without_unprintable(text: str) -> str:
    """`text` without characters that no mail may carry; those that break lines or columns become spaces."""
    # Most texts of one line have nothing but characters that Python prints, which is quicker to see.
    return text if text.isprintable() else _FORBIDDEN.sub(_space_or_nothing, text)


def _space_or_nothing(found: re.Match[str]) -> str:
    # As slides and Word have within a paragraph: U+000B. Words would grow together.
    return " " if found[0].isspace() else ""


@lru_cache(maxsize=_KEPT_TEXTS)
def safe_link(address: str) -> str:
    """`address` when it leads to http, https or mailto, ready for an attribute; else an empty text."""
    address = without_unprintable(address).strip()
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    whole = bool(parts.path if parts.scheme == "mailto" else parts.netloc)
    if parts.scheme not in _SCHEMES or not whole:
        return ""
    encoded = _UNSAFE_IN_URL.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), address)
    # Two percent signs in a row are no escape; encoded, they cannot look like a merge tag.
    return encoded.replace("%%", "%25%25")


def safe_picture_url(address: str) -> str:
    """`address` when a mail program can load it (http or https), else an empty text."""
    safe = safe_link(address)
    return "" if safe.startswith("mailto:") else safe


def rich_text(text: str) -> Markup:
    """Rich text with basic formatting and safe links only; well-formed for MJML."""
    return _short_rich_text(text) if len(text) <= _KEPT_CHARACTERS else _rich_text(text)


def _rich_text(text: str) -> Markup:
    cleaned = nh3.clean(
        within_limits(without_unprintable(text)),
        tags=_TAGS,
        attributes={"a": {"href"}},
        attribute_filter=_safe_attribute,
        url_schemes=_SCHEMES,
        link_rel=None,
    )
    # MJML needs closed elements; headings of a body rank below the story's own. A link without a target
    # is no link, and would look like one.
    closed = _WITHOUT_TARGET.sub(r"\1", cleaned.replace("<br>", "<br />"))
    lowered = re.sub(r"(</?)h[23]>", r"\1h4>", closed)
    return Markup(without_unprintable(lowered))  # noqa: S704 (nh3 has just cleaned it)


_short_rich_text = lru_cache(maxsize=_KEPT_TEXTS)(_rich_text)


def _safe_attribute(element: str, attribute: str, value: str) -> str | None:
    return safe_link(value) or None


_WIDE_SPACE = re.compile(r"[ \t]{2,}|\t")
_TAG_OR_TEXT = re.compile("<([^>]*)>|([^<]+)")
_HREF = re.compile('href="([^"]*)"')
_BALANCED = re.compile(r"(?:[^()]|\([^()]*\))*")
_BLOCKS = ("p", "h4", "ul", "ol", "blockquote")
# What stands for a tag in plain text.
_BREAKS = {
    **{tag: "\n\n" for block in _BLOCKS for tag in (block, f"/{block}")},
    "br /": "\n",
}


def to_plain_text(markup: str) -> str:
    """Rich text as plain text: paragraphs apart, items of lists with a dash or their number, links with their
    address behind."""
    return _short_plain_text(markup) if len(markup) <= _KEPT_CHARACTERS else _plain_text(markup)


def _plain_text(markup: str) -> str:
    pieces: list[str] = []
    addresses: list[str] = []
    # Of each open list the number of its last item; None: its items have none.
    lists: list[int | None] = []
    # What nh3 wrote has no ">" within a tag: `safe_link` encodes it.
    for tag, text in _TAG_OR_TEXT.findall(str(rich_text(markup))):
        if text:
            pieces.append(html.unescape(text).replace("\n", " "))
        elif tag.startswith("a"):
            address = _HREF.search(tag)
            addresses.append(html.unescape(address[1]) if address else "")
        elif tag == "li":
            pieces.append(f"\n{_next_marker(lists)} ")
        elif tag != "/a":
            pieces.append(_BREAKS.get(tag, ""))
            if tag in ("ol", "ul"):
                lists.append(0 if tag == "ol" else None)
            elif tag in ("/ol", "/ul"):
                del lists[-1:]
        elif addresses and (target := addresses.pop()):
            pieces.append(f" ({_with_balanced_brackets(target)})")
    lines = (_WIDE_SPACE.sub(" ", line).strip() for line in "".join(pieces).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _next_marker(lists: list[int | None]) -> str:
    """What stands before the next item of the innermost list."""
    last = lists[-1] if lists else None
    if last is None:
        return "-"
    lists[-1] = last + 1
    return f"{last + 1}."


def _with_balanced_brackets(address: str) -> str:
    """The address such that the bracket that closes it is known; lone ones are in percent (RFC 3986 §2.1)."""
    if _BALANCED.fullmatch(address):
        return address
    return address.replace("(", "%28").replace(")", "%29")


_short_plain_text = lru_cache(maxsize=_KEPT_TEXTS)(_plain_text)


# The features of the story editor (models.RICH_TEXT_FEATURES), as HTML elements.
_STORY_TAGS = {"p", "b", "strong", "i", "em", "a", "ol", "ul", "li", "br"}
_STORY_ATTRIBUTES = {"a": {"href"}}
_MARKUP = re.compile("[<&\x00]")
# Others that end a line, which stories have no place for, and cells of tables.
_BLOCK_TAGS = {
    *(
        "div",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "blockquote",
        "pre",
        "table",
        "caption",
        "tr",
        "dl",
        "dt",
        "dd",
    ),
    *("section", "article", "aside", "header", "footer", "figure", "figcaption", "address", "hr"),
}
_CELL_TAGS = {"td", "th"}
_ENDS_A_LINE = re.compile(
    rf"</?(?:p|li|br|{'|'.join(sorted(_BLOCK_TAGS | _CELL_TAGS))})\b[^<>]*>", re.IGNORECASE
)
_HAS_BLOCKS = re.compile(rf"<(?:{'|'.join(sorted(_BLOCK_TAGS | _CELL_TAGS))})\b", re.IGNORECASE)
_BLOCK_TAG = re.compile(rf"<(/?)(?:{'|'.join(sorted(_BLOCK_TAGS))})>")
_BETWEEN_CELLS = re.compile(r"</t[dh]>\s*<t[dh]>")
_EMPTY_PARAGRAPH = re.compile(r"<p>(?:\s|<br>)*</p>")
_PARAGRAPH_IN_ITEM = re.compile(r"(?<=<li>)\s*<p>|</p>\s*(?=</li>)")


def clean_story_html(text: str) -> str:
    """HTML with paragraphs, emphasis, lists and links only; scripts, styles and pictures are removed.

    Headings, divisions and rows of tables become paragraphs, so that their words stay apart.
    """
    printable = within_limits(without_unprintable(text))
    if _HAS_BLOCKS.search(printable):
        printable = _with_paragraphs_only(printable)
    # Again, for what was written as a character reference.
    return without_unprintable(_story_html(printable, _STORY_TAGS)).strip()


def _story_html(text: str, tags: set[str]) -> str:
    return nh3.clean(text, tags=tags, attributes=_STORY_ATTRIBUTES, url_schemes=_SCHEMES, link_rel=None)


def _with_paragraphs_only(text: str) -> str:
    """Every other block as a paragraph; cells that follow each other in a row with a point between them."""
    bare = _story_html(text, _STORY_TAGS | _BLOCK_TAGS | _CELL_TAGS | {"tbody", "thead", "tfoot"})
    paragraphs = _BLOCK_TAG.sub(r"<\1p>", _BETWEEN_CELLS.sub(" · ", bare))
    # Without the paragraphs that are left empty where blocks stood in others.
    whole = _EMPTY_PARAGRAPH.sub("", _story_html(paragraphs, _STORY_TAGS))
    return _PARAGRAPH_IN_ITEM.sub("", whole)


def html_to_single_line(text: str) -> str:
    """The text of HTML on one line, without markup; entities become characters."""
    return _short_single_line(text) if len(text) <= _KEPT_CHARACTERS else _single_line(text)


def _single_line(text: str) -> str:
    if not _MARKUP.search(text):
        return " ".join(text.split())
    spaced = _ENDS_A_LINE.sub(" ", text)
    bare = html.unescape(nh3.clean(within_limits(spaced), tags=set()))
    return " ".join(bare.split())


# Several parts of a story are made of the same text, one after another.
_short_single_line = lru_cache(maxsize=16)(_single_line)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, cut between words, with an ellipsis where text was cut."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    return (head.rsplit(" ", 1)[0] if " " in head else head).rstrip(" ,;:–—-") + "…"
