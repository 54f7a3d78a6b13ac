"""Packages of Node that tests compare ours with; `npm ci` in tests/real/node installs them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.conftest import lacking, needs

FOLDER = Path(__file__).parent / "node"


def run(script: str, documents: list[str]) -> list[Any]:
    """What a script of the folder answers to a list of documents: a value for each."""
    node = needs("node", "nodejs")
    if not (FOLDER / "node_modules").exists():
        lacking("packages of Node: run npm ci in tests/real/node")
    done = subprocess.run(
        [node, FOLDER / script],
        input=json.dumps(documents),
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    answers: list[Any] = json.loads(done.stdout)
    assert len(answers) == len(documents)
    return answers
