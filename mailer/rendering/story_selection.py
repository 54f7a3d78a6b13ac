"""Which blocks of an edition a reader sees, in which order, or why none; and the key of that selection."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, NamedTuple

from mailer.rendering.data_types import WRITTEN_KINDS, Block, Content, ReaderRules, RolledOver, Story

# A country that no story names: CLDR's unknown region, never assigned by ISO 3166-1.
ELSEWHERE = "ZZ"
_OF_ONE_STORY = frozenset({"lead", "story", "date", "social"})
# Selections that a selector remembers.
_REMEMBERED = 4096
# Editions in a row that `RolledOver.spoken` goes back.
_MAX_SPOKEN = 12

SkipReason = Literal["", "no_stories", "silent_country", "rolled_over", "few_stories"]
SKIP_REASONS: tuple[SkipReason, ...] = ("no_stories", "silent_country", "rolled_over", "few_stories")


@dataclass(frozen=True)
class Selection:
    """What readers of some countries get of an edition."""

    # Empty where they get no email.
    blocks: tuple[Block, ...]
    # The story set: equal sets in one edition mean equal blocks. Keys of stories in order, each once. A text
    # that only some countries see counts as well, as "text:" and its place in the edition; where the rules
    # rearrange, "order:" and a hash of the arrangement follow. Empty where the readers get no email.
    keys: tuple[str, ...]
    # Why they get no email.
    skipped: SkipReason = ""

    @property
    def stories(self) -> tuple[str, ...]:
        """Keys of the stories, in order, each once."""
        return stories_of(self.blocks)


class Selector:
    """Selects by the rules of one content. What it computes once serves all readers with the same effect."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self._arranger = _Arranger(content)
        # Countries that make a difference.
        self._relevant = frozenset(targeted_countries(content))
        self._select = lru_cache(maxsize=_REMEMBERED)(self._arranger.select)

    def select(self, countries: Collection[str] | None) -> Selection:
        """For a reader of `countries` (ISO 3166-1 alpha-2, upper case); None or none means everything."""
        chosen = frozenset(countries or ())
        return self._select((chosen & self._relevant or frozenset({ELSEWHERE})) if chosen else chosen)

    def story_set(self, countries: Collection[str] | None) -> tuple[str, ...]:
        """See `Selection.keys`."""
        return self.select(countries).keys


def select(content: Content, countries: Collection[str] | None) -> Selection:
    """What a reader of `countries` gets; a Selector serves many readers of one content."""
    return Selector(content).select(countries)


def visible_blocks(content: Content, countries: frozenset[str] | None) -> tuple[Block, ...]:
    """The blocks for a reader of `countries` (ISO 3166-1 alpha-2, upper case), arranged by the rules.

    None or no countries means everything. A story or text without countries is for everyone. Headings stand
    only before a visible block; publications are filtered; without the lead, another story is promoted.
    Empty where the reader gets no email.
    """
    return select(content, countries).blocks


def story_set(content: Content, countries: Collection[str] | None) -> tuple[str, ...]:
    """See `Selection.keys`."""
    return select(content, countries).keys


def stories_of(blocks: Iterable[Block]) -> tuple[str, ...]:
    """Keys of the stories in `blocks`, in order, each once."""
    return tuple(dict.fromkeys(key for block in blocks for key in block.stories))


def variant_key(stories: tuple[str, ...], language: str) -> str:
    """16 hexadecimal characters that name a story set in a language."""
    return hashlib.sha256("\n".join((language, *stories)).encode()).hexdigest()[:16]


def country_choices_and_completeness(content: Content, limit: int) -> tuple[list[tuple[str, ...]], bool]:
    """One choice of countries per distinct story set that is not empty; and whether these are all.

    `limit` at most, all countries together first. What concerns a reader of two countries is the union of
    what concerns readers of each, so the sets are found by union, not by trying all 2ⁿ choices; the rules
    then depend on that union alone.
    """
    selector = Selector(content)
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    choices, complete = _distinct_concerns(content, limit)
    for countries in choices:
        if keys := selector.story_set(countries):
            found.setdefault(keys, countries)
    # The edition's own order differs from that of a reader of all countries, where the rules rearrange.
    if keys := selector.story_set(()):
        found.setdefault(keys, ())
    return list(found.values())[:limit], complete and len(found) <= limit


