"""Finds the headlines of a document: by heading styles, or lines that stand out where it has none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from mailer.stories.sources.documents import line_recognition
from mailer.stories.sources.documents.blocks import Block, Paragraph, could_be_headline, headline_text

# Ranks of lines that stand for headings: below every real heading.
_PSEUDO_LEVEL = 20
# How much larger than the text a line is that stands for a heading, in points.
_LARGER = 1.5
# Characters of the text below a title on a title page.
_SUBTITLE = 120


def body_blocks_with_headings(blocks: Sequence[Block]) -> list[Block]:
    """The blocks below the title page, in which every headline has a level, and its picture below it."""
    return _pictures_below_headlines(with_pseudo_headings(_without_title_page(list(blocks))))


def _without_title_page(blocks: list[Block]) -> list[Block]:
    """The blocks after the document's title and what belongs to it."""
    titles = [
        place
        for place, block in enumerate(blocks[:12])
        if isinstance(block, Paragraph) and block.style.lower() in ("title", "subtitle")
    ]
    blocks = blocks[titles[-1] + 1 :] if titles else blocks
    headings = [place for place, block in enumerate(blocks) if isinstance(block, Paragraph) and block.level]
    if len(headings) < 2:
        return blocks
    first, second = headings[:2]
    heading = blocks[first]
    assert isinstance(heading, Paragraph)
    between = blocks[first + 1 : second]
    if is_section(heading) or any(
        not isinstance(one, Paragraph) or one.pictures or one.links for one in between
    ):
        return blocks
    length = sum(len(one.line) for one in between if isinstance(one, Paragraph))
    alone = sum(1 for place in headings if level_of(blocks[place]) <= heading.level) == 1
    paragraphs = (one for one in (heading, *between) if isinstance(one, Paragraph))
    dated = any(line_recognition.find_year_and_month(one.line) for one in paragraphs)
    if length <= _SUBTITLE and (
        (alone and not between) or (dated and first == 0 and (alone or _is_masthead(heading)))
    ):
        return blocks[second:]
    return blocks


def _is_masthead(heading: Paragraph) -> bool:
    return "newsletter" in heading.line.lower() or bool(line_recognition.find_year_and_month(heading.line))


def level_of(block: Block | None) -> float:
    """The level of a heading; 0 of anything else."""
    return block.level if isinstance(block, Paragraph) else 0


def is_section(paragraph: Paragraph) -> bool:
    """Whether the line names countries, a language or a kind of stories, and nothing else."""
    line = headline_text(paragraph)
    return (
        line_recognition.parse_countries_line(line) is not None
        or bool(line_recognition.parse_language_line(line))
        or bool(line_recognition.section_kind(line))
    )


def with_pseudo_headings(blocks: list[Block]) -> list[Block]:
    """The blocks, with levels for bold or large lines where no style says what a headline is."""
    if any(isinstance(one, Paragraph) and one.level and not is_section(one) for one in blocks):
        return blocks
    sizes: Counter[float] = Counter()
    for one in blocks:
        if isinstance(one, Paragraph) and not one.level:
            sizes[one.size] += len(one.line)
    usual = sizes.most_common(1)[0][0] if sizes else 0.0
    found = [
        place
        for place, one in enumerate(blocks)
        if isinstance(one, Paragraph) and not one.level and _stands_out(one, usual)
    ]
    ranks = sorted({_look(blocks[place]) for place in found}, reverse=True)
    leveled = list(blocks)
    for place in found:
        block = blocks[place]
        assert isinstance(block, Paragraph)
        leveled[place] = replace(block, level=_PSEUDO_LEVEL + ranks.index(_look(block)))
    return _without_masthead(leveled)


def _look(block: Block) -> tuple[float, bool]:
    assert isinstance(block, Paragraph)
    return block.size, block.all_bold


def _stands_out(paragraph: Paragraph, usual: float) -> bool:
    if not could_be_headline(paragraph) or line_recognition.find_label(paragraph.line):
        return False
    return paragraph.all_bold or paragraph.size >= usual + _LARGER


def _without_masthead(blocks: list[Block]) -> list[Block]:
    """Without the name of the newsletter, a line above the first section that is larger than any other."""
    headings = [one for one in blocks if level_of(one) >= _PSEUDO_LEVEL]
    if len(headings) < 3:
        return blocks
    first = headings[0]
    assert isinstance(first, Paragraph)
    rest = blocks[blocks.index(first) + 1 :]
    larger = all(level_of(one) > first.level for one in headings[1:])
    return (
        rest
        if not is_section(first) and (larger or line_recognition.find_year_and_month(first.line))
        else blocks
    )


def _pictures_below_headlines(blocks: list[Block]) -> list[Block]:
    """The blocks, with pictures that stand above the headlines of their stories in these headlines.

    It is so where a picture stands above a headline and below nothing that it could belong to, and no story
    has a picture within its text.
    """
    above = [
        place
        for place, (one, after) in enumerate(pairwise(blocks))
        if _is_picture(one) and isinstance(after, Paragraph) and after.level and not is_section(after)
    ]
    certain = any(place == 0 or level_of(blocks[place - 1]) for place in above)
    inside = any(
        isinstance(one, Paragraph) and one.pictures and place not in above for place, one in enumerate(blocks)
    )
    if not certain or inside:
        return blocks
    found = list(blocks)
    for place in reversed(above):
        picture, heading = found[place], found[place + 1]
        assert isinstance(picture, Paragraph) and isinstance(heading, Paragraph)
        found[place : place + 2] = [replace(heading, pictures=(*picture.pictures, *heading.pictures))]
    return found


def _is_picture(block: Block) -> bool:
    return isinstance(block, Paragraph) and bool(block.pictures) and not block.text


def levels_with_text(blocks: Sequence[Block]) -> frozenset[float]:
    """Levels of which at least half of the headings, those of sections aside, have text directly below."""
    total: Counter[float] = Counter()
    texts: Counter[float] = Counter()
    for one, after in zip(blocks, [*blocks[1:], None], strict=False):
        if isinstance(one, Paragraph) and one.level and not is_section(one):
            total[one.level] += 1
            texts[one.level] += after is None or not level_of(after)
    return frozenset(level for level, number in total.items() if texts[level] * 2 >= number)
