"""Entries of sources become draft stories: each once, with suggestions for staff to accept or correct.

An entry that repeats a story is merged into it; one that its source calls a translation joins the story as
another language. A story that staff deleted does not come back. What the source changes later is in
source_updates.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from itertools import islice
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.utils.text import slugify

from mailer.rendering import sanitize
from mailer.rendering.language_detection import contradiction, detect
from mailer.stories import country_suggestion, duplicates, source_updates, story_drafts
from mailer.stories.country_suggestion import CountrySuggestion, SourceHints
from mailer.stories.duplicates import Match
from mailer.stories.kind_suggestion import KindSuggestion, suggest_kind
from mailer.stories.models import Story, StorySource, StorySourceItem, StorySourceItemKey
from mailer.stories.sanitize_pictures import MAX_BYTES, DamagedPicture, store_picture, without_metadata
from mailer.stories.sources.source_item import SourceItem
from mailer.stories.url_fetcher import FetchError, Limits, fetch
from subscribers import iso_codes
from subscribers.translate_stored_texts import stored

_SUMMARY, _HEADLINE = 400, 200
_PICTURE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PICTURE_LIMITS = Limits(size=MAX_BYTES, seconds=20)
# Key of the advisory lock on PostgreSQL, under which one worker at a time compares and adds an entry.
_LOCK = 0x5049_7465_6D

log = logging.getLogger(__name__)

LanguageReason = Literal["stated", "detected", "source", "site"]
DateReason = Literal["stated", "missing", "future", "event"]
Outcome = Literal["new", "known", "changed", "duplicate", "translation", "deleted"]


@dataclass(frozen=True)
class SuggestedStory:
    """The draft that an entry becomes."""

    item_id: str
    # The fields by the names of `story_drafts.values_of`, without the picture.
    values: dict[str, str]
    language: str
    language_reason: LanguageReason
    date_reason: DateReason
    countries: CountrySuggestion
    kind: KindSuggestion
    link: str
    published: datetime | None
    picture_url: str
    # "new" until the entry is compared with those that are there.
    outcome: Outcome = "new"
    # Of a duplicate or translation.
    match: Match | None = None

    @property
    def headline(self) -> str:
        return self.values[f"headline-{self.language}"]

    @property
    def summary(self) -> str:
        return self.values[f"summary-{self.language}"]


@dataclass(frozen=True)
class Recorded:
    """What became of the entries of one poll."""

    added: tuple[Story, ...] = ()
    # Stories whose source changed them: drafts that were updated, and those that wait for staff.
    updated: tuple[Story, ...] = ()
    # Stories that an entry repeats or translates.
    merged: tuple[Story, ...] = ()
    # Entries that could not be recorded; the log has the errors.
    skipped: int = 0


def record_items(
    source: StorySource,
    items: Iterable[SourceItem],
    now: datetime,
    *,
    pictures: Mapping[str, Picture] | None = None,
    allow_loopback: bool = False,
    is_whole_list: bool = False,
) -> Recorded:
    """Make a draft of every new entry, and note what changed in the others. `now` is aware UTC.

    Each entry has a transaction of its own; an error in one is logged and counted, and the others go on.
    `pictures`: those that are loaded already, by the ids of their entries; others are loaded here.
    `is_whole_list`: the source lists everything since its oldest entry here, so that one that is missing
    between them was deleted there. `allow_loopback`: of the pictures' servers, for tests.
    """
    given = {item_key(item.id): item for item in items}
    rows = _rows(source, given)
    digests = {key: digest_of(item) for key, item in given.items()}
    same = [row.pk for key, row in rows.items() if row.digest == digests[key]]
    for part in _parts(same):
        StorySourceItem.objects.filter(pk__in=part).update(seen_at=now, removed_at=None)
    done: dict[str, list[Story]] = {"added": [], "updated": [], "merged": []}
    skipped = 0
    for key, item in _originals_first(given):
        row = rows.get(key)
        if row is not None and row.digest == digests[key]:
            continue
        try:
            outcome, story = (
                _record_new(source, item, now, pictures or {}, allow_loopback=allow_loopback)
                if row is None
                else _record_change(row, item, now, pictures or {}, allow_loopback=allow_loopback)
            )
        except Exception:
            # An entry is hostile input: no error in it keeps the others out.
            log.exception("action=record_item source=%s", source.pk)
            skipped += 1
            continue
        if story is not None:
            done[outcome].append(story)
    if is_whole_list:
        _note_removed(source, given, now)
    return Recorded(tuple(done["added"]), tuple(done["updated"]), tuple(done["merged"]), skipped)


def items_to_load(source: StorySource, items: Iterable[SourceItem]) -> list[SourceItem]:
    """The new entries whose picture is still to be loaded."""
    given = {item_key(item.id): item for item in items if item.picture_url and not item.picture}
    rows = _rows(source, given)
    return [item for key, item in given.items() if key not in rows]


def preview_items(source: StorySource, items: Iterable[SourceItem], now: datetime) -> list[SuggestedStory]:
    """What `record_items` would make of the entries; writes nothing and fetches no picture."""
    given = {item_key(item.id): item for item in items}
    rows = _rows(source, given) if source.pk else {}
    found = []
    for key, item in given.items():
        try:
            story = suggest_story(source, item, now)
        except Exception:
            log.exception("action=preview_item source=%s", source.pk)
            continue
        row = rows.get(key)
        if row is not None:
            changed: Outcome = "changed" if row.digest != digest_of(item) else "known"
            found.append(replace(story, outcome="deleted" if row.story_id is None else changed))
            continue
        match, other = _find_match(_entry(source, story, ""), source)
        if match is None:
            found.append(story)
        else:
            same: Outcome = "duplicate" if other and other.story_id else "deleted"
            found.append(replace(story, outcome=same if match.kind == "same" else "new", match=match))
    return found


# What an entry becomes.


def item_key(item_id: str) -> str:
    """The id as it is stored: a digest of one that is too long or has characters that no database takes."""
    is_plain = len(item_id) <= 500 and sanitize.printable(item_id) == item_id
    return item_id if is_plain else hashlib.sha256(item_id.encode(errors="replace")).hexdigest()


def digest_of(item: SourceItem) -> str:
    """SHA-256 of what staff would see of the entry, so not of the moment at which it was changed."""
    shown = replace(item, updated=None, picture=hashlib.sha256(item.picture).digest())
    return hashlib.sha256(repr(asdict(shown)).encode("utf-8", "replace")).hexdigest()


def suggest_story(source: StorySource, item: SourceItem, now: datetime) -> SuggestedStory:
    """The draft that an entry becomes, with the reasons of its suggestions."""
    # No database takes null characters, and lone surrogates are no text.
    item = replace(
        item,
        title=sanitize.printable(item.title),
        html=sanitize.printable(item.html),
        summary=sanitize.printable(item.summary),
        place=sanitize.printable(item.place),
        picture_alt=sanitize.printable(item.picture_alt),
        link=sanitize.printable(item.link),
        categories=tuple(map(sanitize.printable, item.categories)),
        countries=tuple(map(sanitize.printable, item.countries)),
    )
    content = item.html or item.summary
    plain = sanitize.printable(sanitize.to_single_line(content))
    headline = sanitize.shorten(_line(item.title) or plain, _HEADLINE) or _line(item.link)
    summary = sanitize.shorten(_line(item.summary) or plain or headline, _SUMMARY)
    language, language_reason = _language(source, item, f"{headline}. {plain}")
    zone = settings.CONFIG.site.timezone
    day, date_reason = _day(item, now, zone)
    kind = suggest_kind(
        headline,
        sanitize.to_plain_text(content) or summary,
        stated=item.kind,
        categories=item.categories,
        starts=item.starts,
        ends=item.ends,
        place=_line(item.place),
        today=day,
        zone=zone,
    )
    countries = country_suggestion.suggest(
        headline,
        plain or summary,
        language=language,
        site=settings.CONFIG.site.countries,
        hints=_hints(source, item),
    )
    link = safe_link(item.link)
    values = {
        "kind": kind.kind,
        "date": (kind.day or day).isoformat(),
        "starts": f"{kind.starts:%H:%M}" if kind.starts else "",
        "ends": f"{kind.ends:%H:%M}" if kind.ends else "",
        "zone": zone if kind.starts else "",
        "countries": ",".join(countries.countries),
        "link": link,
        f"headline-{language}": headline,
        f"summary-{language}": summary,
        f"body-{language}": sanitize.clean_story_html(sanitize.printable(content)),
        f"venue-{language}": kind.place[:160] if kind.kind == "event" else "",
        f"picture_alt-{language}": _line(item.picture_alt)[:250],
    }
    return SuggestedStory(
        item_key(item.id),
        values,
        language,
        language_reason,
        "event" if kind.day else date_reason,
        countries,
        kind,
        link,
        item.published,
        item.picture_url,
    )


def suggestion_of(story: SuggestedStory) -> dict[str, Any]:
    """The suggestions and their reasons, as JSON: countries, kind, language and date."""
    return {
        "countries": list(story.countries.countries),
        "region": story.countries.region,
        "reasons": [[one.country, one.word, one.place] for one in story.countries.reasons],
        "also_named": list(story.countries.also_named),
        "kind": [story.kind.kind, story.kind.reason, story.kind.word],
        "language": [story.language, story.language_reason],
        "date": story.date_reason,
    }


def _line(text: str) -> str:
    return sanitize.printable(sanitize.to_single_line(text))


def safe_link(link: str) -> str:
    """The address if it is of the web and short enough to be stored; else an empty text."""
    try:
        scheme = urlsplit(link).scheme
    except ValueError:
        return ""
    return link if scheme in ("http", "https") and len(link) <= 500 else ""


def _language(source: StorySource, item: SourceItem, text: str) -> tuple[str, LanguageReason]:
    stated = item.language.replace("_", "-").partition("-")[0].lower()
    if stated in iso_codes.LANGUAGES:
        # Many sites state the language of their software.
        other = contradiction(text, stated)
        return (other.language, "detected") if other else (stated, "stated")
    if found := detect(text):
        return found, "detected"
    if source.language:
        return source.language.replace("_", "-").partition("-")[0].lower(), "source"
    return settings.CONFIG.site.languages[0], "site"


def _day(item: SourceItem, now: datetime, zone: str) -> tuple[date, DateReason]:
    """The day of publication in the office's zone; today where there is none, or one in the future."""
    at = ZoneInfo(zone)
    if item.published is None:
        moment = item.updated
        return (min(moment, now) if moment else now).astimezone(at).date(), "missing"
    if item.published > now:
        return now.astimezone(at).date(), "future"
    return item.published.astimezone(at).date(), "stated"


