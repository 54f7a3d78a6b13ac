"""Response times of the desk's pages, and of subscribers' pages while clients hammer the sign-in.

The desk's are measured with many subscribers and deliveries.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from mailer.bench.clicks import serving
from mailer.bench.databases import open_database
from mailer.bench.send import DATABASES, run_measured, workspace, write_config


def measure(readers: int, mailings: int, rounds: int, backends: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Measure the statistics job of a mailing, then each page this many times. Raises Failed."""
    for name in backends:
        with (
            tempfile.TemporaryDirectory(prefix="mailer-bench-") as folder,
            open_database(name, Path(folder)) as database,
        ):
            for one in _measured(Path(folder), database.origin, readers, mailings, rounds):
                yield {"backend": name, **one, "readers": readers, "deliveries": readers * mailings}


def _measured(folder: Path, url: str, readers: int, mailings: int, rounds: int) -> Iterator[dict[str, Any]]:
    write_config(folder)
    run_measured(folder, url, "fill", readers, mailings)
    counted = run_measured(folder, url, "count")
    yield {
        "what": "counting mailings, audiences and segments (jobs)",
        "p50_ms": round(counted["seconds"] / mailings * 1000),
        "p95_ms": None,
        "cpu_ms": round(counted["cpu_seconds"] / mailings * 1000),
        "queries": None,
        "kilobytes": None,
    }
    yield from run_measured(folder, url, "visit", rounds)["done"]


# Readers, and octets of a message: irrelevant to a page.
_READERS, _SIZE = 20, 10_000
# A form's secret is any that its cookie repeats.
_CSRF = "0123456789abcdefghijklmnopqrstuv"
# Seconds between two pages of a reader.
_PAUSE = 0.02


def measure_during_sign_ins(
    clients: int, seconds: float, backends: tuple[str, ...] = DATABASES
) -> Iterator[dict[str, Any]]:
    """A record for an idle sign-in, and one each for clients in one network and in many. Raises Failed."""
    with workspace() as folder:
        for kind in backends:
            with open_database(kind, folder) as database:
                run_measured(folder, database.origin, "prepare", _READERS, _SIZE)
                with serving(folder, database.origin) as (port, _):
                    for count, networks in ((0, "one"), (clients, "one"), (clients, "many")):
                        yield _record(folder, database.origin, kind, port, count, networks, seconds)


def _record(
    folder: Path, url: str, kind: str, port: int, clients: int, networks: str, seconds: float
) -> dict[str, Any]:
    found = run_measured(folder, url, "hammer", port, clients, networks, seconds)
    return {
        "backend": kind,
        "clients": clients,
        "networks": networks,
        "p50_ms": round(found["p50_ms"], 1),
        "p95_ms": round(found["p95_ms"], 1),
        "checked_per_s": round(found["checked"] / seconds, 1),
        "refused_per_s": round(found["refused"] / seconds, 1),
    }


async def time_page_during_failed_sign_ins(
    port: int, path: str, clients: int, networks: str, seconds: float
) -> dict[str, float]:
    """Post wrong passwords from `clients` connections; meanwhile, how long the page at `path` takes."""
    end = time.monotonic() + seconds
    statuses: Counter[int] = Counter()
    attackers = [asyncio.create_task(_attack(port, networks, end, statuses)) for _ in range(clients)]
    # The first page loads what it needs, and the attackers begin.
    await _request(port, _get(path))
    took = []
    while time.monotonic() < end:
        started = time.perf_counter()
        status = await _request(port, _get(path))
        took.append(time.perf_counter() - started)
        if status != 200:
            raise RuntimeError(f"the unsubscribe page answered {status}")
        await asyncio.sleep(_PAUSE)
    await asyncio.gather(*attackers)
    took.sort()
    return {
        "p50_ms": took[len(took) // 2] * 1000,
        "p95_ms": took[len(took) * 95 // 100] * 1000,
        "checked": statuses[200],
        "refused": statuses[429],
        "other": sum(statuses.values()) - statuses[200] - statuses[429],
    }


async def _attack(port: int, networks: str, end: float, statuses: Counter[int]) -> None:
    while time.monotonic() < end:
        # As a proxy passes it on; each attempt of "many" comes from a network of its own.
        network = f"10.{random.randrange(256)}.{random.randrange(256)}" if networks == "many" else "10.0.0"
        form = {"csrfmiddlewaretoken": _CSRF, "login": f"user{random.randrange(10**9)}", "password": "wrong"}
        body = urlencode(form)
        head = (
            "POST /accounts/sign-in/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Cookie: csrftoken={_CSRF}\r\nX-Forwarded-For: {network}.{random.randrange(1, 255)}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        statuses[await _request(port, head + body)] += 1


def _get(path: str) -> str:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def _request(port: int, text: str) -> int:
    """The status of the answer, when it was read whole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer[9:12])
