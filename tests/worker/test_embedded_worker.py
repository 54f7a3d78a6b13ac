"""The embedded worker: one per storage folder, and a failing job stops no other."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailer.job_index import JOBS, Job
from mailer.worker import embedded_worker, machine_locks

NOW = datetime(2021, 12, 3, tzinfo=UTC)


def test_a_second_worker_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    with (
        machine_locks.worker_lock(tmp_path),
        pytest.raises(machine_locks.WorkerAlreadyRunning),
        machine_locks.worker_lock(tmp_path),
    ):
        pass
    with machine_locks.worker_lock(tmp_path):
        pass


def test_a_failing_job_is_logged_and_run_again(
    caplog: pytest.LogCaptureFixture, transactional_db: None
) -> None:
    runs: list[datetime] = []

    def broken(now: object, stop: object) -> None:
        runs.append(NOW)
        raise ValueError

    run_once = embedded_worker.scheduler_callback_of(Job("broken", 1, broken), lambda: NOW, threading.Event())
    run_once()
    run_once()
    assert len(runs) == 2
    assert "action=job_failed job=broken" in caplog.text


def test_job_names_are_unique_and_only_housekeeping_runs_rarely() -> None:
    names = [job.name for job in JOBS]
    assert len(set(names)) == len(names)
    assert {"assemble editions", "send mailings", "outbox", "poll maildir", "poll imap"} <= set(names)
    rare = {"list growth", "retention"}
    deleting = {name for name in names if name.startswith("delete old ")}
    assert rare | deleting == {job.name for job in JOBS if job.every > 60}


def test_the_worker_runs_its_jobs_and_stops_when_asked(
    settings: object, tmp_path: Path, transactional_db: None
) -> None:
    ran = threading.Event()
    stop = threading.Event()
    jobs = [Job("once", 1, lambda now, stopping: ran.set())]
    worker = threading.Thread(target=embedded_worker.run, args=(stop,), kwargs={"jobs": jobs})
    worker.start()
    assert ran.wait(60)
    stop.set()
    worker.join(60)
    assert not worker.is_alive()
