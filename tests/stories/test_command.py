from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from typer.testing import CliRunner

from mailer.cli.stories import app
from mailer.stories.models import Story, StorySource

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "stories.json"
    texts = {"en": {"headline": "A bridge", "summary": "It opened."}}
    story = {"key": "bridge", "kind": "news", "date": "2021-11-16", "texts": texts}
    path.write_text(json.dumps({"stories": [story]}))
    return path


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_an_import_says_what_it_did_as_one_json_object(file: Path) -> None:
    User.objects.create_user("writer")

    result = run("import", file, "--as", "writer", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "file": str(file),
        "added": ["bridge"],
        "updated": [],
        "unchanged": [],
    }
    assert Story.objects.get().latest_revision.user.username == "writer"


def test_an_invalid_file_is_a_command_error(file: Path) -> None:
    file.write_text("{}")

    result = run("import", file, "--json")

    assert (result.exit_code, result.stdout) == (1, "")
    assert str(file) in result.stderr


def test_an_unknown_account_is_a_command_error(file: Path) -> None:
    result = run("import", file, "--as", "nobody")

    assert result.exit_code == 1
    assert "there is no account named “nobody”" in result.stderr
    assert not Story.objects.exists()


def test_a_source_that_cannot_be_read_is_an_exit_status(tmp_path: Path) -> None:
    StorySource.objects.create(name="Ours", url="http://127.0.0.1:1/feed")

    result = run("gather", "Ours", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["problem"]


@pytest.mark.parametrize("name", ["Nobody", "²", "7"])
def test_gathering_from_an_unknown_source_is_a_command_error(name: str) -> None:
    result = run("gather", name)

    assert result.exit_code == 1
    assert f"there is no story source named “{name}”" in result.stderr
