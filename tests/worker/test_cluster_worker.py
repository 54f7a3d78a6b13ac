"""The cluster engine: several worker processes share a PostgreSQL, and any of them may die."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families as parse_metrics

from mailer.config import ConfigError, Worker, parse
from mailer.config.sections import QUEUES
from mailer.job_index import JOBS, Job, Runs
from mailer.worker import cluster_worker, process_startup
from mailer.worker.cluster_queue import current_period_start
from mailer.worker.job_queueing_triggers import CHANGES
from tests import programs
from tests.postgres import ROOT, Server
from tests.waiting import until

# A table of Procrastinate, whose rows the tests look at.
JOBS_LEFT = "SELECT task_name, status::text FROM procrastinate_jobs ORDER BY 1, 2"
# A webhook that is to be sent, sent again, or sent because its endpoint is active again.
ONE_WEBHOOK = [
    ("outgoing-webhooks", change)
    for change in (
        """
        INSERT INTO mailer_webhookendpoint (id, name, url, event_types, secret, old_secret, active,
            created_by, created_at, failures, error)
        VALUES (9, 'CRM', 'https://crm.example.org/', '[]', '', '', true, 'lola', now(), 0, '');
        INSERT INTO mailer_webhookmessage (endpoint_id, message_id, event_type, body, state, attempts,
            due_at, created_at)
        VALUES (9, 'msg_1', 'test', '{}', 'failed', 10, now(), now())
        """,
        "UPDATE mailer_webhookmessage SET state = 'waiting'",
        "UPDATE mailer_webhookendpoint SET active = false; UPDATE mailer_webhookendpoint SET active = true",
    )
]
# Jobs that no change queues, and why the next regular run is soon enough.
PERIODIC = {
    "its rows are due by their age": {
        *(job.name for job in JOBS if job.name.startswith("delete old")),
        "retention",
        "finalize tracking",
        "suppression decisions",
        "list growth",
        "count audiences",
        "collect links",
        "check links",
        "count segments",
    },
    "the calendar makes it due": {
        *("assemble editions", "advance rollouts", "planned sending", "office reminders")
    },
    "it asks another server, which tells nobody": {
        "gather stories",
        "poll maildir",
        "poll imap",
        "poll pop3",
    },
    "stories by email may wait for five seconds": {"read story mail"},
    "staff ask for it and watch it; two seconds are early enough": {"checks"},
    "an email after five seconds is early enough": {
        *("staff notices", "account notices", "outcome notices", "mailing notices")
    },
    "thousands of rows change while a mailing is sent, and it counts them together": {"report stats"},
}


class Cluster:
    """Worker processes with jobs for tests (tests/worker/cluster_process.py), and their database."""

    def __init__(self, server: Server, url: str, folder: Path) -> None:
        self.server = server
        self.url = url
        self.folder = folder
        self.environment = os.environ | {
            "MAILER_DATABASE__URL": url,
            "MAILER_WORKER__ENGINE": "cluster",
            "MAILER_STORAGE__PATH": str(folder / "data"),
        }
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self, *queues: str) -> subprocess.Popen[bytes]:
        """Start a worker of these queues, or of all."""
        arguments = [str(self.folder), *([",".join(queues)] if queues else [])]
        command = [sys.executable, "-m", "tests.worker.cluster_process", *arguments]
        worker = programs.Popen(command, cwd=ROOT, env=self.environment)
        self.workers.append(worker)
        return worker

    def pids(self, job: str) -> list[int]:
        """The processes that ran a job, one for each run."""
        file = self.folder / job
        lines = file.read_text("ascii").splitlines() if file.exists() else []
        return [int(line.split()[0]) for line in lines if " " in line]

    def until_run(self, job: str, by: int | None = None, more_than: int = 0) -> None:
        def ran() -> bool:
            pids = self.pids(job)
            return len(pids if by is None else [pid for pid in pids if pid == by]) > more_than

        until(ran, f"job {job}")

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def metric(self, name: str, **labels: str) -> float:
        """A value of the metrics page, as a process with the cluster's configuration makes it."""
        code = (
            "from mailer.cli.main import start_django; start_django(); "
            "from django.test import RequestFactory; from mailer.monitoring import metrics; "
            "print(metrics.metrics_page(RequestFactory().get('/metrics')).content.decode())"
        )
        command = [sys.executable, "-c", code]
        page = programs.run(command, cwd=ROOT, env=self.environment, check=True, capture_output=True)
        samples = [one for family in parse_metrics(page.stdout.decode()) for one in family.samples]
        (value,) = [one.value for one in samples if (one.name, one.labels) == (name, labels)]
        return float(value)

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def call(self, code: str, **environment: str) -> str:
        """What a Python program of ours prints."""
        command = [sys.executable, "-c", f"import django; django.setup(); {code}"]
        environment = {
            **self.environment,
            "DJANGO_SETTINGS_MODULE": "mailer.settings_without_web",
            **environment,
        }
        done = programs.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
        return done.stdout.decode()

    def stop(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()


@pytest.fixture(scope="module")
def database(postgres: Server) -> str:
    url = postgres.database("cluster")
    environment = os.environ | {"MAILER_DATABASE__URL": url, "MAILER_WORKER__ENGINE": "cluster"}
    command = [sys.executable, "-m", "django", "migrate", "procrastinate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return url


@pytest.fixture
def cluster(postgres: Server, database: str, tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(postgres, database, tmp_path)
    tables = "procrastinate_jobs, procrastinate_workers, procrastinate_periodic_defers"
    found.execute(f"TRUNCATE {tables}, mailer_jobstats, mailer_workerprocess CASCADE")
    try:
        yield found
    finally:
        found.stop()


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_each_job_is_run_by_one_worker_at_a_time_and_retried_when_that_freezes_or_dies(
    cluster: Cluster,
) -> None:
    workers = cluster.start(), cluster.start()
    for worker in workers:
        cluster.until_run("own", by=worker.pid)
    cluster.until_run("long")
    cluster.until_run("short", more_than=5)
    # Once in its period, once on the machine, once at a time.
    assert len(cluster.pids("rare")) == len(cluster.pids("machine")) == len(cluster.pids("long")) == 1
    (holder,) = cluster.pids("long")
    first, second = sorted(workers, key=lambda worker: worker.pid != holder)

    first.send_signal(signal.SIGSTOP)
    cluster.until_run("long", by=second.pid)
    first.send_signal(signal.SIGCONT)
    # It notices that it was given up, ends its own run, and becomes a worker again.
    cluster.until_run("long-stopped", by=first.pid)
    until(lambda: cluster.rows("SELECT count(*) FROM procrastinate_workers") == [(2,)])
    assert ("long", "doing") in cluster.rows(JOBS_LEFT)
    assert set(cluster.pids("long-stopped")) == {first.pid}

    second.send_signal(signal.SIGKILL)
    second.wait()
    cluster.until_run("long", by=first.pid, more_than=1)
    cluster.until_run("machine", by=first.pid)
    cluster.until_run("short", by=first.pid, more_than=cluster.pids("short").count(first.pid))
    (cluster.folder / "finish").touch()
    cluster.until_run("long-finished", by=first.pid)


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_roles_by_queue_and_a_worker_that_is_asked_to_stop(cluster: Cluster) -> None:
    sender, keeper = cluster.start("deliver", "fetch"), cluster.start("maintenance")
    cluster.until_run("long")
    cluster.until_run("machine")
    cluster.until_run("failing", more_than=1)
    cluster.until_run("short", more_than=1)
    assert set(cluster.pids("long")) == {keeper.pid}
    assert set(cluster.pids("own")) == set(cluster.pids("short")) == {sender.pid}
    until(lambda: len(cluster.rows("SELECT id FROM mailer_workerprocess WHERE engine = 'cluster'")) == 2)
    # No worker has its queue: it waits, once.
    assert not cluster.pids("rare")
    assert [row for row in cluster.rows(JOBS_LEFT) if row[0] == "rare"] == [("rare", "todo")]
    for worker in (keeper, sender):
        worker.terminate()
        assert worker.wait(300) == 0
    assert set(cluster.pids("long-stopped")) == {keeper.pid}
    assert not cluster.rows("SELECT id FROM procrastinate_workers")
    assert {status for _, status in cluster.rows(JOBS_LEFT)} == {"todo"}
    # What monitoring shows: runs of jobs, and queues; and no worker that has ended.
    assert cluster.rows("SELECT job FROM mailer_jobstats WHERE failures > 0") == [("failing",)]
    recorded = {job for (job,) in cluster.rows("SELECT job FROM mailer_jobstats WHERE runs > failures")}
    assert recorded >= {"short", "own", "machine", "long"}
    assert not cluster.rows("SELECT id FROM mailer_workerprocess")
    # "rare" and "password resets".
    assert cluster.metric("mailer_cluster_jobs", queue="assemble", status="todo") == 2


def test_a_job_of_the_worker_runs_again_when_its_lock_can_be_taken(
    tmp_path: Path, transactional_db: None, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    storage = tmp_path / "data"
    settings.CONFIG = dataclasses.replace(
        settings.CONFIG, storage=dataclasses.replace(settings.CONFIG.storage, path=str(storage))
    )
    # No folder can be there.
    storage.write_text("")
    ran, stop = threading.Event(), threading.Event()
    job = Job("mine", 0, lambda now, stopping: ran.set(), runs=Runs.EACH_MACHINE)
    thread = threading.Thread(target=cluster_worker._repeat, args=(job, timezone.now, stop))
    thread.start()
    try:
        until(lambda: any("action=job_not_run job=mine" in line for line in caplog.messages))
        storage.unlink()
        assert ran.wait(300)
    finally:
        stop.set()
        thread.join()


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_jobs_go_on_when_the_clock_of_the_database_was_set_back(cluster: Cluster) -> None:
    cluster.execute(
        "INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp) "
        "VALUES ('short', extract(epoch FROM now())::bigint + 18000)"
    )
    cluster.start("deliver")
    cluster.until_run("short", more_than=1)


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_a_worker_goes_on_when_the_database_was_restarted(cluster: Cluster) -> None:
    # One of two servers is not there, as after a failover.
    address, _, socket = cluster.url.partition("host=")
    cluster.environment["MAILER_DATABASE__URL"] = (
        f"{address}host=/nowhere,{socket}&target_session_attrs=read-write"
    )
    worker = cluster.start()
    cluster.until_run("long")
    cluster.until_run("short", more_than=1)
    # Runs of a job use the same connections again.
    until(lambda: len(set(cluster.pids("own-connection"))) < len(cluster.pids("own-connection")))
    cluster.server.stop()
    cluster.until_run("long-stopped")
    before = len(cluster.pids("short"))
    cluster.server.start()
    # Also the job that it was running: with the connection, its end could not be recorded.
    cluster.until_run("long", more_than=1)
    cluster.until_run("short", more_than=before + 1)
    assert worker.poll() is None


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_the_worker_command_runs_every_job_of_the_cluster(cluster: Cluster, tmp_path: Path) -> None:
    errors = tmp_path / "errors"
    with errors.open("wb") as stderr:
        command = [sys.executable, "-m", "mailer", "worker"]
        worker = subprocess.Popen(command, cwd=ROOT, env=cluster.environment, stderr=stderr)
    cluster.workers.append(worker)
    expected = {job.name for job in JOBS if job.runs is Runs.ONCE}
    until(lambda: len(cluster.rows("SELECT id FROM procrastinate_periodic_defers")) >= len(expected))
    until(lambda: not cluster.rows("SELECT id FROM procrastinate_jobs WHERE status = 'todo'"), interval=0.2)
    worker.terminate()
    assert worker.wait(300) == 0
    assert "action=worker_stopped" in errors.read_text()
    assert "ERROR" not in errors.read_text()


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_a_change_queues_its_job_in_the_same_transaction(cluster: Cluster) -> None:
    request = b"INSERT INTO mailer_passwordresetrequest (login, network, created_at) VALUES ('a', '', now())"
    queued = "SELECT status::text FROM procrastinate_jobs WHERE task_name = 'password resets'"
    with psycopg.connect(cluster.url) as one, psycopg.connect(cluster.url) as other:
        one.execute(request)
        one.rollback()
        assert cluster.rows(queued) == []
        # Neither waits for the other.
        other.execute("SET lock_timeout = '60s'")
        one.execute(request)
        other.execute(request)
        other.commit()
        assert cluster.rows(queued) == [("todo",)]
        one.commit()
    before = len(cluster.rows(queued))
    cluster.execute(request.decode())
    assert len(cluster.rows(queued)) == before
    worker = cluster.start("assemble", "fetch")
    cluster.until_run("password-resets")
    cluster.until_run("outgoing-webhooks")
    until(lambda: not cluster.rows(queued))
    # Both ran for this period, and run again at once.
    for job, change in (("password-resets", request.decode()), *ONE_WEBHOOK):
        runs = len(cluster.pids(job))
        cluster.execute(change)
        cluster.until_run(job, more_than=runs)
    worker.terminate()
    assert worker.wait(300) == 0


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_triggers_and_doctor_follow_the_engine(cluster: Cluster) -> None:
    triggers = "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'mailer_defer_%' ORDER BY 1"
    update = (
        "from mailer.worker.job_queueing_triggers import create_or_drop_queueing_triggers as update; "
        "update('default')"
    )
    before = cluster.rows(triggers)
    assert len(before) == sum(map(len, CHANGES.values()))
    # Web processes share the cache, in which one-time codes are marked as used.
    mark = "from django.core.cache import cache; print(cache.add('a code', 'used'))"
    assert cluster.call(f"{update}; {mark}", MAILER_WORKER__ENGINE="embedded") == "True\n"
    assert cluster.rows(triggers) == []
    changes = (
        "",
        "INSERT INTO procrastinate_workers DEFAULT VALUES",
        "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('fetch', 'poll imap');"
        "UPDATE procrastinate_events SET at = now() - interval '5 minutes'",
        "UPDATE procrastinate_jobs SET status = 'doing'; UPDATE procrastinate_jobs SET status = 'failed'",
        "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '5 minutes'",
    )
    doctor = (
        "from django.db import connection\n"
        "from mailer.doctor.cluster_worker_checks import check_workers_running\n"
        f"for change in {changes}:\n"
        "    connection.cursor().execute(change or 'SELECT')\n"
        "    print([(one.status, one.advice) for one in check_workers_running()])"
    )
    used, nobody, one, waiting, unknown, silent = cluster.call(f"{update}; {mark}; {doctor}").splitlines()
    assert used == "False"
    assert cluster.rows(triggers) == before
    assert "mailer worker" in nobody
    assert one == "[('ok', '')]"
    assert "--queues fetch" in waiting
    assert unknown.startswith("[('warning', 'Run the same version")
    assert silent.startswith("[('problem'")


def test_the_single_worker_loads_nothing_of_the_cluster() -> None:
    start = (
        "from mailer.cli.main import start_django; start_django(); import mailer.worker.single_worker, sys"
    )
    others = {"procrastinate", "psycopg", "psycopg_pool", "storages", "boto3"}
    code = f"{start}; sys.exit(bool({others} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_every_job_of_the_queue_has_its_changes_or_a_reason_to_have_none() -> None:
    reasons = [name for names in PERIODIC.values() for name in names]
    assert sorted([*CHANGES, *reasons]) == sorted(job.name for job in JOBS if job.runs is Runs.ONCE)


def test_what_stops_a_mailing_never_waits_for_a_worker_that_died() -> None:
    # A job of the queue whose worker was killed in the middle of it runs again after half a minute.
    counting = {"smtp rejections", "bounce counts", "stop rules"}
    assert counting <= {job.name for job in JOBS if job.runs is Runs.EACH_WORKER}


def test_the_cluster_engine_needs_postgresql(tmp_path: Path) -> None:
    table = {
        "site": {"url": "http://localhost", "name": "Office"},
        "worker": {"engine": "cluster"},
        "database": {"url": "sqlite:///mailer.db"},
    }
    with pytest.raises(ConfigError, match="engine"):
        parse(table, {}, home=tmp_path, origin="config.toml")
    table["database"] = {"url": "postgresql://localhost/mailer"}
    assert parse(table, {}, home=tmp_path, origin="config.toml").worker.engine == "cluster"
    table["worker"] = {"queues": ["deliver", "sent"]}
    with pytest.raises(ConfigError, match="sent"):
        parse(table, {}, home=tmp_path, origin="config.toml")


def test_queues_of_the_command_line_are_checked() -> None:
    clustered = Worker(engine="cluster", queues=("fetch",))
    assert process_startup.worker_config_with_queues(clustered, "").queues == ("fetch",)
    assert process_startup.worker_config_with_queues(clustered, "deliver, feedback").queues == (
        "deliver",
        "feedback",
    )
    for worker, queues in ((clustered, "deliver,none"), (Worker(), "deliver")):
        with pytest.raises(ConfigError, match="queues"):
            process_startup.worker_config_with_queues(worker, queues)


def test_a_job_is_due_once_in_each_period_and_hourly_jobs_at_different_times() -> None:
    job = Job("one", 5, lambda now, stop: None)
    slots = [current_period_start(job, now) for now in range(1_000, 1_020)]
    assert len(set(slots)) in (4, 5)
    assert all(0 <= now - slot < 5 for now, slot in zip(range(1_000, 1_020), slots, strict=True))
    hourly = [Job(f"job {number}", 3600, lambda now, stop: None) for number in range(8)]
    assert len({current_period_start(job, 1_000_000) for job in hourly}) > 1


def test_every_job_has_a_queue_that_workers_know() -> None:
    assert {job.queue for job in JOBS if job.runs is Runs.ONCE} == set(QUEUES)
    assert {job.queue for job in JOBS} == {*QUEUES, ""}