def _hints(source: StorySource, item: SourceItem) -> SourceHints:
    by_category = {str(name).casefold(): tuple(codes) for name, codes in source.category_countries.items()}
    return SourceHints(tuple(source.countries), by_category, item.categories, item.countries)


def _entry(source: StorySource, story: SuggestedStory, picture: str) -> duplicates.Entry:
    values = story.values
    return entry_of(source.pk or 0, story.language, values, picture, story.published)


def entry_of(
    source: int, language: str, values: dict[str, str], picture: str, published: datetime | None
) -> duplicates.Entry:
    """What an entry with these values of a story is compared by."""
    body = sanitize.to_single_line(values.get(f"body-{language}", ""))
    is_event = values["kind"] == "event"
    return duplicates.Entry(
        source=source,
        language=language,
        headline=values.get(f"headline-{language}", ""),
        text=body or values.get(f"summary-{language}", ""),
        link=values["link"],
        picture=picture,
        day=published.date() if published else date.fromisoformat(values["date"]),
        event=f"{values['date']} {values['starts']}" if is_event and values["starts"] else "",
    )


# Recording.


def _parts(listed: Iterable[Any]) -> Iterator[list[Any]]:
    """Few enough values for one query."""
    values = iter(listed)
    while part := list(islice(values, 500)):
        yield part


