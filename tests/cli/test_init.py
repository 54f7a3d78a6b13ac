"""`mailer init`: a working installation from nothing; existing files are not overwritten."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("MAILER_")}


def mailer(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mailer", *arguments]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.journey
def test_init_creates_a_configuration_a_database_and_an_admin_once(tmp_path: Path) -> None:
    done = mailer("init", str(tmp_path / "office"), "--name", "Office", "--bounces", "bounces.example.org")
    assert done.returncode == 0, done.stderr
    config = tmp_path / "office" / "config.toml"
    assert config.stat().st_mode & 0o077 == 0
    assert "as admin with the password" in " ".join(done.stdout.split())
    listed = mailer("--config", str(config), "edition", "list", "--json")
    assert (listed.returncode, listed.stdout) == (0, "")
    before = config.read_bytes()
    again = mailer("init", str(tmp_path / "office"))
    assert again.returncode == 1
    assert "exists already" in again.stderr
    assert config.read_bytes() == before


def test_a_command_without_a_configuration_names_init(tmp_path: Path) -> None:
    done = mailer("--config", str(tmp_path / "nowhere.toml"), "edition", "list")
    assert done.returncode == 1
    assert "nowhere.toml: cannot be read" in done.stderr
    assert "mailer init" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_help_needs_no_configuration(arguments: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mailer", *arguments]
    done = subprocess.run(command, env=ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Assemble, preview, approve, send and report." in " ".join((done.stdout + done.stderr).split())
