"""`mailer backup` and `mailer restore`: the installation in one encrypted file."""

from __future__ import annotations

import getpass
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from mailer.backup.database_interface import DatabaseError
from mailer.backup.encrypted_file import MIN_PASSPHRASE, BackupFileError
from mailer.backup.restore import RestoreError
from mailer.backup.restore import restore as restore_file
from mailer.cli.main import loading_without_gc, start_django
from mailer.cli.output import Json, command_group, fail, failing_on, print_json, print_text, print_whole
from mailer.config import ConfigError

app = command_group()

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        help="A file whose first line is the passphrase, readable for its owner only; default: ask for it."
    ),
]


@app.command()
def backup(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="A new file, or a folder; default: the folder backups beside config.toml.",
        ),
    ] = None,
    passphrase_file: PassphraseFile = None,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Delete older backups of the same folder, all but this many."),
    ] = None,
    with_bucket: Annotated[
        bool,
        typer.Option("--with-bucket", help='Also the objects of the bucket, with [storage] media = "s3".'),
    ] = False,
    json: Json = False,
) -> None:
    """Back up database, keys, configuration and pictures into one encrypted file, while everything runs."""
    with loading_without_gc():
        from django.conf import settings

        from mailer.backup import create
        from mailer.instance import database_copy_detection
        from mailer.instance import models as instance
    now = datetime.now(UTC)
    folder = settings.CONFIG.home / "backups" if file is None else file
    named = file is not None and not file.is_dir()
    if named and keep is not None:
        fail("--keep works on a folder of backups; name the folder instead of a file, or nothing.")
    if with_bucket and settings.CONFIG.storage.media != "s3":
        fail('--with-bucket needs [storage] media = "s3"; files in folders are in every backup.')
    path = folder if named else folder / create.default_name(now)
    passphrase = _read_passphrase(passphrase_file, new=True)
    started = time.monotonic()
    config_file = Path(os.environ.get("MAILER_CONFIG", "config.toml"))
    with failing_on(BackupFileError, DatabaseError, OSError), _progress(json) as on_progress:
        if instance.load_instance() is None:
            # A database that no process used yet gets its identity.
            database_copy_detection.enforce_identity(now)
        summary = create.create(path, config_file, passphrase, now, on_progress, with_bucket=with_bucket)
        instance.record_backup(now)
        if keep is not None:
            summary.deleted = create.delete_older(folder, keep)
    record: dict[str, Any] = {
        "file": str(summary.path),
        "bytes": summary.octets,
        "files": summary.files,
        "tables": len(summary.rows),
        "rows": sum(summary.rows.values()),
        "seconds": round(time.monotonic() - started, 1),
        "deleted": [str(one) for one in summary.deleted],
        "left_out": summary.left_out,
    }
    if json:
        print_json(record)
        return
    print_text(
        f"Wrote and verified {path}: {record['rows']:,} rows of {record['tables']} tables and "
        f"{record['files']} files in {record['bytes'] / 1e6:,.2f} MB, in {record['seconds']} seconds."
    )
    for text in summary.left_out:
        print_text(f"Not in it: {text}")
    for one in summary.deleted:
        print_text(f"Deleted {one}")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="The backup.")],
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where config.toml is restored; it must be empty.")
    ] = Path(),
    passphrase_file: PassphraseFile = None,
    keep_bucket: Annotated[
        bool,
        typer.Option("--keep-bucket", help="Leave the objects of the bucket as they are; upload none."),
    ] = False,
    json: Json = False,
) -> None:
    """Restore a backup into an empty folder and an empty database, whole or not at all."""
    passphrase = _read_passphrase(passphrase_file, new=False)
    started = time.monotonic()

    def start(config: Path) -> None:
        with loading_without_gc():
            start_django(config, desk=True)

    errors = (BackupFileError, DatabaseError, RestoreError, ConfigError, OSError)
    with failing_on(*errors), _progress(json) as on_progress:
        summary = restore_file(file, folder, passphrase, start, on_progress, skip_bucket_upload=keep_bucket)
    record = {
        "config": str(summary.config),
        "made_at": summary.created_at,
        "files": summary.files,
        "objects": summary.objects,
        "tables": len(summary.rows),
        "rows": sum(summary.rows.values()),
        "seconds": round(time.monotonic() - started, 1),
    }
    if json:
        print_json(record)
        return
    print_text(
        f"Restored and verified {record['rows']:,} rows of {record['tables']} tables and {record['files']} "
        f"files of the backup of {summary.created_at}, in {record['seconds']} seconds."
    )
    if summary.other_database:
        print_text(
            "The rows are in the database that MAILER_DATABASE__URL names. Write it as [database] url into "
            f"{summary.config} before you start."
        )
    if summary.bucket:
        print_text(
            f"Pictures are in the bucket {summary.bucket}: {summary.objects:,} objects were uploaded. An "
            "installation that goes on elsewhere must not use the same objects."
        )
    if summary.other_bucket:
        print_text(
            "The environment names that bucket. Write it into [storage] of the same file before you start."
        )
    print_whole(f"Start it with: mailer --config {summary.config} run")
    print_text(
        "It sends nothing until an admin confirms that it may, in the desk or by `mailer resume-sending`: "
        "what the original sent since then is not in the backup (docs/backup.md)."
    )


def _read_passphrase(path: Path | None, *, new: bool) -> str:
    """The passphrase from the file, or typed; a new one is typed twice, and has a minimal length."""
    if path is not None:
        with failing_on(OSError, UnicodeDecodeError):
            if path.stat().st_mode & 0o077:
                fail(f"{path} can be opened by other users; run: chmod 600 {path}")
            passphrase = path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    elif sys.stdin.isatty():
        passphrase = getpass.getpass("Passphrase of the backup: ")
        if new and getpass.getpass("Once more: ") != passphrase:
            fail("the two passphrases differ.")
    else:
        fail("there is no terminal to ask for the passphrase; give --passphrase-file.")
    if new and len(passphrase) < MIN_PASSPHRASE:
        fail(f"the passphrase needs {MIN_PASSPHRASE} characters or more.")
    return passphrase


@contextmanager
def _progress(json: bool) -> Iterator[Callable[[str, int], None]]:
    """A line on a terminal that says which table is being processed, and how many rows were."""
    if json or not sys.stderr.isatty():
        yield lambda name, count: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns: tuple[Any, ...] = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda name, count: progress.update(task, description=name, completed=count)