def _rows(source: StorySource, given: dict[str, SourceItem]) -> dict[str, StorySourceItem]:
    found: dict[str, StorySourceItem] = {}
    for part in _parts(given):
        rows = StorySourceItem.objects.filter(source=source, item_id__in=part)
        found |= {row.item_id: row for row in rows.defer("content", "suggestion")}
    return found


def _originals_first(given: dict[str, SourceItem]) -> Iterator[tuple[str, SourceItem]]:
    """The entries, oldest first, translations behind what they translate."""
    ordered = list(reversed(given.items()))
    yield from (pair for pair in ordered if item_key(pair[1].translation_of) not in given)
    yield from (pair for pair in ordered if item_key(pair[1].translation_of) in given)


Done = tuple[str, Story | None]


@dataclass(frozen=True)
class Picture:
    """The picture of an entry, ready to be stored."""

    # Without metadata; empty: there is none.
    data: bytes = b""
    name: str = ""
    # Why it cannot be used, a stored text; or "".
    problem: str = ""
    # SHA-256 of `data`.
    digest: str = ""


def _record_new(
    source: StorySource,
    item: SourceItem,
    now: datetime,
    pictures: Mapping[str, Picture],
    *,
    allow_loopback: bool,
) -> Done:
    story = suggest_story(source, item, now)
    # Not within the transaction: a slow server would hold up all other writers.
    picture = pictures.get(item.id) or load_picture(item, allow_loopback=allow_loopback)
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        row, created = StorySourceItem.objects.get_or_create(
            source=source,
            item_id=story.item_id,
            defaults={
                "digest": digest_of(item),
                "link": story.link,
                "language": story.language,
                "published": story.published,
                "translation_of": item_key(item.translation_of),
                "first_seen_at": now,
                "seen_at": now,
                "picture_digest": picture.digest,
                "picture_problem": picture.problem[:400],
                "content": story.values,
                "suggestion": suggestion_of(story),
            },
        )
        if not created:
            # Another worker was faster.
            return "added", None
        entry = _entry(source, story, picture.digest)
        keys = set(duplicates.keys_of(entry))
        StorySourceItemKey.objects.bulk_create(StorySourceItemKey(item=row, key=key) for key in keys)
        original = _stated_original(row)
        if original is not None and (joined := _join(row, original)):
            return joined
        match, other = _find_match(entry, source, row)
        if match is not None and other is not None and match.kind == "same":
            row.story, row.role, row.similar_reason = other.story, row.Role.DUPLICATE, match.sign
            row.reviewed_at = now
            row.save(update_fields=["story", "role", "similar_reason", "reviewed_at"])
            return "merged", other.story
        row.story = _draft(source, story, picture, now)
        if match is not None and other is not None and other.story_id:
            row.similar_to, row.similar_reason = other.story, match.sign
        row.save(update_fields=["story", "similar_to", "similar_reason"])
        return "added", row.story


