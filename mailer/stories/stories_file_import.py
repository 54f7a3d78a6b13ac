"""Imports stories from a JSON or TOML file with pictures: all of them or none, with every error at once."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Literal, cast

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_slug
from django.db import transaction

from mailer.rendering import sanitize
from mailer.rendering.data_types import Story as StoryContent
from mailer.rendering.data_types import StoryKind
from mailer.rendering.data_types import StoryText as TextRecord
from mailer.stories.models import Story, StoryText, time_errors
from mailer.stories.sanitize_pictures import PictureError, find_or_add_picture, read_without_metadata
from subscribers import iso_codes

_STORY_KEYS = (
    "key",
    "kind",
    "date",
    "starts",
    "ends",
    "zone",
    "countries",
    "link",
    "picture",
    "texts",
    "draft",
)
_TEXT_KEYS = ("headline", "summary", "body", "link_label", "venue", "picture_alt")
_LIMITS = {
    "key": 120,
    "zone": 64,
    "link": 500,
    "headline": 200,
    "summary": 2000,
    "link_label": 80,
    "venue": 160,
    "picture_alt": 250,
}
_check_link = URLValidator(schemes=["http", "https"])


class StoriesFileError(Exception):
    """The file of stories cannot be used."""

    def __init__(self, problems: Iterable[str]) -> None:
        # Each names the place, the error and the correction.
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems) or self.__doc__)


@dataclass(frozen=True)
class StoryRecord(StoryContent):
    """A story of the file: its content, with a file in place of the picture."""

    # The picture's file, which exists; None: the story has none.
    picture_file: Path | None = None
    # Stays a draft, for staff to edit.
    draft: bool = False


def read_stories(path: Path) -> tuple[StoryRecord, ...]:
    """Every story of the file at `path`: `{"stories": […]}`, or in TOML `[[stories]]`.

    Raises StoriesFileError with every error, not only the first.
    """
    raw = _load(path)
    problems: list[str] = []
    if not isinstance(raw, dict) or not isinstance(raw.get("stories"), list):
        raise StoriesFileError(
            [f'{path}: must hold a list named "stories"; the documentation has an example.']
        )
    if not raw["stories"]:
        raise StoriesFileError([f'{path}: the list "stories" is empty; there is nothing to import.'])
    records = [
        _story(entry, _Context(path, number, problems)) for number, entry in enumerate(raw["stories"], 1)
    ]
    seen: set[str] = set()
    for number, record in enumerate(records, 1):
        if record and record.key in seen:
            problems.append(
                f"{path}: story {number} (“{record.key}”), key: is used twice; give each story its own."
            )
        seen.add(record.key if record else "")
    if problems:
        raise StoriesFileError(problems)
    return tuple(record for record in records if record)


def _load(path: Path) -> Any:
    if path.suffix.lower() not in (".json", ".toml"):
        raise StoriesFileError(
            [f"{path}: ends in “{path.suffix}”; stories are read from .json or .toml files."]
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StoriesFileError([f"{path}: cannot be read ({error.strerror}); check the name."]) from error
    except UnicodeDecodeError as error:
        raise StoriesFileError(
            [f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8."]
        ) from error
    try:
        return json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise StoriesFileError([f"{path}: is not valid {path.suffix[1:].upper()}: {error}"]) from error
    except ValueError as error:
        raise StoriesFileError([f"{path}: has a number with too many digits; correct it."]) from error


class _Context:
    """The current place in the file, and the list of errors so far."""

    def __init__(self, path: Path, number: int, problems: list[str]) -> None:
        self.path, self.problems = path, problems
        self.story = f"story {number}"

    def error(self, key: str, problem: str) -> None:
        self.problems.append(f"{self.path}: {self.story}, {key}: {problem}")

    def text(self, table: dict[str, Any], key: str, place: str, *, required: bool = False) -> str:
        """A text of the table, trimmed; "" and a problem where it is missing, too long or no text."""
        value: object = table.get(key, "")
        if not isinstance(value, str):
            self.error(place, "must be a text in quotes.")
            return ""
        written = value.strip()
        if required and not written:
            self.error(place, "is missing or empty; write it.")
        limit = _LIMITS.get(key)
        if limit and len(written) > limit:
            self.error(place, f"has {len(written)} characters; shorten it to {limit}.")
        return written

    def line(self, table: dict[str, Any], key: str, place: str, *, required: bool = False) -> str:
        value = self.text(table, key, place, required=required)
        # No-break spaces, soft hyphens and the joiners of emoji are text; line breaks and controls are not.
        if len(value.splitlines()) > 1 or sanitize.without_unprintable(value).expandtabs(1) != value:
            self.error(place, "must be a single line of text.")
        return value

    def unknown(self, table: dict[str, Any], known: tuple[str, ...], place: str) -> None:
        for key in table:
            if key not in known:
                self.error(f"{place}{key}", f"is an unknown key; known keys: {', '.join(known)}.")


def _story(raw: Any, where: _Context) -> StoryRecord | None:
    """One story; None after a problem that leaves nothing to check."""
    if not isinstance(raw, dict):
        where.error("the whole entry", "must be a table with a key, a kind, a date and texts.")
        return None
    before = len(where.problems)
    key = where.text(raw, "key", "key", required=True)
    if key:
        where.story += f" (“{key}”)"
        _checked(where, "key", key, validate_slug, "may hold only letters a–z, digits, “-” and “_”.")
    where.unknown(raw, _STORY_KEYS, "")
    kind = where.text(raw, "kind", "kind", required=True)
    if kind and kind not in Story.Kind.values:
        where.error("kind", f"is “{kind}”; write one of {', '.join(Story.Kind.values)}.")
    day = _date(raw.get("date"), where)
    starts, ends = _time(raw.get("starts"), "starts", where), _time(raw.get("ends"), "ends", where)
    zone = where.line(raw, "zone", "zone")
    for field, message in time_errors(starts, ends, zone).items():
        where.error(field, message)
    countries = _countries(raw.get("countries", []), where)
    link = where.text(raw, "link", "link")
    if link:
        _checked(where, "link", link, _check_link, "is not a URL; begin it with https://.")
    draft = raw.get("draft", False)
    if not isinstance(draft, bool):
        where.error("draft", "must be true or false.")
    picture, alt = _picture(raw.get("picture"), where)
    texts = _texts(raw.get("texts"), alt, picture is not None, where)
    if len(where.problems) > before or day is None:
        return None
    return StoryRecord(
        key,
        cast(StoryKind, kind),
        day,
        countries,
        texts,
        link,
        starts=f"{starts:%H:%M}" if starts else "",
        ends=f"{ends:%H:%M}" if ends else "",
        zone=zone,
        picture_file=picture,
        draft=draft,
    )


def _checked(where: _Context, key: str, value: str, validator: Any, problem: str) -> None:
    try:
        validator(value)
    except ValidationError:
        where.error(key, problem)


def _date(raw: Any, where: _Context) -> date | None:
    if type(raw) is date:  # TOML has dates; a date with a time is another type
        return raw
    try:
        return date.fromisoformat(raw)
    except (TypeError, ValueError):
        where.error("date", f"is {raw!r}; write the day as 2021-12-18.")
        return None


def _time(raw: Any, key: str, where: _Context) -> time | None:
    """A time of day; None where none is given."""
    # TOML has times of its own.
    if raw is None or isinstance(raw, time):
        return raw
    try:
        return time.fromisoformat(raw)
    except (TypeError, ValueError):
        where.error(key, f"is {raw!r}; write the time as 18:30.")
        return None


def _countries(raw: Any, where: _Context) -> tuple[str, ...]:
    if not isinstance(raw, list) or not all(isinstance(code, str) for code in raw):
        where.error("countries", 'must be a list such as ["KZ", "UZ"]; an empty list means the whole region.')
        return ()
    codes = tuple(dict.fromkeys(code.strip().upper() for code in raw))
    for code in codes:
        if code not in iso_codes.COUNTRIES:
            where.error(
                "countries", f"“{code}” is not an ISO 3166-1 country code; write two letters such as KZ."
            )
    return codes


def _picture(raw: Any, where: _Context) -> tuple[Path | None, dict[str, Any]]:
    """The picture's path and its descriptions per language."""
    if raw is None:
        return None, {}
    if not isinstance(raw, dict) or not isinstance(raw.get("alt", {}), dict):
        where.error(
            "picture", 'must be a table: {"file": "pictures/city.jpg", "alt": {"en": "What is seen"}}.'
        )
        return None, {}
    where.unknown(raw, ("file", "alt"), "picture.")
    name = where.text(raw, "file", "picture.file", required=True)
    if not name:
        return None, raw.get("alt", {})
    folder = where.path.resolve().parent
    path = folder / name
    try:
        path = path.resolve()
        is_file = path.is_file()
    except (OSError, ValueError, RuntimeError):
        # A NUL, a name that is too long, or links in a circle.
        is_file = False
    if not path.is_relative_to(folder):
        where.error(
            "picture.file", f"“{name}” lies outside the folder of this file; put the picture beside it."
        )
    elif not is_file:
        where.error("picture.file", f"there is no file “{name}” in {folder}.")
    return path, raw.get("alt", {})


