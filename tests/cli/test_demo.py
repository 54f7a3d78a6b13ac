"""`mailer demo` changes no folder of an installation."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailer.cli import demo as command
from mailer.demo.folder import free_port, prepare


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The configurations with which the demo would go on."""
    found: list[Path] = []
    monkeypatch.setattr(command, "_replace_process", lambda config, name: found.append(config))
    return found


@pytest.mark.parametrize("option", [["--fresh"], []])
def test_a_folder_of_an_installation_stays_as_it_is(
    option: list[str], tmp_path: Path, replaced: list[Path]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[site]\nname = "Office"\n', encoding="utf-8")
    (tmp_path / "mailer.db").touch()
    done = CliRunner().invoke(
        command.app, ["demo", "--folder", str(tmp_path), "--port", str(free_port()), *option]
    )
    assert done.exit_code == 1 and not replaced
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "mailer.db"]
    assert config.read_text("utf-8").startswith("[site]")


@pytest.mark.parametrize("option", ["--once", "--folder"])
def test_a_folder_that_cannot_be_made_is_an_error_without_a_traceback(
    option: str, tmp_path: Path, replaced: list[Path]
) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "demo"):
        done = CliRunner().invoke(command.app, ["demo", option, str(folder), "--port", str(free_port())])
        assert (done.exit_code, type(done.exception), replaced) == (1, SystemExit, [])
    assert CliRunner().invoke(command.app, ["demo", "--port", "99999"]).exit_code == 2


def test_a_taken_port_leads_to_another(tmp_path: Path, replaced: list[Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        folder = tmp_path / "demo"
        done = CliRunner().invoke(command.app, ["demo", "--folder", str(folder), "--port", str(port)])
    assert (done.exit_code, replaced, folder.exists()) == (1, [], False)
    named = re.findall(r"\d{4,5}", done.stderr)
    assert named[0] == str(port) and len(named) == 3 and named[1] == named[2] != named[0]


@pytest.mark.parametrize(("option", "kept"), [(["--fresh"], False), ([], True)])
def test_a_folder_of_an_earlier_demo_is_used_again(
    option: list[str], kept: bool, tmp_path: Path, replaced: list[Path]
) -> None:
    folder = tmp_path / "demo"
    prepare(folder, port=1, rate=1, connections=1, inbox=folder)
    (folder / "demo.db").touch()
    done = CliRunner().invoke(
        command.app, ["demo", "--folder", str(folder), "--port", str(free_port()), *option]
    )
    assert done.exit_code == 0 and replaced == [folder / "config.toml"]
    assert (folder / "demo.db").exists() is kept