def _stated_original(row: StorySourceItem) -> StorySourceItem | None:
    """The entry of the same source that this one translates, or that translates this one, as stated."""
    others = StorySourceItem.objects.filter(source=row.source_id).exclude(pk=row.pk)
    found = others.filter(item_id=row.translation_of).first() if row.translation_of else None
    return found or others.filter(translation_of=row.item_id).first()


def _join(row: StorySourceItem, original: StorySourceItem) -> Done | None:
    """Let the entry's text join the story of `original`; None: that has another in its language."""
    row.role = row.Role.TRANSLATION
    if original.story is None:
        # Staff deleted the story.
        row.save(update_fields=["role"])
        return "merged", None
    story = Story.objects.select_for_update().get(pk=original.story_id)
    if not source_updates.join_text(story, row):
        row.role = row.Role.ORIGIN
        return None
    row.story = story
    row.save(update_fields=["story", "role"])
    return "merged", story


def _find_match(
    entry: duplicates.Entry, source: StorySource, row: StorySourceItem | None = None
) -> tuple[Match | None, StorySourceItem | None]:
    """The best match among the entries that are there: the same story before a translation."""
    keys = duplicates.keys_of(entry)
    candidates = StorySourceItem.objects.filter(keys__key__in=keys).distinct()
    if row is not None:
        candidates = candidates.exclude(pk=row.pk)
    translation: tuple[Match | None, StorySourceItem | None] = (None, None)
    for other in candidates.select_related("story").order_by("-pk")[:50]:
        there = entry_of(
            other.source_id, other.language, other.content, other.picture_digest, other.published
        )
        match = duplicates.compare(entry, there)
        if match is not None and match.kind == "same":
            return match, other
        if match is not None and translation[0] is None and other.story_id:
            translation = match, other
    return translation


