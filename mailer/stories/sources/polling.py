"""Polls sources that are due: several at the same time, each within limits, politely to every host.

Threads only fetch and parse. What they find is recorded in the thread that called, one source after another.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import Q, QuerySet

from mailer.backoff import BackoffPolicy
from mailer.rendering import sanitize
from mailer.stories import draft_fields_from_source_entry
from mailer.stories.draft_fields_from_source_entry import SourceContext, SuggestedStory
from mailer.stories.draft_or_merge_new_items import Prepared
from mailer.stories.items_removed_at_source import mark_removed_and_relisted
from mailer.stories.models import Story, StorySource
from mailer.stories.record_source_items import (
    items_with_picture_to_load,
    make_and_update_drafts,
    new_and_changed_items,
)
from mailer.stories.signals import source_failing
from mailer.stories.source_item_pictures import Picture, try_load_picture
from mailer.stories.sources.discovery import Offer, discover
from mailer.stories.sources.parser_pool import ParserPool, Parsers
from mailer.stories.sources.polite_fetch import Hosts, PoliteFetch, PollLimits, host_and_explicit_port
from mailer.stories.sources.reader_interface import SourceError, SourceItem, SourceResult, SourceSettings
from mailer.stories.sources.readers import READERS
from mailer.stories.suggestion_context import context_of
from mailer.stories.url_fetcher import FetchError
from subscribers.translate_stored_texts import stored

Clock = Callable[[], datetime]
Stop = Callable[[], bool]

# Polls in a row that fail before admins are alerted: after a little more than an hour.
ALERT_AFTER = 5
_BACKOFF = BackoffPolicy(first=300, cap=12 * 3600, jitter=0.1)
# Polls that were planned for the same minute come apart by up to this share of the interval.
_JITTER = 0.1
# A claimed source that was not finished, because its worker was killed, is polled again after this time.
_LEASE = timedelta(minutes=15)
# Bytes of pictures that one poll holds in memory.
_PICTURES = 16 << 20
# Entries that could not be saved, and are named to staff one by one.
_NAMED = 10
# Sources that are looked at when there is room for more, and seconds between two looks.
_LOOKED_AT, _LOOK_EVERY = 2_000, 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Polled:
    """The result of polling one source."""

    source: StorySource
    added: tuple[Story, ...] = ()
    # The error message, a stored text; empty after success.
    problem: str = ""
    # The source said that nothing is new.
    unchanged: bool = False


@dataclass(frozen=True)
class _Read:
    """What a thread brings back."""

    result: SourceResult | None
    problem: str = ""
    retry_after: float = 0.0
    moved_to: str = ""
    # Of new and changed entries; None: not prepared yet.
    prepared: Prepared | None = None


def due_sources(now: datetime) -> QuerySet[StorySource]:
    """The sources to poll at `now`, the longest overdue first; emails and uploads come on their own."""
    waiting = Q(next_poll_at=None) | Q(next_poll_at__lte=now)
    return StorySource.objects.filter(waiting, active=True, kind__in=list(READERS)).order_by(
        "next_poll_at", "pk"
    )


def poll_due(
    now: Clock,
    stop: Stop,
    limits: PollLimits | None = None,
    *,
    parsers: Parsers | None = None,
    allow_loopback: bool = False,
) -> tuple[int, int]:
    """Poll every source that is due, also those that become due meanwhile; polls, and those that failed.

    A job of the worker.
    """
    polls, failed = 0, 0
    with _polling(now, limits or PollLimits(), parsers, allow_loopback) as polling:
        for one in polling.run(lambda: due_sources(now()), stop):
            polls, failed = polls + 1, failed + bool(one.problem)
    return polls, failed


def poll(
    sources: Iterable[StorySource],
    now: Clock,
    limits: PollLimits | None = None,
    *,
    parsers: Parsers | None = None,
    allow_loopback: bool = False,
) -> Iterator[Polled]:
    """Poll these sources whether they are due or not; each result when it is there."""
    chosen = [source.pk for source in sources]
    with _polling(now, limits or PollLimits(), parsers, allow_loopback) as polling:
        yield from polling.run(lambda: StorySource.objects.filter(pk__in=chosen), lambda: False, once=True)


def read_source_without_recording(
    source: SourceSettings,
    validators: Mapping[str, str],
    now: datetime,
    limits: PollLimits | None = None,
    *,
    parsers: Parsers | None = None,
    allow_loopback: bool = False,
) -> SourceResult:
    """What a source has now, without recording anything. Raises SourceError and FetchError."""
    used = limits or PollLimits()
    with ParserPool(1) as pool:
        hosts = Hosts(used.host_interval)
        fetch = PoliteFetch(used, hosts, parsers or pool, now, allow_loopback=allow_loopback)
        return READERS[source.kind](source, validators, fetch)


def discover_once(
    url: str,
    now: datetime,
    limits: PollLimits,
    *,
    parsers: Parsers | None = None,
    allow_loopback: bool = False,
) -> tuple[Offer, ...]:
    """What can be read at this address or at its site. Raises SourceError and FetchError."""
    with ParserPool(1) as pool:
        hosts = Hosts(limits.host_interval)
        fetch = PoliteFetch(limits, hosts, parsers or pool, now, allow_loopback=allow_loopback)
        return discover(url, fetch)


def poll_soon(source: StorySource, now: datetime) -> None:
    """Let the worker poll the source at once."""
    StorySource.objects.filter(pk=source.pk).update(next_poll_at=now)


def settings_of(source: StorySource, now: datetime) -> SourceSettings:
    """What the reader of this source is given."""
    return SourceSettings(
        source.kind,
        source.url,
        source.folder,
        source.language,
        last_success_at=source.last_success_at,
        polled_at=now,
    )


@contextmanager
def _polling(
    now: Clock, limits: PollLimits, parsers: Parsers | None, allow_loopback: bool
) -> Iterator[_Polling]:
    with (
        _commits_without_waiting(),
        ParserPool(limits.parsers) as pool,
        ThreadPoolExecutor(limits.parallel, "poll") as threads,
    ):
        polling = _Polling(now, limits, allow_loopback, parsers or pool, threads)
        try:
            yield polling
        finally:
            polling.cancel()


@contextmanager
def _commits_without_waiting() -> Iterator[None]:
    """Lets PostgreSQL write commits of this session to its disk a moment later.

    When the server crashes, it forgets the last of them in their order, entries together with what is known
    of their source, so that they are read again.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
    try:
        yield
    finally:
        # A connection that was lost has no setting any more.
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("RESET synchronous_commit")


