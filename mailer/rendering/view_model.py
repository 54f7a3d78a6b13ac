"""What one variant says: texts chosen, names and dates in the reader's language, links checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from markupsafe import Markup

from mailer.rendering import catalogue, language, sanitize, story_selection, theme
from mailer.rendering.records import Block, BlockKind, Content, LocalText, Picture, Story, StoryText, Subject

# From so many countries on, a list of names says less than "and the region".
_MANY = 4


@dataclass(frozen=True)
class Words:
    """A text and, where it is not in the reader's language, the language that it is in."""

    text: str
    lang: str = ""


@dataclass(frozen=True)
class Item:
    """A story as one variant shows it."""

    # The language of its texts, when it is not the reader's.
    lang: str
    headline: str
    summary: str
    body: Markup
    body_text: str
    # "Uzbekistan", "Kazakhstan, Kyrgyzstan" or "Whole region"; empty under a heading that says it.
    where: str
    # "and the region", when the place is only where it happened.
    beyond: str
    # "29 November"; the day and the month also alone, for the save-the-date block.
    when: str
    day: str
    month: str
    # An address that is safe in an attribute; empty: none.
    link: str
    link_label: Words
    picture: Picture | None
    alt: str
    calendar: str


@dataclass(frozen=True)
class Piece:
    """A block as one variant shows it."""

    kind: BlockKind
    items: tuple[Item, ...] = ()
    words: Words = Words("")
    # Rich text of a text block, for HTML and as plain text.
    body: Markup = field(default_factory=Markup)
    body_text: str = ""


@dataclass(frozen=True)
class Digest:
    """Everything that the templates of a mail need, and nothing else."""

    language: str
    direction: str
    newsletter: str
    office: str
    postal_address: str
    tagline: Words
    # "December 2021"
    period: str
    number: int
    subject: str
    preheader: str
    pieces: tuple[Piece, ...]
    # None of the countries' stories is for this reader, though the edition has some.
    quiet: bool
    web_url: str


Note = Callable[[str], None]


def make(content: Content, blocks: Sequence[Block], key: str, reader_language: str, note: Note) -> Digest:
    """The digest of `blocks` (from select.visible) in a language; `key` names the variant in its web address.

    Whatever staff should know is passed to `note`, a sentence at a time.
    """
    writer = _Writer(content, reader_language, note)
    head = content.masthead
    pieces = _said_once([writer.piece(block) for block in blocks])
    if reader_language not in catalogue.shipped():
        named = language.name_in_english(reader_language)
        note(f"The words around the stories have no {named} translation; readers see English.")
    for name, value in head.theme:
        if reason := theme.wrong(name, value):
            note(f"{reason} Readers see the default.")
    tagline = writer.words(head.taglines, "The tagline")
    subject, preheader = writer.subject(pieces)
    return Digest(
        language=reader_language,
        direction=language.direction(reader_language),
        newsletter=sanitize.plain(head.name),
        office=sanitize.plain(head.office),
        postal_address=sanitize.plain(head.postal_address),
        tagline=tagline,
        period=writer.period,
        number=content.number,
        subject=subject,
        preheader=preheader,
        pieces=pieces,
        quiet=_is_quiet(content, blocks),
        web_url=f"{writer.archive}/{key}/",
    )


