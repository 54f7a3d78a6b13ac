"""Splits the blocks of a document into stories.

Headings that name countries, languages or kinds of stories are sections: they say what the stories after them
are about. Everything else is heuristics, made for documents as offices write them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mailer.stories.sources.documents import line_recognition
from mailer.stories.sources.documents.blocks import (
    LONGEST_HEADLINE,
    Block,
    Columns,
    Notes,
    Paragraph,
    Table,
    could_be_headline,
    headline_text,
)
from mailer.stories.sources.documents.build_found_story import (
    FoundStory,
    add_line,
    finish_story,
    first_sentence,
)
from mailer.stories.sources.documents.headings import (
    body_blocks_with_headings,
    level_of,
    levels_with_text,
    with_pseudo_headings,
)

# The rank of a title in a list of publications: any heading ends its story.
_LISTED_LEVEL = 99
_TAIL_COUNTRIES = re.compile(r"\s*[(\[]([^()\[\]]{2,120})[)\]]\s*$")


@dataclass(frozen=True)
class _Section:
    level: float
    countries: tuple[str, ...] | None = None
    kind: str = ""
    language: str = ""


@dataclass
class _Split:
    """The state of splitting a document."""

    stories: list[FoundStory] = field(default_factory=list)
    sections: list[_Section] = field(default_factory=list)
    current: FoundStory | None = None
    # The language's heading within a story, whose next line is the translated headline.
    translating: str = ""
    # Pictures that are anchored in the heading of a section, for the story below it.
    pictures: list[tuple[int, str]] = field(default_factory=list)


def split(blocks: Sequence[Block], notes: Notes, title: str = "") -> list[FoundStory]:
    """The stories, in their order. `title`: the document's, of one that has no line for a headline."""
    leveled = body_blocks_with_headings(blocks)
    state = _Split()
    text_levels = levels_with_text(leveled)
    for place, block in enumerate(leveled):
        following = leveled[place + 1] if place + 1 < len(leveled) else None
        if isinstance(block, Columns):
            _columns(state, block, notes)
        elif isinstance(block, Paragraph) and block.level:
            _heading(state, block, following, text_levels)
        elif isinstance(block, Paragraph):
            _text(state, block, following)
        elif state.current is not None:
            state.current.body.append(block)
    stories = state.stories
    if not stories:
        stories = _single(blocks, title)
    _pair_languages(stories)
    for story in stories:
        finish_story(story, notes)
    return stories


def _heading(state: _Split, block: Paragraph, following: Block | None, text_levels: frozenset[float]) -> None:
    current = state.current
    if current is not None and block.level > current.level:
        language = line_recognition.parse_language_line(headline_text(block))
        if language:
            state.translating = language
            current.pictures += block.pictures
            return
        if state.translating:
            _begin_translation(state, headline_text(block), block)
            return
        countries = line_recognition.parse_countries_line(headline_text(block))
        if countries is not None and current.empty and not level_of(following):
            current.countries = countries
            return
        if not current.empty or current.level in text_levels:
            current.body.append(block)
            current.pictures += block.pictures
            return
        # It was the title of a group of stories.
        state.stories.remove(current)
        state.current = None
    state.translating = ""
    section = _section(block, following)
    if section is not None:
        _open_section(state, section)
        state.pictures = list(block.pictures)
        return
    state.sections = [one for one in state.sections if one.level < block.level]
    _begin(state, headline_text(block), block.level, block)


def _section(block: Paragraph, following: Block | None) -> _Section | None:
    """What the heading says of the stories after it; None of a heading that is a story's."""
    line = headline_text(block)
    below = level_of(following)
    # Where all headings have one rank, a section ends with the next section.
    level = block.level - 0.5 if below == block.level else block.level
    language = line_recognition.parse_language_line(line)
    if language:
        return _Section(level, language=language)
    countries = line_recognition.parse_countries_line(line)
    if countries is not None:
        return _Section(level, countries)
    kind = line_recognition.section_kind(line)
    # "Save the date" with a text below it is a story of that kind.
    if kind and (below or kind in ("publication", "news")):
        return _Section(level, kind=kind)
    return None


def _open_section(state: _Split, section: _Section) -> None:
    rank = math.ceil(section.level) - 0.5
    state.sections = [one for one in state.sections if one.level < rank]
    state.sections.append(section)
    state.current = None


def _begin(state: _Split, title: str, level: float, block: Paragraph | None) -> FoundStory:
    kind = line_recognition.section_kind(title) or line_recognition.section_kind(title.partition(":")[0])
    story = FoundStory(title, level, kind=kind.replace("news", ""))
    for section in state.sections:
        story.countries = section.countries if section.countries is not None else story.countries
        story.kind = story.kind or section.kind.replace("news", "")
        story.language = section.language or story.language
    if found := _TAIL_COUNTRIES.search(title):
        countries = line_recognition.parse_countries_line(found[1])
        if countries is not None and title[: found.start()].strip():
            story.title, story.countries = title[: found.start()].strip(), countries
    if block is not None:
        links = block.links
        story.link = links[0] if len(links) == 1 and not block.without_links else ""
        story.pictures += block.pictures
    story.spare_pictures, state.pictures = state.pictures, []
    state.stories.append(story)
    state.current = story
    return story


def _begin_translation(state: _Split, title: str, block: Paragraph) -> None:
    """A text of the current story in the language that was named."""
    source = state.current
    assert source is not None
    origin = source.translates if source.translates is not None else state.stories.index(source)
    story = FoundStory(title, state.stories[origin].level, language=state.translating)
    story.kind, story.countries = state.stories[origin].kind, state.stories[origin].countries
    story.translates = origin
    story.pictures += block.pictures
    state.stories.append(story)
    state.current, state.translating = story, ""