@dataclass
class _Polling:
    """One run over sources: those that wait, those in the hands of threads, and the hosts that are busy."""

    now: Clock
    limits: PollLimits
    allow_loopback: bool
    parsers: Parsers
    threads: ThreadPoolExecutor
    cancelled: threading.Event = field(default_factory=threading.Event)
    # With the place that only one poll at a time may ask.
    waiting: dict[int, tuple[StorySource, str]] = field(default_factory=dict)
    running: dict[Future[_Read], StorySource] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hosts = Hosts(self.limits.host_interval)

    def run(
        self, find: Callable[[], QuerySet[StorySource]], stop: Stop, *, once: bool = False
    ) -> Iterator[Polled]:
        """Polls what `find` gives, again and again until it gives nothing; or `once`."""
        looked_at = float("-inf")
        while True:
            if stop():
                self.waiting.clear()
                self.cancelled.set()
            elif time.monotonic() - looked_at >= _LOOK_EVERY and not (once and looked_at >= 0):
                self._look(find())
                looked_at = time.monotonic()
            self._start_waiting()
            if not self.running:
                if self.waiting:
                    continue
                return
            finished, _ = wait(self.running, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in finished:
                source = self.running.pop(future)
                read = future.result()
                found = read.result.items if read.result is not None and read.prepared is None else ()
                new, pictured = (
                    new_and_changed_items(source, found),
                    items_with_picture_to_load(source, found),
                )
                if new or pictured:
                    preparing = self.threads.submit(self._prepare, read, new, pictured, context_of(source))
                    self.running[preparing] = source
                    continue
                yield self._record(source, read)
            if finished and not once and not self.waiting:
                looked_at = min(looked_at, time.monotonic() - _LOOK_EVERY)

    def cancel(self) -> None:
        """Let the threads come to an end, and what they read be read again soon."""
        self.cancelled.set()
        claimed = [source.pk for source in self.running.values()]
        StorySource.objects.filter(pk__in=claimed).update(next_poll_at=self.now())

    def _look(self, found: QuerySet[StorySource]) -> None:
        known = {source.pk for source in self.running.values()} | self.waiting.keys()
        columns = ("name", "kind", "url", "folder", "next_poll_at")
        for source in found.only(*columns)[:_LOOKED_AT]:
            if source.pk not in known:
                self.waiting[source.pk] = source, _place_of(source)

    def _start_waiting(self) -> None:
        """Hand waiting sources to threads, none to a host that is busy."""
        busy = {_place_of(source) for source in self.running.values()}
        for source, place in list(self.waiting.values()):
            if len(self.running) >= self.limits.parallel:
                return
            if place in busy:
                continue
            del self.waiting[source.pk]
            if (patience := self.hosts.seconds_to_wait(place)) > self.limits.seconds / 2:
                self._postpone(source, patience)
            elif claimed := self._claim(source):
                busy.add(place)
                self.running[self.threads.submit(self._read, claimed)] = claimed

    def _postpone(self, source: StorySource, seconds: float) -> None:
        """Another source of the host was asked to wait."""
        later = self.now() + timedelta(seconds=seconds)
        StorySource.objects.filter(pk=source.pk).update(next_poll_at=later)

    def _claim(self, source: StorySource) -> StorySource | None:
        """The whole row, for this worker alone; None where another one has it, or staff changed it."""
        until = self.now() + _LEASE
        claimed = StorySource.objects.filter(pk=source.pk, next_poll_at=source.next_poll_at)
        if not claimed.update(next_poll_at=until):
            return None
        return StorySource.objects.filter(pk=source.pk).first()

    def _read(self, source: StorySource) -> _Read:
        """Runs in a thread, and uses no database."""
        now = self.now()
        fetch = PoliteFetch(
            self.limits,
            self.hosts,
            self.parsers,
            now,
            cancelled=self.cancelled,
            allow_loopback=self.allow_loopback,
        )
        try:
            result = READERS[source.kind](settings_of(source, now), dict(source.validators), fetch)
        except (FetchError, SourceError) as error:
            return _Read(None, str(error), fetch.retry_after, fetch.moved.get(source.url, ""))
        except Exception:
            # What a source answers is hostile input: no error of its reader goes further.
            log.exception("action=poll source=%s", source.pk)
            return _Read(None, stored("The source could not be read: its answer is not valid."))
        return _Read(result, moved_to=fetch.moved.get(source.url, ""))

    def _prepare(
        self, read: _Read, new: list[SourceItem], pictured: list[SourceItem], context: SourceContext
    ) -> _Read:
        """Runs in a thread, so that a slow server of pictures holds up its source alone."""
        pictures, (stories, refused) = self._load_pictures(pictured), self._suggest(new, context)
        return replace(read, prepared=Prepared(pictures, stories, refused))

    def _load_pictures(self, pictured: list[SourceItem]) -> dict[str, Picture]:
        pictures, until = {}, time.monotonic() + self.limits.seconds
        for item in pictured:
            if self.cancelled.is_set() or time.monotonic() > until:
                pictures[item.id] = Picture(
                    problem=stored("The picture of the story could not be loaded in time.")
                )
            else:
                pictures[item.id] = try_load_picture(item, allow_loopback=self.allow_loopback)
            if sum(len(one.data) for one in pictures.values()) > _PICTURES:
                # The others are loaded one by one when they are recorded.
                break
        return pictures

    def _suggest(
        self, new: list[SourceItem], context: SourceContext
    ) -> tuple[dict[str, SuggestedStory], set[str]]:
        """Suggestions from the processes that parse, which use another core; and what they could not do."""
        try:
            return self._suggest_together(new, context), set()
        except (SourceError, KeyError, TypeError, ValueError):
            pass
        stories: dict[str, SuggestedStory] = {}
        # One after another, so that an entry that takes too long keeps no other out.
        until = time.monotonic() + self.limits.seconds
        for item in new:
            if self.cancelled.is_set() or time.monotonic() > until:
                break
            with suppress(SourceError, KeyError, TypeError, ValueError):
                stories |= self._suggest_together([item], context)
        return stories, {item.id for item in new} - stories.keys()

    def _suggest_together(self, new: list[SourceItem], context: SourceContext) -> dict[str, SuggestedStory]:
        if not new:
            return {}
        asked = draft_fields_from_source_entry.build_suggestion_request(context, new, self.now())
        answers = self.parsers.parse("suggestions", asked)["stories"]
        return {
            item.id: draft_fields_from_source_entry.read_answer(answer, item)
            for item, answer in zip(new, answers, strict=True)
            if answer is not None
        }

    def _record(self, source: StorySource, read: _Read) -> Polled:
        now, result = self.now(), read.result
        if result is not None:
            try:
                done = make_and_update_drafts(
                    source,
                    result.items,
                    now,
                    prepared=read.prepared or Prepared(),
                    allow_loopback=self.allow_loopback,
                )
                mark_removed_and_relisted(source, result.listing, now)
            except Exception:
                log.exception("action=record_items source=%s", source.pk)
                read = _Read(None, stored("The stories were read, but could not be saved."))
            else:
                if done.skipped:
                    result = _to_read_again(source, result, done.skipped)
                _succeeded(source, result, read.moved_to, now)
                return Polled(source, done.added, unchanged=result.unchanged)
        if self.cancelled.is_set():
            # It was not the source that failed.
            poll_soon(source, now)
        else:
            _failed(source, read, now)
        return Polled(source, problem=read.problem)


def _place_of(source: StorySource) -> str:
    """What only one poll at a time may ask: a host, or a folder."""
    return host_and_explicit_port(source.url) if source.url else f"{source.kind} {source.folder}"


def _to_read_again(source: StorySource, result: SourceResult, skipped: Sequence[SourceItem]) -> SourceResult:
    """The result with which the next poll reads these entries again, and which names them to staff."""
    find = result.validators_without
    validators = find({item.id for item in skipped}) if find else source.validators
    named = [sanitize.shorten(" ".join((item.title or item.id).split()), 100) for item in skipped]
    warnings = [
        stored("“%(title)s” could not be saved. It will be read again at the next check.", title=one)
        for one in named[:_NAMED]
    ]
    if len(named) > _NAMED:
        warnings.append(
            stored("Further entries that could not be saved: %(number)s.", number=len(named) - _NAMED)
        )
    return replace(result, validators=validators, warnings=(*result.warnings, *warnings))


def _succeeded(source: StorySource, result: SourceResult, moved_to: str, now: datetime) -> None:
    interval = timedelta(minutes=source.poll_minutes) * (1 + _JITTER * random.random())  # noqa: S311
    if source.failures:
        log.info("action=source_recovered source=%d failures=%d", source.pk, source.failures)
    _write(
        source,
        now + interval,
        validators=dict(result.validators),
        warnings=list(map(sanitize.without_unprintable, result.warnings)),
        last_success_at=now,
        problem="",
        failures=0,
        moved_to=moved_to[:500],
    )


def _failed(source: StorySource, read: _Read, now: datetime) -> None:
    failures = source.failures + 1
    delay = _BACKOFF.delay(failures, random.random())  # noqa: S311
    problem = sanitize.without_unprintable(read.problem)[:400]
    log.warning("action=source_failed source=%d failures=%d", source.pk, failures)
    _write(
        source,
        now + timedelta(seconds=max(delay, read.retry_after)),
        problem=problem,
        failures=failures,
        moved_to=read.moved_to[:500],
    )
    if failures == ALERT_AFTER:
        source.failures, source.problem = failures, problem
        source_failing.send(sender=StorySource, source=source, now=now)


def _write(source: StorySource, next_poll_at: datetime, **values: Any) -> None:
    """Keep the result; the moment of the next poll only where staff did not ask for one meanwhile."""
    row = StorySource.objects.filter(pk=source.pk)
    row.update(**values)
    row.filter(next_poll_at=source.next_poll_at).update(next_poll_at=next_poll_at)
