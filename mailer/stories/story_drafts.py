"""Drafts of stories: their fields as flat values, merged when two people write at the same time.

A field is "kind", "date", "countries", "picture" or "link", or a part of a text such as "headline-ru".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from wagtail.admin.rich_text.converters.contentstate import ContentstateConverter
from wagtail.images import get_image_model

from mailer.stories.models import RICH_TEXT_FEATURES, Story, StoryText

PARTS = ("headline", "summary", "body", "link_label", "picture_alt")
ABOUT = ("kind", "date", "countries", "picture", "link")
# Changes of one person within this time are one entry of the history.
_ONE_SITTING = timedelta(minutes=10)
Values = dict[str, str]


@dataclass(frozen=True)
class Conflict:
    """A field that this user and another person changed since the user's form was made."""

    field: str
    # What the other person wrote.
    theirs: str


@dataclass(frozen=True)
class Saved:
    """The result of saving."""

    story: Story
    conflicts: tuple[Conflict, ...]


def latest_draft(story: Story) -> Story:
    """The story with its latest saved changes."""
    draft: Story = story.get_latest_revision_as_object()
    return draft


def values_of(story: Story, languages: Iterable[str]) -> Values:
    """The story's fields as texts, with those of its texts in these languages; "" for what is missing."""
    values = {
        "kind": str(story.kind),
        "date": story.date.isoformat() if story.date else "",
        "countries": ",".join(story.countries),
        "picture": str(story.picture_id or ""),
        "link": story.link,
    }
    texts = {text.language: text for text in story.texts.all()}
    for language in languages:
        for part in PARTS:
            values[f"{part}-{language}"] = getattr(texts.get(language), part, "")
    return values


def marks_of(values: Mapping[str, str]) -> dict[str, str]:
    """A short hash of each value; a form sends them back, so that a change by another person shows."""
    return {field: _mark_of(field, value) for field, value in values.items()}


def _mark_of(field: str, value: str) -> str:
    """The mark of a field's value; of a rich text, as the editor would send it back unchanged."""
    if field.startswith("body-") and value:
        converter = ContentstateConverter(RICH_TEXT_FEATURES)
        value = converter.to_database_format(converter.from_database_format(value))
    return _mark(value)


def _mark(value: str) -> str:
    # Wagtail's editor gives blocks new keys, and an empty text is an empty paragraph to it.
    plain = re.sub(r' data-block-key="[^"]*"', "", value).strip()
    return hashlib.sha256(("" if plain == "<p></p>" else plain).encode()).hexdigest()[:16]


def merge(
    latest: Mapping[str, str], written: Mapping[str, str], base: Mapping[str, str]
) -> tuple[Values, tuple[Conflict, ...]]:
    """What to change in `latest`, and the conflicts.

    `written`: what the user's form holds; `base`: the marks of what it held when it was made. A field that
    the user left as it was keeps what another person wrote meanwhile.
    """
    changes, conflicts = {}, []
    for field, value in written.items():
        now, mine = _mark_of(field, latest.get(field, "")), _mark_of(field, value)
        before = base.get(field)
        if mine in (before, now):
            continue
        if before is None or now == before:
            changes[field] = value
        else:
            conflicts.append(Conflict(field, latest.get(field, "")))
    return changes, tuple(conflicts)


def save(
    story: Story, written: Mapping[str, str], base: Mapping[str, str], user: User, now: datetime
) -> Saved:
    """Save a draft with the fields that `user` changed; a new story is created.

    A field that another person changed too keeps their text and is reported as a conflict.
    """
    with transaction.atomic():
        draft = story
        if story.pk:
            row = Story.objects.select_for_update().get(pk=story.pk)
            draft = latest_draft(row)
        languages = languages_in(written)
        changes, conflicts = merge(values_of(draft, languages), written, base)
        if story.pk and not changes:
            return Saved(draft, conflicts)
        _apply(draft, changes)
        store(draft, user, now)
    return Saved(draft, conflicts)


def store(draft: Story, user: User, now: datetime) -> None:
    """Save the draft as a revision of `user`; the row too, while the story is not ready."""
    last = draft.latest_revision
    sitting = (
        last is not None
        and last.user_id == user.pk
        and last.pk != draft.live_revision_id
        and now - last.created_at < _ONE_SITTING
    )
    if not draft.live:
        draft.save()
    draft.save_revision(
        user=user, changed=True, log_action=not sitting, overwrite_revision=last if sitting else None
    )


