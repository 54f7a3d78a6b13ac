"""`mailer keys`, private files, and what refuses to start with another installation's keys."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailer.cli import keys
from mailer.config import key_ring
from tests import programs
from tests.cli.conftest import ENVIRONMENT, Initialized

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("keys")]


def mailer(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mailer", "--config", str(folder / "config.toml"), *arguments]
    return programs.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=300)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def office(initialized: Initialized, tmp_path: Path) -> Path:
    """A copy of an installation."""
    return Path(shutil.copytree(initialized.folder, tmp_path, dirs_exist_ok=True))


def found(office: Path, check: str) -> list[str]:
    done = mailer(office, "doctor", "--json", "--timeout", "1", "--nameserver", "127.0.0.1")
    results = map(json.loads, done.stdout.splitlines())
    return [result["status"] for result in results if result["check"] == check]


def test_files_are_private_from_the_beginning_and_existing_ones_are_made_so(office: Path) -> None:
    created = {path.name: mode(path) for path in office.iterdir() if path.is_file()}
    assert set(created) >= {"config.toml", "keys.toml", "mailer.db"}
    assert set(created.values()) == {0o600}
    data = office / "data" / "old"
    data.mkdir(parents=True)
    (data / "old").write_text("an attempt", encoding="utf-8")
    paths = [office / "config.toml", office / "keys.toml", office / "mailer.db", data / "old"]
    for path in paths:
        path.chmod(0o644)
    for folder in (data, data.parent):
        folder.chmod(0o755)
    assert "problem" in found(office, "files")
    started = mailer(office, "migrate")
    assert "action=file_modes_tightened" in started.stderr
    assert [mode(path) for path in paths] == [0o600] * 4
    assert mode(data) == mode(data.parent) == 0o700
    assert found(office, "files") == ["ok"]


def test_nothing_starts_with_the_keys_of_another_installation(office: Path) -> None:
    assert mailer(office, "keys", "rotate", "tokens").returncode == 0
    assert mailer(office, "keys", "rotate", "sessions", "--keep-days", "1").returncode == 0
    assert mailer(office, "subscribers", "show", "nobody@example.org").returncode == 1
    assert found(office, "keys") == ["ok"]
    rows = [json.loads(line) for line in mailer(office, "keys", "list", "--json").stdout.splitlines()]
    assert [(row["purpose"], row["id"], row["read_until"] is None) for row in rows] == [
        *(("sessions", 2, True), ("sessions", 1, False), ("tokens", 2, True), ("tokens", 1, False)),
        ("stored_secrets", 1, True),
        *(("addresses", 1, True), ("audit_log", 1, True)),
    ]
    ring = key_ring.load(office / "keys.toml", datetime.now(UTC))
    secrets = [secret for purpose in key_ring.PURPOSES for secret in ring.secrets(purpose)]
    listed = mailer(office, "keys", "list").stdout
    assert not any(secret in listed for secret in secrets)
    kept = (office / "keys.toml").read_bytes()
    refused = mailer(office, "keys", "rotate", "addresses")
    assert refused.returncode == 1 and (office / "keys.toml").read_bytes() == kept

    (office / "keys.toml").unlink()
    assert mailer(office, "keys", "create").returncode == 0
    assert found(office, "keys") == ["problem"]
    commands = (
        ("web",),
        ("worker",),
        ("run",),
        ("migrate",),
        ("edition", "list"),
    )
    for command in commands:
        done = mailer(office, *command)
        assert (done.returncode, "not the keys file" in done.stderr) == (1, True), (command, done.stderr)
    # The mail server keeps the message.
    assert mailer(office, "bounces", "receive").returncode == 75
    wsgi = subprocess.run(
        [sys.executable, "-c", "import mailer.wsgi"],
        env={**ENVIRONMENT, "MAILER_CONFIG": str(office / "config.toml")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert wsgi.returncode != 0 and "not the keys file" in wsgi.stderr


def test_a_time_that_no_key_lasts_is_refused() -> None:
    done = CliRunner().invoke(keys.app, ["rotate", "tokens", "--keep-days", "9" * 11])
    assert done.exit_code == 2
