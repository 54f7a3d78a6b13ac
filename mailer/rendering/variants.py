"""Rendering one variant of an edition, and listing all variants that an edition can have."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from mjml import mjml2html

from mailer.rendering import localization, story_selection, theme, view_model
from mailer.rendering.data_types import Content, RenderedVariant
from mailer.rendering.merge_tags import PLACEHOLDERS, TrustedText, escape_tags
from mailer.rendering.view_model import Digest


class NothingToShow(Exception):  # noqa: N818 (a normal outcome, not a fault)
    """This edition has no story for these countries, so no message is built for them."""


def render(content: Content, countries: Collection[str], language: str) -> RenderedVariant:
    """What a reader of `countries` (ISO 3166-1 alpha-2; none means all) gets in `language`, with merge tags.

    Equal contents, story sets and languages give equal bytes. Raises NothingToShow when no story is for them.
    """
    blocks = story_selection.visible_blocks(content, frozenset(countries))
    shown = story_selection.stories_of(blocks)
    if not shown:
        raise NothingToShow(f"{content.slug} has no story for {', '.join(sorted(countries))}.")
    key = story_selection.variant_key(story_selection.keys_of(content, blocks), language)
    warnings: list[str] = []
    digest = view_model.build(content, blocks, key, language, warnings.append)
    tokens = theme.tokens(content.masthead.theme)
    return RenderedVariant(
        key=key,
        language=language,
        stories=shown,
        subject=digest.subject,
        preheader=digest.preheader,
        html=render_html(digest, tokens),
        text=render_text(digest, tokens),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def render_blocks(content: Content, language: str) -> str:
    """The HTML of all blocks of a content in `language`, without the parts around them."""
    digest = view_model.build(content, content.blocks, "", language, lambda warning: None)
    return render_html(digest, theme.tokens(content.masthead.theme), whole=False)


def possible_variants(content: Content, limit: int = 500) -> tuple[list[tuple[tuple[str, ...], str]], bool]:
    """(countries, language) for every distinct story set in every language, `limit` at most.

    The second value says whether the list is complete. All stories in every language come first.
    """
    choices, complete = story_selection.representative_choices(content, limit)
    pairs = [(countries, language) for countries in choices for language in content.masthead.languages]
    return pairs[:limit], complete and len(pairs) <= limit


_PACKAGE = Path(__file__).resolve().parents[1]
# Templates are inside the package in a wheel, and beside it in a checkout.
TEMPLATES = tuple(root / "templates" / "mail" for root in (_PACKAGE, _PACKAGE.parent))
# Columns of the text part; RFC 5322 recommends lines of at most 78.
_COLUMNS = 72
_MARKUP = (".mjml", ".html")


def render_html(digest: Digest, theme: Mapping[str, str], *, whole: bool = True) -> str:
    """The HTML body with its merge tags. Its only external resources are the stories' pictures.

    Not `whole`: the blocks alone, without masthead and footer.
    """
    source = _environment().get_template("digest.mjml").render({**_context(digest, theme), "whole": whole})
    compiled = mjml2html(_needs_reference().sub(lambda found: f"&#{ord(found[0])};", source), fonts={})
    return _strip_blank_space(_inliner(_stylesheet("inline.css", tuple(theme.items()))).inline(compiled))


def render_text(digest: Digest, theme: Mapping[str, str]) -> str:
    """The plain-text body with its merge tags; lines end with LF."""
    written = _environment().get_template("digest.txt").render(_context(digest, theme))
    lines = (line.rstrip() for line in written.splitlines())
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).strip() + "\n"


def _context(digest: Digest, theme: Mapping[str, str]) -> dict[str, Any]:
    words = localization.for_language(digest.language)

    def translate(english: str, **values: str) -> TrustedText:
        """A text of the catalogue; merge tags in inserted values are escaped."""
        kept = {
            name: value if isinstance(value, TrustedText) else escape_tags(value)
            for name, value in values.items()
        }
        return TrustedText(words(english, **kept))

    return {
        "digest": digest,
        "theme": theme,
        "translate": translate,
        "tag": PLACEHOLDERS,
        "dark_css": Markup(_stylesheet("dark.css", tuple(theme.items()))),  # noqa: S704 (tokens are checked colours)
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        # Jinja2's default does not cover .mjml.
        autoescape=lambda name: bool(name and name.endswith(_MARKUP)),  # noqa: S701 (text parts are no markup)
        finalize=_escape_foreign_tags,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["wrap"] = wrap
    environment.filters["underlined"] = underlined
    return environment


def _escape_foreign_tags(value: Any) -> Any:
    """Escape merge tags in every value that is not a TrustedText."""
    if isinstance(value, TrustedText) or not isinstance(value, str):
        return value
    if isinstance(value, Markup):
        return Markup(escape_tags(value))  # noqa: S704 (was Markup before)
    return escape_tags(value)


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


@cache
def _stylesheet(name: str, tokens: tuple[tuple[str, str], ...]) -> str:
    return _environment().get_template(name).render(theme=dict(tokens))


@cache
def _inliner(stylesheet: str) -> css_inline.CSSInliner:
    # Our own stylesheet only: inlining MJML's reset would repeat 80 bytes in every cell.
    return css_inline.CSSInliner(
        inline_style_tags=False, keep_style_tags=True, extra_css=stylesheet, load_remote_stylesheets=False
    )


def _strip_blank_space(page: str) -> str:
    """Without the white space that templates leave between elements; one element a line."""
    return re.sub(r"\s*\n\s*", "\n", page)


def wrap(text: str) -> str:
    """`text` in lines of at most 72 columns; line breaks are kept, URLs and long words stay whole."""
    kind = TrustedText if isinstance(text, TrustedText) else str
    lines = (
        textwrap.fill(
            line,
            _COLUMNS,
            break_long_words=False,
            break_on_hyphens=False,
            subsequent_indent="  " if line.startswith("- ") else "",
        )
        for line in text.split("\n")
    )
    return kind("\n".join(lines))


def underlined(text: str) -> str:
    """Wrapped text, underlined with hyphens."""
    lines = wrap(text)
    return f"{lines}\n{'-' * max(len(line) for line in lines.splitlines() or ['-'])}"
