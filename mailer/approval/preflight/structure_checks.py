"""Checks of how an edition and its texts are built: order, sections, lists, paragraphs, repetitions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from mailer.approval.preflight.check_input import (
    Description,
    Place,
    Text,
    excerpt,
    place_of,
    place_of_block,
    split_sentences,
)
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.per_text_check_decorator import check_each_text
from mailer.approval.preflight.truncated_translation_checks import unfinished_last_sentence
from mailer.approval.preflight.typing_and_pasting_error_checks import (
    sentence_breaks_off,
    summary_repeats_headline,
)
from mailer.rendering.data_types import Block, Story
from subscribers.translate_stored_texts import stored

_EDITION = Place("edition", "", stored("Edition"))
# Characters of a body, a paragraph and a summary that nobody reads to their ends.
LONGEST_BODY, LONGEST_PARAGRAPH, LONGEST_SUMMARY = 6_000, 1_500, 600
_SHORTEST_SUMMARY = 12
_EMPTY_PIECE = re.compile(
    r"<(?P<tag>li|p|h[2-4]|blockquote)\b[^>]*>(?:\s|&nbsp;|\u00a0|<br\s*/?>|</?(?:b|strong|i|"
    r"em)>)*</(?P=tag)>"
)
_LIST = re.compile(r"<(?P<tag>[uo]l)\b[^>]*>(?P<items>.*?)</(?P=tag)>", re.DOTALL)
_LAST_HEADING = re.compile(
    r"<h[2-4]\b[^>]*>[^<]*</h[2-4]>\s*$|<p><(?:b|strong)>[^<]{2,60}</(?:b|strong)></p>\s*$"
)
_BOLD_HEADING = re.compile(
    r"<p>\s*<(?:b|strong)>(?P<text>[^<]{2,60}[^<.!?:])</(?:b|strong)>\s*</p>\s*(?=<p|<ul|<ol)"
)
_LEVELS = re.compile(r"<h([2-6])\b")
_OPEN_END = re.compile(
    r"(?::|,|;|\b(?:and|or|the|of|with|by|for|и|или|что|на|для|және|мен|үшін|жана|менен|үчүн|ва|барои|va|"
    r"uchun|we|üçin))\s*$"
)
_END = re.compile(r"[.!?…»”\")\]:;]\s*$")
_LEAST_OF_SENTENCE = 30
_UNSAFE = re.compile(
    r"<(?:script|iframe|object|embed|form|img|table|font|style|u)\b|\sstyle\s*=|\bon\w+\s*=", re.IGNORECASE
)


def misplaced_leads_or_dividers(description: Description) -> Iterator[Found]:
    """Two leads, a lead that is not the first story, and rules at an end or beside each other."""
    blocks = description.content.blocks
    shown = [block for block in blocks if block.kind not in ("heading", "divider", "text", "note")]
    leads = [block for block in blocks if block.kind == "lead"]
    for extra in leads[1:]:
        yield Found(_place(description, extra), stored("There is another lead story before this one."))
    if leads and shown and shown[0].kind != "lead" and shown[0].stories:
        yield Found(_place(description, leads[0]), stored("The lead story is not the first story."))
    for one, following in pairwise((None, *blocks, None)):
        divider = following if following and following.kind == "divider" else None
        before = one is None or one.kind == "divider"
        if divider and before:
            yield Found(_place(description, divider), stored("The divider line has no content on one side."))
        elif one and one.kind == "divider" and following is None:
            yield Found(_place(description, one), stored("The divider line has no content on one side."))


def _place(description: Description, block: Block) -> Place:
    story = next((one for one in description.content.stories if one.key in block.stories), None)
    return place_of(story) if story else place_of_block(description.content, block)


def story_in_wrong_section(description: Description) -> Iterator[Found]:
    """Stories under the heading of a country that they do not concern."""
    content = description.content
    country: tuple[str, ...] = ()
    stories = content.stories_by_key
    for block in content.blocks:
        if block.kind == "heading":
            country = block.countries
        for key in block.stories if block.kind in ("story", "lead") and country else ():
            story = stories.get(key)
            # A title in a list stands anywhere.
            if (
                story
                and story.kind in ("news", "event")
                and story.countries
                and not set(country) & set(story.countries)
            ):
                yield Found(place_of(story), ", ".join(country))


def stories_unfit_for_kind(description: Description) -> Iterator[Found]:
    """Stories that lack what their kind is for: publications without a link; events as news."""
    dated = {key for block in description.content.blocks if block.kind == "date" for key in block.stories}
    for story in description.shown_stories:
        if story.kind == "publication" and not _leads_anywhere(story):
            yield Found(place_of(story), stored("The publication has no link."))
        if story.kind != "event" and story.key in dated:
            yield Found(place_of(story), stored("The story is in a block for events, but is not an event."))


def _leads_anywhere(story: Story) -> bool:
    return bool(story.link.strip()) or any("<a " in text.body for text in story.texts)


def only_one_story(description: Description) -> Iterator[Found]:
    """An edition of one story."""
    if len(description.content.stories) == 1:
        yield Found(
            place_of(description.content.stories[0]), stored("This is the only story of the edition.")
        )


def unplaced_stories(description: Description) -> Iterator[Found]:
    """Stories that were chosen but stand in no block."""
    shown = {one.key for one in description.shown_stories}
    for story in description.content.stories:
        if story.key not in shown and shown:
            yield Found(place_of(story), stored("The story is not in any block of the edition."))


def empty_or_misformatted_elements(description: Description) -> Iterator[Found]:
    """Empty paragraphs and items, lists of one, headings with nothing under them, texts of markup only."""
    for place, markup, kind in _rich_texts(description):
        empty = _EMPTY_PIECE.search(markup)
        plain = re.sub(r"<[^>]*>|&nbsp;|\s", "", markup)
        single = next(
            (one for one in _LIST.finditer(markup) if len(re.findall(r"<li\b", one["items"])) == 1), None
        )
        levels = [int(one) for one in _LEVELS.findall(markup)]
        if markup.strip() and not plain:
            yield Found(place, stored("The text has formatting but no words."))
        elif empty:
            yield Found(place, stored("A paragraph or a list item is empty."))
        elif single:
            yield Found(place, stored("A bulleted list has only one item."))
        elif _LAST_HEADING.search(markup):
            yield Found(place, stored("A heading has no text below it."))
        elif (bold := _BOLD_HEADING.search(markup)) and kind == "body":
            yield Found(
                place,
                stored(
                    "“%(text)s” is bold like a heading, but is not formatted as a heading.",
                    text=excerpt(bold["text"]),
                ),
            )
        elif any(two > one + 1 for one, two in pairwise(levels)) or (levels and levels[0] != min(levels)):
            yield Found(
                place, stored("The levels of headings are not in order, such as level 4 after level 2.")
            )


def _rich_texts(description: Description) -> Iterator[tuple[Place, str, str]]:
    for story in description.shown_stories:
        yield from ((place_of(story, text.language), text.body, "body") for text in story.texts)
    for block in description.content.blocks:
        if block.kind in ("text", "note"):
            content = description.content
            yield from (
                (place_of_block(content, block, text.language), text.text, block.kind) for text in block.texts
            )


def removed_markup(description: Description) -> Iterator[Found]:
    """HTML that messages cannot have, so that readers do not see what the editor shows."""
    for place, markup, _kind in _rich_texts(description):
        if found := _UNSAFE.search(markup):
            yield Found(place, excerpt(found[0]))


@check_each_text
def long_texts(text: Text) -> Iterator[Found]:
    """Bodies, paragraphs and summaries that belong on a page of their own."""
    if (text.field == "summary" and len(text.plain) > LONGEST_SUMMARY) or (
        text.field in ("body", "text")
        and (
            len(text.plain) > LONGEST_BODY
            or any(len(one) > LONGEST_PARAGRAPH for one in text.plain.split("\n"))
        )
    ):
        yield Found(text.place, stored("The text has %(count)s characters", count=len(text.plain)))


def short_summary_or_headline_stop(description: Description) -> Iterator[Found]:
    """Headlines of one word, summaries of one or two, lines that end as no other of their kind does."""
    headlines = [text for text in description.texts if text.field == "headline"]
    for text in headlines:
        others = [one for one in headlines if one.language == text.language and one is not text]
        if len(re.findall(r"\w+", text.plain)) == 1 and text.language:
            yield Found(text.place, excerpt(text.plain))
        elif (
            text.plain.rstrip().endswith(".")
            and others
            and not any(one.plain.rstrip().endswith(".") for one in others)
        ):
            yield Found(text.place, excerpt(text.plain[-30:]))
    for text in description.texts:
        if text.field == "summary" and len(text.plain.strip()) < _SHORTEST_SUMMARY:
            yield Found(text.place, excerpt(text.plain))


def texts_ending_mid_sentence(description: Description) -> Iterator[Found]:
    """Summaries and bodies whose last sentence has no end, where those of the other stories have one."""
    summaries = [text for text in description.texts if text.field == "summary"]
    ended = {text.language for text in summaries if re.search(r"[.!?…]\W*$", text.plain)}
    reported = {
        one.place for one in (*sentence_breaks_off(description), *summary_repeats_headline(description))
    }
    for text in description.texts:
        last = text.plain.rstrip()
        if text.place in reported:
            continue
        if (text.field == "summary" and text.language in ended and not _END.search(last)) or (
            text.field in ("body", "text", "note") and _OPEN_END.search(last.casefold())
        ):
            reported.add(text.place)
            yield Found(text.place, f"…{last[-30:]}")
    yield from (one for one in unfinished_last_sentence(description) if one.place not in reported)


def repeated_sentences(description: Description) -> Iterator[Found]:
    """Sentences that stand twice: in one text, or in two stories."""
    seen: dict[tuple[str, str], Place] = {}
    for text in description.texts:
        if text.field not in ("summary", "body", "text"):
            continue
        for sentence in split_sentences(text.plain):
            line = " ".join(sentence.casefold().split())
            if sum(map(str.isalpha, line)) < _LEAST_OF_SENTENCE:
                continue
            if first := seen.get((text.language, line)):
                places = dict.fromkeys((first, text.place))
                yield from (Found(place, excerpt(sentence)) for place in places)
                break
            seen[text.language, line] = text.place


def no_headline(description: Description) -> Iterator[Found]:
    """Texts without a headline."""
    for story in description.shown_stories:
        for text in story.texts:
            if not text.headline.strip():
                yield Found(place_of(story, text.language))


def headline_without_text(description: Description) -> Iterator[Found]:
    """Stories that readers see nothing of but the headline."""
    for story in description.shown_stories:
        for text in story.texts:
            if text.headline.strip() and not text.summary.strip() and not text.body.strip():
                yield Found(place_of(story, text.language))
