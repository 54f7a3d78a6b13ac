"""Which blocks of an edition a subscriber sees, by countries, and the key of that selection."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from mailer.rendering.data_types import Block, Content, Story

# A country that no story names: CLDR's unknown region, never assigned by ISO 3166-1.
ELSEWHERE = "ZZ"
_OF_ONE_STORY = frozenset({"lead", "story", "date", "social"})


def visible_blocks(content: Content, countries: frozenset[str] | None) -> tuple[Block, ...]:
    """The blocks for a reader of `countries` (ISO 3166-1 alpha-2, upper case), in the edition's order.

    None or no countries means everything. A story or text without countries is for everyone. Headings stand
    only before a visible block; publications are filtered; without the lead, another story is promoted.
    """
    stories = {story.key: story for story in content.stories}
    cut = ((index, _for_reader(block, stories, countries)) for index, block in enumerate(content.blocks))
    kept = [(index, block) for index, block in cut if block]
    return tuple(_without_empty_headings(_promote_lead(content.blocks, kept, stories), stories))


def story_set(content: Content, countries: Collection[str] | None) -> tuple[str, ...]:
    """Keys of what a reader of `countries` sees, in order, each once; empty when no story is for them.

    A text that only some countries see counts as well, as "text:" and its place in the edition: two readers
    share a variant only when they see the same.
    """
    return keys_of(content, visible_blocks(content, frozenset(countries or ())))


def keys_of(content: Content, blocks: Sequence[Block]) -> tuple[str, ...]:
    """The story set that `blocks` (from visible_blocks) make; empty when they hold no story."""
    return tuple(dict.fromkeys(_keys(content, blocks))) if stories_of(blocks) else ()


def stories_of(blocks: Iterable[Block]) -> tuple[str, ...]:
    """Keys of the stories in `blocks`, in order, each once."""
    return tuple(dict.fromkeys(key for block in blocks for key in block.stories))


def variant_key(stories: tuple[str, ...], language: str) -> str:
    """16 hexadecimal characters that name a story set in a language."""
    return hashlib.sha256("\n".join((language, *stories)).encode()).hexdigest()[:16]


def representative_choices(content: Content, limit: int) -> tuple[list[tuple[str, ...]], bool]:
    """One choice of countries per distinct story set that is not empty; and whether these are all.

    `limit` at most, all countries together first. What a reader of two countries sees is the union of what
    each country alone shows, so the sets are found by union, not by trying all 2ⁿ choices.
    """
    named = _named_countries(content)
    alone = {country: frozenset(story_set(content, (country,))) for country in named}
    everything = tuple(named)
    choices: dict[frozenset[str], tuple[str, ...]] = {}
    quiet = frozenset(story_set(content, (ELSEWHERE,)))
    whole = quiet.union(*alone.values())
    if whole != quiet:
        choices[whole] = everything
    for country in named:
        for base, before in [(quiet, ()), *choices.items()]:
            joined = base | alone[country]
            if joined not in choices and joined != quiet:
                choices[joined] = tuple(c for c in named if c in before or c == country)
                if len(choices) > limit:
                    return list(choices.values())[:limit], False
    if quiet:
        choices[quiet] = (_silent_country(content, named),)
    return list(choices.values())[:limit], len(choices) <= limit


def _named_countries(content: Content) -> list[str]:
    """Countries that something in the edition names, the newsletter's own first and in its order."""
    stories = {story.key: story for story in content.stories}
    used = {
        country
        for block in content.blocks
        for country in (
            *(block.countries if block.kind == "text" else ()),
            *(country for key in block.stories if key in stories for country in stories[key].countries),
        )
    }
    own = [country for country in dict.fromkeys(content.masthead.countries) if country in used]
    return own + sorted(used.difference(own))


def _silent_country(content: Content, named: list[str]) -> str:
    return next((country for country in content.masthead.countries if country not in named), ELSEWHERE)


def _concerns(countries: tuple[str, ...], reader: frozenset[str] | None) -> bool:
    return not reader or not countries or not reader.isdisjoint(countries)


def _for_reader(block: Block, stories: dict[str, Story], reader: frozenset[str] | None) -> Block | None:
    if block.kind == "heading":
        return block
    if block.kind == "text":
        return block if _concerns(block.countries, reader) else None
    keys = tuple(key for key in block.stories if key in stories and _concerns(stories[key].countries, reader))
    if not keys:
        return None
    return replace(block, stories=keys[:1] if block.kind in _OF_ONE_STORY else keys)


def _promote_lead(
    planned: tuple[Block, ...], kept: list[tuple[int, Block]], stories: dict[str, Story]
) -> list[Block]:
    """`kept` (places in the edition and blocks), with another lead where the planned one is not there."""
    blocks = [block for _, block in kept]
    place = next((index for index, block in enumerate(planned) if block.kind == "lead"), None)
    if place is None or any(block.kind == "lead" for block in blocks):
        return blocks
    story_blocks = [block for block in blocks if block.kind == "story"]
    pictured = [block for block in story_blocks if stories[block.stories[0]].picture]
    chosen = next(iter(pictured or story_blocks), None)
    if chosen is None:
        return blocks
    before = [block for index, block in kept if index < place and block is not chosen]
    after = [block for index, block in kept if index > place and block is not chosen]
    return [*before, replace(chosen, kind="lead"), *after]


def _without_empty_headings(blocks: list[Block], stories: dict[str, Story]) -> Iterator[Block]:
    for index, block in enumerate(blocks):
        if block.kind != "heading":
            yield block
            continue
        under = itertools.takewhile(lambda other: other.kind != "heading", blocks[index + 1 :])
        if any(_belongs(other, block, stories) for other in under):
            yield block


def _belongs(block: Block, heading: Block, stories: dict[str, Story]) -> bool:
    """A country's heading needs a story or text under it, or a date there; titles and calls need none."""
    if not heading.countries or block.kind in ("lead", "story", "text"):
        return True
    return block.kind == "date" and not set(heading.countries).isdisjoint(stories[block.stories[0]].countries)


def _keys(content: Content, seen: Iterable[Block]) -> Iterator[str]:
    for block in seen:
        if block.kind == "text" and block.countries:
            yield f"text:{content.blocks.index(block)}"
        yield from block.stories
