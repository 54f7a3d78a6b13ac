"""Runs commands in this process, as `mailer` does."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner, Result

from mailer.cli.edition import app

SLUG = "silk-road-monthly-2021-12"


def run(*arguments: str) -> Result:
    """`mailer edition` with these arguments."""
    return CliRunner().invoke(app, list(arguments))


def run_json(*arguments: str) -> dict[str, Any]:
    """The one object that `mailer edition … --json` prints; the command must succeed."""
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.stderr
    (line,) = done.stdout.splitlines()
    return dict(json.loads(line))
