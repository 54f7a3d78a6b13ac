"""The StreamField blocks of an edition's body."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from wagtail import blocks
from wagtail.snippets.blocks import SnippetChooserBlock

from mailer.stories.models import RICH_TEXT_FEATURES
from subscribers import iso_codes


def country_choices() -> list[tuple[str, str]]:
    """(code, English name): the office's countries first, then all others."""
    first = list(settings.CONFIG.site.countries)
    others = sorted(iso_codes.COUNTRIES - set(first), key=lambda code: iso_codes.country_name(code, "en"))
    return [(code, iso_codes.country_name(code, "en")) for code in [*first, *others]]


def language_choices() -> list[tuple[str, str]]:
    """The site's languages, by their English names."""
    return [(code, iso_codes.language_name(code, "en")) for code in settings.CONFIG.site.languages]


def _story(**kwargs: Any) -> SnippetChooserBlock:
    return SnippetChooserBlock("mailer.Story", **kwargs)


class HeadingText(blocks.StructBlock):
    language = blocks.ChoiceBlock(choices=language_choices)
    text = blocks.CharBlock(max_length=120)


class Heading(blocks.StructBlock):
    """A heading over the blocks that follow; shown to a reader who gets at least one of them."""

    country = blocks.ChoiceBlock(
        choices=country_choices, required=False, help_text="The country's name, in each reader's language…"
    )
    texts = blocks.ListBlock(HeadingText(), default=[], label="…or your own text, per language", min_num=0)

    class Meta:
        icon = "title"


class ParagraphText(blocks.StructBlock):
    language = blocks.ChoiceBlock(choices=language_choices)
    text = blocks.RichTextBlock(features=RICH_TEXT_FEATURES)


class Paragraph(blocks.StructBlock):
    """Text from the editors, for all readers or for those of some countries."""

    countries = blocks.MultipleChoiceBlock(
        choices=country_choices, required=False, help_text="None: for every reader."
    )
    texts = blocks.ListBlock(ParagraphText(), label="Text, per language")

    class Meta:
        icon = "pilcrow"


EDITION_BLOCKS = [
    ("lead", _story(label="Lead story", icon="pick")),
    ("story", _story(label="Story", icon="doc-full-inverse")),
    ("heading", Heading(label="Heading")),
    ("date", _story(label="Save the date", icon="date")),
    ("titles", blocks.ListBlock(_story(label="Publication"), label="Titles", icon="list-ul")),
    ("text", Paragraph(label="Text")),
    ("social", _story(label="Social call", icon="group")),
]
