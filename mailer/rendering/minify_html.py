"""Takes out of a compiled message what no mail program uses: long messages are cut at about 100 KB.

The message looks the same in every mail program. What is left out stands in each of the sections that the
MJML compiler writes: a column of the full width around the only column and a table for it in Outlook, styles
that a cell has already, tags that HTML lets one omit, and white space of stylesheets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from functools import lru_cache

_OUTLOOK, _END = "<!--[if mso | IE]>", "<![endif]-->"
# Internet Explorer ignores conditional comments since its version 10.
_OUTLOOK_ALONE = "<!--[if mso]>"
_TABLE = r'<table border="0" cellpadding="0" cellspacing="0" role="presentation"'
# A column of the full width that is alone in its section: the section's own cell is as wide.
_ONLY_COLUMN = re.compile(
    r'(<td style="[^"]*direction:(\w+);[^"]*">)'
    rf"{re.escape(_OUTLOOK)}{_TABLE}><tr>{re.escape(_END)}"
    rf'{re.escape(_OUTLOOK)}<td style="vertical-align:\w+;width:[\d.]+px;">{re.escape(_END)}'
    r'<div class="mj-outlook-group-fix mj-column-per-100" style="font-size:0px;text-align:\w+;direction:\2;'
    r'display:inline-block;vertical-align:\w+;width:100%;">'
    rf"((?:(?!{re.escape(_OUTLOOK)}<td).)*?)"
    rf"</div>{re.escape(_OUTLOOK)}</td>{re.escape(_END)}{re.escape(_OUTLOOK)}</tr></table>{re.escape(_END)}",
    re.DOTALL,
)
# The compiler gives a section's colour to an element that its table covers.
_SECTION = re.compile(
    r'(<div[^<>]* style=")background:(#?\w+);background-color:\2;(margin:0px auto;max-width:\d+px;">'
    rf'{_TABLE} align="center" style="background:\2;background-color:\2;width:100%;">)'
)
# A tag, or the beginning of a comment for Outlook, or the end of one and the beginning of the next.
_TAG_OR_COMMENT = re.compile(
    rf'</?[a-z][^<>"]*(?:"[^"]*"[^<>"]*)*>|(?:{re.escape(_END)})?{re.escape(_OUTLOOK)}'
)
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
_KEPT_TAGS = 4_000
# The cell around each element of a column; its other declarations stand in the message's first element.
_ELEMENT_CELL = re.compile(r"(font-size:0px;)(?:padding:0px;|(padding:[^;]*;))word-break:break-word;\Z")
# What tables with the attribute cellspacing="0" have without a style.
_OF_TABLES = re.compile(r"vertical-align:\w+;\Z|border-collapse:collapse;border-spacing:0px;\Z")
_FULL_WIDTH = re.compile(r' style="(?:([^"]*);)?width:100%"')
# Of a cell that has the same colour in its style.
_GROUND = re.compile(r' bgcolor="(#\w+)"(?=[^>]*[";]background:\1[";])')
_ZERO = re.compile(r"(?<![\w.])0px")
_BREAK_WORDS = "word-break:break-word"

_STYLE_ELEMENT = re.compile(r"(<style[^<>]*>)([^<]*)(</style>)")
# For Internet Explorer and for Outlook 2003.
_FOR_OLD_PROGRAMS = re.compile(
    r'<!--\[if !mso\]><!--><meta http-equiv="X-UA-Compatible"[^<>]*><!--<!\[endif\]-->'
    r"|<!--\[if lte mso 11\]>.*?<!\[endif\]-->",
    re.DOTALL,
)


def minify(page: str) -> str:
    """A whole HTML document, as the MJML compiler and css_inline write it, shortened."""
    head, end, body = page.partition("</head>")
    return minify_head(head) + end + minify_body(body)


def minify_head(head: str) -> str:
    """The document up to the end of its head, shortened."""
    shorter = _FOR_OLD_PROGRAMS.sub("", head)
    shorter = _STYLE_ELEMENT.sub(lambda found: found[1] + _short_css(found[2]) + found[3], shorter)
    return re.sub(r">\n+<", "><", shorter)


def minify_body(html: str) -> str:
    """The rest of the document, or whole sections of it, shortened."""
    alone = _SECTION.sub(r"\1\3", _ONLY_COLUMN.sub(r"\1\3", html))
    return _TAG_OR_COMMENT.sub(lambda found: _shorter(found[0]), alone)


def join_minified(sections: Iterable[str]) -> str:
    """Shortened sections that follow each other, as if they had been shortened together."""
    joined: list[str] = []
    for section in filter(None, sections):
        if joined and joined[-1].endswith(_END) and section.startswith(_OUTLOOK_ALONE):
            joined[-1] = joined[-1].removesuffix(_END)
            joined.append(section.removeprefix(_OUTLOOK_ALONE))
        else:
            joined.append(section)
    return "".join(joined)


def _short_css(css: str) -> str:
    """Without white space that has no meaning. CSS with strings stays as it is."""
    if '"' in css or "'" in css:
        return css
    return re.sub(r"\s*([{};,>!])\s*", r"\1", re.sub(r":\s+", ":", " ".join(css.split()))).replace(";}", "}")


def _shorter(piece: str) -> str:
    if piece == _OUTLOOK:
        return _OUTLOOK_ALONE
    return "" if piece.startswith("<!") else _short_tag(piece)


@lru_cache(maxsize=_KEPT_TAGS)
def _short_tag(tag: str) -> str:
    if tag in ("<tbody>", "</tbody>"):
        return ""
    name = tag[1:].partition(" ")[0]
    whole = tag

    def shorter(found: re.Match[str]) -> str:
        attribute, value = found.groups()
        if attribute == "style":
            value = _short_style(name, value, whole)
        elif attribute == "class":
            value = _classes(value)
        elif attribute == "border" and value == "0" and 'cellspacing="0"' in whole:
            value = ""
        elif attribute == "height" and value == "auto":
            # No length in HTML; the style says it.
            value = ""
        else:
            return found[0]
        return f' {attribute}="{value}"' if value else ""

    return _readable_without_styles(name, _ATTRIBUTE.sub(shorter, tag))


def _readable_without_styles(name: str, tag: str) -> str:
    """For programs that drop styles: a section as wide as the message, and no ground under buttons."""
    if name == "table" and ' width="' not in tag and (section := _FULL_WIDTH.search(tag)):
        style = f' style="{section[1]}"' if section[1] else ""
        return tag.replace(section[0], f' width="100%"{style}')
    if name == "td" and (button := _GROUND.search(tag)):
        without = tag.replace(button[0], "")
        return without.replace(f"background:{button[1]}", f"background-color:{button[1]}")
    return tag


def _classes(names: str) -> str:
    """Without the class for Outlook 2003, and without those of tables in comments for Outlook."""
    if names.endswith("-outlook"):
        return ""
    return " ".join(name for name in names.split() if name != "mj-outlook-group-fix")


def _short_style(name: str, style: str, tag: str) -> str:
    # A value with a URL, a function or a character reference may have semicolons.
    if "(" in style or "&" in style:
        return style
    if name == "table" and 'cellspacing="0"' in tag:
        width = re.search(r' width="(\d+)"', tag)
        if _OF_TABLES.match(style) or (width and style == f"width:{width[1]}px;"):
            return ""
    if name == "td" and (cell := _ELEMENT_CELL.match(style)):
        style = cell[1] + (cell[2] or "")
    declarations = [_short_declaration(one) for one in style.split(";") if one.strip()]
    if 'role="article"' in tag:
        declarations.append(_BREAK_WORDS)
    said = frozenset(declarations)
    return ";".join(one for one in declarations if not _is_repeated(one, name, said))


def _short_declaration(declaration: str) -> str:
    name, _colon, value = declaration.partition(":")
    return f"{name.strip()}:{_ZERO.sub('0', value.strip()).replace(', ', ',')}"


def _is_repeated(declaration: str, name: str, declarations: Set[str]) -> bool:
    """Whether another declaration says the same, or the compiler's stylesheet does for all pictures."""
    before, _colon, value = declaration.partition(":")
    if before == "background":
        return f"background-color:{value}" in declarations
    return name == "img" and declaration in ("outline:none", "text-decoration:none")
