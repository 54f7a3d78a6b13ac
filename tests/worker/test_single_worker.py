"""The embedded worker: one per storage folder, and a failing job stops no other."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler.schedulers import base
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections
from django.db.backends.sqlite3.base import DatabaseWrapper
from pytest_django import DjangoDbBlocker

from mailer.job_index import JOBS, Job
from mailer.worker import machine_locks, run_job, single_worker
from mailer.worker.kept_connections import KeptConnections
from tests.waiting import until

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

    run_once = single_worker.scheduler_callback_of(
        Job("broken", 1, broken), lambda: NOW, threading.Event(), KeptConnections()
    )
    run_once()
    run_once()
    assert len(runs) == 2
    assert "action=job_failed job=broken" in caplog.text


def test_a_job_that_goes_on_failing_in_the_same_way_is_logged_in_one_line(
    caplog: pytest.LogCaptureFixture, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[Exception | None] = []

    def broken(now: object, stop: object) -> None:
        if error := errors.pop(0):
            raise error

    def logged_in_full(*raised: Exception | None) -> list[bool]:
        errors[:] = raised
        caplog.clear()
        for _ in raised:
            run_job.run_and_log_failure(Job("fragile", 1, broken), lambda: NOW, lambda: False)
        assert all("action=job_failed job=fragile" in record.getMessage() for record in caplog.records)
        return [record.exc_info is not None for record in caplog.records]

    one, other = ValueError("1"), ValueError("2")
    assert logged_in_full(one, other, one) == [True, False, False]
    assert logged_in_full(KeyError()) == [True]
    assert logged_in_full(None, KeyError()) == [True]
    monkeypatch.setattr(run_job, "_BRIEF_SECONDS", 0.0)
    assert logged_in_full(KeyError()) == [True]


@pytest.fixture
def file_of_its_own(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database is an empty file: one in memory is never closed."""
    before = connections.settings[DEFAULT_DB_ALIAS]
    connections.settings[DEFAULT_DB_ALIAS] = before | {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(tmp_path / "mailer.db"),
        "OPTIONS": {},
        "CONN_HEALTH_CHECKS": False,
    }
    with django_db_blocker.unblock():
        yield
    connections.settings[DEFAULT_DB_ALIAS] = before


def run_in_a_thread(function: Callable[[], Any], kept: KeptConnections) -> Any:
    """What a job finds or does, as a run in a thread of its own; the thread has no connection afterwards."""
    found: list[Any] = []

    def run() -> None:
        job = Job("one", 1, lambda now, stop: found.append(function()))
        run_job.run_and_log_failure(job, lambda: NOW, lambda: False, kept)
        assert all(one.connection is None for one in connections.all(initialized_only=True))

    with ThreadPoolExecutor(1) as threads:
        threads.submit(run).result(60)
    return found[0] if found else None


def used_connection() -> Any:
    connection.ensure_connection()
    return connection.connection


def test_one_run_after_another_has_the_same_connection(file_of_its_own: None) -> None:
    with closing(KeptConnections()) as kept:
        first = run_in_a_thread(used_connection, kept)
        assert run_in_a_thread(used_connection, kept) is first
    with pytest.raises(sqlite3.ProgrammingError):
        first.execute("SELECT 1")


def leave_a_transaction_open() -> Any:
    connection.set_autocommit(False)
    return used_connection()


def fail() -> Any:
    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute("no statement")
    raise ValueError


@pytest.mark.parametrize("use", [leave_a_transaction_open, fail])
def test_a_connection_that_is_not_as_before_is_closed(
    use: Callable[[], Any], file_of_its_own: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Any] = []
    close = DatabaseWrapper.close
    monkeypatch.setattr(DatabaseWrapper, "close", lambda self: (closed.append(self.connection), close(self)))
    with closing(KeptConnections()) as kept:
        first = run_in_a_thread(used_connection, kept)
        run_in_a_thread(use, kept)
        assert closed == [first]
        assert run_in_a_thread(used_connection, kept) is not first


def test_an_old_connection_is_not_used(file_of_its_own: None) -> None:
    connections.settings[DEFAULT_DB_ALIAS]["CONN_MAX_AGE"] = 0
    with closing(KeptConnections()) as kept:
        first = run_in_a_thread(used_connection, kept)
        assert run_in_a_thread(used_connection, kept) is not first


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
    worker = threading.Thread(target=single_worker.run, args=(stop,), kwargs={"jobs": jobs})
    worker.start()
    assert ran.wait(60)
    stop.set()
    worker.join(60)
    assert not worker.is_alive()


def test_jobs_go_on_when_the_clock_was_set_back(
    tmp_path: Path, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = [timedelta(hours=5)]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + ahead[0]

    monkeypatch.setattr(base, "datetime", Clock)
    monkeypatch.setattr(single_worker, "datetime", Clock)
    runs: list[int] = []
    stop = threading.Event()
    jobs = [Job("often", 1, lambda now, stopping: runs.append(1))]
    arguments = {"now": lambda: Clock.now(UTC), "jobs": jobs}
    worker = threading.Thread(target=single_worker.run, args=(stop,), kwargs=arguments)
    worker.start()
    try:
        until(lambda: len(runs) > 1)
        ahead[0] = timedelta()
        before = len(runs)
        until(lambda: len(runs) > before + 1)
    finally:
        stop.set()
        worker.join(60)
    assert not worker.is_alive()
