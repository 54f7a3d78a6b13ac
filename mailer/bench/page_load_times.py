"""Response times of the desk's pages with many subscribers and deliveries."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mailer.bench.databases import open_database
from mailer.bench.send import run_measured, write_config


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
        "what": "counting a mailing (a job)",
        "p50_ms": round(counted["seconds"] / mailings * 1000),
        "p95_ms": None,
        "cpu_ms": round(counted["cpu_seconds"] / mailings * 1000),
        "queries": None,
        "kilobytes": None,
    }
    yield from run_measured(folder, url, "visit", rounds)["done"]
