"""Drafts of stories: their fields as flat values, merged when two people write at the same time.

A field is one of ABOUT, or a part of a text such as "headline-ru".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from wagtail.admin.rich_text.converters.contentstate import ContentstateConverter
from wagtail.images import get_image_model

from mailer.stories.models import RICH_TEXT_FEATURES, Story, StoryText
from mailer.stories.translation_states import PARTS as PARTS
from mailer.stories.translation_states import without_editor_artifacts

ABOUT = ("kind", "date", "starts", "ends", "zone", "countries", "picture", "link")
# Changes of one person within this time are one entry of the history.
_ONE_SITTING = timedelta(minutes=10)
Values = dict[str, str]


@dataclass(frozen=True)
class Conflict:
    """A field that this user and another person changed since the user's form was made."""

    field: str
    # What the other person wrote.
    theirs: str
    # What the user wrote.
    mine: str


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
        "starts": f"{story.starts:%H:%M}" if story.starts else "",
        "ends": f"{story.ends:%H:%M}" if story.ends else "",
        "zone": story.zone,
        "countries": ",".join(story.countries),
        "picture": str(story.picture_id or ""),
        "link": story.link,
    }
    texts = {text.language: text for text in story.texts.all()}
    for language in languages:
        for part in PARTS:
            values[f"{part}-{language}"] = getattr(texts.get(language), part, "")
    return values


def _is_body(field: str) -> bool:
    """Whether the field of a story is rich text."""
    return field.startswith("body-")


def value_hashes(values: Mapping[str, str], is_rich: Callable[[str], bool] = _is_body) -> dict[str, str]:
    """A short hash of each value; a form sends them back, so that a change by another person shows.

    `is_rich`: whether the field with this name is rich text.
    """
    return {field: value_hash(value, rich=is_rich(field)) for field, value in values.items()}


def value_hash(value: str, *, rich: bool) -> str:
    """A short hash of a value; of a rich text, as the editor would send it back unchanged."""
    if rich and value:
        converter = ContentstateConverter(RICH_TEXT_FEATURES)
        value = converter.to_database_format(converter.from_database_format(value))
    return _hash(value)


def _hash(value: str) -> str:
    return hashlib.sha256(without_editor_artifacts(value).encode()).hexdigest()[:16]


def parse_value_hashes(text: str) -> dict[str, str]:
    """Hashes as a form sends them back, in JSON; none where the text is no object."""
    try:
        hashes = json.loads(text)
    # So deeply nested that the parser gives up.
    except (ValueError, RecursionError):
        return {}
    return {str(name): str(one) for name, one in hashes.items()} if isinstance(hashes, dict) else {}


def find_changes_and_conflicts(
    latest: Mapping[str, str],
    written: Mapping[str, str],
    base_hashes: Mapping[str, str],
    is_rich: Callable[[str], bool] = _is_body,
) -> tuple[Values, tuple[Conflict, ...]]:
    """What to change in `latest`, and the conflicts.

    `written`: what the user's form holds; `base_hashes`: the hashes of what it held when it was made. A field
    that the user left as it was keeps what another person wrote meanwhile.
    """
    changes, conflicts = {}, []
    for field, value in written.items():
        theirs, rich = latest.get(field, ""), is_rich(field)
        now, mine = value_hash(theirs, rich=rich), value_hash(value, rich=rich)
        before = base_hashes.get(field)
        if mine in (before, now):
            continue
        if before is None or now == before:
            changes[field] = value
        else:
            conflicts.append(Conflict(field, theirs, value))
    return changes, tuple(conflicts)


def base_hashes_after_saving(
    latest: Mapping[str, str],
    written: Mapping[str, str],
    base: Mapping[str, str],
    shown_conflicts: Iterable[Conflict],
) -> dict[str, str]:
    """The base of a form that stays open with `written` in it, after saving.

    A field that still holds what another person has replaced keeps its older hash: it would undo their change
    otherwise. A conflict gets the new hash, because the user has now seen the other version.
    """
    seen = {one.field for one in shown_conflicts}
    hashes, mine = value_hashes(latest), value_hashes(written)
    for field, before in base.items():
        if field in hashes and field not in seen and mine.get(field) != hashes[field]:
            hashes[field] = before
    return hashes


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
        changes, conflicts = find_changes_and_conflicts(values_of(draft, languages), written, base)
        if story.pk and not changes:
            return Saved(draft, conflicts)
        apply_changes_without_saving(draft, changes)
        save_revision(draft, user, now)
    return Saved(draft, conflicts)


def save_revision(draft: Story, user: User, now: datetime) -> None:
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


def apply_changes_without_saving(draft: Story, changes: Mapping[str, str]) -> None:
    """Set these fields of the draft; saves nothing. A text in which nothing is written is left out."""
    texts = {text.language: text for text in draft.texts.all()}
    for field, value in changes.items():
        part, _, language = field.partition("-")
        if part in PARTS:
            if language not in texts:
                texts[language] = StoryText(language=language)
            setattr(texts[language], part, value)
        elif field == "picture":
            draft.picture = get_image_model().objects.filter(pk=int(value)).first() if value else None
        else:
            setattr(draft, field, parse_field(field, value))
    draft.texts = [text for text in texts.values() if is_written(text)]


def parse_field(field: str, value: str) -> Any:
    """The value of a story's field, one of ABOUT but its picture, that `values_of` gave as text."""
    if field == "date":
        return date.fromisoformat(value)
    if field in ("starts", "ends"):
        return time.fromisoformat(value) if value else None
    return tuple(filter(None, value.split(","))) if field == "countries" else value


def is_written(text: StoryText) -> bool:
    """Whether anything is written in the text."""
    return any(without_editor_artifacts(getattr(text, part)) for part in PARTS)


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
        starts=draft.starts,
        ends=draft.ends,
        zone=draft.zone,
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


def set_earliest_period(story: Story, period: str, user: User, now: datetime) -> None:
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


def changes_of(story: Story, revision_limit: int) -> list[Change]:
    """The story's latest changes, newest first, from its last `revision_limit` revisions."""
    revisions = list(
        story.revisions.select_related("user").order_by("-created_at", "-pk")[: revision_limit + 1]
    )
    found = []
    for place, revision in enumerate(revisions):
        older = revisions[place + 1].content if place + 1 < len(revisions) else {}
        if place == revision_limit:
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
        text["language"]: tuple(_hash(str(text.get(part) or "")) for part in PARTS) for text in texts
    }
    if content:
        parts[""] = tuple(str(content.get(field) or "") for field in ABOUT)
    return parts
