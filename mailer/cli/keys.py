"""`mailer keys`: which keys the installation has, and new ones for sessions and links."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from mailer import config
from mailer.cli.output import Json, command_group, console, fail, failing_on, print_json, print_text
from mailer.config import key_ring

app = command_group("Show and replace the installation's keys; never prints one.")


@app.command("list")
def list_key_ring(json: Json = False) -> None:
    """List the keys: purpose, id, age, and whether each is in use or only reads."""
    now = datetime.now(UTC)
    with failing_on(config.ConfigError):
        ring = key_ring.load(_path(), now)
    for purpose, keys in ring.keys.items():
        for key in keys:
            record = {
                "purpose": purpose,
                "id": key.id,
                "created_at": key.created_at.isoformat(),
                "age_days": (now - key.created_at).days,
                "read_until": key.read_until and key.read_until.isoformat(),
            }
            if json:
                print_json(record)
                continue
            state = f"reads until {key.read_until:%Y-%m-%d}" if key.read_until else "in use"
            age = f"{record['age_days']} days old"
            console().print(f"{purpose:<14} {key.id:>3}  {age:<14} {state}")


@app.command()
def create() -> None:
    """Write a keys file for a new installation whose configuration was written by hand."""
    path = _path()
    try:
        key_ring.create(path, datetime.now(UTC))
    except FileExistsError:
        fail(f"{path} exists already.")
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}.")
    print_text(f"Wrote {path}. Keep it secret, and in the backup.")


@app.command()
def rotate(
    purpose: Annotated[
        key_ring.Purpose,
        typer.Argument(help="sessions, tokens (links in mail) or stored_secrets (second factors)."),
    ],
    keep_days: Annotated[
        int | None,
        typer.Option(
            min=0, max=36_500, help="Days that the replaced key still reads: sessions 30, tokens 1095."
        ),
    ] = None,
) -> None:
    """Add a new key; the present one still reads for a time, so that sign-ins and links go on working."""
    if purpose == "addresses":
        fail(
            "the key of the address hashes is never replaced. Of erased subscribers only the hash is left, "
            "which cannot be made again: they would join again with the next import."
        )
    if purpose == "audit_log":
        fail("the key of the audit log is never replaced: past entries could no longer be verified.")
    if purpose == "stored_secrets" and keep_days is not None:
        fail("what is encrypted with the key before must stay readable; leave --keep-days out.")
    read_for = key_ring.READ_FOR[purpose] if keep_days is None else timedelta(days=keep_days)
    now = datetime.now(UTC)
    with failing_on(config.ConfigError, OSError):
        new = key_ring.rotate(_path(), purpose, read_for, now)
    print_text(
        f"Key {new.id} of {purpose} is in use; the one before reads until {now + read_for:%Y-%m-%d}. "
        "Restart web and worker now, on every machine that has a copy of the file."
    )


def _path() -> Path:
    with failing_on(config.ConfigError):
        loaded = config.load(Path(os.environ.get("MAILER_CONFIG", "config.toml")), os.environ)
    return loaded.path(loaded.keys.file)
