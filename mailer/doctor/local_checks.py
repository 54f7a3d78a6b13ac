"""What this machine knows by itself: configuration, storage and clock."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import tempfile
import tomllib
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from mailer.config import Config, ConfigError
from mailer.delivery.smtp import dkim
from mailer.doctor.egress import is_loopback
from mailer.doctor.records import Finding, Verdict, World
from mailer.feedback.parsing import rules

_MEGABYTE = 1024 * 1024
# Free space that is too little for a mailing, and that will be soon.
_TOO_LITTLE, _LITTLE = 200 * _MEGABYTE, 2000 * _MEGABYTE
_UNSYNCHRONISED = 5
_SECRETS = ("secret_key", "password", "key", "secret", "ed25519_key")


def configuration(config: Config) -> Iterator[Finding]:
    """What parses, and is unwise all the same."""
    wrong = list(_unwise(config))
    for verdict, seen, advice in wrong:
        yield Finding("configuration", config.site.url, verdict, seen, advice)
    if not wrong:
        yield Finding("configuration", config.site.url, "ok", "It can be used as it is.")


def _unwise(config: Config) -> Iterator[tuple[Verdict, str, str]]:
    site = config.site
    if site.secret_key.startswith("replace this"):
        yield "problem", "[site] secret_key is the one of the example.", "Write a long random one."
    if not site.url.startswith("https://") and not is_loopback(urlsplit(site.url).hostname):
        advice = "Put a reverse proxy with TLS in front, and write https:// in [site] url."
        yield "problem", "[site] url is not https.", advice
    if site.debug:
        seen = "[site] debug is on: errors show technical details to everybody."
        yield "problem", seen, "Set it to false."
    try:
        zoneinfo.ZoneInfo(site.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        yield "problem", f"[site] timezone {site.timezone!r} is unknown.", "Write it as Asia/Almaty."
    try:
        dkim.signer(config.dkim)
    except ConfigError as error:
        yield "problem", str(error), "Until then the worker does not start."
    try:
        rules.check(config)
    except rules.RulesError as error:
        yield "problem", str(error), "Until then the built-in rules judge bounces alone."
    file = Path(os.environ.get("MAILER_CONFIG", "config.toml"))
    if file.is_file() and file.stat().st_mode & stat.S_IROTH and _holds_secrets(file):
        seen = f"Everybody on this machine can read {file}, and the secrets in it."
        yield "warning", seen, f"chmod o-r {file}"


def _holds_secrets(file: Path) -> bool:
    """Whether a secret stands in the configuration itself, and not in a file of its own."""
    sections = tomllib.loads(file.read_text("utf-8"))
    relays = sections.pop("relays", [])
    tables = [*sections.values(), *relays]
    return any(table.get(key) for table in tables for key in _SECRETS) or bool(
        urlsplit(sections.get("database", {}).get("url", "")).password
    )


def storage(config: Config) -> Iterator[Finding]:
    """The folder of pictures, journal and locks."""
    folder = config.path(config.storage.path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        yield Finding(
            "storage",
            str(folder),
            "problem",
            f"It cannot be written to: {error.strerror}.",
            "Let the user that runs the worker own it, or mend [storage] path.",
        )
        return
    tight = list(space("storage", folder))
    yield from tight
    if not tight:
        free = shutil.disk_usage(folder).free
        yield Finding("storage", str(folder), "ok", f"It can be written to; {free / 1e9:.1f} GB are free.")


def space(check: str, folder: Path) -> Iterator[Finding]:
    """What is wrong with the free space of a folder's disk, if anything."""
    free = shutil.disk_usage(folder).free
    if free < _LITTLE:
        yield Finding(
            check,
            str(folder),
            "problem" if free < _TOO_LITTLE else "warning",
            f"Only {free // _MEGABYTE} MB are free on its disk.",
            "Make room: when it is full, sending stops.",
        )


def clock(world: World) -> Iterator[Finding]:
    """The kernel's word on this machine's clock, and that of a database server elsewhere."""
    here = datetime.now(zoneinfo.ZoneInfo(settings.TIME_ZONE))
    zone = f"The office's time is {here:%H:%M} ({settings.TIME_ZONE})."
    host = connection.settings_dict.get("HOST", "")
    if connection.vendor == "postgresql" and host and not host.startswith("/") and not is_loopback(host):
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            apart = abs((cursor.fetchone()[0] - datetime.now(UTC)).total_seconds())
        if apart > 5:
            yield Finding(
                "clock",
                "",
                "problem" if apart > 60 else "warning",
                f"This machine's clock and the database server's are {apart:.0f} seconds apart.",
                "Let both follow a time server (chrony, systemd-timesyncd).",
            )
            return
    state = _clock_state()
    if world.config.demo.enabled:
        yield Finding("clock", "", "skipped", f"{zone} The demo's mail does not leave this machine.")
    elif state is None:
        yield Finding("clock", "", "skipped", f"{zone} Here nothing tells whether the clock is right.")
    elif state == _UNSYNCHRONISED:
        yield Finding(
            "clock",
            "",
            "warning",
            f"{zone} The kernel says that nothing keeps this clock right.",
            "Let it follow a time server (chrony, systemd-timesyncd); compare it with `date -u`.",
        )
    else:
        yield Finding("clock", "", "ok", f"{zone} The clock follows a time server.")


def _clock_state() -> int | None:
    """What adjtimex(2) says of the clock; None where it cannot be asked."""
    try:
        state = int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)))
    except (OSError, AttributeError):
        return None
    return state if state >= 0 else None
