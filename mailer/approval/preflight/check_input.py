"""The input of the checks: an edition's texts, links and pictures, its variants, and facts about them.

Frozen and pure: `load_check_input` fills it from the database, tests write it by hand.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from functools import cached_property, lru_cache
from html.parser import HTMLParser
from typing import Any, Literal

from mailer.editions.glossary_matching import Term
from mailer.rendering import sanitize
from mailer.rendering.data_types import (
    Block,
    BlockKind,
    Content,
    LocalText,
    Masthead,
    MastheadText,
    Picture,
    RenderedVariant,
    Story,
    StoryText,
    Subject,
)
from mailer.rendering.edition_period import Period
from mailer.rendering.edition_text_parts import (
    STORY_PARTS,
    SUBJECT_PARTS,
    TextPart,
    visible_text_parts,
    written_texts_by_meaning,
)
from subscribers.translate_stored_texts import stored

# By check, what it found.
Results = dict[object, tuple[Any, ...]]
# Where staff correct what was found; the desk knows the page of each.
PlaceKind = Literal[
    "story", "block", "subject", "edition", "newsletter", "settings", "message", "translations"
]
# What the worker learned of a link: it answers, it leads elsewhere, the page does not exist, the server
# refuses or fails, no such server exists, the server does not answer, it is on no public network.
LinkState = Literal["ok", "moved", "missing", "refused", "no_server", "no_answer", "private"]
# Sendings of an edition whose period ended longer ago are judged as of its first day.
_OLD = timedelta(days=60)
_SENTENCE_END = re.compile(r"\n+|(?<=[.!?…])\s+")
# Fields whose texts are sentences.
PROSE = frozenset(("summary", "body", "text", "note", "quote", "headline", "preheader", "caption"))
_LABEL = 60
# Some ten editions of seven languages.
_REMEMBERED_TEXTS = 4_000
# Blocks that are nothing without a link.
LINKED_KINDS = frozenset(("button", "video"))
# Pixels across the column, and of pictures that are shown narrower: a portrait, and within the margins.
COLUMN = 600
_LEAST_WIDTHS: Mapping[str, int] = {"quote": 120, "video": 540, "picture": 540}


@dataclass(frozen=True)
class Place:
    """Where something was found."""

    kind: PlaceKind
    # story: its key; block: its position in the content's blocks, from 0; else empty.
    key: str = ""
    # A headline, or a name of the place, in English as `stored_texts` stores it.
    label: str = ""
    # The code of the text's language; empty: every language.
    language: str = ""


@dataclass(frozen=True)
class Text:
    """One text that staff wrote, in one language, as plain text."""

    place: Place
    # The meaning of a edition_text_parts.TextPart, or one of the newsletter's: "tagline", "newsletter_name",
    # "office", "postal_address", "logo_alt", "sender_name".
    field: str
    plain: str

    @property
    def language(self) -> str:
        return self.place.language


@dataclass(frozen=True)
class Link:
    """A link that staff wrote."""

    place: Place
    # As it was written; empty: a link that lost its target.
    url: str
    # The text that readers press.
    words: str


@dataclass(frozen=True)
class PictureUse:
    """A picture in a story or in a block of the editors' own."""

    picture: Picture
    place: Place
    # Pixels of a file that looks sharp in its place.
    least_width: int
    # In each language: the place, the description, and the text beside it, which it should not repeat.
    descriptions: tuple[tuple[Place, str, str], ...]


@dataclass(frozen=True)
class LinkFact:
    """What the worker found at a link's address."""

    state: LinkState
    # HTTP status; 0: there was no answer.
    status: int = 0
    # Where it led in the end.
    final_url: str = ""


@dataclass(frozen=True)
class PictureFact:
    """A picture's file, as the message loads it."""

    # Octets of the file.
    size: int
    # How steep its sharpest edges are, 0 to 1, see measure_picture_sharpness; None: it has none to judge by.
    sharpness: float | None


@dataclass(frozen=True)
class Sender:
    """Who the message is from."""

    name: str
    email: str
    reply_to: str = ""
    # Whether the configuration allows the domain, and whether it is that of the sample edition.
    is_allowed: bool = True
    is_sample: bool = False
    # The domain of the DKIM signature; empty: the relay or an ESP signs.
    dkim_domain: str = ""
    # What the latest run of the system checks said of DKIM and DMARC of the domain: (check, message).
    dns_problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Reader:
    """Subscribers who chose the same countries and language."""

    # ISO 3166-1 alpha-2; none: every country.
    countries: tuple[str, ...]
    language: str


