"""The view model of a variant: texts chosen, names and dates localised, links checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from markupsafe import Markup

from mailer.rendering import localization, sanitize, story_selection, theme
from mailer.rendering import localization as catalogue
from mailer.rendering.data_types import (
    Block,
    BlockKind,
    Content,
    LocalText,
    Picture,
    Story,
    StoryText,
    Subject,
)
from mailer.rendering.staff_texts import stored

# From this many countries on, the place is the first one "and the region".
_LISTED_COUNTRIES = 4


@dataclass(frozen=True)
class LocalizedText:
    """A text, and its language where that is not the reader's."""

    text: str
    lang: str = ""


@dataclass(frozen=True)
class StoryView:
    """A story as one variant shows it."""

    # The language of its texts, when it is not the reader's.
    lang: str
    headline: str
    summary: str
    body: Markup
    body_text: str
    # "Uzbekistan", "Kazakhstan, Kyrgyzstan" or "Whole region"; empty under a heading that says it.
    place: str
    # "and the region", when the place is only where it happened.
    place_suffix: str
    # "29 November"; the day and the month also alone, for the save-the-date block.
    date: str
    day: str
    month: str
    # A URL that is safe in an attribute; empty: none.
    link: str
    link_label: LocalizedText
    picture: Picture | None
    alt: str
    calendar: str


@dataclass(frozen=True)
class BlockView:
    """A block as one variant shows it."""

    kind: BlockKind
    stories: tuple[StoryView, ...] = ()
    label: LocalizedText = LocalizedText("")
    # Rich text of a text block, for HTML and as plain text.
    body: Markup = field(default_factory=Markup)
    body_text: str = ""


@dataclass(frozen=True)
class Digest:
    """The context of the message templates."""

    language: str
    direction: str
    newsletter: str
    office: str
    postal_address: str
    tagline: LocalizedText
    # "December 2021"
    period: str
    number: int
    subject: str
    preheader: str
    blocks: tuple[BlockView, ...]
    # The edition has stories of single countries, but none for this reader.
    no_local_stories: bool
    web_url: str


Warn = Callable[[str], None]


def build(content: Content, blocks: Sequence[Block], key: str, reader_language: str, warn: Warn) -> Digest:
    """The digest of `blocks` (of story_selection) in a language; `key` stands in its URL.

    `warn` is called with each warning for staff.
    """
    writer = _Builder(content, reader_language, warn)
    head = content.masthead
    pieces = _without_repeated_places([writer.block_view(block) for block in blocks])
    if reader_language not in catalogue.shipped():
        named = localization.name_in_english(reader_language)
        warn(
            stored(
                "The fixed texts around the stories have no %(language)s translation; readers see English.",
                language=named,
            )
        )
    for name, value in head.theme:
        if reason := theme.token_error(name, value):
            warn(stored("%(reason)s Readers see the default.", reason=reason))
    tagline = writer.localized(head.taglines, stored("The tagline"))
    subject, preheader = writer.subject(pieces)
    return Digest(
        language=reader_language,
        direction=localization.direction(reader_language),
        newsletter=sanitize.printable(head.name),
        office=sanitize.printable(head.office),
        postal_address=sanitize.printable(head.postal_address),
        tagline=tagline,
        period=writer.period,
        number=content.number,
        subject=subject,
        preheader=preheader,
        blocks=pieces,
        no_local_stories=_has_no_local_stories(content, blocks),
        web_url=f"{writer.archive}/{key}/",
    )


def _without_repeated_places(blocks: Sequence[BlockView]) -> tuple[BlockView, ...]:
    """Stories directly under their country's heading do not repeat the country."""
    heading = ""
    result = []
    for block in blocks:
        heading = block.label.text if block.kind == "heading" else heading
        if block.kind == "story":
            story = block.stories[0]
            if story.place == heading and not story.place_suffix:
                block = replace(block, stories=(replace(story, place=""),))
        result.append(block)
    return tuple(result)


def _has_no_local_stories(content: Content, blocks: Sequence[Block]) -> bool:
    local = {story.key for story in content.stories if story.countries}
    planned = local.intersection(story_selection.stories_of(content.blocks))
    return bool(planned) and local.isdisjoint(story_selection.stories_of(blocks))


