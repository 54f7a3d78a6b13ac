"""Changes of an edition's draft, block by block, each applied to the latest revision.

Blocks are named by their ids, so that two people, or two windows, can change one draft at the same time.
Raw blocks are as they are stored: {"type": "story", "value": 7, "id": "…"}.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import transaction

from mailer.editions.assemble import StoryKeys, story_keys_for, with_texts
from mailer.editions.models import STORY_BLOCKS, Edition, Newsletter, StoryOverride, story_ids_in
from mailer.rendering import sanitize
from mailer.rendering.edition_period import Period
from mailer.rendering.edition_text_parts import BLOCK_PARTS, TextPart
from mailer.stories.models import Story

T = TypeVar("T")
RawBlock = dict[str, Any]
# Changes of one person within this time are one entry of the history.
_ONE_SITTING = timedelta(minutes=10)
# The block that shows a story of each kind.
BLOCK_OF_KIND = {
    Story.Kind.NEWS: "story",
    Story.Kind.EVENT: "date",
    Story.Kind.PUBLICATION: "titles",
    Story.Kind.NOTICE: "social",
}


class BlockNotFound(LookupError):  # noqa: N818  (as Django names its own)
    """The draft has no block with this id: another person or window removed it."""


def latest_draft(edition: Edition) -> Edition:
    """The edition with its latest saved changes."""
    draft: Edition = edition.get_latest_revision_as_object()
    return draft


def change_draft(edition: Edition, user: User, now: datetime, act: Callable[[Edition], T]) -> T:
    """Apply `act` to the latest draft and save it as a revision of `user`; returns what `act` returns."""
    with transaction.atomic():
        row = Edition.objects.select_for_update(of=("self",)).select_related("newsletter").get(pk=edition.pk)
        draft = latest_draft(row)
        result = act(draft)
        if not draft.live:
            # As Wagtail's form does: until the first submission the row is the draft.
            draft.save()
        last = row.latest_revision
        sitting = (
            last is not None
            and last.user_id == user.pk
            and last.pk != row.live_revision_id
            and now - last.created_at < _ONE_SITTING
        )
        draft.save_revision(
            user=user, changed=True, log_action=not sitting, overwrite_revision=last if sitting else None
        )
    return result


def raw_blocks(edition: Edition) -> list[RawBlock]:
    """The draft's blocks, copied."""
    copied: list[RawBlock] = json.loads(json.dumps(list(edition.body.raw_data)))
    return copied


def set_blocks(unsaved_draft: Edition, blocks: Sequence[RawBlock]) -> None:
    """Give the draft these blocks."""
    unsaved_draft.body = json.dumps(list(blocks))


def find_block(blocks: Sequence[RawBlock], block_id: str) -> int:
    """The place of the block. Raises BlockNotFound."""
    for index, block in enumerate(blocks):
        if block.get("id") == block_id:
            return index
    raise BlockNotFound(block_id)


def move_block(unsaved_draft: Edition, block_id: str, before: str | None) -> int:
    """Put the block before another one, or at the end (None); returns its new place, from 0."""
    blocks = raw_blocks(unsaved_draft)
    block = blocks.pop(find_block(blocks, block_id))
    place = find_block(blocks, before) if before else len(blocks)
    blocks.insert(place, block)
    set_blocks(unsaved_draft, blocks)
    return place


def shift_block(unsaved_draft: Edition, block_id: str, steps: int) -> int:
    """Move the block up (negative) or down by `steps` places; returns its new place, from 0."""
    blocks = raw_blocks(unsaved_draft)
    at = find_block(blocks, block_id)
    block = blocks.pop(at)
    place = max(0, min(len(blocks), at + steps))
    blocks.insert(place, block)
    set_blocks(unsaved_draft, blocks)
    return place


def remove_block_and_leave_out_stories(unsaved_draft: Edition, block_id: str) -> None:
    """Take the block out. Its stories are remembered as left out."""
    blocks = raw_blocks(unsaved_draft)
    block = blocks.pop(find_block(blocks, block_id))
    set_blocks(unsaved_draft, blocks)
    _leave_out(unsaved_draft, story_ids_in([block]))


def remove_story_from_title_list(unsaved_draft: Edition, block_id: str, story: int) -> None:
    """Take one publication out of a list of titles, and an empty list out of the draft.

    Raises BlockNotFound, also where the block is no list of titles.
    """
    blocks = raw_blocks(unsaved_draft)
    block = blocks[find_block(blocks, block_id)]
    if block["type"] != "titles":
        raise BlockNotFound(block_id)
    block["value"] = [item for item in block["value"] if _pk(item) != story]
    set_blocks(unsaved_draft, [one for one in blocks if one is not block or block["value"]])
    _leave_out(unsaved_draft, [story])