@dataclass(frozen=True)
class Description:
    """Everything that the checks of one edition may look at."""

    content: Content
    sender: Sender
    today: date
    # Distinct choices of the subscribers; empty: nobody gets the edition.
    readers: tuple[Reader, ...] = ()
    # By URL; what was not checked yet is missing.
    links: Mapping[str, LinkFact] = field(default_factory=dict)
    # By URL.
    pictures: Mapping[str, PictureFact] = field(default_factory=dict)
    # Keys of stories that readers of this newsletter got before, and the edition's name.
    sent_before: Mapping[str, str] = field(default_factory=dict)
    # Subject lines of the newsletter's sent editions: (language, subject).
    sent_subjects: tuple[tuple[str, str], ...] = ()
    # Stories that were chosen but are not shown, or not as they are now.
    deleted_stories: int = 0
    not_ready: tuple[Place, ...] = ()
    unpublished_changes: tuple[Place, ...] = ()
    # Texts whose source was changed since they were translated; and by language, where the newsletter sends
    # complete translations only, how many texts are missing, incomplete or older than their source.
    old_translations: tuple[Place, ...] = ()
    incomplete_languages: tuple[tuple[str, int], ...] = ()
    # Names that translations must keep, and the languages in which stories were written, by their keys.
    glossary: tuple[Term, ...] = ()
    source_languages: tuple[tuple[str, str], ...] = ()
    # Not part of the digest: they follow from the content.
    variants: tuple[RenderedVariant, ...] = ()

    def digest(self) -> str:
        """A hexadecimal SHA-256 of everything but the variants."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "variants"}
        return hashlib.sha256(json.dumps(values, default=_plain, sort_keys=True).encode()).hexdigest()

    @cached_property
    def texts(self) -> tuple[Text, ...]:
        """Every text that staff wrote for this edition, each once."""
        sender = Text(Place("newsletter", "", stored("Sender")), "sender_name", self.sender.name)
        return tuple(one for one in dict.fromkeys((*_texts(self.content), sender)) if one.plain.strip())

    @cached_property
    def texts_with_results(self) -> tuple[tuple[Text, Results], ...]:
        """Each text with what checks of single texts found in it before, also in other editions."""
        return tuple((one, _results_in(one)) for one in self.texts)

    @cached_property
    def anchors(self) -> tuple[Link, ...]:
        """Every link that staff wrote, in the edition's order."""
        return tuple(dict.fromkeys(links_of(self.content)))

    @cached_property
    def pictures_in_use(self) -> tuple[PictureUse, ...]:
        """Every picture that readers see, in the edition's order."""
        return tuple(pictures_of(self.content))

    @cached_property
    def shown_stories(self) -> tuple[Story, ...]:
        """The stories of the blocks, each once."""
        return _shown(self.content)

    @cached_property
    def as_of(self) -> date:
        """The day that "past" is judged by: today, or the first day of a period that is over for long."""
        first = Period.parse(self.content.period).first_day
        return first if self.today > first + timedelta(days=31) + _OLD else self.today


@lru_cache(maxsize=_REMEMBERED_TEXTS)
def _results_in(text: Text) -> Results:
    """Of each check what it found; `check_each_text` fills it in."""
    return {}


def _shown(content: Content) -> tuple[Story, ...]:
    keys = {key for block in content.blocks for key in block.stories}
    return tuple(story for story in content.stories if story.key in keys)


