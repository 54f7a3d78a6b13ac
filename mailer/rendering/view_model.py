"""The view model of a variant: texts chosen, names and dates localised, links checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from urllib.parse import quote

from markupsafe import Markup

from mailer.rendering import localization, sanitize, story_selection, theme
from mailer.rendering import localization as catalogue
from mailer.rendering.data_types import (
    WRITTEN_KINDS,
    Block,
    BlockKind,
    Content,
    LocalText,
    Picture,
    Story,
    StoryLayout,
    StoryText,
    Subject,
)
from mailer.rendering.mark_staff_messages_for_translation import stored

# From this many countries on, the place is the first one "and the region".
_LISTED_COUNTRIES = 4


# From this many stories on, an edition begins with its contents: so many headlines at most.
LONG_EDITION = 4
_MOST_CONTENTS = 8
# Characters of a subject and of a preview text that no member of staff wrote: as many as theirs have.
LONGEST_SUBJECT = 150
_LONGEST_PREHEADER = 200
# Pixels of the mail that a logo has at most: width and height.
LARGEST_LOGO = (240, 60)


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
    # The colour of the first country (#RRGGBB); empty: none of the newsletter's, or the whole region.
    mark: str
    # The name of the language of its texts, in the reader's, when it is not the reader's: "Russian".
    language_note: str
    # "29 November"; the day and the month also alone, for the save-the-date block.
    date: str
    day: str
    month: str
    # Of an event: "18:30–20:00 (UTC+5) · House of Cinema"; empty: neither is known.
    time_and_venue: str
    # A URL that is safe in an attribute; empty: none.
    link: str
    link_label: LocalizedText
    picture: Picture | None
    small_picture: Picture | None
    alt: str
    calendar: str
    layout: StoryLayout = ""


@dataclass(frozen=True)
class BlockView:
    """A block as one variant shows it."""

    kind: BlockKind
    stories: tuple[StoryView, ...] = ()
    label: LocalizedText = LocalizedText("")
    # Of its HTML heading, from 2 to 3: 3 under the heading of a country.
    level: int = 2
    # Rich text of a text block or note, for HTML and as plain text.
    body: Markup = field(default_factory=Markup)
    body_text: str = ""
    # Of a written block, as in data_types.LocalText and Block; a link is safe in an attribute.
    detail: str = ""
    alt: str = ""
    link: str = ""
    picture: Picture | None = None
    # Of figures: ("12 000", "people trained").
    figures: tuple[tuple[str, str], ...] = ()
    # As in StoryView, of a written block that shows a text.
    language_note: str = ""

    def __hash__(self) -> int:
        # Blocks are looked up in each variant that they stand in.
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.kind, self.stories, self.label, self.level, self.body))

    @property
    def is_empty(self) -> bool:
        """Whether nothing of a written block can be shown: no text in any language, or no picture or link."""
        if self.kind not in WRITTEN_KINDS or self.kind == "divider":
            return False
        needed = {"picture": self.picture, "button": self.link, "video": self.link, "figures": self.figures}
        return not needed.get(self.kind, self.label.text or self.body)


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
    # The page of the edition, with its languages; empty: it has one.
    languages_url: str
    # The headlines of a long edition, to be read first; none: it is short.
    contents: tuple[LocalizedText, ...]
    # The band below the masthead: a PNG of 1200 × 36 pixels.
    ornament_url: str
    # As large as it is shown; none: without a logo. The other one for readers in the dark; none: the same.
    logo: Picture | None = None
    logo_dark: Picture | None = None
    logo_alt: str = ""


Warn = Callable[[str], None]


def build_digest(
    content: Content, blocks: Sequence[Block], key: str, reader_language: str, warn: Warn
) -> Digest:
    """The digest of `blocks` (of story_selection) in a language; `key` stands in its URL.

    `warn` is called with each warning for staff.
    """
    writer = _Builder(content, reader_language, warn)
    head = content.masthead
    views = [view for block in blocks if not (view := writer.remembered_view(block)).is_empty]
    pieces = _with_levels(_without_repeated_places(views))
    if reader_language not in catalogue.shipped_languages():
        named = localization.name_in_english(reader_language)
        warn(
            stored(
                "The fixed texts of the email have no %(language)s translation; readers see them in English.",
                language=named,
            )
        )
    for name, value in head.theme:
        if reason := theme.token_error(name, value):
            warn(stored("%(reason)s Readers see the default value instead.", reason=reason))
    tagline = writer.localized(head.taglines, stored("The newsletter's tagline"))
    subject, preheader = writer.subject(pieces)
    own = head.in_language(reader_language)
    logo = _logo(head.logo)
    return Digest(
        language=reader_language,
        direction=localization.text_direction(reader_language),
        newsletter=sanitize.without_unprintable(own.name),
        office=sanitize.without_unprintable(own.office),
        postal_address=sanitize.without_unprintable(own.postal_address),
        tagline=tagline,
        period=writer.period,
        number=content.number,
        subject=subject,
        preheader=preheader,
        blocks=pieces,
        no_local_stories=_has_no_local_stories(content, blocks),
        web_url=f"{writer.archive}/{key}/",
        languages_url=f"{writer.archive}/?lang={quote(reader_language)}" if len(head.languages) > 1 else "",
        contents=_contents(pieces),
        ornament_url=(content.media_origin or content.site_url)
        + theme.ornament_url_path(theme.all_tokens(head.theme)),
        logo=logo,
        logo_dark=_logo(head.logo_dark) if logo and head.logo_dark != head.logo else None,
        logo_alt=sanitize.without_unprintable(own.logo_alt),
    )


def _logo(picture: Picture | None) -> Picture | None:
    """The picture with the width and height that it is shown with."""
    address = sanitize.safe_picture_url(picture.url) if picture else ""
    if not picture or not address:
        return None
    scale = logo_scale(picture.width, picture.height)
    return Picture(address, round(picture.width * scale), round(picture.height * scale))


def logo_scale(width: int, height: int) -> float:
    """How large a logo of this size in pixels is shown: CSS pixels for each of its own, 1 at most."""
    return min(1, LARGEST_LOGO[0] / max(width, 1), LARGEST_LOGO[1] / max(height, 1))


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


def _contents(blocks: Sequence[BlockView]) -> tuple[LocalizedText, ...]:
    stories = [story for block in blocks if block.kind in ("lead", "story") for story in block.stories]
    if len(stories) < LONG_EDITION:
        return ()
    return tuple(LocalizedText(story.headline, story.lang) for story in stories[:_MOST_CONTENTS])


def _with_levels(blocks: Sequence[BlockView]) -> tuple[BlockView, ...]:
    """Each block with the level of its HTML heading, so that none is skipped."""
    level = 2
    result = []
    for block in blocks:
        if block.kind == "heading":
            level = 3
        elif block.kind in ("lead", "date", "titles", "social"):
            level = 2
        result.append(_with_level(block, 2 if block.kind == "heading" else level))
    return tuple(result)


def _with_level(block: BlockView, level: int) -> BlockView:
    """The block with the level of its heading; headings inside a body are one below it."""
    inner = level if block.kind in WRITTEN_KINDS else level + 1
    if level == block.level and not any(
        "<h4>" in body for body in (block.body, *(story.body for story in block.stories))
    ):
        return block
    stories = tuple(replace(story, body=_inner_headings(story.body, inner)) for story in block.stories)
    return replace(block, level=level, stories=stories, body=_inner_headings(block.body, inner))


def _inner_headings(body: Markup, level: int) -> Markup:
    """A body of sanitize.rich_text, whose headings are h4, with headings of `level`."""
    lowered = body.replace("<h4>", f'<h{level} class="inner">').replace("</h4>", f"</h{level}>")
    return Markup(lowered)  # noqa: S704 (was Markup before)


def _has_no_local_stories(content: Content, blocks: Sequence[Block]) -> bool:
    local = {story.key for story in content.stories if story.countries}
    planned = local.intersection(story_selection.stories_of(content.blocks))
    return bool(planned) and local.isdisjoint(story_selection.stories_of(blocks))


class _Builder:
    """Builds the views of one content's blocks in one language."""

    def __init__(self, content: Content, reader_language: str, warn: Warn) -> None:
        self.content = content
        self.language = reader_language
        self.stories = content.stories_by_key
        self.messages = catalogue.for_language(reader_language)
        self.period = content.title(reader_language)
        self.archive = f"{content.site_url}/archive/{quote(content.slug)}"
        self.warn = warn

    def remembered_view(self, block: Block) -> BlockView:
        """The same as `block_view`, made once for all variants of the content."""
        views: dict[tuple[str, Block], tuple[BlockView, Sequence[str]]] = self.content.block_views
        if (found := views.get((self.language, block))) is None:
            warnings: list[str] = []
            view = _Builder(self.content, self.language, warnings.append).block_view(block)
            found = views[self.language, block] = (view, warnings)
        view, warnings_of_view = found
        for warning in warnings_of_view:
            self.warn(warning)
        return view

    def block_view(self, block: Block) -> BlockView:
        items = tuple(self.story_view(self.stories[key], block.kind) for key in block.stories)
        if block.kind == "heading":
            return BlockView("heading", label=self.heading(block))
        if block.kind in WRITTEN_KINDS:
            return self.written(block)
        # The heading of a list of publications, where staff wrote one.
        return BlockView(block.kind, stories=items, label=self.localized(block.texts, ""))

    def written(self, block: Block) -> BlockView:
        """A block of the editors' own."""
        # Without its words a quote is not shown, be its picture described or not.
        texts = [text for text in block.texts if block.kind != "quote" or text.text.strip()]
        chosen = self.chosen(texts, _WRITTEN[block.kind])
        if chosen is None:
            return BlockView(block.kind)
        lang = self._lang_if_foreign(chosen.language)
        note = self._language_note(chosen.language) if chosen.text.strip() else ""
        if block.kind in ("text", "note"):
            return BlockView(
                block.kind,
                label=LocalizedText(chosen.text, lang),
                body=sanitize.rich_text(chosen.text),
                body_text=sanitize.to_plain_text(chosen.text),
                detail=_single_line(chosen.detail),
                language_note=note,
            )
        address = sanitize.safe_picture_url(block.picture.url) if block.picture else ""
        if address and not chosen.alt.strip():
            self.warn(stored("A picture between the stories has no description."))
        return BlockView(
            block.kind,
            label=LocalizedText(_single_line(chosen.text), lang),
            detail=_single_line(chosen.detail),
            alt=_single_line(chosen.alt),
            link=sanitize.safe_link(block.link),
            picture=replace(block.picture, url=address) if block.picture and address else None,
            figures=_figures(chosen.text) if block.kind == "figures" else (),
            language_note=note,
        )

    def heading(self, block: Block) -> LocalizedText:
        if block.countries:
            return LocalizedText(
                localization.join_with_commas(self.country(code) for code in block.countries)
            )
        return self.localized(block.texts, "A heading")

    def localized(self, texts: Sequence[LocalText], what: str) -> LocalizedText:
        """The text to show; warnings name a heading, or `what`."""
        chosen = self.chosen(texts, what)
        if chosen is None:
            return LocalizedText("")
        return LocalizedText(chosen.text, self._lang_if_foreign(chosen.language))

    def chosen(self, texts: Sequence[LocalText], what: str) -> LocalText | None:
        """The same with what belongs to the text; None where no language has one."""
        written = [text for text in texts if (text.text + text.alt).strip()]
        text = localization.choose_text_or_first(written, self.language, self._fallbacks)
        if text is None:
            return None
        shown = sanitize.without_unprintable(text.text)
        self._warn_fallback(
            what or stored("The heading “%(text)s”", text=shorten_for_warning(shown)), text.language
        )
        return replace(text, text=shown)

    def subject(self, pieces: Sequence[BlockView]) -> tuple[str, str]:
        """Subject and preheader, each a single line; without a written subject, the first headline."""
        given = [subject for subject in self.content.subjects if subject.subject.strip()]
        chosen: Subject | None = localization.choose_text_or_first(given, self.language, self._fallbacks)
        if chosen is None:
            stories = [
                story for piece in pieces if piece.kind in ("lead", "story") for story in piece.stories
            ]
            name = self.content.masthead.in_language(self.language).name
            headline = stories[0].headline if stories else f"{name}, {self.period}"
            return sanitize.shorten(_single_line(headline), LONGEST_SUBJECT), self._first_summary(pieces)
        self._warn_fallback(stored("The subject line"), chosen.language)
        return _single_line(chosen.subject), _single_line(chosen.preheader) or self._first_summary(pieces)

    def story_view(self, story: Story, kind: BlockKind) -> StoryView:
        """A story as one block shows it: whole if it leads or has no link to read on; else its summary."""
        chosen = text_of_story(story, self.language, self._fallbacks)
        if chosen is None:
            raise ValueError(
                f"story {story.key!r} has no text in any language; give it one before it is rendered"
            )
        self._warn_fallback(story_name_for_warning(chosen.headline), chosen.language)
        where, beyond = self.place(story)
        picture = self.picture(story, chosen)
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
            mark=self.mark(story),
            language_note=self._language_note(chosen.language),
            date=localization.format_day_without_year_of_period(
                story.date, self.content.period, self.language
            ),
            day=str(story.date.day),
            month=localization.month_name_beside_day(story.date, self.language),
            time_and_venue=" · ".join(
                filter(
                    None,
                    (
                        localization.time_span(story.date, story.starts, story.ends, story.zone),
                        _single_line(chosen.venue),
                    ),
                )
            ),
            link=link,
            link_label=self.link_label(story, chosen),
            picture=picture,
            small_picture=self.small_picture(story) if picture else None,
            layout=story.layout if kind == "story" else "",
            alt=_single_line(chosen.picture_alt),
            calendar=f"{self.archive}/{quote(story.key, safe='')}.ics?lang={quote(self.language)}",
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
        return localization.join_with_commas(self.country(code) for code in story.countries), ""

    def mark(self, story: Story) -> str:
        own = self.content.masthead.countries
        first = story.countries[0] if story.countries else ""
        return theme.COUNTRY_MARKS[own.index(first) % len(theme.COUNTRY_MARKS)] if first in own else ""

    def country(self, code: str) -> str:
        return localization.country_name(code, self.language)

    def link(self, story: Story, text: StoryText) -> str:
        safe = sanitize.safe_link(story.link)
        if story.link.strip() and not safe:
            what = story_name_for_warning(text.headline)
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
        what = story_name_for_warning(text.headline)
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

    def small_picture(self, story: Story) -> Picture | None:
        """The narrow crop; the wide one where there is no other."""
        small = story.small_picture or story.picture
        address = sanitize.safe_picture_url(small.url) if small else ""
        return Picture(address, small.width, small.height) if small and address else None

    @property
    def _fallbacks(self) -> tuple[str, ...]:
        return self.content.masthead.fallbacks

    def _lang_if_foreign(self, used: str) -> str:
        return "" if used == self.language else used

    def _language_note(self, used: str) -> str:
        return localization.language_name(used, self.language) if used != self.language else ""

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
        summaries = (item.summary for piece in pieces for item in piece.stories)
        return sanitize.shorten(next(filter(None, summaries), ""), _LONGEST_PREHEADER)