def _texts(raw: Any, alt: dict[str, Any], has_picture: bool, where: _Context) -> tuple[TextRecord, ...]:
    if not isinstance(raw, dict) or not raw:
        where.error("texts", 'must hold at least one language: {"en": {"headline": "…", "summary": "…"}}.')
        return ()
    for language in alt:
        if language not in raw:
            where.error(f"picture.alt.{language}", f"there is no text in “{language}” that it belongs to.")
    return tuple(
        _text(language, table, alt.get(language), has_picture, where) for language, table in raw.items()
    )


def _text(language: str, raw: Any, alt: Any, has_picture: bool, where: _Context) -> TextRecord:
    place = f"texts.{language}"
    if language not in iso_codes.LANGUAGES:
        where.error(place, f"“{language}” is not a language code; write two or three letters such as ru.")
    if not isinstance(raw, dict):
        where.error(place, "must be a table with headline and summary.")
        return TextRecord(language, "", "")
    where.unknown(raw, _TEXT_KEYS, f"{place}.")
    if alt is not None and "picture_alt" in raw:
        where.error(f"{place}.picture_alt", f"is given here and in picture.alt.{language}; keep one.")
    described = {"picture_alt": alt} if alt is not None else raw
    picture_alt = where.line(described, "picture_alt", f"{place}.picture_alt")
    if has_picture and not picture_alt:
        where.error(f"{place}.picture_alt", "the story has a picture: describe it in a few words.")
    return TextRecord(
        language=language,
        headline=where.line(raw, "headline", f"{place}.headline", required=True),
        summary=sanitize.without_unprintable(where.text(raw, "summary", f"{place}.summary", required=True)),
        body=sanitize.clean_story_html(where.text(raw, "body", f"{place}.body")),
        link_label=where.line(raw, "link_label", f"{place}.link_label"),
        venue=where.line(raw, "venue", f"{place}.venue"),
        picture_alt=picture_alt,
    )


