"""The two processes: whether a worker works here, and whether the web process answers."""

from __future__ import annotations

import fcntl
import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from mailer.config import Config
from mailer.doctor.records import Finding, World


def worker(config: Config) -> Iterator[Finding]:
    """Whether somebody holds the worker's lock on this machine."""
    path = config.path(config.storage.path) / "worker.lock"
    if path.exists() and _is_locked(path):
        yield Finding("worker", "", "ok", "A worker runs on this machine.")
    elif config.demo.enabled:
        yield Finding("worker", "", "skipped", "The demo is not running.")
    else:
        yield Finding(
            "worker",
            "",
            "warning",
            "No worker runs on this machine: nothing is assembled or sent.",
            "Start it with: mailer run",
        )


def _is_locked(path: Path) -> bool:
    try:
        with path.open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


def web(world: World) -> Iterator[Finding]:
    """Whether the web process answers where it listens."""
    config = world.config
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.web.host, config.web.host)  # noqa: S104
    where = f"{host}:{config.web.port}"
    line = http.client.HTTPConnection(host, config.web.port, timeout=world.patience)
    try:
        line.request("GET", "/healthz", headers={"Host": urlsplit(config.site.url).hostname or "localhost"})
        status = line.getresponse().status
    except (OSError, http.client.HTTPException):
        if config.demo.enabled:
            yield Finding("web", where, "skipped", "The demo is not running.")
            return
        yield Finding("web", where, "warning", "No web process answers here.", "Start it with: mailer run")
        return
    finally:
        line.close()
    if status == 200:
        yield Finding("web", where, "ok", "The web process answers, and reaches the database.")
    else:
        yield Finding(
            "web",
            where,
            "problem",
            f"/healthz answers {status}.",
            "Look into the web process's log; perhaps another program listens here.",
        )
