"""`make bench`: each measurement in a process of its own, then a table with the goals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

# (module, figure, what it is, goal in words)
GOALS = (
    ("render", "seconds", "seconds for all variants of 12 stories, 5 countries × 7 languages", "at most 2"),
    ("render", "us_per_message", "µs to join one reader's message", ""),
    ("render", "peak_rss_mb", "MB at most while rendering", ""),
    ("bounces", "per_s", "returned messages read a second, one core", "at least 1,000"),
    ("bounces", "per_s_60_kb", "of them where 60 KB of our message came back", ""),
    ("bounces", "slowest_ms", "ms for the slowest of them", "at most 1,000"),
)


def measure(module: str) -> dict[str, float]:
    """The figures that a module of this folder prints."""
    root = Path(__file__).resolve().parents[1]
    environment = {
        **os.environ,
        "MAILER_CONFIG": str(root / "tests" / "config.toml"),
        "DJANGO_SETTINGS_MODULE": "mailer.settings",
    }
    command = [sys.executable, "-m", f"bench.{module}"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    figures = {module: measure(module) for module in dict.fromkeys(goal[0] for goal in GOALS)}
    table = Table("measured", "", "goal")
    for module, name, words, goal in GOALS:
        table.add_row(f"{figures[module][name]:,}", words, goal)
    Console().print(table)
    # They say themselves which package is missing, where one is.
    ended = [
        subprocess.run([sys.executable, "-m", "mailer", "bench", what], check=False).returncode
        for what in ("feedback", "send")
    ]
    sys.exit(max(ended))


if __name__ == "__main__":
    main()
