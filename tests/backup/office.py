"""An installation in a folder of its own, with rows of every kind; run as a program, it writes those rows."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from tests import programs

ROOT = Path(__file__).parents[2]
# Of the mailing.
READERS = 30
PASSPHRASE = "six words that nobody would guess"
# What a line-based format could damage.
AWKWARD = "tab\there, \\N, \\t and a \\ at\r\nthe end\v\f\b “Ғ” 🎈\\"
CONFIG = """\
[site]
url = "http://localhost:8000"
name = "Regional Office"

[database]
url = "sqlite:///mailer.db"

[smtp]
host = "127.0.0.1"
port = 1
username = "office"
password_file = "relay-password"

[bounces]
domain = "bounces.example.org"

[sending]
undo_seconds = 0
in_doubt_wait_minutes = 0

[accounts]
require_second_factor = false
"""


def environment(**more: str) -> dict[str, str]:
    """Of the tests, without what configures them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILER_")}
    return kept | {"DJANGO_SETTINGS_MODULE": "mailer.settings"} | more


def create(folder: Path, template: Path, readers: int = READERS) -> None:
    """An installation on SQLite, whose database begins as a copy of `template`."""
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(CONFIG)
    shutil.copyfile(ROOT / "tests" / "keys.toml", folder / "keys.toml")
    (folder / "relay-password").write_text("hidden in a file")
    (folder / "passphrase").write_text(f"{PASSPHRASE}\n")
    pictures = folder / "data" / "media" / "original_images"
    pictures.mkdir(parents=True)
    (pictures / "steppe.jpg").write_bytes(bytes(range(256)) * 40)
    (folder / "data" / "worker.lock").touch()
    shutil.copyfile(template, folder / "mailer.db")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    run([sys.executable, "-m", "tests.backup.office", str(readers)], folder)


def run(command: list[str], folder: Path, **variables: str) -> str:
    """The output of a program that must succeed, with the installation's configuration."""
    done = programs.run(
        command,
        cwd=ROOT,
        env=environment(MAILER_CONFIG=str(folder / "config.toml"), **variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def mailer(folder: Path, *arguments: str, **variables: str) -> list[dict[str, Any]]:
    """The JSON lines of a `mailer` command."""
    output = run([sys.executable, "-m", "mailer", *arguments, "--json"], folder, **variables)
    return [json.loads(line) for line in output.splitlines()]


def restore(
    path: Path, target: Path, *, passphrase: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """`mailer restore`, which may fail."""
    command = [sys.executable, "-m", "mailer", "restore", str(path), str(target)]
    return programs.run(
        [*command, "--passphrase-file", str(passphrase), "--json"],
        env=environment(**variables),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def backup(folder: Path, *arguments: str, **variables: str) -> dict[str, Any]:
    """The record that `mailer backup` prints."""
    passphrase = ("--passphrase-file", str(folder / "passphrase"))
    (record,) = mailer(folder, "backup", *arguments, *passphrase, **variables)
    return record


_CHECKS = """
import django, json
django.setup()
from mailer.doctor import local_checks
found = [*local_checks.check_database(), *local_checks.check_audit_log()]
print(json.dumps([[one.check, one.status, one.message] for one in found]))
"""


def problems(folder: Path, **variables: str) -> list[list[str]]:
    """What `mailer doctor` says against the database, the audit log's chain and the triggers."""
    output = run([sys.executable, "-c", _CHECKS], folder, **variables)
    found: list[list[str]] = json.loads(output)
    assert len(found) >= 2
    return [one for one in found if one[1] != "ok"]


class Worker:
    """`mailer worker` of an installation, sending to a server on this machine. A context manager."""

    def __init__(self, folder: Path, port: int, **variables: str) -> None:
        self._log = folder.with_name(f"{folder.name}-worker.log").open("ab")
        self._process = programs.Popen(
            [sys.executable, "-m", "mailer", "worker"],
            cwd=ROOT,
            env=environment(
                MAILER_CONFIG=str(folder / "config.toml"),
                MAILER_SMTP__PORT=str(port),
                MAILER_SMTP__USERNAME="",
                MAILER_SMTP__CONNECTIONS="2",
                **variables,
            ),
            stderr=self._log,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        """Let it finish what it does, and end."""
        self._process.terminate()
        try:
            self._process.wait(120)
        finally:
            self._process.kill()
            self._log.close()


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query to the installation's SQLite database."""
    with closing(sqlite3.connect(folder / "mailer.db")) as database:
        return database.execute(sql).fetchall()


def _write_rows(readers: int) -> None:
    """An approved edition that is being sent, and a row for each kind of column."""
    from datetime import UTC, datetime, time

    from django.contrib.sessions.models import Session
    from wagtail.log_actions import log

    from mailer.delivery.models import OutboxMessage, ThrottleState
    from mailer.delivery.rollout import advance_mailings
    from mailer.stories.models import Story
    from subscribers import consent
    from subscribers.models import CustomField, FieldValue, Subscriber
    from tests.delivery import cast
    from tests.environment import quick_passwords

    now = datetime.now(UTC)
    cast.readers(readers)
    with quick_passwords():
        cast.approved_snapshot(now)
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(now)
    (event, *_) = Story.objects.order_by("pk")
    Story.objects.filter(pk=event.pk).update(
        starts=time(9, 30), ends=time(10, 0, 0, 250_000), zone="Asia/Almaty"
    )
    odd = Subscriber.objects.order_by("pk")[0]
    Subscriber.objects.filter(pk=odd.pk).update(name=AWKWARD)
    evidence = consent.Evidence(consent.Channel.IMPORT, text=AWKWARD, language="en")
    consent.record(consent.Event.TRACKING_ON, [odd.pk], [None], evidence, now)
    for number, name in ((0.1 + 0.2, "sum"), (1e300, "great"), (-2.0, "whole")):
        field = CustomField.objects.create(name=name, kind="number")
        FieldValue.objects.create(field=field, subscriber=odd, number=number)
    data = {"b": [0.1, 1e5, None, True], "a": {"ü": AWKWARD}, "aa": 12345678901234567890}
    ThrottleState.objects.create(key="test", data=data, updated_at=now.replace(microsecond=120_000))
    ThrottleState.objects.create(key="whole second", updated_at=now.replace(microsecond=0))
    OutboxMessage.objects.create(
        sender="office@example.org",
        recipient="waiting@example.org",
        message=bytes(range(256)) * 3,
        due_at=now,
    )
    log(instance=mailing.edition, action="desk.pause", data={"by": "a test", "share": 0.5})
    for key in ("abc", "ABC", "a-c"):
        Session.objects.create(session_key=key, session_data="x", expire_date=now)
    # The greatest id was given out, and its row deleted since.
    Subscriber.objects.create(email="last@example.org", address_hash=b"\0" * 32).delete()


if __name__ == "__main__":
    import django

    django.setup()
    _write_rows(int(sys.argv[1]))