def _draft(source: StorySource, suggested: SuggestedStory, picture: Picture, now: datetime) -> Story:
    named = hashlib.sha256(f"{source.url} {suggested.item_id}".encode()).hexdigest()[:16]
    key = f"{slugify(source.name)[:60] or 'source'}-{named}"
    known: Story | None = Story.objects.filter(key=key).first()
    if known is not None:
        # Of a source that was deleted and added again.
        return known
    story = Story(key=key, live=False, created_at=now)
    story_drafts.apply(story, suggested.values)
    if picture.data:
        story.picture = store_picture(picture.name, picture.data, suggested.headline, None)
    story.save()
    story.save_revision(log_action=True)
    return story


def load_picture(item: SourceItem, *, allow_loopback: bool = False) -> Picture:
    """The entry's picture without metadata, fetched where it has only an address. Does not raise."""
    data = item.picture
    name = item.picture_name or item.picture_url.partition("?")[0].rpartition("/")[2]
    try:
        if not data and item.picture_url:
            ports = frozenset(map(int, settings.CONFIG.site.feed_ports))
            limits = replace(_PICTURE_LIMITS, ports=ports)
            data = fetch(item.picture_url, _PICTURE_TYPES, limits, allow_loopback=allow_loopback).body
        if not data:
            return Picture()
        if len(data) > MAX_BYTES:
            return Picture(problem=stored("The picture has more than 10 MB."))
        clean = without_metadata(data)
    except FetchError as error:
        return Picture(problem=str(error))
    except DamagedPicture:
        return Picture(
            problem=stored("The picture is damaged, or in a format that mail programs do not show.")
        )
    except Exception:
        log.exception("action=load_picture")
        return Picture(problem=stored("The picture could not be loaded."))
    return Picture(clean, name[-100:] or "picture", "", hashlib.sha256(clean).hexdigest())


def _record_change(
    row: StorySourceItem,
    item: SourceItem,
    now: datetime,
    pictures: Mapping[str, Picture],
    *,
    allow_loopback: bool,
) -> Done:
    """Note what the source changed in an entry; update its draft if staff have not touched it.

    An untouched draft whose language was another one is made anew: it may be the same as another story.
    """
    suggested = suggest_story(row.source, item, now)
    digest = digest_of(item)
    if suggested.language != row.language and _delete_untouched_draft(row, digest):
        # Not within a transaction, because of the picture. After a crash here the next poll makes it.
        outcome, story = _record_new(row.source, item, now, pictures, allow_loopback=allow_loopback)
        return ("updated" if outcome == "added" else outcome), story
    with transaction.atomic():
        held = StorySourceItem.objects.select_for_update(of=("self",)).get(pk=row.pk)
        if held.digest == digest:
            return "updated", None
        held.digest, held.seen_at, held.removed_at = digest, now, None
        held.save(update_fields=["digest", "seen_at", "removed_at"])
        changed = source_updates.note_change(held, suggested.values, suggestion_of(suggested), now)
        return "updated", held.story if changed else None


@transaction.atomic
def _delete_untouched_draft(row: StorySourceItem, digest: str) -> bool:
    """Delete the entry and its draft, unless staff touched the draft or the entry is as it was."""
    held = StorySourceItem.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if held.digest == digest or not source_updates.may_start_over(held):
        return False
    story = held.story
    held.delete()
    if story is not None:
        story.delete()
    return True


def _note_removed(source: StorySource, given: dict[str, SourceItem], now: datetime) -> None:
    """Mark entries as deleted that are missing between the oldest and the newest of `given`."""
    moments = [item.published for item in given.values() if item.published is not None]
    if len(moments) < 2 or len(moments) < len(given):
        return
    listed = StorySourceItem.objects.filter(source=source, removed_at=None, published__gt=min(moments))
    missing = [pk for pk, item_id in listed.values_list("pk", "item_id") if item_id not in given]
    for part in _parts(missing):
        StorySourceItem.objects.filter(pk__in=part).update(removed_at=now)