def text_of_story(story: Story, language: str, fallbacks: Sequence[str]) -> StoryText | None:
    """The text that a reader of a language sees: with a headline, where any language has one."""
    written = [text for text in story.texts if text.headline.strip()]
    return localization.choose_text_or_first(written or story.texts, language, fallbacks)


# What warnings call a written block.
_WRITTEN: Mapping[str, str] = {
    "text": stored("A text block"),
    "quote": stored("A quote"),
    "figures": stored("A block with figures"),
    "video": stored("A video"),
    "button": stored("A button in the edition"),
    "picture": stored("A picture between the stories"),
    "divider": stored("A divider line between blocks"),
    "note": stored("A note from the team"),
}
# Figures that fit beside each other.
_MOST_FIGURES = 3


def _figures(text: str) -> tuple[tuple[str, str], ...]:
    """Lines such as "12 000 | people trained"; a line without a label has an empty one."""
    lines = (line.partition("|") for line in text.splitlines() if line.strip())
    pairs = ((_single_line(number), _single_line(label)) for number, _bar, label in lines)
    return tuple(pair for pair in pairs if pair[0])[:_MOST_FIGURES]


# The same texts stand in many variants of an edition.
@lru_cache(maxsize=4_000)
def _single_line(text: str) -> str:
    """`text` on a single line, without control characters."""
    return " ".join(sanitize.without_unprintable(text).split())


def story_name_for_warning(headline: str) -> str:
    """The beginning of a headline as warnings name it."""
    return stored("The story “%(headline)s”", headline=shorten_for_warning(headline))


def shorten_for_warning(text: str) -> str:
    """The beginning of a text, to identify it."""
    line = _single_line(text)
    return line if len(line) <= 60 else f"{line[:59].rstrip()}…"
