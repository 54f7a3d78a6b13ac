"""The rules by which an edition is arranged for each reader, over settings and audiences."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.rendering import story_selection
from mailer.rendering.data_types import Block, Content, LocalText, ReaderRules, Story, from_json, to_json
from mailer.rendering.story_selection import ELSEWHERE, Selection, Selector
from tests.rendering.cast import edition, story

COUNTRIES = ("KZ", "KG", "TJ", "UZ")
READERS = [
    reader
    for size in range(len(COUNTRIES) + 2)
    for reader in itertools.combinations((*COUNTRIES, ELSEWHERE), size)
]

rules = st.builds(
    ReaderRules,
    own_countries_first=st.booleans(),
    lead=st.sampled_from(["", "own"]),
    max_per_country=st.integers(0, 2),
    min_stories=st.integers(0, 3),
    silent=st.sampled_from(["", "skip", "roll_over"]),
)


@st.composite
def contents(draw: st.DrawFn, prefix: str = "s") -> Content:
    """Up to seven stories, each in a block, with texts and headings between them."""
    concerned = draw(st.lists(st.lists(st.sampled_from(COUNTRIES), unique=True, max_size=2), max_size=7))
    stories = [
        story(f"{prefix}{index}", *countries, picture=draw(st.booleans()))
        for index, countries in enumerate(concerned)
    ]
    blocks = []
    kinds = st.sampled_from(["story"] * 5 + ["date", "titles", "social"])
    lead = draw(st.integers(0, 9))
    for index, one in enumerate(stories):
        before = draw(st.sampled_from(["", "", "", "text", "country", "words"]))
        if before == "text":
            place = draw(st.sampled_from([(), ("KZ",), ("TJ", "UZ")]))
            blocks.append(Block("text", (), place, (LocalText("en", "<p>Hello</p>"),)))
        elif before:
            names = one.countries[:1] if before == "country" else ()
            blocks.append(Block("heading", (), names, (LocalText("en", "Also"),)))
        blocks.append(Block("lead" if index == lead else draw(kinds), (one.key,)))
    return replace(edition(*blocks, stories=tuple(stories)), rules=draw(rules))


def concerned_by(content: Content, reader: tuple[str, ...]) -> list[Story]:
    stories = {one.key: one for one in content.stories}
    planned = [stories[key] for block in content.blocks for key in block.stories]
    return [one for one in planned if not reader or not one.countries or set(reader) & set(one.countries)]


def leads(selection: Selection) -> tuple[str, ...]:
    return tuple(key for block in selection.blocks if block.kind == "lead" for key in block.stories)


@given(contents())
@settings(max_examples=60, deadline=None)
def test_every_reader_gets_exactly_the_stories_that_the_rules_give(content: Content) -> None:
    selector = Selector(content)
    local = any(one.countries for one in concerned_by(content, ()))
    kinds = {key: block.kind for block in content.blocks for key in block.stories}
    for reader in READERS:
        got = selector.select(reader)
        wanted = concerned_by(content, reader)
        silent = bool(reader) and local and not any(one.countries for one in wanted)
        if not wanted:
            assert got.skipped == "no_stories"
        elif silent and content.rules.silent:
            assert got.skipped == {"skip": "silent_country", "roll_over": "rolled_over"}[content.rules.silent]
        else:
            limit = content.rules.max_per_country
            led = leads(got)
            news = [one for one in wanted if kinds[one.key] in ("lead", "story")]
            counts = Counter(one.countries[:1] for one in news)
            shown = Counter(one.countries[:1] for one in news if one.key in got.stories)
            fewer = sum(max(0, count - limit) for place, count in counts.items() if place) if limit else 0
            if got.skipped:
                others = sum(kinds[one.key] in ("date", "titles") for one in wanted)
                assert got.skipped == "few_stories"
                assert len(news) - fewer + others < content.rules.min_stories
                assert not got.blocks and not got.keys
                continue
            assert {one.key for one in wanted if one not in news} <= set(got.stories)
            assert set(got.stories) <= {one.key for one in wanted}
            assert all(
                shown[place] == (min(count, limit) if limit and place else count)
                for place, count in counts.items()
            )
            assert len([key for key in got.stories if kinds[key] != "social"]) >= content.rules.min_stories
            _leads_as_the_rule_says(content, reader, got, news)
            if not content.rules.own_countries_first or not reader:
                # Everything but the lead is in the edition's order.
                order = [one.key for one in wanted if one.key in got.stories and one.key not in led]
                assert [key for key in got.stories if key not in led] == order


def _leads_as_the_rule_says(
    content: Content, reader: tuple[str, ...], got: Selection, news: list[Story]
) -> None:
    planned = next((block.stories[0] for block in content.blocks if block.kind == "lead"), None)
    keys = {one.key: one for one in news}
    local = any(one.countries for one in concerned_by(content, ()))
    silent = bool(reader) and local and not any(one.countries for one in concerned_by(content, reader))
    if not news or (planned is None and not silent):
        assert not leads(got)
    elif content.rules.lead == "own" and reader and any(one.countries for one in news):
        (lead,) = leads(got)
        assert keys[lead].countries
        if planned in keys and keys[planned].countries:
            assert lead == planned
    else:
        assert leads(got) == ((planned,) if planned in keys else leads(got)) and len(leads(got)) == 1


@given(contents())
@settings(max_examples=60, deadline=None)
def test_readers_share_a_variant_exactly_when_they_see_the_same(content: Content) -> None:
    selector = Selector(content)
    by_keys: dict[tuple[str, ...], tuple[Block, ...]] = {}
    for reader in READERS:
        got = selector.select(reader)
        assert by_keys.setdefault(got.keys, got.blocks) == got.blocks
        assert selector.select(tuple(reversed(reader))) == got
        assert story_selection.select(content, reader) == got
    assert len(set(by_keys.values())) == len(by_keys)


@given(contents())
@settings(max_examples=40, deadline=None)
def test_the_possible_variants_under_rules_are_those_that_readers_can_get(content: Content) -> None:
    selector = Selector(content)
    choices, complete = story_selection.country_choices_and_completeness(content, 500)
    found = [selector.story_set(choice) for choice in choices]
    assert complete
    assert len(found) == len(set(found))
    assert set(found) == {selector.story_set(reader) for reader in READERS} - {()}


@given(contents("a"), contents("b"), contents("c"))
@settings(max_examples=40, deadline=None)
def test_readers_who_were_put_off_get_the_regional_stories_next_time(
    first: Content, second: Content, third: Content
) -> None:
    editions = [replace(one, rules=ReaderRules(silent="roll_over")) for one in (first, second, third)]
    skipped: dict[tuple[str, ...], list[bool]] = {reader: [] for reader in READERS}
    before = None
    for number, one in enumerate(editions):
        if before is not None:
            one = replace(one, rolled_over=story_selection.rolled_over(before, ()))
        assert from_json(to_json(one)) == one
        selector = Selector(one)
        for reader, history in skipped.items():
            got = selector.select(reader)
            history.append(got.skipped == "rolled_over")
            missed = {
                key
                for block in (before.blocks if before else ())
                for key in block.stories
                if block.kind in ("lead", "story", "titles") and not before.stories_by_key[key].countries
            }
            if number and history[-2]:
                assert missed <= set(got.stories) and not history[-1]
            else:
                assert missed.isdisjoint(got.stories)
        choices, _complete = story_selection.country_choices_and_completeness(one, 500)
        assert {selector.story_set(choice) for choice in choices} == {
            selector.story_set(reader) for reader in READERS
        } - {()}
        before = one


def test_the_stories_of_the_readers_own_countries_come_first_with_their_headings() -> None:
    content = edition(
        Block("lead", ("top",)),
        Block("story", ("region",)),
        Block("heading", (), ("KZ",)),
        Block("story", ("kz1",)),
        Block("story", ("kz2",)),
        Block("text", texts=(LocalText("en", "<p>Hello</p>"),)),
        Block("heading", texts=(LocalText("en", "Also"),)),
        Block("story", ("more",)),
        Block("story", ("kz3",)),
        Block("titles", ("book",)),
        stories=(
            story("top"),
            story("region"),
            *(story(f"kz{number}", "KZ") for number in (1, 2, 3)),
            story("more"),
            story("book"),
        ),
    )
    ruled = replace(content, rules=ReaderRules(own_countries_first=True))
    assert story_selection.select(ruled, ("KZ",)).stories == (
        "top",
        "kz1",
        "kz2",
        "region",
        "kz3",
        "more",
        "book",
    )
    kinds = [block.kind for block in story_selection.visible_blocks(ruled, frozenset({"KZ"}))]
    assert kinds[:5] == ["lead", "heading", "story", "story", "text"]
    # Readers who chose nothing see the edition's order.
    assert story_selection.visible_blocks(ruled, None) == content.blocks


def test_a_lead_of_the_own_country_sends_the_regional_one_behind_it() -> None:
    content = replace(
        edition(
            Block("lead", ("top",)),
            Block("story", ("plain",)),
            Block("story", ("seen",)),
            stories=(story("top", picture=True), story("plain", "KZ"), story("seen", "KZ", picture=True)),
        ),
        rules=ReaderRules(lead="own"),
    )
    here = story_selection.visible_blocks(content, frozenset({"KZ"}))
    assert [(block.kind, *block.stories) for block in here] == [
        ("lead", "seen"),
        ("story", "top"),
        ("story", "plain"),
    ]
    assert [block.kind for block in story_selection.visible_blocks(content, frozenset({"UZ"}))] == ["lead"]
