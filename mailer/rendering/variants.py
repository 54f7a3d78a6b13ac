"""Rendering one variant of an edition, and listing all variants that an edition can have."""

from __future__ import annotations

from collections.abc import Collection

from mailer.rendering import compose, story_selection, theme, view_model
from mailer.rendering.records import Content, RenderedVariant


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
        html=compose.render_html(digest, tokens),
        text=compose.render_text(digest, tokens),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def possible_variants(content: Content, limit: int = 500) -> tuple[list[tuple[tuple[str, ...], str]], bool]:
    """(countries, language) for every distinct story set in every language, `limit` at most.

    The second value says whether the list is complete. All stories in every language come first.
    """
    choices, complete = story_selection.representative_choices(content, limit)
    pairs = [(countries, language) for countries in choices for language in content.masthead.languages]
    return pairs[:limit], complete and len(pairs) <= limit
