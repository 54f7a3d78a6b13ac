"""The input and output of rendering as frozen records, the same in preview, snapshot and sending."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

StoryKind = Literal["news", "event", "publication", "notice"]
BlockKind = Literal["lead", "story", "heading", "date", "titles", "text", "social"]


@dataclass(frozen=True)
class LocalText:
    """A short text in one language (heading words, tagline), or rich text that nh3 has cleaned."""

    language: str
    text: str


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
    picture: Picture | None = None


@dataclass(frozen=True)
class Block:
    """One block of an edition, in the order that staff chose."""

    kind: BlockKind
    # Keys of stories: one for lead, story, date and social; any number for titles; none for heading and text.
    stories: tuple[str, ...] = ()
    # heading: the country that it names; none: `texts`. text: the countries whose readers see it; none: all.
    countries: tuple[str, ...] = ()
    texts: tuple[LocalText, ...] = ()


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


@dataclass(frozen=True)
class Content:
    """Everything that decides what any reader of an edition sees."""

    masthead: Masthead
    # "2021-12"
    period: str
    number: int
    # Identifies the edition in URLs: "silk-road-monthly-2021-12".
    slug: str
    # The site's base URL, without a trailing slash.
    site_url: str
    subjects: tuple[Subject, ...]
    stories: tuple[Story, ...]
    blocks: tuple[Block, ...]


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
        blocks=tuple(
            Block(block["kind"], tuple(block["stories"]), tuple(block["countries"]), _texts(block["texts"]))
            for block in raw["blocks"]
        ),
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
        picture=Picture(**raw["picture"]) if raw["picture"] else None,
    )


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be a part of a Content")
