"""Stories from a file: all of them or none; a story that has not changed is left alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from mailer.stories import pictures
from mailer.stories.models import Story, StoryText
from mailer.stories.story_file import StoriesFileError, StoryRecord, read_stories

Outcome = Literal["added", "updated", "unchanged"]


@dataclass(frozen=True)
class Report:
    """What an import did, by the stories' keys in the order of the file."""

    added: tuple[str, ...]
    updated: tuple[str, ...]
    unchanged: tuple[str, ...]


def import_stories(path: Path, user: AbstractBaseUser | None, now: datetime) -> Report:
    """Bring the stories of the file at `path` (JSON or TOML) into the system, as written by `user`.

    Stories are known by their key. A new or changed one gets a revision and is published, unless the
    file says `draft = true`: then it waits for a person, and what readers see stays as it is.
    `now` (aware UTC) dates new stories. Raises StoriesFileError; then nothing has changed.
    """
    records = read_stories(path)
    data = _pictures(records)
    with transaction.atomic():
        outcomes = {record.key: _import(record, data.get(record.picture), user, now) for record in records}
    return Report(*(_keys(outcomes, outcome) for outcome in ("added", "updated", "unchanged")))


def _keys(outcomes: dict[str, Outcome], outcome: str) -> tuple[str, ...]:
    return tuple(key for key, found in outcomes.items() if found == outcome)


def _pictures(records: tuple[StoryRecord, ...]) -> dict[Path | None, bytes]:
    found: dict[Path | None, bytes] = {}
    problems = []
    for path in dict.fromkeys(record.picture for record in records if record.picture):
        try:
            found[path] = pictures.check(path)
        except pictures.PictureError as error:
            problems.append(str(error))
    if problems:
        raise StoriesFileError(problems)
    return found


def _import(record: StoryRecord, data: bytes | None, user: Any, now: datetime) -> Outcome:
    picture = None
    if data is not None and record.picture is not None:
        picture = pictures.stored(record.picture.name, data, record.texts[0].headline, user)
    known = Story.objects.filter(key=record.key).first()
    if known is None:
        # Saved unpublished first: the revision below is what puts it in front of anyone.
        story = Story(key=record.key, live=False, created_at=now)
        _fill(story, record, picture)
        story.save()
        _save_revision(story, record, user)
        return "added"
    story = known.get_latest_revision_as_object()
    if _same(story, record, picture) and (record.draft or (known.live and not known.has_unpublished_changes)):
        return "unchanged"
    _fill(story, record, picture)
    _save_revision(story, record, user)
    return "updated"


def _fill(story: Story, record: StoryRecord, picture: Any) -> None:
    story.kind, story.date, story.link = record.kind, record.date, record.link
    story.countries, story.picture = record.countries, picture
    known = {text.language: text.pk for text in story.texts.all()}
    story.texts = [
        StoryText(
            pk=known.get(text.language),
            language=text.language,
            headline=text.headline,
            summary=text.summary,
            body=text.body,
            link_label=text.link_label,
            picture_alt=text.picture_alt,
        )
        for text in record.texts
    ]


def _save_revision(story: Story, record: StoryRecord, user: Any) -> None:
    revision = story.save_revision(user=user, log_action=True)
    if not record.draft:
        # Whoever may run the import may publish: it is not the desk, where permissions decide.
        revision.publish(user=user, skip_permission_checks=True)


def _same(story: Story, record: StoryRecord, picture: Any) -> bool:
    here = (story.kind, story.date, tuple(story.countries), story.link, story.picture_id)
    there = (record.kind, record.date, record.countries, record.link, picture.pk if picture else None)
    return here == there and [_text_fields(text) for text in story.texts.all()] == [
        _text_fields(text) for text in record.texts
    ]


def _text_fields(text: Any) -> tuple[str, ...]:
    return (text.language, text.headline, text.summary, text.body, text.link_label, text.picture_alt)
