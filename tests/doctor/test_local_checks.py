"""What the doctor sees of this machine: configuration, database, storage, and the two processes."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection

from mailer.doctor import database, local_checks, processes, runner
from mailer.worker.local import only_worker


def said(findings) -> str:
    return " ".join(f"{one.verdict}: {one.seen} {one.advice}" for one in findings)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"site": {"url": "http://news.example.org"}}, "is not https"),
        ({"site": {"debug": True}}, "debug is on"),
        (
            {"site": {"url": "https://news.example.org", "timezone": "Asia/Almatty"}},
            "timezone 'Asia/Almatty'",
        ),
        (
            {"site": {"url": "https://n.example.org", "secret_key": "replace this by x"}},
            "secret_key is the one",
        ),
        ({"dkim": {"domain": "example.org", "selector": "a", "key": "x"}}, "[dkim] key: is no private key"),
        ({"bounces": {"rules": "no-such.toml"}}, "no-such.toml: cannot be read"),
    ],
)
def test_what_is_unwise_in_the_configuration_is_a_problem(world, section, words):
    found = said(local_checks.configuration(world(**section).config))
    assert found.startswith("problem") and words in found


def test_a_configuration_that_others_can_read_is_a_warning(world, tmp_path, monkeypatch):
    file = tmp_path / "config.toml"
    file.write_text('[site]\nsecret_key = "x"')
    monkeypatch.setenv("MAILER_CONFIG", str(file))
    file.chmod(0o644)
    assert "chmod o-r" in said(local_checks.configuration(world().config))
    file.chmod(0o600)
    assert said(local_checks.configuration(world().config)).startswith("ok")
    file.chmod(0o644)
    file.write_text('[site]\nsecret_key_file = "x"')
    assert said(local_checks.configuration(world().config)).startswith("ok")


def test_storage_that_cannot_be_written_is_a_problem(world, tmp_path):
    (tmp_path / "data").write_text("a file in its place")
    assert said(local_checks.storage(world(storage={"path": str(tmp_path / "data")}).config)).startswith(
        "problem"
    )
    assert said(local_checks.storage(world(storage={"path": str(tmp_path / "new")}).config)).startswith("ok")


def test_a_full_disk_is_a_problem_before_it_is_full(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    for free, verdict in ((100, "problem"), (1000, "warning"), (10_000, "")):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, n=free: usage._replace(free=n * 1024 * 1024))
        assert said(local_checks.space("storage", tmp_path)).partition(":")[0] == verdict


@pytest.mark.django_db
def test_a_database_in_order_is_ok():
    assert said(database.database()).startswith("ok")


@pytest.mark.django_db
def test_tables_that_wait_for_a_change_are_a_problem():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'subscribers'")
    assert "mailer migrate" in said(database.database())


def test_a_network_file_system_is_known_by_its_type():
    assert database._file_system(Path("/proc/self")) == "proc"


def test_the_clock_is_told_in_the_office_s_own_time(world):
    assert "office's time is" in said(local_checks.clock(world()))


def test_a_worker_is_known_by_the_lock_that_it_holds(world, tmp_path):
    config = world(storage={"path": str(tmp_path)}).config
    assert "mailer run" in said(processes.worker(config))
    with only_worker(tmp_path):
        assert said(processes.worker(config)).startswith("ok")
    assert said(processes.worker(config)).startswith("warning")


@pytest.mark.django_db(transaction=True)
def test_the_web_process_is_asked_where_it_listens(world, live_server):
    host, _, port = live_server.url.partition("://")[2].partition(":")
    office = world(site={"url": live_server.url}, web={"host": host, "port": int(port)})
    assert said(processes.web(office)).startswith("ok")
    nobody = dataclasses.replace(office.config.web, port=1)
    away = dataclasses.replace(office, config=dataclasses.replace(office.config, web=nobody))
    assert said(processes.web(away)).startswith("warning")


def test_a_check_that_breaks_does_not_silence_the_others():
    broken = runner.Check("spf", "SPF", lambda: [][0])
    broken.run()
    assert broken.found[0].verdict == "warning" and "IndexError" in broken.found[0].seen


def test_a_database_file_that_is_not_wal_is_a_problem(sqlite_template, django_db_setup, tmp_path):
    """Asked in a process of its own, as its connection is made at the start."""
    import subprocess
    import sys

    file = tmp_path / "mailer.db"
    shutil.copy(sqlite_template, file)
    with closing(sqlite3.connect(file)) as direct:
        direct.execute("PRAGMA journal_mode=DELETE")
    code = (
        "import django; django.setup()\n"
        "from django.db import connection\n"
        "connection.settings_dict['OPTIONS'].pop('init_command')\n"
        "from mailer.doctor.database import database\n"
        "print([one.seen for one in database()])"
    )
    environment = {**os.environ, "MAILER_DATABASE__URL": f"sqlite:///{file}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "not as WAL" in done.stdout, done.stderr