class _Builder:
    """Builds the views of one content's blocks in one language."""

    def __init__(self, content: Content, reader_language: str, warn: Warn) -> None:
        self.content = content
        self.language = reader_language
        self.stories = {story.key: story for story in content.stories}
        self.messages = catalogue.for_language(reader_language)
        self.period = localization.period_title(content.period, reader_language)
        self.archive = f"{content.site_url}/archive/{quote(content.slug)}"
        self.warn = warn

    def block_view(self, block: Block) -> BlockView:
        items = tuple(self.story_view(self.stories[key], block.kind) for key in block.stories)
        if block.kind == "heading":
            return BlockView("heading", label=self.heading(block))
        if block.kind == "text":
            words = self.localized(block.texts, "A text block")
            return BlockView(
                "text",
                label=words,
                body=sanitize.rich_text(words.text),
                body_text=sanitize.to_plain_text(words.text),
            )
        # The heading of a list of publications, where staff wrote one.
        return BlockView(block.kind, stories=items, label=self.localized(block.texts, ""))

    def heading(self, block: Block) -> LocalizedText:
        if block.countries:
            return LocalizedText(localization.join_names(self.country(code) for code in block.countries))
        return self.localized(block.texts, "A heading")

    def localized(self, texts: Sequence[LocalText], what: str) -> LocalizedText:
        """The text to show; warnings name a heading, or `what`."""
        text = localization.choose(
            [text for text in texts if text.text.strip()], self.language, self._fallbacks
        )
        if text is None:
            return LocalizedText("")
        shown = sanitize.printable(text.text)
        self._warn_fallback(what or stored("A heading “%(text)s”", text=_excerpt(shown)), text.language)
        return LocalizedText(shown, self._lang_if_foreign(text.language))

    def subject(self, pieces: Sequence[BlockView]) -> tuple[str, str]:
        """Subject and preheader, each a single line."""
        given = [subject for subject in self.content.subjects if subject.subject.strip()]
        chosen: Subject | None = localization.choose(given, self.language, self._fallbacks)
        if chosen is None:
            self.warn(
                stored(
                    "The edition has no subject in any language; readers of %(language)s see its name "
                    "and period.",
                    language=localization.name_in_english(self.language),
                )
            )
            return _single_line(f"{self.content.masthead.name}, {self.period}"), self._first_summary(pieces)
        self._warn_fallback(stored("The subject"), chosen.language)
        return _single_line(chosen.subject), _single_line(chosen.preheader) or self._first_summary(pieces)

    def story_view(self, story: Story, kind: BlockKind) -> StoryView:
        """A story as one block shows it: whole if it leads or has no link to read on; else its summary."""
        chosen = localization.choose(
            [text for text in story.texts if text.headline.strip()] or story.texts,
            self.language,
            self._fallbacks,
        )
        if chosen is None:
            raise ValueError(
                f"story {story.key!r} has no text in any language; give it one before it is rendered"
            )
        self._warn_fallback(f"“{_excerpt(chosen.headline)}”", chosen.language)
        where, beyond = self.place(story)
        link = self.link(story, chosen)
        body = chosen.body if kind == "lead" or not link else ""
        return StoryView(
            lang=self._lang_if_foreign(chosen.language),
            headline=_single_line(chosen.headline),
            summary=_single_line(chosen.summary),
            body=sanitize.rich_text(body),
            body_text=sanitize.to_plain_text(body),
            place=where,
            place_suffix=beyond,
            date=localization.day(story.date, self.content.period, self.language),
            day=str(story.date.day),
            month=localization.month(story.date, self.language),
            link=link,
            link_label=self.link_label(story, chosen),
            picture=self.picture(story, chosen),
            alt=_single_line(chosen.picture_alt),
            calendar=f"{self.archive}/{quote(story.key, safe='')}.ics",
        )

    def place(self, story: Story) -> tuple[str, str]:
        """Where a story belongs: its countries by name, or the first and "and the region"."""
        if not story.countries:
            return self.messages("Whole region"), ""
        everywhere = len(story.countries) >= _LISTED_COUNTRIES - 1 and set(story.countries).issuperset(
            self.content.masthead.countries
        )
        if len(story.countries) >= _LISTED_COUNTRIES or everywhere:
            return self.country(story.countries[0]), self.messages("and the region")
        return localization.join_names(self.country(code) for code in story.countries), ""

    def country(self, code: str) -> str:
        return localization.country(code, self.language)

    def link(self, story: Story, text: StoryText) -> str:
        safe = sanitize.safe_link(story.link)
        if story.link.strip() and not safe:
            what = f"“{_excerpt(text.headline)}”"
            self.warn(
                stored(
                    "%(what)s has a link that is not http, https or mailto; readers see no link.", what=what
                )
            )
        return safe

    def link_label(self, story: Story, text: StoryText) -> LocalizedText:
        if text.link_label.strip():
            return LocalizedText(_single_line(text.link_label), self._lang_if_foreign(text.language))
        social = any(block.kind == "social" and story.key in block.stories for block in self.content.blocks)
        return LocalizedText(self.messages("Follow our page" if social else "Read more"))

    def picture(self, story: Story, text: StoryText) -> Picture | None:
        if story.picture is None:
            return None
        what = f"“{_excerpt(text.headline)}”"
        address = sanitize.safe_picture_url(story.picture.url)
        if not address:
            self.warn(
                stored(
                    "%(what)s has a picture that email clients cannot load; readers do not see it.", what=what
                )
            )
            return None
        if not text.picture_alt.strip():
            self.warn(stored("%(what)s has a picture without a description.", what=what))
        return Picture(address, story.picture.width, story.picture.height)

    @property
    def _fallbacks(self) -> tuple[str, ...]:
        return self.content.masthead.fallbacks

    def _lang_if_foreign(self, used: str) -> str:
        return "" if used == self.language else used

    def _warn_fallback(self, what: str, used: str) -> None:
        if used != self.language:
            wanted, seen = localization.name_in_english(self.language), localization.name_in_english(used)
            self.warn(
                stored(
                    "%(what)s has no %(language)s text; readers see %(other_language)s.",
                    what=what,
                    language=wanted,
                    other_language=seen,
                )
            )

    def _first_summary(self, pieces: Sequence[BlockView]) -> str:
        return next((item.summary for piece in pieces for item in piece.stories if item.summary), "")


def _single_line(text: str) -> str:
    """`text` on a single line, without control characters."""
    return " ".join(sanitize.printable(text).split())


def _excerpt(text: str) -> str:
    """The beginning of a text, to identify it."""
    line = _single_line(text)
    return line if len(line) <= 60 else f"{line[:59].rstrip()}…"
