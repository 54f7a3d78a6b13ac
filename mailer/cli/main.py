"""The root of the `mailer` command: finds the configuration and loads only what the called command needs.

Django and the models take three times as long to load as everything else, and the desk as long again. So
a command's module is imported when the command is called, and each command says whether it needs Django.
"""

from __future__ import annotations

import atexit
import errno
import gc
import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True)
class _Command:
    # The line in `mailer --help`; empty: called by other commands, and not shown.
    help: str = ""
    # The module below mailer.cli that has this command beside others; empty: the module named as the command.
    module: str = ""
    # Whether Django is started before the module is loaded, and with the applications of the pages: those
    # have tables too, so what creates the database needs them.
    django: bool = True
    pages: bool = False
    # Whether it refuses to start where suppressed addresses would not be recognised.
    checks_key: bool = True
    # Its subcommands that also work where there is no configuration: they use neither database nor keys.
    without_config: tuple[str, ...] = ()


COMMANDS = {
    "init": _Command("Write config.toml, create database and first admin.", "init", django=False),
    "demo": _Command("Send the sample edition to inboxes on this machine.", "demo", django=False),
    "keys": _Command("List and replace the installation's keys.", django=False),
    "run": _Command("Start web and worker, and keep them running.", "processes", django=False),
    "web": _Command("Serve the pages.", "processes", django=False),
    "worker": _Command("Run the jobs: assemble, send, read bounces.", "processes", django=False),
    "migrate": _Command("Bring the database up to date with this version.", "processes", django=False),
    "backup": _Command("Back up everything into one encrypted file.", "backup", pages=True, checks_key=False),
    "restore": _Command("Restore a backup into an empty folder.", "backup", django=False),
    "move-database": _Command("Copy an embedded installation to PostgreSQL.", pages=True),
    "pause-sending": _Command("Let nothing leave this installation.", "sending_permission"),
    "resume-sending": _Command("Confirm that this installation may send.", "sending_permission"),
    "join": _Command("Let this machine take part in its installation.", "sending_permission"),
    "stories": _Command("Import and gather stories."),
    "edition": _Command("Assemble, preview, approve, send and report."),
    "templates": _Command("Show, check and preview template parts."),
    "subscribers": _Command("Import, export, show and erase subscribers."),
    "bounces": _Command(
        "Read bounces and other returned mail.", checks_key=False, without_config=("read", "score")
    ),
    "alerts": _Command("Test alerts to staff; make a secret for webhooks."),
    "doctor": _Command("Check machine, relay, DNS and mailbox; suggest fixes.", checks_key=False),
    "superuser": _Command("Make an account a superuser, or take that away.", "accounts"),
    "second-factor": _Command("Remove the second factors of an account.", "accounts", pages=True),
    "invite": _Command("Create an account that is independent of all others.", "accounts"),
    "password-link": _Command("Print a link to set an account's password.", "accounts"),
    "dkim-key": _Command("Make a DKIM key and the DNS record for it.", django=False),
    "bench": _Command("Measured comparisons on this machine.", django=False),
    "first-admin": _Command(module="init", checks_key=False, pages=True),
    "demo-run": _Command(module="demo", pages=True),
}


# Errors of the machine that its operator can correct.
_MACHINE_ERRORS = (errno.EACCES, errno.EDQUOT, errno.ENOSPC, errno.EPERM, errno.EROFS)
# What the settings need; nothing is stored or sent with it.
_DEFAULT_CONFIG = """
[site]
url = "http://localhost"
name = "none"

[database]
url = "sqlite:///:memory:"
"""


class LazyGroup(TyperGroup):
    """Imports a command's module when it is called."""

    listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name, command in COMMANDS.items() if command.help]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = COMMANDS.get(cmd_name)
        if command is None:
            return None
        if self.listing:
            return TyperCommand(cmd_name, help=command.help)
        config: Path | None = ctx.params.get("config")
        if config is not None:
            # Child processes read the same file.
            os.environ["MAILER_CONFIG"] = str(config)
        elif set(command.without_config) & set(sys.argv):
            _use_default_config_if_none()
        name = command.module or cmd_name.replace("-", "_")
        with loading_without_gc():
            if command.django:
                start_django(desk=command.pages)
            module = importlib.import_module(f"mailer.cli.{name}")
        found: Any = typer.main.get_command(module.app)
        found = found.get_command(ctx, cmd_name) if command.module else found
        if command.django and command.checks_key:
            _check_key_before(found)
        return found

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self.listing = False


