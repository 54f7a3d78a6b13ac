"""One story as lists and the workbench show it: picture, headline, countries, languages, state."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from django.db.models.fields.json import KeyTextTransform
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from wagtail.images import get_image_model
from wagtail.images.shortcuts import get_rendition_or_not_found

from mailer import staff_localization
from mailer.desk.base import localized_names_and_dates, markup
from mailer.editions.models import Edition, story_ids_in
from mailer.stories.models import Story, StoryText, choose_headline

# Not in JPEG, as which Pillow writes no greys of 16 bits.
THUMBNAIL = "fill-144x96|format-webp|webpquality-75"


@dataclass(frozen=True)
class LanguageMark:
    """Whether a story has a complete text in one language."""

    code: str
    name: str
    complete: bool


@dataclass(frozen=True)
class StoryRow:
    """What staff see of a story in a list."""

    pk: int
    key: str
    headline: str
    kind: str
    kind_label: str
    date: date
    date_label: str
    countries: str
    languages: tuple[LanguageMark, ...]
    # (tone, label): whether editions can include it.
    state: tuple[str, str]
    # URL of a small picture; empty: none, or it was not asked for.
    thumbnail: str
    has_picture: bool
    edit_url: str
    # Periods whose editions hold it, newest first.
    used_in: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[LanguageMark, ...]:
        """The languages without a complete text."""
        return tuple(mark for mark in self.languages if not mark.complete)

    @property
    def marks_html(self) -> SafeString:
        """The languages as an element."""
        return marks_html(self.languages)

    @property
    def state_html(self) -> SafeString:
        """The state as an element."""
        return markup.join_safe_markup([markup.state_markup(*self.state)])

    @property
    def used_label(self) -> str:
        """The months whose editions hold it: "November 2021"."""
        return ", ".join(localized_names_and_dates.month_name(period) for period in self.used_in)


class _Columns(NamedTuple):
    """The columns of a story that a row shows."""

    pk: int
    key: str
    kind: str
    date: date
    countries: tuple[str, ...]
    live: bool
    has_unpublished_changes: bool
    picture_id: int | None
    created_at: datetime


class _Text(NamedTuple):
    """What a row needs of a story's text."""

    language: str
    headline: str
    summary: str
    picture_alt: str


def story_rows(
    stories: Iterable[int],
    languages: Sequence[str],
    used: Mapping[int, Sequence[str]] | None = None,
    thumbnail_images: Mapping[int, int | None] | None = None,
) -> dict[int, StoryRow]:
    """The stories with these primary keys as rows; one that was deleted is left out.

    `languages`: those that should be complete; `used`: see `edition_periods_by_story`; `thumbnail_images`:
    the stories whose thumbnail is wanted, each with the primary key of an image in place of its own, or None.
    """
    wanted, thumbnail_images = set(stories), thumbnail_images or {}
    rows = [_Columns(*row) for row in Story.objects.filter(pk__in=wanted).values_list(*_Columns._fields)]
    texts: dict[int, list[_Text]] = {}
    columns = ("story_id", *_Text._fields)
    for pk, *parts in StoryText.objects.filter(story__in=wanted).order_by("pk").values_list(*columns):
        texts.setdefault(pk, []).append(_Text(*parts))
    images = {row.pk: thumbnail_images.get(row.pk) or row.picture_id for row in rows}
    thumbnails = _thumbnails(image for pk, image in images.items() if image and pk in thumbnail_images)
    # Whatever many of them share is translated once.
    kinds = {value: str(label) for value, label in Story.Kind.choices}
    names = {code: staff_localization.language_name(code) for code in languages}
    countries = cache(localized_names_and_dates.country_names_or_all)
    day = cache(localized_names_and_dates.format_day)
    language = staff_localization.active_language()
    return {
        row.pk: StoryRow(
            pk=row.pk,
            key=row.key,
            headline=choose_headline(
                {text.language: text.headline for text in texts.get(row.pk, ())}, language, row.created_at
            ),
            kind=row.kind,
            kind_label=kinds.get(row.kind, row.kind),
            date=row.date,
            date_label=day(row.date),
            countries=countries(tuple(row.countries)),
            languages=_marks(texts.get(row.pk, ()), names, pictured=row.picture_id is not None),
            state=state_tone_and_label(row),
            thumbnail=thumbnails.get(images[row.pk] or 0, "") if row.pk in thumbnail_images else "",
            has_picture=bool(images[row.pk]),
            edit_url=reverse("desk_stories:edit", args=[row.pk]),
            used_in=tuple((used or {}).get(row.pk, ())),
        )
        for row in rows
    }


def _thumbnails(images: Iterable[int]) -> dict[int, str]:
    found = get_image_model().objects.filter(pk__in=set(images)).prefetch_renditions(THUMBNAIL)
    return {image.pk: get_rendition_or_not_found(image, THUMBNAIL).url for image in found}


def language_marks(story: Story, languages: Sequence[str]) -> tuple[LanguageMark, ...]:
    """For each of the languages, whether the story's text is complete."""
    names = {code: staff_localization.language_name(code) for code in languages}
    return _marks(story.texts.all(), names, pictured=story.picture_id is not None)


def _marks(
    texts: Iterable[StoryText | _Text], names: Mapping[str, str], *, pictured: bool
) -> tuple[LanguageMark, ...]:
    complete = {text.language for text in texts if is_complete(text, pictured)}
    return tuple(LanguageMark(code, name, code in complete) for code, name in names.items())


def marks_html(marks: tuple[LanguageMark, ...]) -> SafeString:
    """The marks as an element; a list has many that are the same."""
    return _marks_html(marks, staff_localization.active_language())


@lru_cache(maxsize=512)
def _marks_html(marks: tuple[LanguageMark, ...], language: str) -> SafeString:
    return render_to_string("desk/stories/language_marks.html", {"marks": marks})


def is_complete(text: StoryText | _Text, pictured: bool) -> bool:
    """Whether readers get a headline, a summary and, with a picture, its description."""
    parts: list[Any] = [text.headline, text.summary, *([text.picture_alt] if pictured else [])]
    return all(part.strip() for part in parts)


def state_tone_and_label(story: Story | _Columns) -> tuple[str, str]:
    """(tone, label): whether editions can include it."""
    if not story.live:
        return "draft", _("Draft")
    if story.has_unpublished_changes:
        return "changed", _("Ready, with a newer draft")
    return "done", _("Ready")


def edition_periods_by_story(stories: Iterable[int] | None = None) -> dict[int, list[str]]:
    """The periods of the editions whose latest draft holds each story, newest first: {7: ["2021-12"]}.

    `stories`: only these, None: all.
    """
    wanted = None if stories is None else set(stories)
    found: dict[int, list[str]] = {}
    # The blocks alone: the rest of the editions and of their revisions is most of the work.
    stored = KeyTextTransform("body", "latest_revision__content")
    for edition in Edition.objects.annotate(stored=stored).only("period").order_by("-period"):
        blocks: Iterable[Any] = json.loads(edition.stored) if edition.stored else edition.body.raw_data
        for pk in story_ids_in(blocks):
            if (wanted is None or pk in wanted) and edition.period not in found.get(pk, ()):
                found.setdefault(pk, []).append(edition.period)
    return found