def _text(state: _Split, block: Paragraph, following: Block | None) -> None:
    line, current = block.line, state.current
    countries = line_recognition.parse_countries_line(line) if not block.list_tag else None
    if countries is not None and (current is None or not current.empty) and level_of(following):
        _open_section(state, _Section(level_of(following) - 0.5, countries))
        return
    section = state.sections[-1] if state.sections else None
    in_publications = any(one.kind == "publication" for one in state.sections)
    if (
        in_publications
        and (current is None or current.level == _LISTED_LEVEL)
        and (block.links or current is None)
        and line
    ):
        _publication(state, block)
        return
    if current is None and state.translating == "" and section is not None and line:
        current = _untitled(state, block)
        return
    if current is None:
        return
    if state.translating and line:
        _begin_translation(state, line if could_be_headline(block) else first_sentence(line), block)
        if not could_be_headline(block):
            assert state.current is not None
            state.current.body.append(block)
        return
    add_line(current, block)


def _untitled(state: _Split, block: Paragraph) -> FoundStory:
    """A story below the heading of a section, without a headline of its own."""
    titled = could_be_headline(block)
    story = _begin(state, headline_text(block) if titled else first_sentence(block.line), 98, block)
    if not titled:
        story.body.append(block)
    return story


def _publication(state: _Split, block: Paragraph) -> None:
    """A line of a list of titles: "A study of something (Kazakhstan): https://…"."""
    links = block.links
    linked = " ".join("".join(run.text for run in block.runs if run.link).split())
    title = block.without_links.strip(" :–—-|.,")
    if (
        linked
        and not linked.lower().startswith(("http", "www."))
        and not line_recognition.is_link_label(linked)
    ):
        # The link is the title; countries may stand behind it.
        title = f"{linked} {title}" if title.startswith(("(", "[")) else linked
    title = title if len(title) <= LONGEST_HEADLINE else first_sentence(title)
    story = _begin(state, title or linked, _LISTED_LEVEL, None)
    story.pictures += block.pictures
    story.link = links[0] if links else ""


def _single(blocks: Sequence[Block], title: str) -> list[FoundStory]:
    """The whole document as one story; none of an empty one."""
    texts = [one for one in blocks if isinstance(one, Paragraph) and one.text]
    if not texts:
        return []
    first = texts[0]
    named = could_be_headline(first)
    story = FoundStory(headline_text(first) if named else (title or first_sentence(first.line)), 0)
    for one in blocks:
        if isinstance(one, Paragraph) and not (named and one is first):
            add_line(story, one)
        elif isinstance(one, Paragraph):
            story.pictures += one.pictures
        else:
            story.body.append(one)
    return [story]


def _columns(state: _Split, block: Columns, notes: Notes) -> None:
    """Stories of a table with a language in each column; those of one row belong together."""
    sections = [one for one in state.sections if not one.language]
    first = len(state.stories)
    for language, column in zip(block.languages, block.columns, strict=True):
        inner = _Split(sections=[*sections, _Section(-1, language=language)])
        leveled = with_pseudo_headings(list(column))
        levels = levels_with_text(leveled)
        for place, one in enumerate(leveled):
            following = leveled[place + 1] if place + 1 < len(leveled) else None
            if isinstance(one, Paragraph) and one.level:
                _heading(inner, one, following, levels)
            elif isinstance(one, Paragraph):
                _text(inner, one, following)
            elif inner.current is not None and isinstance(one, Table):
                inner.current.body.append(one)
        state.stories += inner.stories
    state.current = None
    _pair_by_place(state.stories, first, block.languages)


def _pair_by_place(stories: list[FoundStory], first: int, languages: Sequence[str]) -> None:
    """Let the n-th story of each language translate the n-th of the first language."""
    groups = [
        [place for place in range(first, len(stories)) if stories[place].language == one] for one in languages
    ]
    for group in groups[1:]:
        if len(group) == len(groups[0]):
            for origin, place in zip(groups[0], group, strict=True):
                _link(stories, origin, place)


def _link(stories: list[FoundStory], origin: int, place: int) -> None:
    source, story = stories[origin], stories[place]
    story.translates = origin
    story.countries = story.countries if story.countries is not None else source.countries
    story.kind = story.kind or source.kind


def _pair_languages(stories: list[FoundStory]) -> None:
    """Pair the stories below headings of languages: by their order, or by what they share."""
    free = [place for place, one in enumerate(stories) if one.language and one.translates is None]
    used = {one.translates for one in stories if one.translates is not None}
    free = [place for place in free if place not in used]
    languages = list(dict.fromkeys(stories[place].language for place in free))
    if len(languages) < 2:
        return
    groups = {one: [place for place in free if stories[place].language == one] for one in languages}
    sources = groups[languages[0]]
    for language in languages[1:]:
        group = groups[language]
        if len(group) == len(sources):
            pairs = list(zip(sources, group, strict=True))
        else:
            pairs = list(_alike(stories, sources, group))
        for origin, place in pairs:
            _link(stories, origin, place)


def _alike(stories: list[FoundStory], sources: list[int], group: list[int]) -> Iterator[tuple[int, int]]:
    """Pairs of stories that share link, picture or date, or are the only ones of their countries and kind."""
    left = list(group)
    for origin in sources:
        one = stories[origin]
        found = [
            place
            for place in left
            if (one.link and stories[place].link == one.link)
            or ({number for number, _ in one.pictures} & {number for number, _ in stories[place].pictures})
            or (one.day and stories[place].day == one.day and stories[place].countries == one.countries)
        ]
        if len(found) == 1:
            left.remove(found[0])
            yield origin, found[0]