def rolled_over(previous: Content, current: Iterable[str]) -> RolledOver | None:
    """What silent readers of `previous`, the edition that was sent before, get now; None: nothing.

    `current`: keys of the new edition's stories, which are not repeated. Dates and social calls are left out:
    an edition announces the dates that are still to come on its own.
    """
    spoken = _local_countries(previous)
    if previous.rules.silent != "roll_over" or not spoken:
        return None
    known = set(current)
    by_key = previous.stories_by_key
    blocks = []
    for block in previous.blocks:
        keys = tuple(key for key in block.stories if not by_key[key].countries and key not in known)
        if keys and block.kind not in ("date", "social"):
            blocks.append(replace(block, kind="story" if block.kind == "lead" else block.kind, stories=keys))
    earlier = previous.rolled_over.spoken if previous.rolled_over else ()
    shown = set(stories_of(blocks))
    return RolledOver(
        stories=tuple(story for story in previous.stories if story.key in shown),
        blocks=tuple(blocks),
        spoken=(spoken, *earlier)[:_MAX_SPOKEN],
    )


def targeted_countries(content: Content) -> list[str]:
    """Countries that make a difference to a reader, the newsletter's own first and in its order."""
    stories = content.stories_by_key
    rolled = content.rolled_over
    used = {
        country
        for block in content.blocks
        for country in (
            *(block.countries if block.kind in WRITTEN_KINDS else ()),
            *(country for key in block.stories if key in stories for country in stories[key].countries),
        )
    }.union(*(rolled.spoken if rolled else ()))
    own = [country for country in dict.fromkeys(content.masthead.countries) if country in used]
    return own + sorted(used.difference(own))


def _local_countries(content: Content) -> tuple[str, ...]:
    """Countries that the edition has stories of."""
    stories = content.stories_by_key
    keys = stories_of(content.blocks)
    return tuple(dict.fromkeys(code for key in keys if key in stories for code in stories[key].countries))


def _distinct_concerns(content: Content, limit: int) -> tuple[list[tuple[str, ...]], bool]:
    """One choice of countries per distinct set of what concerns a reader, all countries first.

    `limit` at most, and whether these are all. The last one is a country that nothing concerns alone.
    """
    named = targeted_countries(content)
    alone = {country: _concerns_of(content, country) for country in named}
    choices: dict[frozenset[str], tuple[str, ...]] = {}
    quiet: frozenset[str] = frozenset()
    whole = quiet.union(*alone.values())
    if whole:
        choices[whole] = tuple(named)
    for country in named:
        for base, before in [(quiet, ()), *choices.items()]:
            joined = base | alone[country]
            if joined not in choices:
                choices[joined] = tuple(c for c in named if c in before or c == country)
                if len(choices) > limit:
                    return list(choices.values())[:limit], False
    return [*choices.values(), (_silent_country(content, named),)], True


def _concerns_of(content: Content, country: str) -> frozenset[str]:
    """Stories and texts that name the country, and past editions that had a story of it."""
    stories = content.stories_by_key
    rolled = content.rolled_over
    return frozenset(
        itertools.chain(
            (
                key
                for key in stories_of(content.blocks)
                if key in stories and country in stories[key].countries
            ),
            (
                f"text:{index}"
                for index, block in enumerate(content.blocks)
                if block.kind in WRITTEN_KINDS and country in block.countries
            ),
            (
                f"spoken:{back}"
                for back, codes in enumerate(rolled.spoken if rolled else ())
                if country in codes
            ),
        )
    )


def _silent_country(content: Content, named: list[str]) -> str:
    return next((country for country in content.masthead.countries if country not in named), ELSEWHERE)


def _concerns(countries: tuple[str, ...], reader: frozenset[str]) -> bool:
    return not reader or not countries or not reader.isdisjoint(countries)


