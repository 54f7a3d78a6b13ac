"""The embedded worker: one per storage folder, and one failing job stops no other."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailer.jobs import JOBS, Job
from mailer.worker import local

NOW = datetime(2021, 12, 3, tzinfo=UTC)


def test_a_second_worker_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    with (
        local.only_worker(tmp_path),
        pytest.raises(local.WorkerRuns, match="already runs"),
        local.only_worker(tmp_path),
    ):
        pass
    with local.only_worker(tmp_path):
        pass


def test_a_job_that_fails_is_logged_and_looked_at_again(
    caplog: pytest.LogCaptureFixture, transactional_db: None
) -> None:
    looks: list[datetime] = []

    def broken(now: object, stop: object) -> None:
        looks.append(NOW)
        raise ValueError("the job is broken")

    look = local.guarded(Job("broken", 1, broken), lambda: NOW, threading.Event())
    look()
    look()
    assert len(looks) == 2
    assert "action=job_failed job=broken" in caplog.text


def test_every_job_has_a_name_of_its_own_and_looks_often_enough() -> None:
    names = [job.name for job in JOBS]
    assert len(set(names)) == len(names)
    assert {"assemble", "notices", "release", "send", "outbox", "maildir", "imap"} <= set(names)
    # For these nobody waits.
    patient = {"gather", "growth", "old clicks", "old counts", "old letters", "old returned mail", "forget"}
    assert patient == {job.name for job in JOBS if job.every > 60}


def test_the_worker_runs_its_jobs_and_stops_when_asked(
    monkeypatch: pytest.MonkeyPatch, settings: object, tmp_path: Path, transactional_db: None
) -> None:
    ran = threading.Event()
    stop = threading.Event()
    monkeypatch.setattr(local, "JOBS", (Job("once", 1, lambda now, stopping: ran.set()),))
    worker = threading.Thread(target=local.run, args=(stop,))
    worker.start()
    assert ran.wait(10)
    stop.set()
    worker.join(10)
    assert not worker.is_alive()
