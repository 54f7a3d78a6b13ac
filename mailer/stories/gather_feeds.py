"""Gathers draft stories from RSS and Atom feeds, for staff to edit or delete."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from calendar import timegm
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.text import slugify

from mailer.rendering import sanitize
from mailer.stories.models import Story, StorySource, StoryText
from mailer.stories.url_fetcher import Fetched, FetchError, Limits, fetch
from subscribers.limited_process import LimitExceeded, ProcessLimits, run_lines

FEED_TYPES = frozenset(
    {"application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/xml", "text/xml"}
)
# The process that parses a feed, and its limits: 5 MB of XML take a few seconds.
_READER, _LIMITS = "mailer.stories.feed_reader", ProcessLimits(cpu_seconds=20)
_SUMMARY = 400

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Gathered:
    """The result of gathering from one source."""

    source: str
    # Keys of the new drafts.
    added: tuple[str, ...]
    # The error message; empty after success.
    problem: str


def gather_all(now: datetime, *, allow_loopback: bool = False) -> tuple[Gathered, ...]:
    """Gather from every active source; an error in one does not affect the others."""
    sources = StorySource.objects.filter(active=True)
    return tuple(gather(source, now, allow_loopback=allow_loopback) for source in sources)


def gather(source: StorySource, now: datetime, *, allow_loopback: bool = False) -> Gathered:
    """Create a draft story for every new entry of the source's feed. `now` is aware UTC.

    Does not raise for errors of the source: the message is returned, and stored on the source.
    """
    added: tuple[str, ...] = ()
    problem = ""
    try:
        ports = frozenset(map(int, settings.CONFIG.site.feed_ports))
        feed = fetch(source.url, FEED_TYPES, Limits(ports=ports), allow_loopback=allow_loopback)
        with transaction.atomic():
            added = tuple(_draft(source, entry, now) for entry in _fresh(source, _entries(feed)))
    except FetchError as error:
        problem = str(error)
    except Exception:
        # A feed is hostile input: no error of the parser goes further.
        log.exception("action=gather source=%s", source.pk)
        problem = "The feed could not be read: it is not valid RSS or Atom."
    StorySource.objects.filter(pk=source.pk).update(gathered_at=now, problem=problem[:400])
    return Gathered(source.name, added, problem)


def _entries(feed: Fetched) -> list[Any]:
    headers = {"content-type": feed.content_type_header, "content-location": feed.url}
    with tempfile.TemporaryFile() as body:
        body.write(feed.body)
        body.flush()
        try:
            read = [json.loads(line) for line in run_lines(_READER, body, _LIMITS, json.dumps(headers))]
        except LimitExceeded as error:
            raise FetchError(f"{feed.url} needs far more memory or time than a feed does.") from error
    if not read:
        raise FetchError(f"{feed.url} is no feed; give the address of its RSS or Atom, not of the page.")
    return read[1:]


def _fresh(source: StorySource, entries: list[Any]) -> Iterator[tuple[str, Any]]:
    """Keys and entries without a story, each once."""
    found = {_key(source, entry): entry for entry in entries if _headline(entry)}
    known = set(Story.objects.filter(key__in=found).values_list("key", flat=True))
    return ((key, entry) for key, entry in found.items() if key not in known)


def _key(source: StorySource, entry: Any) -> str:
    named = entry.get("id") or entry.get("link") or f"{entry.get('title')} {entry.get('published')}"
    digest = hashlib.sha256(f"{source.url} {named}".encode()).hexdigest()[:16]
    return f"{slugify(source.name)[:60] or 'source'}-{digest}"


def _headline(entry: Any) -> str:
    return sanitize.shorten(
        sanitize.to_single_line(entry.get("title", "")) or sanitize.to_single_line(entry.get("summary", "")),
        200,
    )


def _draft(source: StorySource, found: tuple[str, Any], now: datetime) -> str:
    key, entry = found
    headline = _headline(entry)
    content = next((part.get("value", "") for part in entry.get("content", ())), entry.get("summary", ""))
    summary = (
        sanitize.to_single_line(entry.get("summary", "")) or sanitize.to_single_line(content) or headline
    )
    story = Story(
        key=key,
        kind=Story.Kind.NEWS,
        date=_day(entry, now),
        countries=source.countries,
        link=_link(entry),
        created_at=now,
        live=False,
    )
    story.texts = [
        StoryText(
            language=source.language,
            headline=headline,
            summary=sanitize.shorten(summary, _SUMMARY),
            body=sanitize.clean_story_html(content),
        )
    ]
    story.save()
    story.save_revision(log_action=True)
    return key


def _day(entry: Any, now: datetime) -> date:
    """The entry's date; today where it has none or one in the future."""
    moment = entry.get("published_parsed") or entry.get("updated_parsed")
    if moment is None:
        return now.date()
    return min(datetime.fromtimestamp(timegm(moment), UTC), now).date()


def _link(entry: Any) -> str:
    link = str(entry.get("link", ""))
    return link if urlsplit(link).scheme in ("http", "https") and len(link) <= 500 else ""
