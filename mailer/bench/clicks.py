"""Clicks through the production web process: requests a second, their cost, and whether each was recorded."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mailer.bench.databases import open_database
from mailer.bench.send import DATABASES, Failed, environment, run_measured, workspace
from mailer.bench.smtp_sinks_and_reference_senders import cpu_seconds, free_port

# Subscribers of the mailing, and octets of its message: irrelevant to a click.
_READERS, _SIZE = 20, 10_000


def measure(
    requests: int, connections: int, backends: tuple[str, ...] = DATABASES
) -> Iterator[dict[str, Any]]:
    """Measure this many clicks over this many connections. Raises Missing, Failed."""
    with workspace() as folder:
        for kind in backends:
            with open_database(kind, folder) as database:
                run_measured(folder, database.origin, "prepare", _READERS, _SIZE)
                run_measured(folder, database.origin, "plan")
                with serving(folder, database.origin) as (port, process):
                    before = cpu_seconds(process)
                    followed = run_measured(folder, database.origin, "follow", port, requests, connections)
                    cost = cpu_seconds(process) - before
                written = run_measured(folder, database.origin, "written")["done"]
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


@contextmanager
def serving(folder: Path, url: str) -> Iterator[tuple[int, int]]:
    """Port and process id of a web process, which flushes its buffers at the end. Raises Failed."""
    port = free_port()
    settings = environment(folder, url) | {"MAILER_WEB__PORT": str(port)}
    command = [sys.executable, "-m", "mailer", "web"]
    process = subprocess.Popen(command, env=settings, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise Failed("the web process does not answer")


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
