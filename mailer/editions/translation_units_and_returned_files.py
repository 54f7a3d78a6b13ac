"""The texts of an edition that translators work on, and what a translated file would change in them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from wagtail.rich_text import expand_db_html

from mailer.editions.draft_blocks import block_texts_by_language, parts_of_raw, set_block_text
from mailer.editions.models import Edition, EditionText, story_ids
from mailer.rendering import sanitize
from mailer.rendering.edition_text_parts import PARTS, STORY_PARTS, SUBJECT_PARTS, TextPart
from mailer.stories import draft_editing
from mailer.stories.models import Story


@dataclass(frozen=True)
class Unit:
    """One text, in the source language and in that of the translation."""

    # "subject", "story-7-headline", or "block-", the block's id and the part's name. Of a rich text it ends
    # with "-body".
    id: str
    # The meaning of a edition_text_parts.TextPart.
    part: str
    # Plain text, or HTML as sanitize.clean_story_html gives it, as the part is.
    source: str
    # The translation that is there; empty for none.
    target: str
    # The story's primary key and headline; None and empty for the edition's own texts.
    story: int | None = None
    about: str = ""
    # The id of the block, for a text of one.
    block: str = ""

    @property
    def rich(self) -> bool:
        return PARTS[self.part].rich

    @property
    def limit(self) -> int:
        return PARTS[self.part].longest

    @property
    def mark(self) -> str:
        """12 hexadecimal characters: half of source and half of target, as they are exported."""
        lines = PARTS[self.part].lines
        return _digest(self.source, lines=lines) + _digest(self.target, lines=lines)


@dataclass(frozen=True)
class TranslatedUnit:
    """One text of a translated file."""

    id: str
    # `Unit.mark` when it was exported.
    mark: str
    # As `Unit.target`; empty where the translator wrote nothing.
    target: str


@dataclass(frozen=True)
class TranslationFile:
    """What a file for translators says."""

    # The slug of the edition that it was exported from; "" where a program dropped it.
    edition: str
    source: str
    target: str
    units: tuple[TranslatedUnit, ...]


Status = Literal["new", "source_changed", "target_changed", "gone", "too_long"]


@dataclass(frozen=True)
class Change:
    """What a file would do to one text. Only "new" is applied; else the text that is there is kept."""

    status: Status
    # None: the text is not in the edition any more.
    unit: Unit | None
    id: str
    mark: str
    new: str


class ForeignFile(ValueError):  # noqa: N818 (a verdict on input)
    """The file was not exported from this edition, or is for a language that the newsletter does not have."""


def units_of(edition: Edition, source: str, target: str, story: int | None = None) -> list[Unit]:
    """The texts of the edition's draft that exist in `source`, with their translations; of one story only.

    Stories in their latest draft, in the order of the edition.
    """
    own = [] if story is not None else list(_edition_units(edition, source, target))
    ids = [pk for pk in story_ids(edition) if story in (None, pk)]
    stories = Story.objects.select_related("latest_revision").in_bulk(ids)
    return [
        *own,
        *(unit for pk in ids if pk in stories for unit in _story_units(stories[pk], source, target)),
    ]


def changes_in(file: TranslationFile, edition: Edition) -> list[Change]:
    """What the file would change in the edition's draft, in the file's order. Raises ForeignFile.

    A text that the file leaves empty or as it is is not listed.
    """
    languages = edition.newsletter.languages
    if file.edition not in ("", edition.slug) or not {file.source, file.target} <= set(languages):
        raise ForeignFile(file.edition)
    if file.source == file.target:
        raise ForeignFile(file.target)
    known = {unit.id: unit for unit in units_of(edition, file.source, file.target)}
    if not file.edition and not any(
        one.id in known and one.mark[:6] == known[one.id].mark[:6] for one in file.units
    ):
        # None of its texts is one of this edition.
        raise ForeignFile(file.edition)
    return list(_changes(file.units, known))


def _changes(units: Iterable[TranslatedUnit], known: Mapping[str, Unit]) -> Iterator[Change]:
    for one in units:
        unit = known.get(one.id)
        rich = unit is not None and unit.rich
        lines = unit is not None and PARTS[unit.part].lines
        new = _with_links_of(unit.source, one.target) if unit and rich else _plain(one.target, lines=lines)
        if not sanitize.to_plain_text(new).strip() if rich else not new:
            continue
        if unit is None:
            yield Change("gone", None, one.id, one.mark, new)
        elif _digest(new, lines=lines) == _digest(unit.target, lines=lines) or (
            rich and _as_exchanged(new) == _as_exchanged(unit.target)
        ):
            continue
        elif len(new) > unit.limit:
            yield Change("too_long", unit, one.id, one.mark, new)
        elif one.mark[:6] != unit.mark[:6]:
            yield Change("source_changed", unit, one.id, one.mark, new)
        elif one.mark[6:] != unit.mark[6:]:
            yield Change("target_changed", unit, one.id, one.mark, new)
        else:
            yield Change("new", unit, one.id, one.mark, new)


def story_values(changes: Iterable[Change], language: str) -> dict[int, draft_editing.Values]:
    """The fields to write into each story's draft, as draft_editing.save takes them."""
    found: dict[int, draft_editing.Values] = {}
    for change in changes:
        if change.status == "new" and change.unit is not None and change.unit.story is not None:
            found.setdefault(change.unit.story, {})[f"{change.unit.part}-{language}"] = change.new
    return found