def languages_in(fields: Iterable[str]) -> list[str]:
    """The languages of the texts that these fields belong to."""
    split = (field.partition("-") for field in fields)
    return list(dict.fromkeys(language for part, _, language in split if part in PARTS))


def _apply(draft: Story, changes: Mapping[str, str]) -> None:
    texts = {text.language: text for text in draft.texts.all()}
    for field, value in changes.items():
        part, _, language = field.partition("-")
        if part in PARTS:
            setattr(texts.setdefault(language, StoryText(language=language)), part, value)
        elif field == "date":
            draft.date = date.fromisoformat(value)
        elif field == "countries":
            draft.countries = tuple(filter(None, value.split(",")))
        elif field == "picture":
            draft.picture = get_image_model().objects.filter(pk=int(value)).first() if value else None
        else:
            setattr(draft, field, value)
    draft.texts = [text for text in texts.values() if is_written(text)]


def is_written(text: StoryText) -> bool:
    """Whether anything is written in the text."""
    return any(_mark(getattr(text, part)) != _mark("") for part in PARTS)


@dataclass(frozen=True)
class Missing:
    """Something that readers need before the story can be ready."""

    # "headline", "summary" or "picture_alt"; "text" when the story has no text at all.
    part: str
    language: str


def missing_for_readers(story: Story) -> list[Missing]:
    """What keeps the story from being ready; empty when nothing does."""
    texts = list(story.texts.all())
    if not texts:
        return [Missing("text", "")]
    needed = ("headline", "summary", *(("picture_alt",) if story.picture_id else ()))
    return [
        Missing(part, text.language) for text in texts for part in needed if not getattr(text, part).strip()
    ]


def duplicate(story: Story, user: User, now: datetime) -> Story:
    """A new draft with the same content."""
    draft = latest_draft(story)
    copy = Story(
        live=False,
        kind=draft.kind,
        date=draft.date,
        countries=draft.countries,
        picture=draft.picture,
        link=draft.link,
    )
    copy.texts = [
        StoryText(language=text.language, **{part: getattr(text, part) for part in PARTS})
        for text in draft.texts.all()
    ]
    with transaction.atomic():
        copy.save()
        copy.save_revision(user=user, log_action=True)
    return copy


def carry_over(story: Story, period: str, user: User, now: datetime) -> None:
    """Let no edition before `period` ("2022-01") take the story, and that one take it even if it was used.

    An empty period undoes it.
    """
    with transaction.atomic():
        draft = latest_draft(Story.objects.select_for_update().get(pk=story.pk))
        draft.from_period = period
        Story.objects.filter(pk=story.pk).update(from_period=period)
        draft.save_revision(user=user, changed=False, log_action="desk.carry_over" if period else True)


@dataclass(frozen=True)
class Change:
    """Who changed what of a story, from one revision to the next."""

    user: User | None
    at: datetime
    # Languages whose text changed, and whether anything else did.
    languages: tuple[str, ...]
    about: bool


def changes_of(story: Story, limit: int) -> list[Change]:
    """The story's latest changes, newest first, from its last `limit` revisions."""
    revisions = list(story.revisions.select_related("user").order_by("-created_at", "-pk")[: limit + 1])
    found = []
    for place, revision in enumerate(revisions):
        older = revisions[place + 1].content if place + 1 < len(revisions) else {}
        if place == limit:
            break
        new, old = (_parts(content) for content in (revision.content, older))
        changed = [key for key in {**old, **new} if new.get(key) != old.get(key)]
        if changed:
            languages = tuple(key for key in changed if key)
            found.append(Change(revision.user, revision.created_at, languages, "" in changed))
    return found


def _parts(content: Mapping[str, Any]) -> dict[str, Any]:
    """A revision's texts by language, and everything else under ""."""
    texts: Sequence[Mapping[str, Any]] = content.get("texts") or ()
    parts: dict[str, Any] = {
        text["language"]: tuple(_mark(str(text.get(part) or "")) for part in PARTS) for text in texts
    }
    if content:
        parts[""] = tuple(str(content.get(field) or "") for field in ABOUT)
    return parts
