"""Rendering one variant of an edition, and listing all variants that an edition can have."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

from markupsafe import Markup

from mailer.rendering import (
    avoid_rspamd_odd_url_count,
    block_cache,
    links,
    localization,
    mjml_to_html,
    story_selection,
    template_sandbox,
    theme,
    view_model,
)
from mailer.rendering.data_types import Content, RenderedVariant
from mailer.rendering.mark_staff_messages_for_translation import stored
from mailer.rendering.merge_tags import PLACEHOLDERS, TrustedText, escape_tags
from mailer.rendering.view_model import Digest


class NothingToShow(Exception):  # noqa: N818 (a normal outcome, not a fault)
    """Readers of these countries get no email of this edition, so no message is built for them."""

    def __init__(self, message: str, reason: story_selection.SkipReason = "no_stories") -> None:
        super().__init__(message)
        self.reason = reason


_WHY_NOTHING: dict[str, str] = {
    "no_stories": "{edition} has no story for {countries}.",
    "silent_country": "{edition} has only regional stories for {countries}, and the newsletter skips them.",
    "rolled_over": "{edition} has only regional stories for {countries}; they come with the next edition.",
    "few_stories": "{edition} has fewer stories for {countries} than the newsletter’s minimum.",
}


def render(content: Content, countries: Collection[str], language: str) -> RenderedVariant:
    """What a reader of `countries` (ISO 3166-1 alpha-2; none means all) gets in `language`, with merge tags.

    Equal contents, story sets and languages give equal bytes. Raises NothingToShow, with the reason, where
    they get no email.
    """
    return render_selection(content, story_selection.select(content, countries), countries, language)


def render_selection(
    content: Content,
    selection: story_selection.Selection,
    countries: Collection[str],
    language: str,
) -> RenderedVariant:
    """The same for what a Selector of this content selected for `countries`."""
    if selection.skipped:
        why = _WHY_NOTHING[selection.skipped]
        named = ", ".join(sorted(countries)) or "readers of all countries"
        raise NothingToShow(why.format(edition=content.slug, countries=named), selection.skipped)
    key = story_selection.variant_key(selection.keys, language)
    warnings: list[str] = []
    digest = view_model.build_digest(content, selection.blocks, key, language, warnings.append)
    html, text, error = _bodies(digest, content)
    # Other parts than the shipped ones may leave words out of the text.
    has_all = not content.masthead.templates
    text = avoid_rspamd_odd_url_count.text_with_even_url_count(
        html, text, digest.newsletter, content.site_url, text_has_all_words=has_all
    )
    return RenderedVariant(
        key=key,
        language=language,
        stories=selection.stories,
        subject=digest.subject,
        preheader=digest.preheader,
        html=html,
        text=text,
        warnings=tuple(dict.fromkeys(warnings)),
        errors=(error,) if error else (),
    )


def _bodies(digest: Digest, content: Content, *, whole: bool = True) -> tuple[str, str, str]:
    """HTML and text; and the error of the newsletter's own parts, where the shipped ones replace them."""
    tokens, parts = theme.all_tokens(content.masthead.theme), content.masthead.templates
    try:
        return (
            render_html(digest, tokens, parts, with_masthead_and_footer=whole),
            render_text(digest, tokens, parts),
            "",
        )
    except template_sandbox.TemplateFailed as error:
        return (
            render_html(digest, tokens, with_masthead_and_footer=whole),
            render_text(digest, tokens),
            _why_not_used(error),
        )


def _why_not_used(error: template_sandbox.TemplateFailed) -> str:
    if not error.line:
        return stored(
            "The template part %(part)s cannot be used, so readers see the default design. %(reason)s",
            part=error.part,
            reason=error.reason,
        )
    return stored(
        "The template part %(part)s cannot be used, so readers see the default template "
        "without any of your changed parts. Line %(line)s: %(reason)s",
        part=error.part,
        line=error.line,
        reason=error.reason,
    )


def render_blocks(content: Content, language: str) -> str:
    """The HTML of all blocks of a content in `language`, without the parts around them."""
    digest = view_model.build_digest(content, content.blocks, "", language, lambda warning: None)
    return _bodies(digest, content, whole=False)[0]


def countries_and_language_per_variant(
    content: Content, limit: int = 500
) -> tuple[list[tuple[tuple[str, ...], str]], bool]:
    """(countries, language) for every distinct story set in every language, `limit` at most.

    The second value says whether the list is complete. All stories in every language come first.
    """
    choices, complete = story_selection.country_choices_and_completeness(content, limit)
    pairs = [(countries, language) for countries in choices for language in content.masthead.languages]
    return pairs[:limit], complete and len(pairs) <= limit