class _Placed(NamedTuple):
    """A block, and its place in the edition; rolled over blocks are counted behind the edition's own."""

    place: int
    block: Block


class _Arranger:
    """The steps from an edition's blocks to those of a reader."""

    def __init__(self, content: Content) -> None:
        self.rules: ReaderRules = content.rules
        self.stories = content.stories_by_key
        self.planned = [_Placed(place, block) for place, block in enumerate(content.blocks)]
        self.lead_place = next((place for place, block in self.planned if block.kind == "lead"), None)
        rolled = content.rolled_over
        self.spoken = rolled.spoken if rolled else ()
        self.rolled = [
            _Placed(place, block)
            for place, block in enumerate(rolled.blocks if rolled else (), start=len(content.blocks))
        ]
        self.local = {
            key for key in stories_of(content.blocks) if key in self.stories and self.stories[key].countries
        }

    def select(self, reader: frozenset[str]) -> Selection:
        """See `Selector.select`."""
        kept = [
            _Placed(place, cut) for place, block in self.planned if (cut := self._for_reader(block, reader))
        ]
        put_off = self._was_put_off(reader)
        if put_off:
            kept = _behind_stories(kept, self.rolled)
        shown = stories_of(block for _, block in kept)
        if not shown:
            return Selection((), (), "no_stories")
        silent = bool(reader and self.local and self.local.isdisjoint(shown))
        if silent:
            if self.rules.silent == "skip":
                return Selection((), (), "silent_country")
            if self.rules.silent == "roll_over" and not put_off:
                return Selection((), (), "rolled_over")
        kept = self._with_lead(kept, reader, silent=silent)
        if self.rules.own_countries_first and reader:
            kept = self._own_countries_first(kept)
        if self.rules.max_per_country:
            kept = self._capped(kept)
        kept = list(self._without_empty_headings(kept))
        counted = stories_of(block for _, block in kept if block.kind != "social")
        if len(counted) < self.rules.min_stories:
            return Selection((), (), "few_stories")
        return Selection(tuple(block for _, block in kept), tuple(dict.fromkeys(self._keys(kept))))

    def _for_reader(self, block: Block, reader: frozenset[str]) -> Block | None:
        if block.kind == "heading":
            return block
        if block.kind in WRITTEN_KINDS:
            return block if _concerns(block.countries, reader) else None
        keys = tuple(
            key
            for key in block.stories
            if key in self.stories and _concerns(self.stories[key].countries, reader)
        )
        if not keys:
            return None
        return replace(block, stories=keys[:1] if block.kind in _OF_ONE_STORY else keys)

    def _was_put_off(self, reader: frozenset[str]) -> bool:
        """Whether the edition before was rolled over for this reader, which never happens twice in a row."""
        put_off = False
        for countries in reversed(self.spoken if reader else ()):
            put_off = reader.isdisjoint(countries) and not put_off
        return put_off

    def _story(self, block: Block) -> Story:
        return self.stories[block.stories[0]]

    def _with_lead(self, kept: list[_Placed], reader: frozenset[str], *, silent: bool) -> list[_Placed]:
        """`kept`, with another lead where the rule wants one, or where the planned one is not there.

        Readers of `silent` countries have a lead in an edition without one too: the strongest regional story.
        """
        place = self.lead_place
        if place is None and silent:
            place = next((one.place for one in kept if one.block.kind in ("heading", "story")), None)
        if place is None:
            return kept
        lead = next((one for one in kept if one.block.kind == "lead"), None)
        candidates = [one for one in kept if one.block.kind == "story"]
        if self.rules.lead == "own" and reader and not (lead and self._story(lead.block).countries):
            own = [one for one in candidates if self._story(one.block).countries]
            chosen = self._strongest(own) or (None if lead else self._strongest(candidates))
        else:
            chosen = None if lead else self._strongest(candidates)
        if chosen is None:
            return kept
        ordinary = [
            _Placed(one.place, replace(one.block, kind="story")) if one is lead else one
            for one in kept
            if one is not chosen
        ]
        before = [one for one in ordinary if one.place < place]
        after = [one for one in ordinary if one.place >= place]
        return [*before, _Placed(chosen.place, replace(chosen.block, kind="lead")), *after]

    def _strongest(self, candidates: Sequence[_Placed]) -> _Placed | None:
        """The first that staff show large, else with a picture, else not in brief; else the first."""

        def weakness(one: _Placed) -> tuple[bool, bool, bool]:
            story = self._story(one.block)
            return story.layout == "brief", not story.picture, story.layout != "large"

        return min(candidates, key=weakness, default=None)

    def _own_countries_first(self, kept: list[_Placed]) -> list[_Placed]:
        """Stories that name a country before regional ones; every visible one names the reader's.

        A country's heading moves with what stands under it. Nothing moves across another kind of block: a
        heading or text of the editors, a date, a publication.
        """
        arranged: list[_Placed] = []
        run: list[list[_Placed]] = []
        for part in self._parts(kept):
            if part[0].block.kind == "story" or _names_country(part[0].block):
                run.append(part)
                continue
            arranged += itertools.chain(*sorted(run, key=self._is_regional), part)
            run = []
        return [*arranged, *itertools.chain(*sorted(run, key=self._is_regional))]

    def _is_regional(self, part: Sequence[_Placed]) -> bool:
        return not any(self.stories[key].countries for key in stories_of(block for _, block in part))

    def _parts(self, kept: Sequence[_Placed]) -> Iterator[list[_Placed]]:
        """Each country's heading with the stories and texts under it; every other block alone."""
        part: list[_Placed] = []
        for one in kept:
            under = bool(part) and _names_country(part[0].block) and _stands_under(one.block)
            if part and not under:
                yield part
                part = []
            part.append(one)
        if part:
            yield part

    def _capped(self, kept: list[_Placed]) -> list[_Placed]:
        """Without the stories of a country beyond the limit. The lead is the first of its country."""
        counts: Counter[str] = Counter()
        for one in kept:
            if one.block.kind == "lead":
                counts.update(self._story(one.block).countries[:1])
        result = []
        for one in kept:
            first = self._story(one.block).countries[:1] if one.block.kind == "story" else ()
            counts.update(first)
            if not first or counts[first[0]] <= self.rules.max_per_country:
                result.append(one)
        return result

    def _without_empty_headings(self, kept: list[_Placed]) -> Iterator[_Placed]:
        for index, one in enumerate(kept):
            if one.block.kind != "heading":
                yield one
                continue
            under = itertools.takewhile(
                lambda other: other.kind != "heading", (block for _, block in kept[index + 1 :])
            )
            if any(self._belongs(other, one.block) for other in under):
                yield one

    def _belongs(self, block: Block, heading: Block) -> bool:
        """A country's heading needs a story or text under it, or a date there; titles and calls need none."""
        if not heading.countries or block.kind == "lead" or _stands_under(block):
            return True
        return block.kind == "date" and not set(heading.countries).isdisjoint(self._story(block).countries)

    def _keys(self, kept: Sequence[_Placed]) -> Iterator[str]:
        for place, block in kept:
            if block.kind in WRITTEN_KINDS and block.countries:
                yield f"text:{place}"
            yield from block.stories
        if self.rules.rearrange:
            arrangement = repr([(place, block.kind, block.stories) for place, block in kept])
            yield f"order:{hashlib.sha256(arrangement.encode()).hexdigest()[:16]}"


def _stands_under(block: Block) -> bool:
    """Whether a block belongs to the heading before it."""
    return block.kind == "story" or (block.kind in WRITTEN_KINDS and block.kind != "divider")


def _names_country(block: Block) -> bool:
    return block.kind == "heading" and bool(block.countries)


def _behind_stories(kept: list[_Placed], rolled: list[_Placed]) -> list[_Placed]:
    """`rolled` behind the last story; at the end where there is none."""
    last = max(
        (i for i, one in enumerate(kept) if one.block.kind in ("lead", "story")), default=len(kept) - 1
    )
    return [*kept[: last + 1], *rolled, *kept[last + 1 :]]
