"""The shared state of the throttle with several workers at the same time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import programs

# The program has a database of its own; it is copied from the one that the mark has made.
pytestmark = pytest.mark.django_db
WORKERS = 3
ASKS = """
import json
from datetime import UTC, datetime
from mailer.cli.main import start_django
start_django(None)
from mailer.delivery.ledger.attempt_types_and_retry_schedule import ClaimedDelivery
from mailer.delivery.throttle.throttle import Throttle
now = datetime(2021, 12, 3, 8, tzinfo=UTC)
input()
throttle, granted = Throttle(now), {"office": 0, "provider": 0}
for number in range(40):
    domain = "mail.ru" if number % 2 else "example.net"
    one = ClaimedDelivery(number, 1, 1, 1, number, f"reader-{number}@{domain}", "", ())
    part = throttle.take_slice(1, now)
    admitted, deferred = throttle.admit([one], part, now) if part.left else ([], [])
    throttle.return_slice(part, now)
    granted["office"] += len(admitted)
    granted["provider"] += bool(admitted) and number % 2
print(json.dumps(granted))
"""


def test_concurrent_workers_together_keep_the_limits(url, tmp_path):
    environment = os.environ | {
        "MAILER_DATABASE__URL": url,
        "MAILER_STORAGE__PATH": str(tmp_path / "data"),
        "MAILER_SENDING__RATE_PER_HOUR": "50",
        "MAILER_SENDING__RATE_PER_PROVIDER": "bk.ru 10/h",
    }
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                programs.Popen(
                    [sys.executable, "-c", ASKS],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=environment,
                    cwd=Path(__file__).parents[3],
                )
            )
            for _ in range(WORKERS)
        ]
        answers = [json.loads(worker.communicate("go\n")[0]) for worker in workers]
    assert sum(answer["office"] for answer in answers) == 50
    assert sum(answer["provider"] for answer in answers) <= 10
