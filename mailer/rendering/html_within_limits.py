"""Keeps HTML from outside within what a parser of HTML5 reads in a moment.

The parser takes quadratic time for elements that are nested thousands of levels deep, or that it opens again
in every paragraph. Short HTML is given on as it is. Longer HTML is written anew, in one pass: every element
is closed where it ends, in the order that was opened, and without levels that are too deep.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

# Tags that the parser reads in half a second at most, however they are nested.
_MOST_TAGS = 2_000
_MOST_LEVELS = 100
# Characters, without attributes and scripts; a story keeps far fewer.
MOST_CHARACTERS = 1_000_000

# What goes on behind a paragraph in which it was not ended.
_FORMATTING = frozenset(("b", "strong", "i", "em"))
_INLINE = _FORMATTING | {"a", "sub", "sup"}
_PARTS_OF_TABLES = frozenset(("caption", "thead", "tbody", "tfoot", "tr", "td", "th"))
_BLOCKS = frozenset(
    (
        *("p", "ul", "ol", "div", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "table", "dl"),
        *("section", "article", "aside", "header", "footer", "figure", "figcaption", "address"),
    )
)
_ITEMS = frozenset(("li", "dt", "dd"))
_KNOWN = _INLINE | _PARTS_OF_TABLES | _BLOCKS | _ITEMS
# No end tag within a cell ends what the cell is in.
_CELLS = frozenset(("td", "th", "caption"))
_LISTS, _TABLE = frozenset(("ul", "ol")), frozenset(("table",))
# What a start tag ends, as end tags may be left out, unless one of the others is around it sooner.
_ENDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "a": (frozenset(("a",)), _CELLS),
    "li": (frozenset(("li", "p")), _CELLS | _LISTS),
    **dict.fromkeys(("dt", "dd"), (frozenset(("dt", "dd", "p")), _CELLS | {"dl"})),
    **dict.fromkeys(("td", "th"), (frozenset(("td", "th")), _TABLE | {"tr"})),
    "tr": (frozenset(("tr", "caption")), _TABLE),
    **dict.fromkeys(("thead", "tbody", "tfoot"), (frozenset(("thead", "tbody", "tfoot", "caption")), _TABLE)),
    **dict.fromkeys(_BLOCKS, (frozenset(("p",)), _CELLS)),
}

# Those that cleaning leaves.
_KEPT_ATTRIBUTES = frozenset(("href", "title", "lang"))
_SPACE = r"[ \t\n\f\r]"
_ATTRIBUTE = (
    rf"[^ \t\n\f\r/>][^ \t\n\f\r/>=]*+(?:{_SPACE}*+={_SPACE}*+"
    r"""(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^ \t\n\f\r>"'][^ \t\n\f\r>]*+)?+)?+"""
)
_ATTRIBUTES = re.compile(_ATTRIBUTE)
# A script or style with its content, a comment or declaration, or a tag (HTML standard, §13.2.5). What does
# not end goes on to the end of the text, so that no part of it is read twice.
_TOKEN = re.compile(
    rf"<(script|style)(?=[ \t\n\f\r/>]).*?(?:</\1(?=[ \t\n\f\r/>])[^>]*(?:>|\Z)|\Z)"
    rf"|<!--(?:-?>|.*?(?:--!?>|\Z))|<(?:[!?]|/(?![a-z]))[^>]*(?:>|\Z)"
    rf"|<(?P<end>/?)(?P<name>[a-z][^ \t\n\f\r/>]*+)(?P<attributes>(?:[ \t\n\f\r/]++|{_ATTRIBUTE})*+)(?:>|\Z)",
    re.IGNORECASE | re.DOTALL,
)


def within_limits(html: str) -> str:
    """The HTML, written anew where it is so long that it could keep a parser busy."""
    if len(html) <= MOST_CHARACTERS and html.count("<") <= _MOST_TAGS:
        return html
    written, length = [], 0
    for piece in _Writer().pieces(html):
        written.append(piece)
        length += len(piece)
        if length >= MOST_CHARACTERS:
            break
    return "".join(written)[:MOST_CHARACTERS]


class _Writer:
    """Writes HTML anew: what is open is known at every moment."""

    def __init__(self) -> None:
        self._open: list[str] = []
        # Formatting that goes on with the next words.
        self._waiting: list[str] = []
        # Start tags for which there was no level left, by name.
        self._too_deep: Counter[str] = Counter()
        # Whether such a tag keeps the words before it apart from the next ones.
        self._apart = False

    def pieces(self, html: str) -> Iterator[str]:
        end = 0
        for token in _TOKEN.finditer(html):
            yield from self._text(html[end : token.start()])
            end = token.end()
            name = (token["name"] or "").lower()
            if name in ("br", "hr"):
                yield f"<{name}>"
            elif name in _KNOWN:
                yield from self._end(name) if token["end"] else self._start(name, token["attributes"])
        yield from self._text(html[end:])

    def _text(self, text: str) -> Iterator[str]:
        if text and not text.isspace():
            yield from self._go_on()
            yield " " if self._apart else ""
            self._apart = False
        yield text.replace("<", "&lt;")

    def _go_on(self) -> Iterator[str]:
        waiting, self._waiting = self._waiting, []
        for name in waiting:
            yield from self._start(name, "")

    def _start(self, name: str, attributes: str) -> Iterator[str]:
        yield from self._close_innermost(*_ENDS.get(name, (frozenset(), frozenset())))
        if name in _INLINE:
            yield from self._go_on()
        if len(self._open) >= _MOST_LEVELS:
            self._too_deep[name] += 1
            self._apart = self._apart or name not in _INLINE
            return
        self._apart = self._apart and name in _INLINE
        self._open.append(name)
        yield f"<{name}{_kept(attributes)}>"

    def _end(self, name: str) -> Iterator[str]:
        if self._too_deep[name]:
            self._too_deep[name] -= 1
            self._apart = self._apart or name not in _INLINE
        elif name in self._waiting:
            self._waiting.remove(name)
        elif name in _PARTS_OF_TABLES or name == "table":
            yield from self._close_innermost({name}, _TABLE.difference({name}))
        else:
            yield from self._close_innermost({name}, _CELLS | _LISTS if name == "li" else _CELLS)

    def _close_innermost(self, names: AbstractSet[str], barriers: AbstractSet[str]) -> Iterator[str]:
        """Close the innermost element of these names, with all in it, unless a barrier is in between."""
        if not any(name in self._open for name in names):
            return
        place = len(self._open) - 1
        while self._open[place] not in names:
            if self._open[place] in barriers:
                return
            place -= 1
        closed = self._open[place:]
        del self._open[place:]
        self._waiting += [one for one in closed[1:] if one in _FORMATTING]
        yield "".join(f"</{one}>" for one in reversed(closed))


def _kept(attributes: str) -> str:
    """The attributes that cleaning may leave, as they are written in a tag."""
    found: dict[str, str] = {}
    for attribute in _ATTRIBUTES.findall(attributes):
        name, _, value = attribute.partition("=")
        name, value = name.rstrip().lower(), value.lstrip()
        if name in _KEPT_ATTRIBUTES:
            quote = value[:1] if value[:1] in ("'", '"') else ""
            found.setdefault(name, value.removeprefix(quote).removesuffix(quote).replace('"', "&quot;"))
    return "".join(f' {name}="{value}"' for name, value in found.items())
