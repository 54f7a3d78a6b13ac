"""Several workers send one mailing from one PostgreSQL: how the rate grows, and what a message costs then.

Each worker has connections and a storage folder of its own, as on a machine of its own. Bound by latency, a
worker waits for the relay most of the time; bound by the processor, all share the cores of this machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psycopg

from mailer.bench import smtp_sinks_and_reference_senders
from mailer.bench.databases import BenchmarkDatabase, open_database
from mailer.bench.send import SIZE, WAIT, Failed, environment, run_measured, workspace

WORKERS = (1, 2, 4)
# What a worker is bound by, and how many rounds there are then. Where it is the processor, a message costs up
# to half more from one minute to the next on a virtual machine.
ROUNDS = {"latency": 1, "processor": 5}
BOUNDS = tuple(ROUNDS)
# Connections of each worker.
_SESSIONS = 20
# Seconds between two looks at what the database's processes wait for.
_SAMPLING = 0.02
_WAITING = """
SELECT count(*) FILTER (WHERE wait_event_type = 'Lock'), count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# Octets of write-ahead log so far, commits and deadlocks so far, octets of all deliveries with their indexes.
_COUNTERS = """
SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0'), xact_commit, deadlocks,
    pg_total_relation_size('mailer_delivery')
FROM pg_stat_database WHERE datname = current_database()
"""


class Plan(NamedTuple):
    """Parameters of the benchmark."""

    messages: int
    # The median of these is reported, also of the ratios within each; 0: as many as ROUNDS has.
    rounds: int = 0
    # Of the relay's replies, in seconds, where latency is what a worker is bound by.
    latency: float = 0.02
    workers: tuple[int, ...] = WORKERS
    bounds: tuple[str, ...] = BOUNDS


class _Round(NamedTuple):
    seconds: float
    # Processor seconds of all workers, and of the database.
    cpu: float
    database_cpu: float
    # Share of the workers' time in which they waited for a lock of the database.
    lock_waits: float
    deadlocks: int
    # Octets of write-ahead log, and commits, while it was sent; octets on disk afterwards.
    wal: int
    commits: int
    disk: int


def measure(plan: Plan) -> Iterator[dict[str, Any]]:
    """A record for each bound and number of workers. Raises Missing, Failed."""
    with workspace() as folder, open_database("postgresql", folder) as database:
        run_measured(folder, database.origin, "prepare", plan.messages, SIZE)
        run_measured(folder, database.origin, "plan")
        for bound_by in plan.bounds:
            latency = plan.latency if bound_by == "latency" else 0.0
            # In turns: a machine that is slower for a while is so for every number of workers.
            rounds = [
                [_round(folder, database, plan.messages, workers, latency) for workers in plan.workers]
                for _ in range(plan.rounds or ROUNDS[bound_by])
            ]
            for place, workers in enumerate(plan.workers):
                yield {
                    "bound_by": bound_by,
                    "latency_ms": round(latency * 1_000, 1),
                    "workers": workers,
                    "messages": plan.messages,
                    "rounds": len(rounds),
                    **_figures(plan.messages, [one[place] for one in rounds]),
                    "speedup": round(median(one[0].seconds / one[place].seconds for one in rounds), 2),
                    "cpu_ratio": round(median(one[place].cpu / one[0].cpu for one in rounds), 2),
                }


def _figures(messages: int, rounds: list[_Round]) -> dict[str, Any]:
    return {
        "per_s": round(messages / median(one.seconds for one in rounds)),
        "cpu_us_per_message": round(median(one.cpu for one in rounds) / messages * 1e6, 1),
        "database_us_per_message": round(median(one.database_cpu for one in rounds) / messages * 1e6, 1),
        "lock_waits_percent": round(100 * median(one.lock_waits for one in rounds), 2),
        "deadlocks": sum(one.deadlocks for one in rounds),
        "wal_bytes_per_message": round(median(one.wal for one in rounds) / messages),
        "commits_per_1000": round(median(one.commits for one in rounds) / messages * 1_000, 1),
        "disk_bytes_per_delivery": round(median(one.disk for one in rounds) / messages),
    }


def _round(folder: Path, database: BenchmarkDatabase, messages: int, workers: int, latency: float) -> _Round:
    with database.fresh() as url, smtp_sinks_and_reference_senders.Sink("light", latency=latency) as sink:
        postmaster = _postmaster(url)
        running = [_start(folder, url, sink.port, number) for number in range(workers)]
        try:
            before, counted = _server_cpu_seconds(postmaster), _counters(url)
            with _watch_locks(url) as watched:
                for one in running:
                    assert one.stdin is not None
                    one.stdin.write("go\n")
                    one.stdin.flush()
                found = [_figures_of(one) for one in running]
            used = _server_cpu_seconds(postmaster) - before
        finally:
            for one in running:
                one.kill()
                one.communicate()
        wal, commits, deadlocks, disk = _counters(url)
    done = sum(one["done"] for one in found)
    if done != messages:
        raise Failed(f"only {done} of {messages} were accepted")
    waited, looks = watched
    return _Round(
        max(one["seconds"] for one in found),
        sum(one["cpu_seconds"] for one in found),
        used,
        waited / max(looks * workers, 1),
        deadlocks - counted[2],
        wal - counted[0],
        commits - counted[1],
        disk,
    )


def _start(folder: Path, url: str, port: int, number: int) -> subprocess.Popen[str]:
    """A worker that waits for a line of input."""
    settings = environment(folder, url) | {
        "MAILER_SMTP__HOST": "127.0.0.1",
        "MAILER_SMTP__PORT": str(port),
        "MAILER_SMTP__CONNECTIONS": str(_SESSIONS),
        "MAILER_STORAGE__PATH": str(folder / f"worker-{number}"),
    }
    command = [sys.executable, "-m", "mailer.bench.measurement_subprocess", "send", WAIT]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, env=settings, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        process.kill()
        process.communicate()
        raise Failed("a worker did not start")
    return process


def _figures_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise Failed("a worker ended early")
    figures: dict[str, Any] = json.loads(line)
    return figures


@contextmanager
def _watch_locks(url: str) -> Iterator[list[int]]:
    """Counts meanwhile, in a list: processes of the database that were seen waiting for a lock, and looks."""
    counts = [0, 0]
    stop = threading.Event()

    def watch() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.wait(_SAMPLING):
                waiting, workers = connection.execute(_WAITING).fetchone() or (0, 0)
                if workers:
                    counts[0] += waiting
                    counts[1] += 1

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield counts
    finally:
        stop.set()
        thread.join()


def _counters(url: str) -> tuple[int, int, int, int]:
    with psycopg.connect(url) as connection:
        # A process of the server reports its counts when it ends, or once a second.
        connection.execute("SELECT pg_stat_force_next_flush()")
        wal, commits, deadlocks, disk = connection.execute(_COUNTERS).fetchone() or (0, 0, 0, 0)
        return int(wal), int(commits), int(deadlocks), int(disk)


def _postmaster(url: str) -> int:
    """The process id of the database server."""
    with psycopg.connect(url) as connection:
        return _parent(connection.info.backend_pid)


def _stat(process: int) -> list[str]:
    return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()


def _parent(process: int) -> int:
    return int(_stat(process)[1])


def _server_cpu_seconds(postmaster: int) -> float:
    """User and system time of the server's processes, also of those that have ended."""
    ended = sum(map(int, _stat(postmaster)[13:15])) / smtp_sinks_and_reference_senders.CLOCK_TICKS
    running = 0.0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if _parent(int(path.name)) == postmaster:
                running += smtp_sinks_and_reference_senders.cpu_seconds(int(path.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return ended + running
