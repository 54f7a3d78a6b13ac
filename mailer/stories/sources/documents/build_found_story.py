"""A story that was found in a document, and the lines below its headline: text, or what is said about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time

from mailer.rendering import sanitize
from mailer.stories.sources.documents import line_recognition
from mailer.stories.sources.documents.blocks import LONGEST_HEADLINE, Block, Notes, Paragraph, html_of

# Characters of a line with a date and a place.
_DATELINE = 70
# What Word writes about pictures on its own, and names of files.
_AUTOMATIC_ALT = re.compile(
    r"^(?:(?:picture|image|graphic|рисунок|изображение|grafik|bild|сурет|сүрөт|расм|rasm)\s*\d*"
    r"|.*\.(?:jpe?g|png|gif|webp|bmp))$"
    r"|(?:description automatically generated.*|автоматически созданное описание.*)$",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?…])\s+")


@dataclass
class FoundStory:
    """A story of the document."""

    title: str
    level: float
    countries: tuple[str, ...] | None = None
    kind: str = ""
    # The code of the language, where the document names it.
    language: str = ""
    link: str = ""
    day: date | None = None
    starts: time | None = None
    ends: time | None = None
    place: str = ""
    # Numbers of pictures, and what the document says of each.
    pictures: list[tuple[int, str]] = field(default_factory=list)
    # Of the section's heading, for a story that has none.
    spare_pictures: list[tuple[int, str]] = field(default_factory=list)
    body: list[Block] = field(default_factory=list)
    html: str = ""
    # The place, in the list, of the story that this one translates.
    translates: int | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing was found below its headline yet."""
        return not (self.body or self.link or self.pictures or self.day or self.place)


def add_line(story: FoundStory, block: Paragraph) -> None:
    """A line of the story's text, or of what is said about it."""
    story.pictures += block.pictures
    if not block.text:
        return
    labelled = line_recognition.find_label(block.line)
    if _is_caption(story, block, labelled):
        number, alt = story.pictures[-1]
        text = labelled.text if labelled and labelled.label == "caption" else block.line
        story.pictures[-1] = (number, alt if _usable_alt(alt) else text)
        return
    if labelled is not None and _labelled_line(story, block, labelled):
        return
    if not block.list_tag and (_introduction(story, block) or _when(story, block)):
        return
    links = block.links
    alone = len(links) == 1 and (not block.without_links.strip(" .:;–—-»›>→") or _says_read_more(block))
    if alone and not story.link and not block.list_tag:
        story.link = links[0]
        return
    story.body.append(replace(block, pictures=()))


def _says_read_more(block: Paragraph) -> bool:
    return line_recognition.is_link_label(block.without_links)


def _is_caption(story: FoundStory, block: Paragraph, labelled: line_recognition.Labelled | None) -> bool:
    if not story.pictures:
        return False
    style = block.style.lower()
    return style in ("caption", "illustration", "figure") or (
        labelled is not None and labelled.label == "caption"
    )


def _labelled_line(story: FoundStory, block: Paragraph, labelled: line_recognition.Labelled) -> bool:
    """Whether the line is taken as data of the story."""
    label, text = labelled.label, labelled.text
    if label == "countries":
        countries = line_recognition.parse_countries_line(text)
        story.countries = countries if countries is not None else story.countries
        return countries is not None
    if label == "link" and len(block.links) == 1 and not story.link:
        story.link = block.links[0]
        return True
    if label == "place" and text and not story.place and len(text) <= 160:
        story.place = text
        return True
    if label in ("day", "time"):
        found = line_recognition.find_day(text)
        starts, ends = line_recognition.find_times(text)
        if found is None and starts is None:
            return False
        story.day = found[0] if found else story.day
        story.starts, story.ends = (starts, ends) if starts else (story.starts, story.ends)
        return True
    return False


def _introduction(story: FoundStory, block: Paragraph) -> bool:
    """Whether the line directly below the headline says date and countries, and nothing else."""
    if story.body:
        return False
    countries = line_recognition.parse_countries_line(block.line)
    found = (
        line_recognition.when_in(block.line) if countries is None and len(block.line) <= _DATELINE else None
    )
    if found is not None:
        countries = line_recognition.parse_countries_line(found.rest) if found.rest else ()
    if countries is None:
        return False
    if found is not None:
        story.day, story.starts, story.ends = found.day, found.starts, found.ends
    if found is None or found.rest:
        story.countries = countries
    return True


def _when(story: FoundStory, block: Paragraph) -> bool:
    """Whether the line says date and time of an event, and nothing else."""
    found = line_recognition.when_in(block.line) if len(block.line) <= _DATELINE else None
    if found is None or found.rest or found.starts is None or story.starts is not None:
        return False
    story.day, story.starts, story.ends = found.day, found.starts, found.ends
    return True


def first_sentence(line: str) -> str:
    return sanitize.shorten(_SENTENCE.split(line, maxsplit=1)[0].rstrip("."), LONGEST_HEADLINE)


def _usable_alt(alt: str) -> bool:
    return bool(alt) and not _AUTOMATIC_ALT.search(alt)


def finish_story(story: FoundStory, footnotes: Notes) -> None:
    story.pictures = [
        (number, alt if _usable_alt(alt) else "") for number, alt in story.pictures or story.spare_pictures
    ]
    texts = [one for one in story.body if isinstance(one, Paragraph)]
    if (story.starts or story.place) and story.day and not story.kind:
        story.kind = "event"
    if story.kind == "event":
        _fill_event(story, texts)
    elif story.day is None and texts:
        found = line_recognition.find_day(texts[0].text[:80])
        story.day = found[0] if found else None
    story.html = html_of(story.body, Notes(footnotes.texts))


def _fill_event(story: FoundStory, texts: Sequence[Paragraph]) -> None:
    """Take date and time of an event from its text, where no line of their own says them."""
    for one in texts[:4]:
        found = line_recognition.find_day(one.text)
        if story.day is None and found:
            story.day = found[0]
        if story.starts is None and story.day is not None and (found or one is texts[0]):
            story.starts, story.ends = line_recognition.find_times(one.text)
