"""`make bench`: every benchmark in a process of its own, with its goals; WHAT="plan send" for some."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from mailer.bench.figure_tables import label, tables

ROOT = Path(__file__).resolve().parents[2]
Figures = dict[str, Any]


class Goal(NamedTuple):
    figure: str
    # The maximum; with `least`, the minimum.
    limit: float
    least: bool = False
    # The goal applies to records with these figures only.
    only: tuple[tuple[str, Any], ...] = ()

    def result(self, figures: Figures) -> str:
        """The result as text; empty where the goal does not apply."""
        found = figures.get(self.figure)
        if found is None or any(figures.get(name) != value for name, value in self.only):
            return ""
        met = found >= self.limit if self.least else found <= self.limit
        bound = "≥" if self.least else "≤"
        return f"{'met' if met else 'MISSED'}: {label(self.figure)} {bound} {self.limit:,g}"


class Measurement(NamedTuple):
    title: str
    # Arguments of the Python interpreter.
    arguments: tuple[str, ...]
    goals: tuple[Goal, ...] = ()


def _command(*words: str) -> tuple[str, ...]:
    return ("-m", "mailer", "bench", *words, "--json")


# With 20 sessions, and a sink that is not the bottleneck.
_BUSY = (("sessions", 20), ("sink", "light"))
_SIGNED = "--backend sqlite --sessions 20 --sink light --rounds 3 --tls"
MEASUREMENTS = {
    "render": Measurement(
        "All variants of 12 stories, 5 countries and 7 languages; 50,000 others; a reader's message",
        ("-m", "mailer.bench.rendering"),
        (Goal("seconds", 1), Goal("stream_seconds", 100), Goal("peak_rss_mb", 250)),
    ),
    "bounces": Measurement(
        "Reading returned messages, on one core",
        ("-m", "mailer.bench.bounces"),
        (Goal("per_s", 1_000, least=True), Goal("slowest_ms", 1_000)),
    ),
    "plan": Measurement("Planning a mailing to a million", _command("plan"), (Goal("seconds", 15),)),
    "send": Measurement(
        "Sending beside smtp-source",
        _command("send"),
        (Goal("ratio", 0.8, least=True, only=_BUSY), Goal("cpu_ratio", 1.5, only=_BUSY)),
    ),
    "tls": Measurement("Sending with STARTTLS beside curl", _command("send", *_SIGNED.split())),
    "signed": Measurement(
        "Sending with STARTTLS and a DKIM signature (RSA-2048) beside openssl speed",
        # So many that the start of the signing processes does not count.
        _command("send", *_SIGNED.split(), "--dkim", "rsa", "--messages", "100000"),
        (Goal("signing_ratio", 0.8, least=True),),
    ),
    "signed-ed25519": Measurement(
        "Sending with STARTTLS and a DKIM signature (Ed25519) beside openssl speed",
        _command("send", *_SIGNED.split(), "--dkim", "ed25519"),
    ),
    "esp": Measurement(
        "Sending through ESPs, 80 ms a call, 1 % of them 429",
        _command("esp"),
        (Goal("ratio", 0.9, least=True),),
    ),
    "small-machine": Measurement(
        "All of `mailer run` in 512 MB, with 100,000 readers",
        _command("small-machine"),
        (Goal("at_rest_mb", 300), Goal("peak_mb", 400)),
    ),
    "scale": Measurement(
        "Several workers send one mailing (PostgreSQL)",
        _command("scale"),
        (
            Goal("speedup", 1.9, least=True, only=(("workers", 2), ("bound_by", "latency"))),
            Goal("speedup", 3.6, least=True, only=(("workers", 4), ("bound_by", "latency"))),
            Goal("cpu_ratio", 1.1, only=(("bound_by", "processor"),)),
        ),
    ),
    "million": Measurement("Sending to a million", _command("million"), (Goal("peak_rss_mb", 250),)),
    "import": Measurement(
        "Importing a million people",
        _command("import"),
        (Goal("seconds", 60), Goal("peak_rss_mb", 300)),
    ),
    "feedback": Measurement("Services' webhooks", _command("feedback")),
    "clicks": Measurement("Clicks", _command("clicks")),
    "login": Measurement(
        "An unsubscribe page while clients hammer the sign-in",
        _command("login"),
        (Goal("p95_ms", 200),),
    ),
    "pages": Measurement(
        "The desk over five years of editions, 5,000 stories and a million readers",
        _command("pages"),
        (Goal("p95_ms", 200),),
    ),
}


def measure(one: Measurement) -> Iterator[Figures]:
    """The JSON lines that it prints. Raises CalledProcessError; it prints missing programs itself."""
    environment = {
        **os.environ,
        "MAILER_CONFIG": str(ROOT / "tests" / "config.toml"),
        "DJANGO_SETTINGS_MODULE": "mailer.settings",
    }
    command = [sys.executable, *one.arguments]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                yield json.loads(line)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def show(console: Console, one: Measurement) -> bool:
    """Run a benchmark and print its table; whether it ran, apart from its goals."""
    lines: list[Figures] = []
    spinner = Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), transient=True)
    try:
        with spinner as progress:
            progress.add_task(f"{one.title} …")
            lines.extend(measure(one))
    except subprocess.CalledProcessError as error:
        console.print(f"{one.title}: ended with status {error.returncode}.")
    if lines:
        for table in tables([_with_results(one, line) for line in lines], console.width, one.title):
            console.print(table)
    return bool(lines)


def _with_results(one: Measurement, line: Figures) -> Figures:
    """The figures, and which goals they meet."""
    results = [result for goal in one.goals if (result := goal.result(line))]
    return line | ({"goal": "\n".join(results)} if one.goals else {})


def main() -> None:
    wanted = sys.argv[1:] or list(MEASUREMENTS)
    if unknown := [name for name in wanted if name not in MEASUREMENTS]:
        sys.exit(f"There is no measurement {unknown[0]}; there are {', '.join(MEASUREMENTS)}.")
    console = Console()
    done = [show(console, MEASUREMENTS[name]) for name in wanted]
    sys.exit(0 if all(done) else 1)


if __name__ == "__main__":
    main()
