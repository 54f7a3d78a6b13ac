"""A worker of the cluster engine with jobs for tests, which write what they do to files of a folder.

    python -m tests.worker.cluster_process FOLDER [QUEUES]

The database and everything else come from the environment, as for `mailer worker`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from mailer.cli.main import start_django

# Seconds between two runs of a job that is due once.
_NEVER_AGAIN = 10**9


def main() -> None:
    start_django()
    from django.db import connection

    from mailer.job_index import Job, Runs
    from mailer.worker import cluster_worker
    from mailer.worker.supervisor import stop_on_signals

    folder = Path(sys.argv[1])

    def write(job: str) -> None:
        """One line, with the process that runs it."""
        with (folder / job).open("a", encoding="ascii") as file:
            file.write(f"{os.getpid()} {time.monotonic()}\n")

    def long(now: Callable[[], datetime], stop: Callable[[], bool]) -> None:
        write("long")
        while not stop() and not (folder / "finish").exists():
            time.sleep(0.05)
        write("long-stopped" if stop() else "long-finished")

    def own(now: Callable[[], datetime], stop: Callable[[], bool]) -> None:
        """With the process of the database that it talks to."""
        write("own")
        with connection.cursor() as cursor, (folder / "own-connection").open("a", encoding="ascii") as file:
            cursor.execute("SELECT pg_backend_pid()")
            file.write(f"{cursor.fetchone()[0]} \n")

    def failing(now: Callable[[], datetime], stop: Callable[[], bool]) -> None:
        write("failing")
        raise ValueError("this job fails always")

    def once(name: str, queue: str) -> Job:
        """Named as the job that a trigger queues, which is otherwise due once."""
        return Job(name, _NEVER_AGAIN, lambda now, stop: write(name.replace(" ", "-")), queue)

    jobs = [
        Job("short", 1, lambda now, stop: write("short"), "deliver"),
        Job("rare", _NEVER_AGAIN, lambda now, stop: write("rare"), "assemble"),
        once("password resets", "assemble"),
        once("outgoing webhooks", "fetch"),
        Job("long", 1, long, "maintenance"),
        Job("failing", 1, failing, "deliver"),
        Job("own", 1, own, "deliver", Runs.EACH_WORKER),
        Job("machine", 1, lambda now, stop: (write("machine"), _until(stop)), "fetch", Runs.EACH_MACHINE),
    ]
    stop = threading.Event()
    stop_on_signals(stop)
    queues = sys.argv[2].split(",") if len(sys.argv) > 2 else ()
    cluster_worker.run(stop, queues, jobs=jobs, dead_after=12)


def _until(stop: Callable[[], bool]) -> None:
    while not stop():
        time.sleep(0.05)


if __name__ == "__main__":
    main()
