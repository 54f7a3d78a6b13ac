"""What commands print: text for people, JSON lines for programs, and errors on stderr."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object a line, and nothing else, on stdout.")
]


@lru_cache(maxsize=1)
def console() -> Console:
    """The terminal. Text is printed as it is: `:b:` in an IPv6 address is no emoji, and `[/a]` in a link no
    markup.
    """
    from rich.console import Console  # slow, and `--help` does without

    return Console(highlight=False, emoji=False, markup=False)


def command_group(help_text: str | None = None, *, no_args_is_help: bool | None = None) -> typer.Typer:
    """A Typer application for a module's commands, with plain help as `mailer --help` has it.

    A group with a help text shows its help if it is called without a command, unless another default is set.
    """
    if no_args_is_help is None:
        no_args_is_help = help_text is not None
    return typer.Typer(
        no_args_is_help=no_args_is_help, help=help_text, add_completion=False, rich_markup_mode=None
    )


def print_json(record: Mapping[str, Any]) -> None:
    """Print one JSON object on a line of its own."""
    sys.stdout.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def print_text(text: str) -> None:
    """Print a line for people, wrapped to the width of the terminal."""
    width = shutil.get_terminal_size().columns
    if all(len(line) < width and line.isascii() and line.isprintable() for line in text.split("\n")):
        # Nothing to wrap: most commands end before what does it would be loaded.
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    else:
        console().print(text)


def print_whole(text: str) -> None:
    """Print text that is copied or stored: it is not wrapped."""
    console().print(text, soft_wrap=True)


def fail(message: object) -> NoReturn:
    """Print the message on stderr and end the command with exit status 1."""
    sys.stderr.write(f"mailer: {message}\n")
    raise typer.Exit(1)


@contextmanager
def failing_on(*expected: type[Exception]) -> Iterator[None]:
    """Turn these exceptions, whose messages are written for people, into a failure of the command."""
    try:
        yield
    except expected as error:
        fail(error)