Outcome = Literal["added", "updated", "unchanged"]


@dataclass(frozen=True)
class Report:
    """Keys of the imported stories by outcome, in the order of the file."""

    added: tuple[str, ...]
    updated: tuple[str, ...]
    unchanged: tuple[str, ...]


def import_stories(path: Path, user: AbstractBaseUser | None, now: datetime) -> Report:
    """Import the stories of the file at `path` (JSON or TOML), with `user` as their author.

    Stories are identified by their key. A new or changed story gets a revision and is published, unless the
    file says `draft = true`: then the revision stays a draft, and subscribers see no change.
    `now` (aware UTC) dates new stories. Raises StoriesFileError; then nothing has changed.
    """
    return import_records(read_stories(path), user, now)


def import_records(records: tuple[StoryRecord, ...], user: AbstractBaseUser | None, now: datetime) -> Report:
    """Import these stories likewise. Raises StoriesFileError where a picture cannot be used."""
    data = _pictures(records)
    with transaction.atomic():
        outcomes = {
            record.key: _import(record, data.get(record.picture_file), user, now) for record in records
        }
    return Report(*(_keys(outcomes, outcome) for outcome in ("added", "updated", "unchanged")))


def _keys(outcomes: dict[str, Outcome], outcome: str) -> tuple[str, ...]:
    return tuple(key for key, found in outcomes.items() if found == outcome)


def _pictures(records: tuple[StoryRecord, ...]) -> dict[Path | None, bytes]:
    found: dict[Path | None, bytes] = {}
    problems = []
    for path in dict.fromkeys(record.picture_file for record in records if record.picture_file):
        try:
            found[path] = read_without_metadata(path)
        except PictureError as error:
            problems.append(str(error))
    if problems:
        raise StoriesFileError(problems)
    return found


def _import(record: StoryRecord, data: bytes | None, user: Any, now: datetime) -> Outcome:
    picture = None
    if data is not None and record.picture_file is not None:
        picture = find_or_add_picture(record.picture_file.name, data, record.texts[0].headline, user)
    known = Story.objects.filter(key=record.key).first()
    if known is None:
        # Saved as a draft first; publishing the revision below makes it visible.
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
    story.starts, story.ends = _times(record)
    story.zone = record.zone
    story.countries, story.picture = record.countries, picture
    known = {text.language: text.pk for text in story.texts.all()}
    story.texts = [
        StoryText(
            pk=known.get(text.language),
            **dataclasses.asdict(text),
        )
        for text in record.texts
    ]


def _times(record: StoryRecord) -> tuple[time | None, time | None]:
    starts, ends = (time.fromisoformat(text) if text else None for text in (record.starts, record.ends))
    return starts, ends


def _save_revision(story: Story, record: StoryRecord, user: Any) -> None:
    revision = story.save_revision(user=user, log_action=True)
    if not record.draft:
        # The command line does not check the desk's permissions.
        revision.publish(user=user, skip_permission_checks=True)


def _same(story: Story, record: StoryRecord, picture: Any) -> bool:
    here = (story.kind, story.date, story.starts, story.ends, story.zone, tuple(story.countries), story.link)
    there = (record.kind, record.date, *_times(record), record.zone, record.countries, record.link)
    same_picture = story.picture_id == (picture.pk if picture else None)
    return (
        here == there
        and same_picture
        and [_text_fields(text) for text in story.texts.all()]
        == [_text_fields(text) for text in record.texts]
    )


def _text_fields(text: Any) -> tuple[str, ...]:
    return (
        text.language,
        text.headline,
        text.summary,
        text.body,
        text.link_label,
        text.venue,
        text.picture_alt,
    )
