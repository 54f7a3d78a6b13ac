"""How mail clients show a message: its HTML as Outlook's Word engine reads it, or without any style."""

from __future__ import annotations

import re

_CONDITIONAL = re.compile(r"<!--\[if ([^\]]*)\]>(?!<!-->)(.*?)<!\[endif\]-->", re.DOTALL)
_NOT_MSO = re.compile(r"<!--\[if !mso[^\]]*\]><!-->.*?<!--<!\[endif\]-->", re.DOTALL)
_STYLE_ELEMENT = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)
_STYLED_TAG = re.compile(r'<(\w+)([^>]*?) style="([^"]*)"')
# Of Word's HTML engine (Outlook 2007 to 2021 on Windows), by caniemail.com.
_UNKNOWN = frozenset(
    (
        *("max-width", "min-width", "max-height", "border-radius", "object-fit", "opacity", "overflow"),
        *("background-image", "background-size", "background-position", "box-shadow", "transition"),
    )
)
# Known on tables and cells only.
_UNKNOWN_ON_BLOCKS = _UNKNOWN | {"width", "height", "display", "padding"}
_BLOCKS = frozenset(("div", "p", "h1", "h2", "h3", "h4", "span", "a"))


def as_outlook(html: str) -> str:
    """The page with conditional comments for Word applied, and without the CSS that Word ignores."""
    page = _NOT_MSO.sub("", html)
    page = _CONDITIONAL.sub(lambda found: found[2] if _for_current_word(found[1]) else "", page)
    page = _STYLE_ELEMENT.sub(lambda found: f"<style>{_without_media_rules(found[1])}</style>", page)
    return _STYLED_TAG.sub(_known_style, page)


def without_styles(html: str) -> str:
    """The page as a client shows it that strips style elements and attributes."""
    page = re.sub(r"<!--.*?-->", "", _STYLE_ELEMENT.sub("", html), flags=re.DOTALL)
    kept = re.sub(r'(<div style="display:none)', r"\1", page)
    return re.sub(r' style="(?!display:none)[^"]*"', "", kept)


def _for_current_word(condition: str) -> bool:
    return "mso" in condition and not re.search(r"l[te]+ mso", condition)


def _without_media_rules(css: str) -> str:
    """The rules outside of any at-rule."""
    kept, depth, at_rule = [], 0, False
    for piece in re.split(r"([{}])", css):
        if piece == "{":
            depth += 1
        elif piece == "}":
            depth -= 1
        elif depth == 0:
            at_rule = piece.strip().startswith("@")
        if not at_rule:
            kept.append(piece)
        if piece == "}" and depth == 0:
            at_rule = False
    return "".join(kept)


def _known_style(found: re.Match[str]) -> str:
    tag, others, style = found.groups()
    unknown = _UNKNOWN_ON_BLOCKS if tag in _BLOCKS and "mso-hide" not in style else _UNKNOWN
    style = style.replace("mso-padding-alt:", "padding-left:0;padding:")
    kept = (rule for rule in style.split(";") if rule.partition(":")[0].strip().lower() not in unknown)
    return f'<{tag}{others} style="{";".join(kept)}"'
