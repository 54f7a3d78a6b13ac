"""How commands speak: words for people, JSON lines for programs, and failures on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object a line, and nothing else, on stdout.")
]

console = Console(highlight=False)


def emit(record: Mapping[str, Any]) -> None:
    """One JSON object on a line of its own."""
    sys.stdout.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def say(words: str) -> None:
    """A line for people."""
    console.print(words, markup=False)


def fail(words: object) -> NoReturn:
    """End the command with exit status 1 and a line on stderr."""
    sys.stderr.write(f"mailer: {words}\n")
    raise typer.Exit(1)


@contextmanager
def failing_on(*expected: type[Exception]) -> Iterator[None]:
    """Turn errors that carry words for people into a failure of the command."""
    try:
        yield
    except expected as error:
        fail(error)
