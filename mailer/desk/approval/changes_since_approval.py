"""What a submitted version changed since the edition's last approved one, as sentences."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher

from django.utils.translation import gettext

from mailer import staff_localization
from mailer.approval.models import Snapshot
from mailer.desk.editions.variant_version_diff import story_changes
from mailer.desk.editions.workbench import BLOCK_LABELS
from mailer.rendering import sanitize, story_selection
from mailer.rendering.data_types import Block, Content, from_json

# Characters of a text block by which a sentence names it.
_EXCERPT = 60


def changes_since_last_approved_snapshot(snapshot: Snapshot) -> tuple[str, ...] | None:
    """One sentence for each change; None if no version of the edition was approved before this one."""
    earlier = Snapshot.objects.filter(
        edition=snapshot.edition_id, approved_at__isnull=False, pk__lt=snapshot.pk
    ).first()
    if earlier is None:
        return None
    before, after = from_json(earlier.content), from_json(snapshot.content)
    marks = (
        json.loads(earlier.manifest)["fingerprints"],
        json.loads(snapshot.manifest)["fingerprints"],
    )
    changed = {part for part in marks[0].keys() & marks[1].keys() if marks[0][part] != marks[1][part]}
    edition = [*_arrangement(before, after), *_subjects(before, after)]
    if "edition" in changed and not edition:
        edition = [
            gettext("Other parts of the edition changed, such as its number, its audience or a layout.")
        ]
    return (*edition, *_changed_stories(changed, after), *_others(changed, marks))


def _arrangement(before: Content, after: Content) -> Iterable[str]:
    """Stories and other blocks that are new, gone or at another place, and another lead story."""
    names = {**_headlines(before), **_headlines(after)}
    old, new = _stories_in_order(before), _stories_in_order(after)
    yield from story_changes(old, new, names)
    leads = _lead(before), _lead(after)
    if leads[1] and leads[0] != leads[1] and leads[1] in old:
        yield gettext("Now the lead story: “%(headline)s”") % {"headline": names[leads[1]]}
    yield from _changed_blocks(before, after)


def _changed_blocks(before: Content, after: Content) -> Iterable[str]:
    """Headings, texts and other blocks without stories."""
    old, new = _items(before), _items(after)
    kept = [one for one in new if one in old]
    matches = SequenceMatcher(None, [one for one in old if one in new], kept, autojunk=False)
    still = {
        place for match in matches.get_matching_blocks() for place in range(match.b, match.b + match.size)
    }
    moved = [one for place, one in enumerate(kept) if place not in still]
    for block in new:
        if isinstance(block, Block) and block not in old:
            yield gettext("New or changed in the edition: %(block)s") % {"block": _block_name(block)}
        elif isinstance(block, Block) and block in moved:
            yield gettext("Moved in the edition: %(block)s") % {"block": _block_name(block)}
    for block in old:
        if isinstance(block, Block) and block not in new:
            yield gettext("Removed from the edition, or changed: %(block)s") % {"block": _block_name(block)}


def _items(content: Content) -> list[str | Block]:
    """What stands in the edition, in order: keys of stories, and the blocks without any."""
    found: list[str | Block] = []
    for block in content.blocks:
        found.extend(block.stories or [block])
    return found


def _block_name(block: Block) -> str:
    label = str(BLOCK_LABELS.get(block.kind, block.kind))
    if block.kind == "heading" and block.countries:
        return f"{label}, {staff_localization.country_name(block.countries[0])}"
    texts = {one.language: one.text for one in block.texts}
    text = texts.get(staff_localization.active_language()) or next(iter(texts.values()), "")
    plain = " ".join(sanitize.to_plain_text(text).split())
    return f"{label}, “{sanitize.shorten(plain, _EXCERPT)}”" if plain else label


def _subjects(before: Content, after: Content) -> Iterable[str]:
    old, new = ({one.language: one for one in content.subjects} for content in (before, after))
    languages = [code for code in after.masthead.languages if old.get(code) != new.get(code)]
    if languages:
        yield gettext("Subject line or preview text changed: %(languages)s") % {
            "languages": ", ".join(map(staff_localization.language_name, languages))
        }


def _changed_stories(changed: Iterable[str], after: Content) -> Iterable[str]:
    names = _headlines(after)
    for part in sorted(changed):
        key = part.removeprefix("story:")
        if key != part:
            yield gettext("Story changed: “%(headline)s”") % {"headline": names.get(key, key)}


def _others(changed: Iterable[str], marks: tuple[Mapping[str, str], Mapping[str, str]]) -> Iterable[str]:
    if "newsletter" in changed:
        yield gettext("Settings of the newsletter changed.")
    segments = {part for part in marks[0].keys() | marks[1].keys() if part.startswith("segment:")}
    if any(marks[0].get(part) != marks[1].get(part) for part in segments):
        yield gettext("A segment that decides who gets the edition has changed.")


def _headlines(content: Content) -> dict[str, str]:
    language = staff_localization.active_language()
    return {
        story.key: next((one.headline for one in story.texts if one.language == language), "")
        or story.texts[0].headline
        for story in content.stories
    }


def _stories_in_order(content: Content) -> tuple[str, ...]:
    return story_selection.stories_of(content.blocks)


def _lead(content: Content) -> str:
    return next((block.stories[0] for block in content.blocks if block.kind == "lead"), "")
