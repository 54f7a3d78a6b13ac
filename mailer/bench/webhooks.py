"""ESP webhooks: posts that a web process stores a second, and how fast the worker processes them.

The production web process commits each post before its 200. For comparison: the database's own rate of
single-row commits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from mailer.bench import poster
from mailer.bench.backends import Backend, backend
from mailer.bench.peers import cpu_seconds
from mailer.bench.send import BACKENDS, SIZE, Failed, run
from mailer.bench.web import serving

# Deliveries that the events are about.
READERS = 1_000
_COMMITS = 500
SECRET = "for measurements alone"

_CONFIG = f"""
[site]
url = "http://localhost:8000"
name = "Regional Office"
secret_key = "for measurements alone, and long enough for that"
[service]
name = "postmark"
key = "unused"
webhook_secret = "{SECRET}"
"""


class Plan(NamedTuple):
    """Parameters of the benchmark."""

    posts: int
    # The median of these is reported.
    rounds: int
    backends: tuple[str, ...] = BACKENDS
    # Connections that the ESP keeps open.
    connections: tuple[int, ...] = (8,)


def measure(what: Plan) -> Iterator[dict[str, Any]]:
    """A record for each backend and number of connections. Raises Missing, Failed."""
    with tempfile.TemporaryDirectory(prefix="mailer-bench-") as name:
        folder = Path(name)
        (folder / "config.toml").write_text(_CONFIG, encoding="utf-8")
        for kind in what.backends:
            with backend(kind, folder) as database:
                for deed in (("prepare", READERS, SIZE), ("plan",), ("accept",)):
                    run(folder, database.origin, *deed)
                for connections in what.connections:
                    done = [_round(folder, database, what.posts, connections) for _ in range(what.rounds)]
                    yield _figures(kind, connections, what.posts, done)


class _Round(NamedTuple):
    posted: dict[str, Any]
    web_cpu: float
    read: dict[str, Any]
    commits: dict[str, Any]


def _round(folder: Path, database: Backend, posts: int, connections: int) -> _Round:
    with database.fresh() as url:
        commits = run(folder, url, "commit", _COMMITS)
        with serving(folder, url) as (port, web):
            # The first posts of all threads open their connections to the database.
            run(folder, url, "post", port, 200, connections)
            before = cpu_seconds(web)
            posted = run(folder, url, "post", port, posts, connections)
            cpu = cpu_seconds(web) - before
        if posted["done"] != posts:
            raise Failed(f"only {posted['done']} of {posts} posts were accepted")
        read = run(folder, url, "read")
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
        "share_of_bounces": round(1 / poster.BOUNCES, 2),
    }