def render_html(
    digest: Digest,
    theme: Mapping[str, str],
    parts: template_sandbox.Parts = (),
    *,
    with_masthead_and_footer: bool = True,
) -> str:
    """The HTML body with its merge tags. Its only external resources are the stories' pictures.

    `parts`: those in place of shipped ones; raises TemplateFailed where they cannot be used. Not
    `with_masthead_and_footer`: the blocks alone, without masthead and footer.
    """
    source = render_mjml(digest, theme, parts, whole=with_masthead_and_footer)
    if parts:
        template_sandbox.require_mjml_within_limits(source, parts)
    stylesheet = _stylesheet("inline.css", tuple(theme.items()), parts)
    if parts:
        template_sandbox.require_inlining_within_limits(source, stylesheet, parts)
    return _compiled(source, stylesheet, digest.web_url, parts)


def render_mjml(
    digest: Digest,
    theme: Mapping[str, str],
    parts: template_sandbox.Parts = (),
    *,
    whole: bool = True,
    marked: bool = False,
) -> str:
    """The MJML that `render_html` compiles; `marked`: see `template_sandbox.render_marked`."""
    context = {**_context(digest, theme, parts), "whole": whole}
    render = template_sandbox.render_part_with_line_marks if marked else template_sandbox.render_part
    return render(parts, "digest.mjml", context)


def _compiled(source: str, stylesheet: str, address: str, parts: template_sandbox.Parts) -> str:
    try:
        return mjml_to_html.to_html(source, stylesheet, address)
    except ValueError as error:
        if not parts:
            raise
        raise template_sandbox.TemplateFailed(f"MJML: {error}.", parts[0][0], 0) from error


def render_text(digest: Digest, theme: Mapping[str, str], parts: template_sandbox.Parts = ()) -> str:
    """The plain-text body with its merge tags; lines end with LF."""
    numbered = links.NumberedLinks()
    context = {
        **_context(digest, theme, parts),
        block_cache.LINKS: numbered,
        "link_number": numbered.number,
        "number_links": numbered.number_all,
        "numbered_links": numbered.urls,
    }
    written = template_sandbox.render_part(parts, "digest.txt", context)
    if unlisted := numbered.unlisted(written):
        written = f"{written}\n\n{unlisted}"
    if parts:
        template_sandbox.require_text_within_limits(written, parts)
    lines = (line.rstrip() for line in written.splitlines())
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).strip() + "\n"


def _context(digest: Digest, theme: Mapping[str, str], parts: template_sandbox.Parts) -> dict[str, Any]:
    tokens = tuple(theme.items())
    return {
        "digest": digest,
        "theme": theme,
        "translate": _translator(digest.language),
        "tag": PLACEHOLDERS,
        block_cache.DESIGN: (digest.language, tokens),
        "dark_css": Markup(_stylesheet("dark.css", tokens, parts)),  # noqa: S704 (tokens are checked colours)
        "print_css": Markup(_stylesheet("print.css", tokens, parts)),  # noqa: S704 (the same)
    }


_PIECES_OF_TAGS = re.compile(r"^%|(?<=%)%")
# Of texts that are kept. A template may bring longer ones.
_KEPT_CHARACTERS = 1_000


@lru_cache(maxsize=64)
def _translator(language: str) -> Callable[..., TrustedText]:
    """What gives a text of the catalogue; merge tags in inserted values are escaped."""
    words = localization.for_language(language)
    bare = lru_cache(maxsize=256)(lambda english: TrustedText(words(escape_tags(english))))

    def broken(value: str) -> str:
        # Also pieces, which would make a merge tag together.
        return _PIECES_OF_TAGS.sub("\N{WORD JOINER}%", value) if "%" in value else value

    def translate(english: str, **values: str) -> TrustedText:
        if not values:
            return (
                bare(english) if len(english) < _KEPT_CHARACTERS else TrustedText(words(escape_tags(english)))
            )
        kept = {
            name: value if isinstance(value, TrustedText) else broken(str(value))
            for name, value in values.items()
        }
        return TrustedText(words(escape_tags(english), **kept))

    return translate


@lru_cache(maxsize=256)
def _stylesheet(name: str, tokens: tuple[tuple[str, str], ...], parts: template_sandbox.Parts) -> str:
    css = template_sandbox.render_part(parts, name, {"theme": dict(tokens)})
    if parts:
        template_sandbox.require_css_within_limits(css, name)
    return css
