"""The input and output of rendering as frozen records, the same in preview, snapshot and sending."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Literal

from mailer.rendering import localization

StoryKind = Literal["news", "event", "publication", "notice"]
StoryBlockKind = Literal["lead", "story", "date", "titles", "social"]
WrittenKind = Literal["text", "quote", "figures", "video", "button", "picture", "divider", "note"]
BlockKind = StoryBlockKind | Literal["heading"] | WrittenKind
# Blocks that editors write themselves, for all readers or for those of some countries.
WRITTEN_KINDS = frozenset(("text", "quote", "figures", "video", "button", "picture", "divider", "note"))


# A story block: its picture beside the text, a wide picture above it, text only, or the headline alone.
StoryLayout = Literal["", "large", "small", "brief"]


@dataclass(frozen=True)
class LocalText:
    """A short text in one language (heading words, tagline), or rich text that nh3 has cleaned.

    Of a quote the words, of figures "number | label" in each line, of a picture its caption, of a video its
    title.
    """

    language: str
    text: str
    # Who said a quote, who took a picture, who signs a note.
    detail: str = ""
    # What the block's picture shows.
    alt: str = ""


@dataclass(frozen=True)
class Subject:
    language: str
    subject: str
    preheader: str


@dataclass(frozen=True)
class StoryText:
    language: str
    headline: str
    # Plain text, one or two sentences.
    summary: str
    # Rich text as HTML; cleaned again before it is used.
    body: str = ""
    # Says where the story's link leads; empty: the catalogue's "Read more".
    link_label: str = ""
    picture_alt: str = ""
    # Of an event: where it takes place.
    venue: str = ""


@dataclass(frozen=True)
class Picture:
    # Absolute URL of a file named by the hash of its bytes.
    url: str
    # Pixels of that file.
    width: int
    height: int


@dataclass(frozen=True)
class Story:
    key: str
    kind: StoryKind
    date: date
    # ISO 3166-1 alpha-2; the first is where it happened; none: the whole region.
    countries: tuple[str, ...]
    # At least one.
    texts: tuple[StoryText, ...]
    link: str = ""
    # 2:1, and the same picture 3:2 beside a text; both or none.
    picture: Picture | None = None
    small_picture: Picture | None = None
    layout: StoryLayout = ""
    # Of an event, on its day: "18:30"; empty: all day, or no end is known.
    starts: str = ""
    ends: str = ""
    # The IANA zone of these times; empty without them.
    zone: str = ""


@dataclass(frozen=True)
class Block:
    """One block of an edition, in the order that staff chose."""

    kind: BlockKind
    # Keys of stories: one for lead, story, date and social; any number for titles; none for heading and text.
    stories: tuple[str, ...] = ()
    # heading: the country that it names; none: `texts`. A written block: the countries whose readers see it;
    # none: all.
    countries: tuple[str, ...] = ()
    texts: tuple[LocalText, ...] = ()
    # Where a button, a picture or a video leads.
    link: str = ""
    # Of a quote the person, of a video a still.
    picture: Picture | None = None


@dataclass(frozen=True)
class MastheadText:
    """What stands at the head and the foot in one language; what is empty is as in every language."""

    language: str
    name: str = ""
    office: str = ""
    postal_address: str = ""
    # What the logo shows; empty: the office.
    logo_alt: str = ""


@dataclass(frozen=True)
class Masthead:
    """The newsletter, as its readers see it."""

    slug: str
    name: str
    office: str
    postal_address: str
    countries: tuple[str, ...]
    languages: tuple[str, ...]
    # Where a text is missing in the reader's language, the first of these that has it is used.
    fallbacks: tuple[str, ...]
    taglines: tuple[LocalText, ...] = ()
    # Changed tokens of the theme, by name.
    theme: tuple[tuple[str, str], ...] = ()
    # Template parts in place of the shipped ones: path and source, by path. See template_sandbox.
    templates: tuple[tuple[str, str], ...] = ()
    texts: tuple[MastheadText, ...] = ()
    # And for readers in the dark; none: the same.
    logo: Picture | None = None
    logo_dark: Picture | None = None

    def in_language(self, language: str) -> MastheadText:
        """Every text for readers of `language`."""
        own = next((one for one in self.texts if one.language == language), MastheadText(language))
        office = own.office or self.office
        return MastheadText(
            language,
            own.name or self.name,
            office,
            own.postal_address or self.postal_address,
            own.logo_alt or office,
        )


LeadRule = Literal["", "own"]
SilentRule = Literal["", "skip", "roll_over"]


@dataclass(frozen=True)
class ReaderRules:
    """How an edition is arranged for each reader. By default all readers see it in its own order."""

    # Stories that name one of the reader's countries stand before the regional ones.
    own_countries_first: bool = False
    # "own": a story of the reader's countries leads where there is one. Else the edition's lead, where it is
    # for the reader.
    lead: LeadRule = ""
    # Stories of each country at most, by the first country that a story names; 0: all. Regional stories,
    # dates, publications and social calls do not count.
    max_per_country: int = 0
    # A reader with fewer stories gets no email; social calls do not count.
    min_stories: int = 0
    # What readers get whose countries have no story while others have: regional stories, nothing, or
    # nothing now and the regional stories with the next edition.
    silent: SilentRule = ""

    @property
    def rearrange(self) -> bool:
        """Whether readers with the same stories may see them in different order or form."""
        return bool(self.own_countries_first or self.lead or self.max_per_country)


@dataclass(frozen=True)
class RolledOver:
    """What the readers of silent countries did not get with the edition before; see story_selection."""

    # Those of `blocks`.
    stories: tuple[Story, ...]
    # Blocks of regional stories.
    blocks: tuple[Block, ...]
    # The countries that had a story in the edition before, in the one before that, and so on: as far back as
    # silent readers were put off.
    spoken: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Content:
    """Everything that decides what any reader of an edition sees."""

    masthead: Masthead
    # "2021-12", see edition_period.Period.
    period: str
    number: int
    # Identifies the edition in URLs: "silk-road-monthly-2021-12".
    slug: str
    # The site's base URL, without a trailing slash.
    site_url: str
    subjects: tuple[Subject, ...]
    stories: tuple[Story, ...]
    blocks: tuple[Block, ...]
    rules: ReaderRules = ReaderRules()
    rolled_over: RolledOver | None = None
    # Where pictures are, without a trailing slash; empty: at `site_url`.
    media_origin: str = ""
    # Of an edition outside of the schedule.
    name: str = ""

    def title(self, language: str) -> str:
        """The name of the edition, or its period: "December 2021"."""
        return self.name or localization.period_title(self.period, language)

    @cached_property
    def stories_by_key(self) -> Mapping[str, Story]:
        """All stories, with those that are rolled over."""
        rolled = self.rolled_over.stories if self.rolled_over else ()
        return {story.key: story for story in (*rolled, *self.stories)}

    @cached_property
    def block_views(self) -> dict[tuple[str, Block], Any]:
        """What view_model remembers of a block in a language: the same block stands in many variants."""
        return {}


@dataclass(frozen=True)
class RenderedVariant:
    """One rendered variant; personal values are merge tags, see merge_tags.TAGS."""

    # story_selection.variant_key of story set and language.
    key: str
    language: str
    # Keys of the stories shown, in order.
    stories: tuple[str, ...]
    subject: str
    preheader: str
    html: str
    text: str
    # For staff, in English: "“Headline” has no Kazakh text; readers see Russian."
    warnings: tuple[str, ...] = field(default=())
    # For staff, in English: why the newsletter's own template parts are not used.
    errors: tuple[str, ...] = field(default=())


def to_json(content: Content) -> str:
    """Canonical JSON: sorted keys, no spaces, UTF-8 as it is; equal contents give equal texts."""
    return json.dumps(
        dataclasses.asdict(content), ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain
    )


def from_json(text: str) -> Content:
    """The inverse of `to_json`."""
    raw = json.loads(text)
    head = raw["masthead"]
    masthead = Masthead(
        **{
            **head,
            "countries": tuple(head["countries"]),
            "languages": tuple(head["languages"]),
            "fallbacks": tuple(head["fallbacks"]),
            "taglines": _texts(head["taglines"]),
            "theme": tuple((name, value) for name, value in head["theme"]),
            # Snapshots of earlier versions have none.
            "templates": tuple((name, source) for name, source in head.get("templates", ())),
            "texts": tuple(MastheadText(**text) for text in head.get("texts", ())),
            "logo": _picture(head.get("logo")),
            "logo_dark": _picture(head.get("logo_dark")),
        }
    )
    return Content(
        masthead=masthead,
        period=raw["period"],
        number=raw["number"],
        slug=raw["slug"],
        site_url=raw["site_url"],
        subjects=tuple(Subject(**subject) for subject in raw["subjects"]),
        stories=tuple(_story(story) for story in raw["stories"]),
        blocks=_blocks(raw["blocks"]),
        # Snapshots of earlier versions have none of these.
        rules=ReaderRules(**raw.get("rules", {})),
        rolled_over=_rolled_over(raw.get("rolled_over")),
        media_origin=raw.get("media_origin", ""),
        name=raw.get("name", ""),
    )


def _rolled_over(raw: dict[str, Any] | None) -> RolledOver | None:
    if not raw:
        return None
    return RolledOver(
        stories=tuple(_story(story) for story in raw["stories"]),
        blocks=_blocks(raw["blocks"]),
        spoken=tuple(tuple(codes) for codes in raw["spoken"]),
    )


def _blocks(raw: list[dict[str, Any]]) -> tuple[Block, ...]:
    return tuple(
        Block(
            block["kind"],
            tuple(block["stories"]),
            tuple(block["countries"]),
            _texts(block["texts"]),
            # Snapshots of earlier versions have neither.
            block.get("link", ""),
            _picture(block.get("picture")),
        )
        for block in raw
    )


def _texts(raw: list[dict[str, str]]) -> tuple[LocalText, ...]:
    return tuple(LocalText(**text) for text in raw)


def _story(raw: dict[str, Any]) -> Story:
    return Story(
        key=raw["key"],
        kind=raw["kind"],
        date=date.fromisoformat(raw["date"]),
        countries=tuple(raw["countries"]),
        texts=tuple(StoryText(**text) for text in raw["texts"]),
        link=raw["link"],
        picture=_picture(raw["picture"]),
        # Snapshots of earlier versions have one picture, no layout and no times.
        small_picture=_picture(raw.get("small_picture")),
        layout=raw.get("layout", ""),
        starts=raw.get("starts", ""),
        ends=raw.get("ends", ""),
        zone=raw.get("zone", ""),
    )


def _picture(raw: dict[str, Any] | None) -> Picture | None:
    return Picture(**raw) if raw else None


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be a part of a Content")
