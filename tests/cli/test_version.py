"""`mailer --version`, which an upgrade is checked with."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailer.cli.main import app

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def test_the_version_is_printed_where_there_is_no_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MAILER_CONFIG")
    done = CliRunner().invoke(app, ["--version"])
    version = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["version"]
    assert (done.exit_code, done.output) == (0, f"{version}\n")
