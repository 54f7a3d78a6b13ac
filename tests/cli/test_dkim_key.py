"""`mailer dkim-key` prints a configuration that can be copied."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailer.cli.dkim_key import app


@pytest.mark.parametrize("options", [[], ["--ed25519"]])
def test_the_printed_lines_are_a_configuration(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("a folder " * 12).strip()
    folder.mkdir()
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(app, ["dkim.pem", "--domain", "example.org", "--selector", "news", *options])
    assert done.exit_code == 0
    lines = done.stdout.partition("[dkim]")[2].partition("\n\n")[0]
    (key_file,) = (value for name, value in tomllib.loads(lines).items() if name.endswith("key_file"))
    assert Path(key_file) == folder / "dkim.pem"
    assert (folder / "dkim.pem").stat().st_mode & 0o777 == 0o600
