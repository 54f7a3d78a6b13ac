"""The production web process on a port of its own, for the time of a benchmark."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailer.bench.peers import free_port
from mailer.bench.send import Failed, environment


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
