"""kill -9 of the worker in the middle of the demo's send."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from tests.journeys.conftest import Demo
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("journey")]


def test_killing_the_worker_while_it_sends_loses_no_delivery(shared_demo: Demo) -> None:
    demo = shared_demo
    demo.submit()
    demo.approve()
    demo.schedule()
    kills = 0
    for taken in (2, 5, 8):
        until(lambda taken=taken: demo.deliveries().get("accepted", 0) >= taken)  # type: ignore[misc]
        for worker in demo.children("worker"):
            os.kill(worker, signal.SIGKILL)
            kills += 1
    account = demo.until_sent()
    assert kills == 3
    assert (account["accepted"], account["refused"], account["in_doubt"]) == (11, 1, 0)
    caught = Counter(path.name.rpartition("-")[0] for path in (demo.folder / "mail" / "inbox").glob("*.eml"))
    assert len(caught) == 11
    # At most one message per open connection and kill was between its final dot and the reply.
    assert sum(caught.values()) - 11 <= kills


def test_the_worker_and_the_web_process_are_restarted(shared_demo: Demo) -> None:
    demo = shared_demo
    for part in ("worker", "web"):
        (before,) = until(lambda part=part: demo.children(part))  # type: ignore[misc]
        os.kill(before, signal.SIGKILL)
        after = until(lambda part=part, before=before: [pid for pid in demo.children(part) if pid != before])  # type: ignore[misc]
        assert len(after) == 1
