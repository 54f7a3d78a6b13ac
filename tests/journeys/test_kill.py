"""kill -9 of the worker in the middle of the demo's send."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter

import pytest

from tests.journeys.conftest import Demo, until

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("journey")]

EDITION = "silk-road-monthly-2021-12"


def test_killing_the_worker_while_it_sends_loses_nobody(demo: Demo) -> None:
    until(lambda: demo.command("edition", "show", EDITION).returncode == 0)
    assert demo.command("edition", "submit", EDITION, "--as", "writer").returncode == 0
    sha256 = json.loads(demo.command("edition", "show", EDITION, "--json").stdout)["hash"]
    assert demo.command("edition", "approve", EDITION, "--as", "approver", "--hash", sha256).returncode == 0
    assert demo.command("edition", "schedule", EDITION, "--as", "approver").returncode == 0
    kills = 0
    for taken in (2, 5, 8):
        until(lambda taken=taken: demo.deliveries().get("accepted", 0) >= taken)  # type: ignore[misc]
        for worker in demo.children("worker"):
            os.kill(worker, signal.SIGKILL)
            kills += 1
    until(lambda: demo.report()["state"] == "sent", 120)
    account = demo.report()
    assert kills == 3
    assert (account["accepted"], account["refused"], account["in_doubt"]) == (11, 1, 0)
    caught = Counter(path.name.rpartition("-")[0] for path in (demo.folder / "mail" / "inbox").glob("*.eml"))
    assert len(caught) == 11
    # At most one message per open connection and kill was between its final dot and the reply.
    assert sum(caught.values()) - 11 <= kills


def test_the_worker_comes_back_by_itself_and_the_web_process_too(demo: Demo) -> None:
    for part in ("worker", "web"):
        (before,) = until(lambda part=part: demo.children(part))  # type: ignore[misc]
        os.kill(before, signal.SIGKILL)
        after = until(lambda part=part, before=before: [pid for pid in demo.children(part) if pid != before])  # type: ignore[misc]
        assert len(after) == 1