def _said_once(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Stories right under a heading that names their country do not name it again."""
    heading = ""
    said = []
    for piece in pieces:
        heading = piece.words.text if piece.kind == "heading" else heading
        repeated = piece.kind == "story" and not piece.items[0].beyond and piece.items[0].where == heading
        said.append(replace(piece, items=(replace(piece.items[0], where=""),)) if repeated else piece)
    return tuple(said)


def _is_quiet(content: Content, blocks: Sequence[Block]) -> bool:
    local = {story.key for story in content.stories if story.countries}
    planned = local.intersection(story_selection.stories_of(content.blocks))
    return bool(planned) and local.isdisjoint(story_selection.stories_of(blocks))


class _Writer:
    """Puts the blocks of one content into the words of one language."""

    def __init__(self, content: Content, reader_language: str, note: Note) -> None:
        self.content = content
        self.language = reader_language
        self.stories = {story.key: story for story in content.stories}
        self.words_of = catalogue.of(reader_language)
        self.period = language.period(content.period, reader_language)
        self.archive = f"{content.site_url}/archive/{quote(content.slug)}"
        self.note = note

    def piece(self, block: Block) -> Piece:
        items = tuple(self.item(self.stories[key], block.kind) for key in block.stories)
        if block.kind == "heading":
            return Piece("heading", words=self.heading(block))
        if block.kind == "text":
            words = self.words(block.texts, "A text block")
            return Piece(
                "text", words=words, body=sanitize.rich(words.text), body_text=sanitize.text_of(words.text)
            )
        # Words of its own above a list of titles, when staff gave some.
        return Piece(block.kind, items=items, words=self.words(block.texts, "A heading"))

    def heading(self, block: Block) -> Words:
        if block.countries:
            return Words(language.joined(self.country(code) for code in block.countries))
        return self.words(block.texts, "A heading")

    def words(self, texts: Sequence[LocalText], what: str) -> Words:
        text = language.choose([text for text in texts if text.text.strip()], self.language, self._chain)
        if text is None:
            return Words("")
        shown = sanitize.plain(text.text)
        self._note_fallback(f"{what} “{_start(shown)}”" if what.startswith("A ") else what, text.language)
        return Words(shown, self._foreign(text.language))

    def subject(self, pieces: Sequence[Piece]) -> tuple[str, str]:
        """Subject and preheader, each a single line."""
        given = [subject for subject in self.content.subjects if subject.subject.strip()]
        chosen: Subject | None = language.choose(given, self.language, self._chain)
        if chosen is None:
            self.note(f"The edition has no subject in any language; {self._readers} see its name and period.")
            return _line(f"{self.content.masthead.name}, {self.period}"), self._first_summary(pieces)
        self._note_fallback("The subject", chosen.language)
        return _line(chosen.subject), _line(chosen.preheader) or self._first_summary(pieces)

    def item(self, story: Story, kind: BlockKind) -> Item:
        """A story as one block shows it: whole if it leads or has no link to read on; else its summary."""
        chosen = language.choose(
            [text for text in story.texts if text.headline.strip()] or story.texts, self.language, self._chain
        )
        if chosen is None:
            raise ValueError(
                f"story {story.key!r} has no text in any language; give it one before it is rendered"
            )
        self._note_fallback(f"“{_start(chosen.headline)}”", chosen.language)
        where, beyond = self.place(story)
        link = self.link(story, chosen)
        body = chosen.body if kind == "lead" or not link else ""
        return Item(
            lang=self._foreign(chosen.language),
            headline=_line(chosen.headline),
            summary=_line(chosen.summary),
            body=sanitize.rich(body),
            body_text=sanitize.text_of(body),
            where=where,
            beyond=beyond,
            when=language.day(story.date, self.content.period, self.language),
            day=str(story.date.day),
            month=language.month(story.date, self.language),
            link=link,
            link_label=self.link_label(story, chosen),
            picture=self.picture(story, chosen),
            alt=_line(chosen.picture_alt),
            calendar=f"{self.archive}/{quote(story.key, safe='')}.ics",
        )

    def place(self, story: Story) -> tuple[str, str]:
        """Where a story belongs: its countries by name, or the first and "and the region"."""
        if not story.countries:
            return self.words_of("Whole region"), ""
        everywhere = len(story.countries) >= _MANY - 1 and set(story.countries).issuperset(
            self.content.masthead.countries
        )
        if len(story.countries) >= _MANY or everywhere:
            return self.country(story.countries[0]), self.words_of("and the region")
        return language.joined(self.country(code) for code in story.countries), ""

    def country(self, code: str) -> str:
        return language.country(code, self.language)

    def link(self, story: Story, text: StoryText) -> str:
        safe = sanitize.link(story.link)
        if story.link.strip() and not safe:
            what = f"“{_start(text.headline)}”"
            self.note(f"{what} has a link that is not http, https or mailto; readers see no link.")
        return safe

    def link_label(self, story: Story, text: StoryText) -> Words:
        if text.link_label.strip():
            return Words(_line(text.link_label), self._foreign(text.language))
        social = any(block.kind == "social" and story.key in block.stories for block in self.content.blocks)
        return Words(self.words_of("Follow our page" if social else "Read more"))

    def picture(self, story: Story, text: StoryText) -> Picture | None:
        if story.picture is None:
            return None
        what = f"“{_start(text.headline)}”"
        address = sanitize.picture(story.picture.url)
        if not address:
            self.note(f"{what} has a picture that mail programs cannot load; readers do not see it.")
            return None
        if not text.picture_alt.strip():
            self.note(f"{what} has a picture without words for those who do not see it.")
        return Picture(address, story.picture.width, story.picture.height)

    @property
    def _chain(self) -> tuple[str, ...]:
        return self.content.masthead.fallbacks

    @property
    def _readers(self) -> str:
        return f"readers of {language.name_in_english(self.language)}"

    def _foreign(self, used: str) -> str:
        return "" if used == self.language else used

    def _note_fallback(self, what: str, used: str) -> None:
        if used != self.language:
            wanted, seen = language.name_in_english(self.language), language.name_in_english(used)
            self.note(f"{what} has no {wanted} text; readers see {seen}.")

    def _first_summary(self, pieces: Sequence[Piece]) -> str:
        return next((item.summary for piece in pieces for item in piece.items if item.summary), "")


def _line(text: str) -> str:
    """`text` on a single line, without characters that no mail may carry."""
    return " ".join(sanitize.plain(text).split())


def _start(text: str) -> str:
    """Enough of a text to know it by."""
    line = _line(text)
    return line if len(line) <= 60 else f"{line[:59].rstrip()}…"