def make_lead(unsaved_draft: Edition, block_id: str) -> None:
    """Let this story lead; the one that led becomes an ordinary one where it stands."""
    blocks = raw_blocks(unsaved_draft)
    chosen = blocks[find_block(blocks, block_id)]
    if chosen["type"] not in ("lead", "story"):
        raise BlockNotFound(block_id)
    for block in blocks:
        if block["type"] == "lead":
            block["type"] = "story"
    chosen["type"] = "lead"
    set_blocks(unsaved_draft, blocks)


def add_stories(unsaved_draft: Edition, stories: Iterable[Story], before: str | None = None) -> list[str]:
    """Add stories that are not in yet, each at the place of its kind and country, or `before` a block.

    Returns the ids of the blocks that hold them.
    """
    blocks = raw_blocks(unsaved_draft)
    known = Story.objects.in_bulk(story_ids_in(blocks))
    used = set(known)
    ids = []
    for story in stories:
        if story.pk in used:
            continue
        known[story.pk] = story
        used.add(story.pk)
        ids.append(_insert(blocks, story, known, unsaved_draft.newsletter, before))
    set_blocks(unsaved_draft, blocks)
    unsaved_draft.left_out = [pk for pk in unsaved_draft.left_out if pk not in used]
    return ids


def available_stories_not_left_out(edition: Edition, now: datetime) -> list[Story]:
    """Ready stories of the edition's period that are neither in the draft nor taken out by a writer."""
    left_out = set(edition.left_out)
    return with_texts(story.pk for story in available_stories(edition, now) if story.pk not in left_out)


def available_stories(
    edition: Edition, now: datetime, among: Collection[int] | None = None
) -> list[StoryKeys]:
    """Ready stories of the edition's period that are not in the draft, newest first.

    `among`: as for `story_keys_for`.
    """
    used = set(story_ids_in(edition.body.raw_data))
    found = story_keys_for(edition.newsletter, Period.parse(edition.period), now, among)
    return [story for story in found if story.pk not in used]


def _leave_out(edition: Edition, stories: Iterable[int]) -> None:
    edition.left_out = list(dict.fromkeys([*edition.left_out, *stories]))


def _pk(item: Any) -> Any:
    return item["value"] if isinstance(item, dict) else item


def _insert(
    blocks: list[RawBlock],
    story: Story,
    known: Mapping[int, Story],
    newsletter: Newsletter,
    before: str | None,
) -> str:
    kind = BLOCK_OF_KIND[Story.Kind(story.kind)]
    titles = next((block for block in blocks if block["type"] == "titles"), None)
    if kind == "titles" and titles is not None and before is None:
        titles["value"] = [*titles["value"], _item(story)]
        return str(titles["id"])
    if kind == "story" and not any(block["type"] in ("lead", "story") for block in blocks):
        kind = "lead"
    block = {
        "type": kind,
        "value": [_item(story)] if kind == "titles" else story.pk,
        "id": str(uuid.uuid4()),
    }
    place = find_block(blocks, before) if before else _place(blocks, block, known, newsletter)
    blocks.insert(place, block)
    return str(block["id"])


def _item(story: Story) -> dict[str, Any]:
    return {"type": "item", "value": story.pk, "id": str(uuid.uuid4())}


def _place(
    blocks: Sequence[RawBlock], new: RawBlock, known: Mapping[int, Story], newsletter: Newsletter
) -> int:
    """Behind the last block that comes before it in the default order; headings stay with what follows."""
    wanted = _rank(new, known, newsletter)
    ranks = [_rank(block, known, newsletter) for block in blocks]
    smaller = [index for index, rank in enumerate(ranks) if rank is not None and rank <= wanted]
    if smaller:
        return smaller[-1] + 1
    place = next((index for index, rank in enumerate(ranks) if rank is not None), len(blocks))
    while place and blocks[place - 1]["type"] == "heading":
        place -= 1
    return place


def _rank(block: RawBlock, known: Mapping[int, Story], newsletter: Newsletter) -> tuple[int, int] | Any:
    """Its place in the default order; None for a heading, a text and a story that was deleted."""
    kind = block["type"]
    if kind == "titles":
        return (4, 0)
    story = known.get(block["value"]) if kind in STORY_BLOCKS else None
    if story is None:
        return None
    if kind == "story":
        served = [code for code in newsletter.countries if code in story.countries]
        first = next((code for code in story.countries if code in served), None)
        return (2, newsletter.countries.index(first)) if first else (1, 0)
    return {"lead": (0, 0), "date": (3, story.date.toordinal()), "social": (5, 0)}[kind]


