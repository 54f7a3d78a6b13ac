from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from typer.testing import CliRunner

from mailer.cli import bounces
from mailer.feedback import ingest_returned_mail
from mailer.feedback.models import ReturnedMessage
from tests.feedback.parsing.test_parse import SAMPLES, sample

Configure = Callable[..., None]

runner = CliRunner()


def test_read_prints_one_object_per_file_without_the_database() -> None:
    files = [str(SAMPLES / "two-in-one-report.eml"), str(SAMPLES / "away-en.eml")]
    result = runner.invoke(bounces.app, ["read", *files, "--json"])
    first, second = map(json.loads, result.stdout.splitlines())
    assert result.exit_code == 0
    assert (first["file"], first["kind"]) == (files[0], "bounce")
    assert [
        {name: one[name] for name in ("address", "class", "reason", "status")} for one in first["recipients"]
    ] == [
        {"address": "one@left.example", "class": "hard", "reason": "unknown_user", "status": "5.1.1"},
        {"address": "two@right.example", "class": "soft", "reason": "mailbox_full", "status": "4.2.2"},
    ]
    assert (second["kind"], second["recipients"]) == ("auto_reply", [])


def test_read_works_without_a_configuration(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MAILER_CONFIG"}
    environment["TMPDIR"] = str(tmp_path)
    command = [sys.executable, "-m", "mailer", "bounces"]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    done = run("read", str(SAMPLES / "mdaemon.eml"), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["recipients"][0]["class"] == "hard"
    # Nothing stays behind, and what needs a database still asks for a configuration.
    assert list(tmp_path.iterdir()) == []
    assert run("poll").returncode == 1


def test_read_names_a_missing_file(tmp_path: Path) -> None:
    result = runner.invoke(bounces.app, ["read", str(tmp_path / "missing.eml"), "--json"])
    assert result.exit_code == 1
    assert "missing.eml" in result.stderr


@pytest.mark.parametrize("command", [["read", str(SAMPLES / "letter.eml")], ["score", str(SAMPLES)]])
def test_invalid_custom_rules_fail_before_anything_is_read(
    tmp_path: Path, configure: Configure, command: list[str]
) -> None:
    (tmp_path / "own.toml").write_text("[[rule]]\nname = 'odd'\n", encoding="utf-8")
    configure(bounces={"rules": str(tmp_path / "own.toml")})
    result = runner.invoke(bounces.app, command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "own.toml: rule 'odd'" in result.stderr


@pytest.mark.both_databases
@pytest.mark.django_db
def test_receive_stores_stdin() -> None:
    result = runner.invoke(bounces.app, ["receive"], input=sample("letter.eml"))
    assert (result.exit_code, result.stdout) == (0, "")
    assert ReturnedMessage.objects.get().kind == "other"


@pytest.mark.both_databases
def test_receive_exits_with_tempfail_when_it_cannot_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def locked(*_: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(ingest_returned_mail, "ingest_message", locked)
    result = runner.invoke(bounces.app, ["receive"], input=io.BytesIO(b"x").getvalue())
    assert result.exit_code == 75
    assert "try again" in result.stderr


@pytest.fixture
def maildir(tmp_path: Path, configure: Configure) -> None:
    """The configured Maildir, with one message."""
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "1.host").write_bytes(sample("letter.eml"))
    configure(bounces={"maildir": str(tmp_path)})


@pytest.mark.both_databases
@pytest.mark.django_db
def test_poll_reads_the_configured_mailbox(maildir: None) -> None:
    result = runner.invoke(bounces.app, ["poll", "--json"])
    assert json.loads(result.stdout) == {"received": 1, "kinds": {"other": 1}, "repeated": 0, "failed": 0}


def test_poll_without_a_mailbox_names_the_keys() -> None:
    result = runner.invoke(bounces.app, ["poll"])
    assert result.exit_code == 1
    assert "[bounces] maildir" in result.stderr


@pytest.mark.django_db
def test_poll_names_a_mailbox_that_fails_and_reads_the_others(maildir: None, configure: Configure) -> None:
    configure(bounces={"imap_host": "127.0.0.1", "imap_port": 1})
    result = runner.invoke(bounces.app, ["poll", "--json"])
    assert json.loads(result.stdout)["received"] == 1
    assert result.exit_code == 1
    assert "127.0.0.1:1" in result.stderr


def test_score_prints_the_rates() -> None:
    result = runner.invoke(bounces.app, ["score", str(SAMPLES), "--json"])
    told = json.loads(result.stdout)
    assert (told["found_percent"], told["false_hard"], told["missed_hard"]) == (100.0, 0, 0)


def test_score_prints_a_table_with_goals() -> None:
    result = runner.invoke(bounces.app, ["score", str(SAMPLES)])
    assert result.exit_code == 0
    (recipients,) = [line for line in result.stdout.splitlines() if "recipients found" in line]
    assert "100.0" in recipients
    assert "at least 95 %" in recipients


def test_score_names_missing_expectations(tmp_path: Path) -> None:
    result = runner.invoke(bounces.app, ["score", str(tmp_path)])
    assert result.exit_code == 1
    assert "expected.json" in result.stderr
