"""ESP webhooks: posts that a web process stores a second, and how fast the worker processes them.

Events are posted like an ESP does, over connections that stay open, and each response is measured. The
production web process commits each post before its 200. For comparison: the database's own rate of single-row
commits.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from mailer.bench.clicks import serving
from mailer.bench.databases import BenchmarkDatabase, open_database
from mailer.bench.send import DATABASES, SIZE, Failed, run_measured, workspace
from mailer.bench.smtp_sinks_and_reference_senders import cpu_seconds

# Deliveries that the events are about.
READERS = 1_000
_COMMITS = 500
SECRET = "for measurements alone"
_CONFIG = f"""
[site]
url = "http://localhost:8000"
name = "Regional Office"
[service]
name = "postmark"
key = "unused"
webhook_secret = "{SECRET}"
"""
# One in this many is a bounce, the others are deliveries.
BOUNCES = 20


class Plan(NamedTuple):
    """Parameters of the benchmark."""

    posts: int
    # The median of these is reported.
    rounds: int
    backends: tuple[str, ...] = DATABASES
    # Connections that the ESP keeps open.
    connections: tuple[int, ...] = (8,)


def measure(what: Plan) -> Iterator[dict[str, Any]]:
    """A record for each backend and number of connections. Raises Missing, Failed."""
    with workspace(_CONFIG) as folder:
        for kind in what.backends:
            with open_database(kind, folder) as database:
                for action in (("prepare", READERS, SIZE), ("plan",), ("accept",)):
                    run_measured(folder, database.origin, *action)
                for connections in what.connections:
                    done = [_round(folder, database, what.posts, connections) for _ in range(what.rounds)]
                    yield _figures(kind, connections, what.posts, done)


class _Round(NamedTuple):
    posted: dict[str, Any]
    web_cpu: float
    read: dict[str, Any]
    commits: dict[str, Any]


def _round(folder: Path, database: BenchmarkDatabase, posts: int, connections: int) -> _Round:
    with database.fresh() as url:
        commits = run_measured(folder, url, "commit", _COMMITS)
        with serving(folder, url) as (port, web):
            # The first posts of all threads open their connections to the database.
            run_measured(folder, url, "post", port, 200, connections)
            before = cpu_seconds(web)
            posted = run_measured(folder, url, "post", port, posts, connections)
            cpu = cpu_seconds(web) - before
        if posted["done"] != posts:
            raise Failed(f"only {posted['done']} of {posts} posts were accepted")
        read = run_measured(folder, url, "read")
        if read["done"] != posts + 200:
            raise Failed(f"only {read['done']} of {posts + 200} posts were stored")
    return _Round(posted, cpu, read, commits)


def _figures(kind: str, connections: int, posts: int, done: list[_Round]) -> dict[str, Any]:
    kept = posts / median(one.posted["seconds"] for one in done)
    commits = _COMMITS / median(one.commits["seconds"] for one in done)
    read = median(one.read["seconds"] / one.read["done"] for one in done)
    return {
        "backend": kind,
        "connections": connections,
        "posts": posts,
        "kept_per_s": round(kept),
        "p50_ms": round(median(one.posted["p50_ms"] for one in done), 1),
        "p95_ms": round(median(one.posted["p95_ms"] for one in done), 1),
        "web_cpu_us_per_post": round(median(one.web_cpu for one in done) / posts * 1e6),
        "single_commits_per_s": round(commits),
        "ratio": round(kept / commits, 2),
        "read_per_s": round(1 / read),
        "share_of_bounces": round(1 / BOUNCES, 2),
    }


@dataclass
class Posted:
    # Posts that were answered with 200.
    accepted: int = 0
    # For each of them, from the first octet written to the last read.
    seconds: list[float] = field(default_factory=list)


def post_events(port: int, secret: str, tokens: Sequence[str], count: int, connections: int) -> Posted:
    """Post this many events about deliveries in turn to the web process on loopback. Raises OSError."""
    posted = Posted()
    numbers = iter(range(count))

    async def all_of_them() -> None:
        await asyncio.gather(*(_talk(port, secret, tokens, numbers, posted) for _ in range(connections)))

    asyncio.run(all_of_them())
    return posted


async def _talk(
    port: int, secret: str, tokens: Sequence[str], numbers: Iterator[int], posted: Posted
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    signed_in = base64.b64encode(f"hooks:{secret}".encode()).decode()
    for number in numbers:
        body = json.dumps(_event(number, tokens[number % len(tokens)])).encode()
        head = (
            f"POST /hooks/postmark/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {signed_in}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        started = time.perf_counter()
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        posted.seconds.append(time.perf_counter() - started)
        posted.accepted += answer.startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()


def _event(number: int, token: str) -> dict[str, object]:
    """An event in Postmark's format, without the message's content."""
    about: dict[str, object] = {
        "MessageID": f"883953f4-6105-42a2-a16a-{number:012}",
        "ServerID": 23,
        "MessageStream": "broadcast",
        "Tag": "",
        "Metadata": {"delivery": token},
    }
    if number % BOUNCES:
        return about | {
            "RecordType": "Delivery",
            "Recipient": "reader@example.net",
            "DeliveredAt": "2021-12-03T04:05:06Z",
            "Details": "smtp;250 2.0.0 OK 1638504306 taken",
        }
    return about | {
        "RecordType": "Bounce",
        "ID": number + 1,
        "Type": "SoftBounce",
        "TypeCode": 4096,
        "Name": "Soft bounce",
        "Email": "reader@example.net",
        "BouncedAt": "2021-12-03T04:05:06Z",
        "Details": "smtp;452 4.2.2 The mailbox is over its quota",
    }
