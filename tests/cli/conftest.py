from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailer.config import key_ring

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("MAILER_")}


@dataclass(frozen=True)
class Initialized:
    """An installation that `mailer init` made; tests do not change it."""

    folder: Path
    keys_before: bytes
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def initialized(tmp_path_factory: pytest.TempPathFactory) -> Initialized:
    """Made under the usual umask, in a folder where an earlier run was killed. Its tests share a group."""
    folder = tmp_path_factory.mktemp("initialized") / "srv" / "office"
    folder.mkdir(parents=True)
    (folder / ".config.toml.unfinished").write_text("[site]", "ascii")
    key_ring.create(folder / "keys.toml", datetime.now(UTC))
    keys = (folder / "keys.toml").read_bytes()
    options = ["--name", "Office", "--relay", "127.0.0.1", "--relay-port", "1"]
    options += ["--bounces", "bounces.example.org", "--json"]
    command = [sys.executable, "-m", "mailer", "init", str(folder), *options]
    done = subprocess.run(
        command, env=ENVIRONMENT, capture_output=True, text=True, check=False, umask=0o022, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return Initialized(folder, keys, done)
