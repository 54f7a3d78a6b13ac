"""How complete an edition is in each language: its stories, its subject line and its own blocks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mailer.editions.draft_blocks import block_texts_by_language, parts_of_raw
from mailer.editions.models import Edition, story_ids
from mailer.rendering import sanitize
from mailer.rendering.edition_text_parts import SUBJECT_PARTS, TextPart
from mailer.stories.models import Story
from mailer.stories.translation_states import Translation, translation_states


@dataclass(frozen=True)
class Row:
    """What the edition needs in every language."""

    # "story", "subject", or the kind of a block that has texts of its own.
    kind: str
    # For a block its first text, for a story its headline, as plain text; empty for the subject.
    label: str
    # One for each language of the newsletter.
    cells: tuple[Translation, ...]
    story: int | None = None
    # A story that is not ready: the edition leaves it out.
    ready: bool = True
    # The id of the block.
    block: str = ""


@dataclass(frozen=True)
class Completeness:
    """The rows of an edition in its newsletter's languages."""

    languages: tuple[str, ...]
    rows: tuple[Row, ...]

    def incomplete(self) -> dict[str, list[tuple[Row, Translation]]]:
        """What readers of each language would see in another one, or in an old translation."""
        found: dict[str, list[tuple[Row, Translation]]] = {}
        for row in self.rows:
            for cell in row.cells:
                if row.ready and not cell.complete:
                    found.setdefault(cell.language, []).append((row, cell))
        return {code: found[code] for code in self.languages if code in found}


def completeness_of(
    edition: Edition, language: str = "en", stories: Mapping[int, Story] | None = None
) -> Completeness:
    """The table of an edition or of its draft; labels in `language` where that is there.

    `stories`: those of the edition by primary key, with their texts; None: they are fetched.
    """
    languages = edition.newsletter.languages
    # Without any subject, readers see the first headline in their own language.
    subjects = {
        text.language: {part.name: getattr(text, part.name) for part in SUBJECT_PARTS}
        for text in edition.texts.all()
        if text.subject.strip()
    }
    rows = [Row("subject", "", _states(languages, SUBJECT_PARTS, subjects))] if subjects else []
    ids = story_ids(edition)
    if stories is None:
        stories = Story.objects.prefetch_related("texts").in_bulk(ids)
    for pk in ids:
        if story := stories.get(pk):
            cells = translation_states(story, languages)
            rows.append(Row("story", story.headline(language), cells, pk, story.live))
    for block in edition.body.raw_data:
        parts = parts_of_raw(block)
        if parts:
            texts = block_texts_by_language(block)
            shown = texts.get(language) or next(iter(texts.values()), {})
            label = next((shown[part.name] for part in parts if part.name in shown), "")
            label = " ".join(sanitize.to_plain_text(label).split()) if parts[0].rich else label
            cells = _states(languages, parts, texts)
            rows.append(Row(block["type"], label, cells, block=str(block.get("id", ""))))
    return Completeness(tuple(languages), tuple(rows))


def _states(
    languages: Sequence[str], parts: Collection[TextPart], texts: Mapping[str, Mapping[str, str]]
) -> tuple[Translation, ...]:
    """The state of each language, whose texts are given by the names of parts.

    A language needs the parts that any other one has.
    """
    written = {
        code: [part.meaning for part in parts if given.get(part.name, "").strip()]
        for code, given in texts.items()
    }
    needed = [part.meaning for part in parts if any(part.meaning in found for found in written.values())]
    cells = []
    for code in languages:
        lacks = tuple(meaning for meaning in needed if meaning not in written.get(code, ()))
        if not written.get(code):
            cells.append(Translation(code, "missing"))
        else:
            cells.append(Translation(code, "incomplete" if lacks else "translated", lacks))
    return tuple(cells)
