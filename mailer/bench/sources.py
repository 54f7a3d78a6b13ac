"""Polling sources: feeds on a local server that answers after some latency, each at a host of its own.

Three rounds on SQLite or PostgreSQL: feeds whose entries are all known, parsed and compared; feeds that say
that nothing is new (HTTP 304); and, of some sources, entries that are all new and become drafts.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, NamedTuple

from mailer.bench.databases import BenchmarkDatabase, open_database
from mailer.bench.send import DATABASES, Failed, run_measured, workspace

# Sources whose entries are all new, in the last round.
_NEW = 20
_WORDS = [
    "water",
    "bridge",
    "school",
    "valley",
    "river",
    "market",
    "road",
    "library",
    "harvest",
    "village",
    "teacher",
    "doctor",
    "film",
    "music",
]


class Plan(NamedTuple):
    """Parameters of the benchmark."""

    sources: int = 500
    items: int = 50
    # Milliseconds before the server answers.
    latency: float = 100.0
    backends: tuple[str, ...] = DATABASES


def measure(what: Plan) -> Iterator[dict[str, Any]]:
    """A record for each backend and round. Raises Missing, Failed."""
    with workspace() as folder, _serving(what) as port:
        for kind in what.backends:
            with open_database(kind, folder) as database:
                yield from _rounds(kind, folder, database, what, port)


def _rounds(
    kind: str, folder: Path, database: BenchmarkDatabase, what: Plan, port: int
) -> Iterator[dict[str, Any]]:
    run_measured(folder, database.origin, "add_sources", what.sources, what.items, port, 1)
    with database.fresh() as url:
        for name in ("known", "unchanged"):
            yield _record(kind, name, what, what.sources, run_measured(folder, url, "gather"))
        run_measured(folder, url, "add_sources", _NEW, what.items, port, 0)
        yield _record(kind, "new", what, _NEW, run_measured(folder, url, "gather"))


def _record(kind: str, name: str, what: Plan, sources: int, figures: dict[str, Any]) -> dict[str, Any]:
    if figures["failed"] or figures["done"] != sources:
        raise Failed(f"{figures['failed']} of {figures['done']} polls failed; {sources} were due")
    return {
        "backend": kind,
        "entries": name,
        "sources": sources,
        "items": sources * what.items,
        "seconds": round(figures["seconds"], 1),
        "cpu_seconds": round(figures["cpu_seconds"], 1),
        "rss_mb_quarter": figures["rss_quarter"],
        "rss_mb_end": figures["rss_end"],
    }


def feed(number: int, items: int) -> bytes:
    """The feed of this number, the same each time."""
    entries = "".join(_entry(number, place) for place in range(items))
    return f'<rss version="2.0"><channel><title>Office {number}</title>{entries}</channel></rss>'.encode()


def _entry(number: int, place: int) -> str:
    words = [_WORDS[(number * 7 + place * 3 + step * (number % 5 + 1)) % len(_WORDS)] for step in range(120)]
    day = format_datetime(datetime(2026, 1 + place % 12, 1 + number % 28, tzinfo=UTC))
    title = f"{words[0].title()} {words[1]} {words[2]} number {number}-{place}"
    return (
        f"<item><guid>{number}-{place}</guid><title>{title}</title><pubDate>{day}</pubDate>"
        f"<link>https://office-{number}.example.org/{place}</link><category>{words[3]}</category>"
        f"<description>&lt;p&gt;{' '.join(words)}, {number} and {place}.&lt;/p&gt;</description></item>"
    )


def address(number: int, port: int) -> str:
    """The URL of this feed: each at a loopback address of its own."""
    return f"http://127.{number // 62_500 + 1}.{number // 250 % 250}.{number % 250 + 1}:{port}/{number}"


@contextmanager
def _serving(what: Plan) -> Iterator[int]:
    """A server on every loopback address; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        number = int(request.split(b" ", 2)[1].strip(b"/"))
        await asyncio.sleep(what.latency / 1_000)
        etag = f'"{number}"'.encode()
        if b"If-None-Match: " + etag in request:
            head, body = b"HTTP/1.1 304 Not Modified", b""
        else:
            head, body = b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml", feed(number, what.items)
        length = str(len(body)).encode()
        writer.write(
            head + b"\r\nETag: " + etag + b"\r\nContent-Length: " + length + b"\r\nConnection: close\r\n\r\n"
        )
        writer.write(body)
        await writer.drain()
        writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(answer, "0.0.0.0", 0))  # loopback is all of 127/8
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()
