"""Which texts an edition has in each language: one description for everything that goes through all of them.

The table of translations, the files for translators, the forms of the desk and preflight read it, so that a
kind of block that is added here is in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mailer.rendering.data_types import Block, BlockKind, LocalText

# Of a rich text or a text without a limit of its own, in characters.
_LONG = 50_000


@dataclass(frozen=True)
class TextPart:
    """One text of a story, a subject line or a block, which exists once in each language."""

    # The field that holds it: of a block's text as in data_types.LocalText, of a story as in StoryText.
    name: str
    # What it is, unique: "quoted_person". Files for translators and findings name it.
    meaning: str
    # Characters.
    longest: int
    # HTML as sanitize.clean_story_html gives it; else plain text.
    rich: bool = False
    # Plain text whose line breaks mean something.
    lines: bool = False
    # It exists only where the story or block has a picture.
    of_picture: bool = False


SUBJECT_PARTS = (TextPart("subject", "subject", 150), TextPart("preheader", "preheader", 200))
STORY_PARTS = (
    TextPart("headline", "headline", 200),
    TextPart("summary", "summary", 2_000),
    TextPart("body", "body", _LONG, rich=True),
    TextPart("link_label", "link_label", 80),
    TextPart("venue", "venue", 160),
    TextPart("picture_alt", "picture_alt", 250, of_picture=True),
)
_ALT = TextPart("alt", "alt", 250, of_picture=True)
# The texts of stories belong to the stories: their blocks have none.
BLOCK_PARTS: Mapping[BlockKind, tuple[TextPart, ...]] = {
    "lead": (),
    "story": (),
    "date": (),
    "titles": (),
    "social": (),
    # One that names a country is written by CLDR, and has no text of its own.
    "heading": (TextPart("text", "heading", 120),),
    "text": (TextPart("text", "text", _LONG, rich=True),),
    "quote": (TextPart("text", "quote", 2_000), TextPart("detail", "quoted_person", 160), _ALT),
    "figures": (TextPart("text", "figures", 1_000, lines=True),),
    "video": (TextPart("text", "video_title", 160), _ALT),
    "button": (TextPart("text", "button", 60),),
    "picture": (_ALT, TextPart("text", "caption", 250), TextPart("detail", "photographer", 160)),
    "divider": (),
    "note": (TextPart("text", "note", _LONG, rich=True), TextPart("detail", "signature", 160)),
}
PARTS: Mapping[str, TextPart] = {
    part.meaning: part for parts in (SUBJECT_PARTS, STORY_PARTS, *BLOCK_PARTS.values()) for part in parts
}


def visible_text_parts(block: Block) -> tuple[TextPart, ...]:
    """The texts that readers see of this block: those of its picture only where it has one."""
    if block.kind == "heading" and block.countries:
        return ()
    return tuple(part for part in BLOCK_PARTS[block.kind] if block.picture or not part.of_picture)


def written_texts_by_meaning(block: Block, text: LocalText) -> dict[str, str]:
    """The texts of the block in one language by their meaning, without empty ones."""
    found = {part.meaning: str(getattr(text, part.name)) for part in visible_text_parts(block)}
    return {meaning: written for meaning, written in found.items() if written.strip()}
