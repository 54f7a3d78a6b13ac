"""The root of the command: finds the configuration, starts Django, loads the group that is asked for."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import django
import typer
from typer.core import TyperCommand, TyperGroup

from mailer.config import ConfigError

# name: (what it does, whether it needs a configuration and Django)
COMMANDS = {
    "init": ("Write config.toml with a fresh secret, make the database and the first admin.", False),
    "demo": ("The sample edition from stories to inboxes, on this machine only.", False),
    "run": ("Start web and worker, and keep them running.", True),
    "web": ("Serve the pages.", True),
    "worker": ("Assemble, send and read what comes back.", True),
    "migrate": ("Bring the database up to date with this version.", True),
    "stories": ("Import and gather stories.", True),
    "edition": ("Assemble, preview, approve, send and report.", True),
    "subscribers": ("Import, export, show and erase people.", True),
    "bounces": ("Read what came back.", True),
    "doctor": ("Check machine, relay, DNS and mailbox, and say what to change.", True),
    "dkim-key": ("Make a key that signs our mail, and the DNS record for it.", False),
    "bench": ("Measured comparisons on this machine.", False),
}


# Called by other commands, and not shown.
HIDDEN = frozenset({"first-admin", "rehearse"})


class LazyGroup(TyperGroup):
    """Loads a subcommand's module only when it is called, so that Django starts after --config was read."""

    listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS and cmd_name not in HIDDEN:
            return None
        words, needs_django = COMMANDS.get(cmd_name, ("", True))
        if self.listing:
            return TyperCommand(cmd_name, help=words)
        if needs_django:
            start_django(ctx.params.get("config"))
        module = importlib.import_module(f"mailer.cli.{cmd_name.replace('-', '_')}")
        return typer.main.get_command(module.app)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self.listing = False


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def root(
    config: Annotated[
        Path | None,
        typer.Option("--config", help="The configuration; default: MAILER_CONFIG, else config.toml here."),
    ] = None,
) -> None:
    """The newsletter system: from stories to inboxes, and back."""


def start_django(config: Path | None) -> None:
    """Load the configuration (None: where the environment says) and Django. Raises ConfigError.

    Child processes find the same configuration in the environment.
    """
    if config is not None:
        os.environ["MAILER_CONFIG"] = str(config)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailer.settings")
    # What is loaded stays: nobody looks for garbage in it, neither now nor later.
    gc.disable()
    django.setup()
    gc.freeze()
    gc.enable()


def main() -> None:
    """Run the command; expected failures become one line on stderr and exit status 1."""
    try:
        app(prog_name="mailer")
    except ConfigError as error:
        print(f"mailer: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