def raw_block(edition: Edition, block_id: str) -> RawBlock:
    """The raw block with this id. Raises BlockNotFound."""
    blocks = raw_blocks(edition)
    return blocks[find_block(blocks, block_id)]


def set_value(unsaved_draft: Edition, block_id: str, value: Any) -> None:
    """Replace the value of a block that editors write. Raises BlockNotFound."""
    blocks = raw_blocks(unsaved_draft)
    blocks[find_block(blocks, block_id)]["value"] = value
    set_blocks(unsaved_draft, blocks)


def add_block(unsaved_draft: Edition, kind: str, value: Any, before: str | None) -> str:
    """Add a heading or text block before another one, or at the end; returns its id."""
    blocks = raw_blocks(unsaved_draft)
    block = {"type": kind, "value": value, "id": str(uuid.uuid4())}
    blocks.insert(find_block(blocks, before) if before else len(blocks), block)
    set_blocks(unsaved_draft, blocks)
    return str(block["id"])


def raw_language_texts(texts: Mapping[str, str]) -> list[RawBlock]:
    """Texts by language as a heading or text block stores them; empty ones are left out."""
    return [
        {"type": "item", "value": {"language": language, "text": text}, "id": str(uuid.uuid4())}
        for language, text in texts.items()
        if text
    ]


def written_texts(texts: Mapping[str, Mapping[str, str]]) -> list[RawBlock]:
    """{"ru": {"text": "…", "detail": "…"}} as a written block stores it; empty ones are left out."""
    return [
        {"type": "item", "value": {"language": language, **parts}, "id": str(uuid.uuid4())}
        for language, parts in texts.items()
        if any(parts.values())
    ]


def written_by_language(value: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The inverse of `written_texts`, from the value of a written block."""
    items = (item.get("value", item) for item in value.get("texts") or ())
    return {
        item["language"]: {part: item.get(part) or "" for part in ("text", "detail", "alt")} for item in items
    }


def parts_of_raw(block: RawBlock) -> tuple[TextPart, ...]:
    """The texts that a block has in each language, as edition_text_parts.parts_of says of a rendered one."""
    value = block["value"]
    if block["type"] == "heading" and value.get("country"):
        return ()
    parts = BLOCK_PARTS.get(block["type"], ())
    return tuple(part for part in parts if not part.of_picture or value.get("picture"))


def block_texts_by_language(block: RawBlock) -> dict[str, dict[str, str]]:
    """The texts of any block by language and by the names of its parts: {"ru": {"text": "…", "alt": "…"}}.

    Without empty ones, and without a language that has none.
    """
    names = [part.name for part in parts_of_raw(block)]
    if not names:
        return {}
    by_language = written_by_language(block["value"])
    found = {
        code: {name: texts[name] for name in names if sanitize.to_plain_text(texts[name]).strip()}
        for code, texts in by_language.items()
    }
    return {code: texts for code, texts in found.items() if texts}


def set_block_text(unsaved_draft: Edition, block_id: str, name: str, language: str, text: str) -> None:
    """Write one text of a block in one language. Raises BlockNotFound."""
    block = raw_block(unsaved_draft, block_id)
    value, kept = block["value"], written_by_language(block["value"])
    kept.setdefault(language, {})[name] = text
    own = {part.name for part in BLOCK_PARTS[block["type"]]}
    texts = {code: {part: parts[part] for part in parts if part in own} for code, parts in kept.items()}
    set_value(unsaved_draft, block_id, {**value, "texts": written_texts(texts)})


def texts_by_language(value: Mapping[str, Any]) -> dict[str, str]:
    """The inverse of `raw_language_texts`, from the value of a heading or text block."""
    items = (item.get("value", item) for item in value.get("texts") or ())
    return {item["language"]: item["text"] for item in items if item.get("text")}


def set_override(unsaved_draft: Edition, override: StoryOverride) -> None:
    """Show a story as `override` says in this edition; as it is, when the override says nothing."""
    others = [one for one in unsaved_draft.overrides.all() if one.story_id != override.story_id]
    says = override.size or override.headlines or override.picture_id
    unsaved_draft.overrides = [*others, override] if says else others


def make_ordinary(unsaved_draft: Edition, block_id: str) -> None:
    """Let the lead story be an ordinary one. Raises BlockNotFound."""
    blocks = raw_blocks(unsaved_draft)
    block = blocks[find_block(blocks, block_id)]
    if block["type"] == "lead":
        block["type"] = "story"
    set_blocks(unsaved_draft, blocks)