def set_texts_unsaved(draft: Edition, changes: Iterable[Change], language: str) -> int:
    """Write the edition's own texts into its draft; returns how many. Saves nothing."""
    number = 0
    kept = {text.language: text for text in draft.texts.all()}
    for change in changes:
        unit = change.unit
        if change.status != "new" or unit is None or unit.story is not None:
            continue
        number += 1
        if not unit.block:
            setattr(kept.setdefault(language, EditionText(language=language)), unit.part, change.new)
            continue
        set_block_text(draft, unit.block, PARTS[unit.part].name, language, change.new)
    draft.texts = [text for text in kept.values() if text.subject or text.preheader]
    return number


def _edition_units(edition: Edition, source: str, target: str) -> Iterator[Unit]:
    texts = {text.language: text for text in edition.texts.all()}
    for part in SUBJECT_PARTS:
        written, translated = (
            _value(part, getattr(texts.get(code), part.name, "")) for code in (source, target)
        )
        if written:
            yield Unit(part.name, part.meaning, written, translated)
    for block in edition.body.raw_data:
        words = block_texts_by_language(block)
        for part in parts_of_raw(block):
            if written := _value(part, words.get(source, {}).get(part.name, "")):
                translated = _value(part, words.get(target, {}).get(part.name, ""))
                key = f"block-{block['id']}-{'body' if part.rich else part.name}"
                yield Unit(key, part.meaning, written, translated, block=str(block["id"]))


def _story_units(story: Story, source: str, target: str) -> Iterator[Unit]:
    draft = draft_editing.latest_draft(story)
    texts = {text.language: text for text in draft.texts.all()}
    for part in STORY_PARTS:
        written, translated = (
            _value(part, getattr(texts.get(code), part.name, "")) for code in (source, target)
        )
        if written:
            yield Unit(
                *(f"story-{story.pk}-{part.name}", part.meaning, written, translated),
                *(story.pk, draft.headline(source)),
            )


def _value(part: TextPart, value: str) -> str:
    """A text as files can carry it: XML has no control characters."""
    return _rich(value) if part.rich else sanitize.without_unprintable(value)


def _rich(value: str) -> str:
    cleaned = sanitize.clean_story_html(expand_db_html(value))
    return cleaned if sanitize.to_plain_text(cleaned).strip() else ""


def _with_links_of(source: str, text: str) -> str:
    """A rich text, cleaned, in which only the links of the source remain, as the source spells them."""
    allowed = {_bare(href): href for href in re.findall(r' href="([^"]*)"', source)}
    cleaned = sanitize.clean_story_html(text)

    def anchor(found: re.Match[str]) -> str:
        href = found[1] if found[1] in allowed.values() else allowed.get(_bare(found[1]), "")
        return f'<a href="{href}">' if href else "<a>"

    linked = re.sub(r'<a href="([^"]*)">', anchor, cleaned)
    return re.sub(r"<a>(.*?)</a>", r"\1", linked, flags=re.DOTALL)


def _as_exchanged(html: str) -> str:
    """A rich text as an unchanged file returns it: `b` and `i` for emphasis, and no empty paragraphs."""
    plain = re.sub(r"<(/?)strong>", r"<\1b>", re.sub(r"<(/?)em>", r"<\1i>", html))
    return re.sub(r"\s+", " ", re.sub(r"<p>(?:\s|<br>)*</p>", "", plain)).strip()


def _bare(href: str) -> str:
    """An address without what word processors change: letters in percent, and a slash at the end."""
    return unquote(href).removesuffix("/")


def _plain(text: str, *, lines: bool) -> str:
    """A plain text without control characters, on one line unless its `lines` mean something."""
    rows = (
        " ".join(sanitize.without_unprintable(row).split())
        for row in (text.splitlines() if lines else [text])
    )
    return "\n".join(row for row in rows if row)


def _digest(text: str, *, lines: bool = False) -> str:
    bare = _plain(text, lines=True) if lines else re.sub(r"\s+", " ", text).strip()
    return hashlib.sha256(bare.encode()).hexdigest()[:6]
