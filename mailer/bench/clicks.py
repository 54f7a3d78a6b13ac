"""Clicks through the web process: requests a second, their cost, and whether each was recorded."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mailer.bench.backends import backend
from mailer.bench.peers import cpu_seconds
from mailer.bench.send import BACKENDS, CONFIG, Failed, run
from mailer.bench.web import serving

# Subscribers of the mailing, and octets of its message: irrelevant to a click.
_READERS, _SIZE = 20, 10_000


def measure(
    requests: int, connections: int, backends: tuple[str, ...] = BACKENDS
) -> Iterator[dict[str, Any]]:
    """Measure this many clicks over this many connections. Raises Missing, Failed."""
    with tempfile.TemporaryDirectory(prefix="mailer-bench-") as name:
        folder = Path(name)
        (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
        for kind in backends:
            with backend(kind, folder) as database:
                run(folder, database.origin, "prepare", _READERS, _SIZE)
                run(folder, database.origin, "plan")
                with serving(folder, database.origin) as (port, process):
                    before = cpu_seconds(process)
                    followed = run(folder, database.origin, "follow", port, requests, connections)
                    cost = cpu_seconds(process) - before
                written = run(folder, database.origin, "written")["done"]
                if followed["done"] != requests:
                    raise Failed(f"only {followed['done']} of {requests} clicks were redirected")
                yield {
                    "backend": kind,
                    "connections": connections,
                    "requests": requests,
                    "per_s": round(requests / followed["seconds"]),
                    "cpu_us_per_request": round(cost / requests * 1e6),
                    "written": written,
                }


async def follow(port: int, path: str, requests: int, connections: int) -> int:
    """Follow a link this many times; returns the number of redirects."""
    shares = [requests // connections + (place < requests % connections) for place in range(connections)]
    return sum(await asyncio.gather(*(_follow(port, path, share) for share in shares)))


async def _follow(port: int, path: str, requests: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0 (X11; Linux)\r\n\r\n".encode()
    led = 0
    for _ in range(requests):
        writer.write(asked)
        # A redirect has no body.
        answer = await reader.readuntil(b"\r\n\r\n")
        led += answer.startswith(b"HTTP/1.1 302 ")
    writer.close()
    await writer.wait_closed()
    return led
