from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mailer.rendering import story_selection, variants
from mailer.rendering.data_types import Block, Content, LocalText
from tests.rendering.cast import EDITION, edition, story

COUNTRIES = ("KZ", "KG", "TJ", "TM", "UZ")


def kinds(content: Content, *countries: str) -> list[str]:
    return [block.kind for block in story_selection.visible_blocks(content, frozenset(countries))]


def test_a_reader_sees_the_stories_of_the_chosen_countries_and_the_regional_ones() -> None:
    assert story_selection.story_set(EDITION, ("KG",)) == ("border", "cash", "online", "page")


def test_a_reader_without_countries_sees_everything() -> None:
    everything = tuple(story.key for story in EDITION.stories)
    assert set(story_selection.story_set(EDITION, ())) == set(everything)
    assert story_selection.visible_blocks(EDITION, None) == EDITION.blocks


def test_a_reader_whose_countries_are_silent_sees_only_what_is_regional() -> None:
    assert story_selection.story_set(EDITION, ("TM",)) == ("page",)


def test_titles_keep_only_what_the_reader_gets() -> None:
    titles = [
        block
        for block in story_selection.visible_blocks(EDITION, frozenset({"TJ"}))
        if block.kind == "titles"
    ]
    assert [block.stories for block in titles] == [("online",)]


def test_a_country_heading_is_shown_only_before_stories_of_its_country() -> None:
    content = edition(
        Block("heading", (), ("KG",)),
        Block("story", ("cash",)),
        Block("heading", (), ("TJ",)),
        Block("story", ("plan",)),
        Block("titles", ("book",)),
        stories=(story("cash", "KG"), story("plan", "TJ"), story("book")),
    )
    assert kinds(content, "KG") == ["heading", "story", "titles"]
    assert kinds(content, "UZ") == ["titles"]


def test_a_custom_heading_is_shown_before_any_visible_block() -> None:
    words = (LocalText("en", "Also"),)
    content = edition(
        Block("heading", texts=words),
        Block("titles", ("book",)),
        Block("heading", texts=words),
        stories=(story("book"),),
    )
    assert kinds(content, "KZ") == ["heading", "titles"]


def test_another_story_with_a_picture_leads_where_the_lead_is_not_for_the_reader() -> None:
    content = edition(
        Block("lead", ("far",)),
        Block("story", ("plain",)),
        Block("heading", (), ("UZ",)),
        Block("story", ("seen",)),
        stories=(story("far", "KZ", picture=True), story("plain", "UZ"), story("seen", "UZ", picture=True)),
    )
    assert [
        (block.kind, block.stories) for block in story_selection.visible_blocks(content, frozenset({"UZ"}))
    ] == [
        ("lead", ("seen",)),
        ("story", ("plain",)),
    ]


def test_without_any_picture_the_first_story_leads_from_the_place_of_the_lead() -> None:
    content = edition(
        Block("text", texts=(LocalText("en", "<p>Hello</p>"),)),
        Block("lead", ("far",)),
        Block("story", ("one",)),
        Block("story", ("two",)),
        stories=(story("far", "KZ"), story("one", "UZ"), story("two", "UZ")),
    )
    assert kinds(content, "UZ") == ["text", "lead", "story"]
    assert story_selection.story_set(content, ("UZ",)) == ("one", "two")


def test_an_edition_that_has_no_lead_gets_none() -> None:
    content = edition(Block("story", ("one",)), stories=(story("one", "UZ"),))
    assert kinds(content, "UZ") == ["story"]


def test_a_reader_of_silent_countries_gets_the_strongest_regional_story_as_lead() -> None:
    brief = replace(story("brief", picture=True), layout="brief")
    stories = (story("local", "KZ"), brief, story("plain"), story("seen", picture=True))
    placed = [Block("story", (one.key,)) for one in stories]
    for first in (Block("lead", ("local",)), Block("story", ("local",))):
        content = edition(first, *placed[1:], stories=stories)
        got = story_selection.select(content, ("UZ",))
        assert [(block.kind, block.stories[0]) for block in got.blocks] == [
            ("lead", "seen"),
            ("story", "brief"),
            ("story", "plain"),
        ]
    # The region's own lead stays.
    led = edition(Block("lead", ("plain",)), placed[0], placed[3], stories=stories)
    assert story_selection.story_set(led, ("UZ",)) == ("plain", "seen")
    assert kinds(led, "UZ") == ["lead", "story"]


def test_a_text_for_one_country_makes_a_variant_of_its_own() -> None:
    content = edition(
        Block("text", (), ("KZ",), (LocalText("en", "<p>Only here</p>"),)),
        Block("story", ("all",)),
        stories=(story("all"),),
    )
    here, elsewhere = (variants.render(content, (country,), "en") for country in ("KZ", "UZ"))
    assert "Only here" in here.html
    assert "Only here" not in elsewhere.html
    assert here.stories == elsewhere.stories == ("all",)
    assert here.key != elsewhere.key


def test_a_text_alone_is_nothing_to_send() -> None:
    content = edition(Block("text", texts=(LocalText("en", "<p>Hello</p>"),)))
    assert story_selection.story_set(content, ("KZ",)) == ()


def test_a_variant_key_is_sixteen_hexadecimal_characters_and_depends_on_order_and_language() -> None:
    key = story_selection.variant_key(("a", "b"), "en")
    assert len(key) == 16
    assert int(key, 16) >= 0
    assert (
        len(
            {
                key,
                story_selection.variant_key(("b", "a"), "en"),
                story_selection.variant_key(("a", "b"), "ru"),
            }
        )
        == 3
    )


@given(
    st.lists(st.sets(st.sampled_from(COUNTRIES)), min_size=1, max_size=6),
    st.lists(st.sampled_from(["lead", "story", "date", "titles"]), min_size=6, max_size=6),
)
def test_the_possible_variants_are_exactly_those_that_readers_can_get(
    concerned: list[set[str]], kinds_of_blocks: list[str]
) -> None:
    stories = tuple(story(f"s{index}", *sorted(countries)) for index, countries in enumerate(concerned))
    blocks = [Block(kind, (s.key,)) for kind, s in zip(kinds_of_blocks, stories, strict=False)]  # type: ignore[arg-type]
    content = edition(*blocks, stories=stories)
    choices, complete = story_selection.country_choices_and_completeness(content, 500)
    found = [story_selection.story_set(content, choice) for choice in choices]
    readers = itertools.chain.from_iterable(
        itertools.combinations((*COUNTRIES, story_selection.ELSEWHERE), size)
        for size in range(len(COUNTRIES) + 1)
    )
    expected = {story_selection.story_set(content, reader) for reader in readers} - {()}
    assert complete
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_five_countries_with_a_story_each_make_two_hundred_and_twenty_four_variants() -> None:
    stories = (*(story(country, country) for country in COUNTRIES), story("all"))
    content = edition(*(Block("story", (one.key,)) for one in stories), stories=stories)
    listed, complete = variants.countries_and_language_per_variant(content)
    assert (len(listed), complete) == (32 * 7, True)
    assert listed[0] == (COUNTRIES, "en")


def test_variants_over_the_limit_are_cut_and_reported_as_incomplete() -> None:
    places = [f"{a}{b}" for a in "ABCDE" for b in "FGHIJ"]
    stories = tuple(story(place, place) for place in places)
    content = edition(*(Block("story", (one.key,)) for one in stories), stories=stories)
    listed, complete = variants.countries_and_language_per_variant(content, limit=100)
    assert (len(listed), complete) == (100, False)
    assert set(listed[0][0]) == set(places)
