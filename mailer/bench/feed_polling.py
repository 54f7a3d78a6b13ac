"""Polling sources: feeds on a local server that answers after some latency, each at a host of its own.

Rounds on SQLite or PostgreSQL: entries that are all known, parsed and compared; the same answers again; HTTP
304; entries that are all new and become drafts; and all new beside a source that never answers.
"""

from __future__ import annotations

import asyncio
import random
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from mailer import rendering
from mailer.bench.databases import BenchmarkDatabase, open_database
from mailer.bench.send import DATABASES, Failed, run_measured, workspace

# Sources beside the one that hangs, and seconds after which a poll gives up.
_BESIDE, _GIVE_UP = 20, 20
# Path of the source that never answers.
HANGING = "hangs"
# Of the server's answers.
TYPE = "application/rss+xml"
_LANGUAGES = ("ru", "kk", "en")
_PLACES = {
    "ru": ("Алматы", "Бишкеке", "Душанбе", "Узбекистане", "Ашхабаде"),
    "kk": ("Алматыда", "Қырғызстанда", "Ташкентте", "Астанада", "Тәжікстанда"),
    "en": ("Almaty", "Bishkek", "Tajikistan", "Samarkand", "Turkmenistan"),
}


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
    def add(sources: int, known: int) -> None:
        run_measured(folder, url, "add_sources", sources, what.items, port, known)

    def polled(name: str, sources: int, *arguments: object) -> dict[str, Any]:
        return _record(kind, name, what, sources, run_measured(folder, url, "gather", *arguments))

    run_measured(folder, database.origin, "add_sources", 0, what.items, port, 1)
    with database.fresh() as url:
        add(what.sources, 1)
        yield polled("known", what.sources)
        yield polled("same answer", what.sources, "no validators")
        yield polled("unchanged", what.sources)
    with database.fresh() as url:
        add(what.sources, 0)
        yield polled("new", what.sources)
        add(_BESIDE, 0)
        yield polled("new, beside one that hangs", _BESIDE, HANGING, port, _GIVE_UP)


def _record(kind: str, name: str, what: Plan, sources: int, figures: dict[str, Any]) -> dict[str, Any]:
    if figures["failed"] or figures["done"] != sources:
        raise Failed(f"{figures['failed']} of {figures['done']} polls failed; {sources} were due")
    return {
        "backend": kind,
        "entries": name,
        "sources": sources,
        "items": sources * what.items,
        # Until the last source that answers was recorded.
        "seconds": round(figures["seconds_of_answers"], 1),
        "cpu_seconds": round(figures["cpu_seconds"], 1),
        "drafts": figures["drafts"],
        "rss_mb_quarter": figures["rss_quarter"],
        "rss_mb_peak": figures["peak_rss_mb"],
    }


@cache
def feed(number: int, items: int) -> bytes:
    """The feed of this number, the same each time."""
    entries = "".join(_entry(number, place) for place in range(items))
    return f'<rss version="2.0"><channel><title>Office {number}</title>{entries}</channel></rss>'.encode()


def _entry(number: int, place: int) -> str:
    # The same text each time.
    chance = random.Random(f"{number} {place}")
    language = _LANGUAGES[number % len(_LANGUAGES)]
    words = chance.choices(_words(language), k=120)
    where = chance.choice(_PLACES[language])
    day = format_datetime(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=place, minutes=number))
    title = f"{' '.join(words[:5]).capitalize()} {where}"
    text = f"<p>{' '.join(words[5:60]).capitalize()}, {where}.</p><p>{' '.join(words[60:]).capitalize()}.</p>"
    return (
        f"<item><guid>{number}-{place}</guid><title>{title}</title><pubDate>{day}</pubDate>"
        f"<link>https://office-{number}.example.org/{place}</link><category>{words[3]}</category>"
        f"<description>{escape(text)}</description></item>"
    )


@cache
def _words(language: str) -> list[str]:
    samples = tomllib.loads((Path(rendering.__file__).parent / "language_samples.toml").read_text("utf-8"))
    return [word for word in str(samples[language]).lower().replace(",", "").split() if word.isalpha()]


def address(number: int, port: int) -> str:
    """The URL of this feed: each at a loopback address of its own."""
    return f"http://127.{number // 62_500 + 1}.{number // 250 % 250}.{number % 250 + 1}:{port}/{number}"


@contextmanager
def _serving(what: Plan) -> Iterator[int]:
    """A server on every loopback address; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if HANGING.encode() in request.split(b"\r\n", 1)[0]:
            await reader.read()
            writer.close()
            return
        number = int(request.split(b" ", 2)[1].strip(b"/"))
        await asyncio.sleep(what.latency / 1_000)
        etag = f'"{number}"'.encode()
        if b"If-None-Match: " + etag in request:
            head, body = b"HTTP/1.1 304 Not Modified", b""
        else:
            head, body = f"HTTP/1.1 200 OK\r\nContent-Type: {TYPE}".encode(), feed(number, what.items)
        length = str(len(body)).encode()
        writer.write(
            head + b"\r\nETag: " + etag + b"\r\nContent-Length: " + length + b"\r\nConnection: close\r\n\r\n"
        )
        writer.write(body)
        await writer.drain()
        writer.close()

    for number in range(what.sources + _BESIDE):
        # Not while the time is measured.
        feed(number, what.items)
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
