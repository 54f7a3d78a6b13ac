"""Fetches for readers: one request to a host at a time, with pauses, within the limits of one poll."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parseaddr, parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from mailer.stories import url_fetcher
from mailer.stories.sources.parser_pool import Parsers
from mailer.stories.sources.reader_interface import Response
from mailer.stories.url_fetcher import FetchError, Limits, StatusError
from subscribers.translate_stored_texts import stored

# A server that asks for more patience is asked again after this many seconds.
_MOST_PATIENCE = 86_400.0


@dataclass(frozen=True)
class PollLimits:
    """What the polls of all sources may use."""

    # Sources that are polled at the same time.
    parallel: int = 16
    # Of one request.
    request: Limits = field(default_factory=lambda: Limits(seconds=30))
    # All requests of one poll: seconds, bytes and their number.
    seconds: float = 180
    size: int = 30 * 1024 * 1024
    requests: int = 60
    # Seconds between two requests to a host.
    host_interval: float = 1.0
    # Processes that parse.
    parsers: int = 2


class Hosts:
    """Whose turn it is at each host. Threads share it."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._lock = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}
        # Seconds between two requests to hosts that ask for more.
        self._intervals: dict[str, float] = {}
        # Moments of time.monotonic before which the host is left alone.
        self._free_at: dict[str, float] = {}

    @contextmanager
    def turn(self, host: str, until: float, cancelled: threading.Event) -> Iterator[None]:
        """Waits for the host's turn. Raises FetchError where it does not come `until` then (monotonic)."""
        with self._lock:
            turn = self._turns.setdefault(host, threading.Lock())
        if not turn.acquire(timeout=max(until - time.monotonic(), 0)):
            raise FetchError(
                stored("Other requests to %(host)s took too long, so this one was not made.", host=host)
            )
        try:
            wait = self.seconds_to_wait(host)
            if wait > until - time.monotonic() or (wait and cancelled.wait(wait)):
                raise FetchError(
                    stored("%(host)s asks us to wait longer than one check may last.", host=host)
                )
            yield
        finally:
            with self._lock:
                free_at = time.monotonic() + self._intervals.get(host, self._interval)
                self._free_at[host] = max(self._free_at.get(host, 0), free_at)
            turn.release()

    def seconds_to_wait(self, host: str) -> float:
        """Seconds until the host may be asked again, 0 for at once."""
        with self._lock:
            return max(self._free_at.get(host, 0) - time.monotonic(), 0)

    def slow_down(self, host: str, seconds: float) -> None:
        """Keep at least so much time between two requests to the host."""
        with self._lock:
            self._intervals[host] = max(self._interval, seconds)

    def leave_alone(self, host: str, seconds: float) -> None:
        """Ask the host nothing for so long."""
        with self._lock:
            self._free_at[host] = max(self._free_at.get(host, 0), time.monotonic() + seconds)


def host_and_explicit_port(url: str) -> str:
    """Host and port of the URL, lower case."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname or ''}:{parts.port or ''}"
    except ValueError:
        return ""


def user_agent() -> str:
    """Names the program, the office's site and whom to write to."""
    site = settings.CONFIG.site
    contact = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    about = f"{url_fetcher.USER_AGENT} (+{site.url}; {contact})"
    return about if about.isascii() and about.isprintable() else url_fetcher.USER_AGENT


def retry_after(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds that Retry-After (RFC 9110 §10.2.3) asks to wait, at most a day; 0 without it."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return min(float(text[:9]), _MOST_PATIENCE)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return 0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 0), _MOST_PATIENCE)


class PoliteFetch:
    """The `Fetch` (reader_interface) of one poll."""

    def __init__(
        self,
        limits: PollLimits,
        hosts: Hosts,
        parsers: Parsers,
        now: datetime,
        *,
        cancelled: threading.Event | None = None,
        allow_loopback: bool = False,
    ) -> None:
        self._limits, self._hosts, self._parsers, self._now = limits, hosts, parsers, now
        self._cancelled = cancelled or threading.Event()
        self._allow_loopback = allow_loopback
        self._until = time.monotonic() + limits.seconds
        self._left_bytes, self._left_requests = limits.size, limits.requests
        # URL → where permanent redirects from there lead.
        self.moved: dict[str, str] = {}
        # Seconds that a server asked to wait.
        self.retry_after = 0.0

    def __call__(self, url: str, headers: Mapping[str, str] | None = None) -> Response:
        """GET `url`; raises FetchError for any status other than 200 and 304."""
        left = self._until - time.monotonic()
        if left <= 0 or self._left_requests <= 0 or self._left_bytes <= 0 or self._cancelled.is_set():
            raise FetchError(
                stored("Reading the whole source takes more time or requests than one check may use.")
            )
        self._left_requests -= 1
        host = host_and_explicit_port(url)
        with self._hosts.turn(host, self._until, self._cancelled):
            try:
                fetched = url_fetcher.fetch(
                    url,
                    None,
                    self._request_limits(),
                    headers={"User-Agent": user_agent(), **(headers or {})},
                    allow_loopback=self._allow_loopback,
                )
            except StatusError as error:
                self._note_patience(host, error)
                raise
        self._left_bytes -= len(fetched.body)
        if fetched.moved_to:
            self.moved[url] = fetched.moved_to
        return Response(
            fetched.url, fetched.content_type, fetched.headers, fetched.body, unchanged=fetched.unchanged
        )

    def parse(self, parser: str, body: bytes, **context: str) -> dict[str, Any]:
        """What this parser reads from `body`, in a limited process. Raises SourceError."""
        return self._parsers.parse(parser, body, **context)

    def slow_down(self, url: str, seconds: float) -> None:
        """Keep at least so much time between two requests to the host of this URL."""
        self._hosts.slow_down(host_and_explicit_port(url), seconds)

    def _request_limits(self) -> Limits:
        wanted = self._limits.request
        left = max(self._until - time.monotonic(), 0.1)
        ports = frozenset(map(int, settings.CONFIG.site.feed_ports))
        return replace(
            wanted,
            seconds=min(wanted.seconds, left),
            step_seconds=min(wanted.step_seconds, left),
            size=min(wanted.size, self._left_bytes),
            ports=ports,
        )

    def _note_patience(self, host: str, error: StatusError) -> None:
        if error.status in (429, 503) and (seconds := retry_after(error.headers, self._now)):
            self.retry_after = max(self.retry_after, seconds)
            self._hosts.leave_alone(host, seconds)