def _plain(value: Any) -> object:
    """A value for which JSON has no type (a date, a mapping, a dataclass) as one that it has."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    return {one.name: getattr(value, one.name) for one in fields(value)}


def place_of(story: Story, language: str = "") -> Place:
    """The place of a story, named by its headline in that language, else in its first."""
    text = next((one for one in story.texts if one.language == language), story.texts[0])
    return Place("story", story.key, excerpt(text.headline or story.key), language)


def place_of_block(content: Content, block: Block, language: str = "") -> Place:
    """The place of a block, named by its first text in that language, else in any."""
    written = [
        found for text in _first(block.texts, language) if (found := written_texts_by_meaning(block, text))
    ]
    words = next(iter(written[0].values()), "") if written else ""
    label = excerpt(sanitize.html_to_single_line(words)) if words else _BLOCK_NAMES[block.kind]
    return Place("block", str(content.blocks.index(block)), label, language)


def _first(texts: Iterable[LocalText], language: str) -> list[LocalText]:
    return sorted(texts, key=lambda text: text.language != language)


_BLOCK_NAMES: Mapping[BlockKind, str] = {
    "lead": stored("Lead story"),
    "story": stored("Story"),
    "date": stored("Save the date"),
    "titles": stored("Titles"),
    "social": stored("Notice with a link"),
    "heading": stored("Heading"),
    "text": stored("Text block"),
    "quote": stored("Quote"),
    "figures": stored("Figures"),
    "video": stored("Video"),
    "button": stored("Button"),
    "picture": stored("Picture"),
    "divider": stored("Divider"),
    "note": stored("Note from the team"),
}


@lru_cache(maxsize=_REMEMBERED_TEXTS)
def split_sentences(plain: str) -> tuple[str, ...]:
    """The sentences and lines of a text."""
    return tuple(_SENTENCE_END.split(plain))


def excerpt(text: str) -> str:
    """The beginning of a text on one line, to identify it."""
    line = " ".join(sanitize.without_unprintable(text).split())
    return line if len(line) <= _LABEL else f"{line[: _LABEL - 1].rstrip()}…"


def _texts(content: Content) -> Iterator[Text]:
    names = {"subject": stored("Subject"), "preheader": stored("Preview text")}
    for subject in content.subjects:
        for part in SUBJECT_PARTS:
            place = Place("subject", "", names[part.name], subject.language)
            yield _text(place, part, subject)
    yield from _masthead_texts(content.masthead)
    for story in content.stories:
        for text in story.texts:
            place = place_of(story, text.language)
            yield from (
                _text(place, part, text) for part in STORY_PARTS if story.picture or not part.of_picture
            )
    for block in content.blocks:
        for piece in block.texts:
            place = place_of_block(content, block, piece.language)
            yield from (_text(place, part, piece) for part in visible_text_parts(block))


def _masthead_texts(head: Masthead) -> Iterator[Text]:
    for line in head.taglines:
        yield Text(Place("newsletter", "", stored("Tagline"), line.language), "tagline", line.text)
    # Without a language: those of every language that has none of its own.
    for own in (MastheadText("", head.name, head.office, head.postal_address), *head.texts):
        for label, meaning, value in (
            (stored("Name of the newsletter"), "newsletter_name", own.name),
            (stored("Name of the office"), "office", own.office),
            (stored("Postal address"), "postal_address", own.postal_address),
            (stored("Description of the logo"), "logo_alt", own.logo_alt),
        ):
            yield Text(Place("newsletter", "", label, own.language), meaning, value)


def _text(place: Place, part: TextPart, written: Subject | StoryText | LocalText) -> Text:
    value = str(getattr(written, part.name))
    return Text(place, part.meaning, _shortened_runs(_without_addresses(value) if part.rich else value))


# Characters and repetitions that no language has in a row: a pasted picture or table, or a key that was held.
_RUNS = re.compile(r"(\d{100})\d+|([^\W\d_]{100})[^\W\d_]+|((.{1,8}?)\4{59})\4+", re.DOTALL)


@lru_cache(maxsize=_REMEMBERED_TEXTS)
def _shortened_runs(text: str) -> str:
    """The text for the checks: on a long run, expressions that look for words would take minutes."""
    return _RUNS.sub(lambda run: run[1] or run[2] or run[3], text)


@lru_cache(maxsize=_REMEMBERED_TEXTS)
def _without_addresses(markup: str) -> str:
    """Rich text as plain text, paragraphs apart, without the addresses of its links."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return re.sub(r"\n{2,}", "\n", "".join(reader.pieces)).strip()


def links_of(content: Content) -> Iterator[Link]:
    """Every link that staff wrote, in the edition's order; a link of several languages once for each."""
    stories = {story.key: story for story in content.stories}
    for block in content.blocks:
        for key in block.stories:
            if key in stories:
                yield from _of_story(stories[key])
        yield from _of_block(content, block)


def _of_block(content: Content, block: Block) -> Iterator[Link]:
    for text in block.texts:
        place = place_of_block(content, block, text.language)
        for part in visible_text_parts(block):
            if part.rich:
                yield from (Link(place, url, words) for url, words in _anchors(getattr(text, part.name)))
        if block.link.strip() or block.kind in LINKED_KINDS:
            # Of a button and a video the words lead there, a picture is described.
            yield Link(place, block.link.strip(), text.text if block.kind in LINKED_KINDS else text.alt)


def _of_story(story: Story) -> Iterator[Link]:
    for text in story.texts:
        place = place_of(story, text.language)
        if story.link.strip():
            yield Link(place, story.link.strip(), text.link_label)
        yield from (Link(place, url, words) for url, words in _anchors(text.body))


def pictures_of(content: Content) -> Iterator[PictureUse]:
    """Every picture that readers see: of the stories, then of the other blocks."""
    for story in _shown(content):
        if story.picture:
            described = (
                (place_of(story, one.language), one.picture_alt, one.headline) for one in story.texts
            )
            yield PictureUse(story.picture, place_of(story), COLUMN, tuple(described))
    for block in content.blocks:
        if block.picture and not block.stories:
            described = (
                (place_of_block(content, block, one.language), one.alt, one.text) for one in block.texts
            )
            place = place_of_block(content, block)
            yield PictureUse(block.picture, place, _LEAST_WIDTHS.get(block.kind, COLUMN), tuple(described))


def _anchors(markup: str) -> list[tuple[str, str]]:
    if "<a" not in markup:
        return []
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return reader.links


class _Reader(HTMLParser):
    """Reads the text and the links of rich text, before anything unsafe is removed from it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.links: list[tuple[str, str]] = []
        self._open: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._open = ((dict(attrs).get("href") or "").strip(), [])
        elif tag in ("br", "li", "p", "h2", "h3", "h4", "ul", "ol", "blockquote"):
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        self.pieces.append(data.replace("\n", " "))
        if self._open:
            self._open[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._open:
            url, words = self._open
            self.links.append((url, " ".join("".join(words).split())))
            self._open = None
