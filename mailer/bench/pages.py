"""How long the desk's pages take in a house with a past: many readers, and editions sent to all of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mailer.bench.send import CONFIG, run


def measure(readers: int, mailings: int, rounds: int) -> Iterator[dict[str, Any]]:
    """What counting a mailing costs, then each page, asked for so many times. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix="mailer-bench-") as name:
        folder = Path(name)
        (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
        url = f"sqlite:///{folder / 'past.sqlite3'}"
        run(folder, url, "fill", readers, mailings)
        counted = run(folder, url, "count")
        work: dict[str, Any] = {
            "what": "counting a mailing (a job)",
            "p50_ms": round(counted["seconds"] / mailings * 1000),
            "p95_ms": None,
            "cpu_ms": round(counted["cpu_seconds"] / mailings * 1000),
            "queries": None,
            "kilobytes": None,
        }
        for one in (work, *run(folder, url, "visit", rounds)["done"]):
            yield {**one, "readers": readers, "deliveries": readers * mailings}
