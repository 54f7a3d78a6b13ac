"""kill -9 of the worker in the middle of the demo's send."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections import Counter
from contextlib import closing

import pytest

from mailer.demo.seed import READERS
from tests.journeys.conftest import Demo, answers
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("journey")]


def test_killing_the_worker_while_it_sends_loses_no_delivery(shared_demo: Demo) -> None:
    demo = shared_demo
    demo.submit()
    demo.approve()
    demo.schedule()
    kills = 0
    for taken in (2, 5, 8):
        until(lambda taken=taken: demo.deliveries().get("accepted", 0) >= taken, interval=0.05)  # type: ignore[misc]
        for worker in demo.children("worker"):
            os.kill(worker, signal.SIGKILL)
            kills += 1
    until(lambda: settled_but_for_doubts(demo), interval=0.1)
    account = demo.until_sent()
    assert kills == 3
    assert (account["accepted"], account["refused"], account["in_doubt"]) == (11, 1, 0)
    files = (demo.folder / "mail" / "inbox").glob("*.eml")
    caught = Counter(path.name.rpartition("-")[0] for path in files)
    # Other tests have readers of their own.
    caught = Counter({address: caught[address] for address in {one.email for one in READERS} & caught.keys()})
    assert len(caught) == 11
    # At most one message per open connection and kill was between its final dot and the reply.
    assert sum(caught.values()) - 11 <= kills


def settled_but_for_doubts(demo: Demo) -> bool:
    """Whether nothing is left but what a kill left in doubt, whose ten minutes' wait is over with this."""
    left = demo.deliveries()
    if left.keys() - {"accepted", "refused", "in_doubt", "excluded"}:
        return False
    with closing(sqlite3.connect(demo.folder / demo.database, timeout=60)) as database, database:
        database.execute("UPDATE mailer_delivery SET due_at = NULL WHERE state = 'in_doubt'")
    return True


def test_the_worker_and_the_web_process_are_restarted(shared_demo: Demo) -> None:
    demo = shared_demo
    for part in ("worker", "web"):
        (before,) = until(lambda part=part: demo.children(part))  # type: ignore[misc]
        os.kill(before, signal.SIGKILL)
        after = until(lambda part=part, before=before: [pid for pid in demo.children(part) if pid != before])  # type: ignore[misc]
        assert len(after) == 1
    until(lambda: answers(f"{demo.url}/healthz"), interval=0.1)
