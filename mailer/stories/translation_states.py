"""Which translations of a story are there, and which are older than the text that they translate."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

PARTS = ("headline", "summary", "body", "link_label", "venue", "picture_alt")
State = Literal["source", "translated", "changed", "incomplete", "missing"]


class Text(Protocol):
    """A StoryText of the models."""

    language: str
    headline: str
    summary: str
    translated_from: str


class Story(Protocol):
    """A Story of the models."""

    source_language: str
    picture_id: int | None
    texts: Any


@dataclass(frozen=True)
class Translation:
    """The state of a story's text in one language."""

    language: str
    # "changed": the source was changed since. "incomplete": a part that the source has is empty.
    state: State
    # The empty parts.
    lacks: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        return self.state in ("source", "translated")


def text_digest(text: Text | Mapping[str, Any]) -> str:
    """16 hexadecimal characters over the parts of a text: a row, or a text of a revision's content."""
    given = text if isinstance(text, Mapping) else {part: getattr(text, part) for part in PARTS}
    parts = (without_editor_artifacts(str(given.get(part) or "")) for part in PARTS)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def source_text(story: Story) -> Text | None:
    """The text that the others are translated from: that of the source language, else the first."""
    return _source_of(story, list(story.texts.all()))


def set_translation_sources_unsaved(story: Story, before: Mapping[str, Any]) -> None:
    """Let each text that is new or changed since `before`, a revision's content, belong to today's source.

    A text that stayed as it was keeps the source that it had. Saves nothing.
    """
    texts: list[Text] = list(story.texts.all())
    if texts:
        set_translation_sources_of_texts_unsaved(story, texts, before)
        # Else the story would read its texts from the database again.
        story.texts = texts


def set_translation_sources_of_texts_unsaved(
    story: Story, texts: Sequence[Text], before: Mapping[str, Any]
) -> None:
    """As `set_translation_sources_unsaved`, of a story with these texts."""
    source = _source_of(story, texts)
    if source is None:
        return
    if source.language != story.source_language:
        story.source_language = source.language
    earlier = {text["language"]: text for text in before.get("texts") or ()}
    for text in texts:
        old = earlier.get(text.language)
        if text is source:
            text.translated_from = ""
        elif old is None or text_digest(old) != text_digest(text):
            text.translated_from = text_digest(source)
        else:
            text.translated_from = text.translated_from or old.get("translated_from", "")


def mark_current_if_translated_unsaved(story: Story, language: str) -> bool:
    """Let the translation into `language` count as one of today's source; whether there was one.

    Saves nothing.
    """
    texts: list[Text] = list(story.texts.all())
    source = _source_of(story, texts)
    for text in texts:
        if text.language == language and source is not None and text is not source:
            text.translated_from = text_digest(source)
            story.texts = texts
            return True
    return False


def translation_states(story: Story, languages: Iterable[str]) -> tuple[Translation, ...]:
    """The state of each of the languages."""
    listed: list[Text] = list(story.texts.all())
    source = _source_of(story, listed)
    texts = {text.language: text for text in listed}
    return tuple(_state(code, texts.get(code), source, bool(story.picture_id)) for code in languages)


def _source_of(story: Story, texts: Sequence[Text]) -> Text | None:
    return next((text for text in texts if text.language == story.source_language), next(iter(texts), None))


def _state(language: str, text: Text | None, source: Text | None, pictured: bool) -> Translation:
    if text is None or source is None or not text.headline.strip():
        return Translation(language, "missing")
    if text is source:
        return Translation(language, "source")
    needed = [
        *("headline", "summary"),
        *(part for part in ("body", "link_label") if without_editor_artifacts(getattr(source, part))),
        *(("picture_alt",) if pictured else ()),
    ]
    lacks = tuple(part for part in needed if not without_editor_artifacts(getattr(text, part)))
    # A publication may have a title alone, in every language.
    if lacks and (source.summary.strip() or lacks != ("summary",)):
        return Translation(language, "incomplete", lacks)
    if text.translated_from and text.translated_from != text_digest(source):
        return Translation(language, "changed")
    return Translation(language, "translated")


def without_editor_artifacts(value: str) -> str:
    """A text to compare: a rich text without what the editor changes on its own."""
    # Wagtail's editor gives blocks new keys, and an empty text is an empty paragraph to it.
    plain = re.sub(r' data-block-key="[^"]*"', "", value).strip()
    return "" if plain == "<p></p>" else plain
