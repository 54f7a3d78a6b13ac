"""What workers write about themselves: runs of jobs, and signs of life."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection

from mailer.monitoring.job_runs import JobRecorder, write_runs_and_heartbeats
from mailer.monitoring.models import JobStats, WorkerProcess
from tests.waiting import until

NOW = datetime(2021, 12, 3, 4, 5, tzinfo=UTC)


def run(recorder: JobRecorder, job: str, fails: bool = False, at: datetime = NOW) -> None:
    with suppress(ValueError), recorder.recording(job, lambda: at):
        if fails:
            raise ValueError


@pytest.mark.django_db
@pytest.mark.both_databases
def test_runs_of_several_workers_add_up() -> None:
    one, other = JobRecorder(), JobRecorder()
    run(one, "outbox")
    run(one, "outbox", fails=True)
    run(other, "outbox", at=NOW + timedelta(seconds=9))
    run(other, "imports")
    for recorder in (one, other, one):
        recorder.write()
    rows = JobStats.objects.order_by("job").values_list(
        "job", "runs", "failures", "succeeded_at", "failed_at"
    )
    assert list(rows) == [
        ("imports", 1, 0, NOW, None),
        ("outbox", 3, 1, NOW + timedelta(seconds=9), NOW),
    ]
    assert JobStats.objects.filter(seconds__gt=0).count() == 2


@pytest.mark.django_db
def test_runs_wait_until_the_database_is_back() -> None:
    recorder = JobRecorder()
    run(recorder, "outbox")

    def refuse(execute: Any, *rest: Any) -> Any:
        raise OperationalError

    with connection.execute_wrapper(refuse), pytest.raises(OperationalError):
        recorder.write()
    run(recorder, "outbox", fails=True)
    recorder.write()
    row = JobStats.objects.get()
    assert (row.runs, row.failures, row.succeeded_at) == (2, 1, NOW)


@pytest.mark.django_db(transaction=True)
@pytest.mark.both_databases
def test_a_worker_is_seen_until_it_ends() -> None:
    WorkerProcess.objects.create(
        name="dead:1", machine="dead", engine="cluster", started_at=NOW, seen_at=NOW - timedelta(days=2)
    )
    recorder = JobRecorder()
    with write_runs_and_heartbeats("embedded", lambda: NOW, recorder, seconds=0.05):
        run(recorder, "outbox")
        until(lambda: JobStats.objects.exists() and not WorkerProcess.objects.filter(machine="dead").exists())
        worker = WorkerProcess.objects.get()
        assert (worker.engine, worker.seen_at) == ("embedded", NOW)
        run(recorder, "outbox")
    assert (JobStats.objects.get().runs, WorkerProcess.objects.count()) == (2, 0)


class LostOnce(JobRecorder):
    """Loses the database at the first write."""

    lost = False

    def write(self) -> None:
        if not self.lost:
            self.lost = True
            raise InterfaceError
        super().write()


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_seen_again_after_any_error_of_the_database() -> None:
    with write_runs_and_heartbeats("cluster", lambda: NOW, LostOnce(), seconds=0.05):
        until(WorkerProcess.objects.exists)