def _use_default_config_if_none() -> None:
    """Where no configuration is named and none is here, use the defaults, in a folder that is deleted at the
    end.
    """
    if "MAILER_CONFIG" in os.environ or Path("config.toml").exists():
        return
    from mailer.config import key_ring

    folder = Path(tempfile.mkdtemp(prefix="mailer-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "config.toml").write_text(_DEFAULT_CONFIG, encoding="utf-8")
    key_ring.create(folder / "keys.toml", datetime.now(UTC))
    os.environ["MAILER_CONFIG"] = str(folder / "config.toml")


def _check_key_before(command: Any) -> None:
    """Let the command check the address-hash key when it is run; its help needs no database."""
    invoke = command.invoke

    def checked(ctx: Any) -> Any:
        if "--help" not in sys.argv:
            importlib.import_module("mailer.worker.process_startup").require_matching_address_hash_key()
        return invoke(ctx)

    command.invoke = checked


# Plain help: loading what draws boxes around it would take a third of the time of `mailer --help`.
app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    """Print the version of the installed program, and end; it needs no configuration."""
    if wanted:
        from importlib import metadata

        typer.echo(metadata.version("newsletter-mailer"))
        raise typer.Exit


@app.callback()
def root(
    config: Annotated[
        Path | None,
        typer.Option("--config", help="The configuration; default: MAILER_CONFIG, else config.toml here."),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the program's version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """The newsletter system: write, approve and send editions, and process what is returned."""


@contextmanager
def loading_without_gc() -> Iterator[None]:
    """Exempt what is loaded inside from garbage collection: code and classes live as long as the process."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def start_django(config: Path | None = None, *, desk: bool = False, all_tables: bool = False) -> None:
    """Load the configuration (None: as the environment says) and Django, with or without the desk's screens.

    `all_tables`: also the applications that only pages use, which have tables; the desk has them in any case.
    Raises ConfigError.
    """
    if config is not None:
        os.environ["MAILER_CONFIG"] = str(config)
    without_desk = "mailer.settings_for_migrations" if all_tables else "mailer.settings_without_web"
    os.environ["DJANGO_SETTINGS_MODULE"] = "mailer.settings" if desk else without_desk
    import django  # slow, and several commands do without

    from mailer.config.log_masking import mask_uncaught_exceptions

    mask_uncaught_exceptions()
    django.setup()


def _message_of(error: Exception) -> str:
    """What to print in place of a traceback; empty: the error is one of the program."""
    from mailer.config import ConfigError  # slow, and `mailer --help` does without

    if isinstance(error, ConfigError):
        return str(error)
    if {"web", "worker"} & set(sys.argv):
        # Their log keeps where it happened.
        return ""
    if isinstance(error, OSError) and error.errno in _MACHINE_ERRORS:
        return f"{error.filename or 'the output'} cannot be written or read: {error.strerror}."
    if "django.db" in sys.modules:
        from django.db import OperationalError

        if isinstance(error, OperationalError):
            return (
                f"the database cannot be used: {' '.join(str(error).split())}. "
                "`mailer doctor` checks it, and `mailer migrate` makes missing tables; run both as the user "
                "of the service."
            )
    return ""


def main() -> None:
    """Run the command; an error that its user can correct becomes one line on stderr and exit status 1.

    What it and its child processes create is for their owner only.
    """
    os.umask(0o077)
    try:
        app(prog_name="mailer")
    except Exception as error:
        message = _message_of(error)
        if not message:
            raise
        print(f"mailer: {message}", file=sys.stderr)  # noqa: T201
        # A mail server that pipes a message in keeps it then, and tries again (sysexits.h EX_TEMPFAIL).
        sys.exit(75 if {"bounces", "receive"} <= set(sys.argv) else 1)
