"""Cleans HTML from imports and feeds: only the formatting that a story may have."""

from __future__ import annotations

import html
import re

import nh3

# The features of the story editor (models.RICH_TEXT_FEATURES), as HTML elements.
_TAGS = {"p", "b", "strong", "i", "em", "a", "ol", "ul", "li", "br"}
_ATTRIBUTES = {"a": {"href"}}
_SCHEMES = {"http", "https", "mailto"}
_ENDS_A_LINE = re.compile(r"</(p|li|div|h[1-6]|tr|blockquote)>|<br\s*/?>", re.IGNORECASE)


def rich_text(text: str) -> str:
    """HTML with paragraphs, emphasis, lists and links only; scripts, styles and pictures are removed."""
    return nh3.clean(text, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=_SCHEMES, link_rel=None).strip()


def to_plain_text(text: str) -> str:
    """The text of HTML on one line, without markup; entities become characters."""
    spaced = _ENDS_A_LINE.sub(" ", text)
    bare = html.unescape(nh3.clean(spaced, tags=set()))
    return " ".join(bare.split())


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, cut between words, with an ellipsis where text was cut."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    return (head.rsplit(" ", 1)[0] if " " in head else head).rstrip(" ,;:–—-") + "…"
