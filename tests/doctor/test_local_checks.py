"""Checks of this machine: configuration, database, storage, clock and worker."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from mailer.doctor import local_checks, runner
from mailer.instance import database_copy_detection
from mailer.instance import models as instances
from mailer.worker.machine_locks import worker_lock


def as_text(findings) -> str:
    return " ".join(f"{one.status}: {one.message} {one.advice}" for one in findings)


@pytest.mark.parametrize(
    ("section", "setting"),
    [
        ({"site": {"url": "http://news.example.org"}}, "does not use https"),
        ({"site": {"debug": True}}, "debug"),
        (
            {"site": {"url": "https://news.example.org", "timezone": "Asia/Almatty"}},
            "[site] timezone is unknown: 'Asia/Almatty'",
        ),
        ({"dkim": {"domain": "example.org", "selector": "a", "key": "x"}}, "[dkim] key"),
        ({"bounces": {"rules": "no-such.toml"}}, "no-such.toml"),
    ],
)
def test_a_mistake_in_the_configuration_is_a_problem(context, section, setting):
    found = as_text(local_checks.check_configuration(context(**section).config))
    assert found.startswith("problem") and setting in found


def test_storage_that_is_not_writable_is_a_problem(context, tmp_path):
    (tmp_path / "data").write_text("a file in its place")
    for name, status in (("data", "problem"), ("new", "ok")):
        config = context(storage={"path": str(tmp_path / name)}).config
        (found,) = local_checks.create_and_check_storage(config)
        assert found.status == status


def test_storage_on_a_network_file_system_is_a_problem(context, tmp_path, monkeypatch):
    monkeypatch.setattr(local_checks, "file_system_of", lambda path: "nfs4")
    found = list(local_checks.create_and_check_storage(context(storage={"path": str(tmp_path)}).config))
    assert [one.status for one in found] == ["problem", "ok"]
    assert "media_path" in found[0].advice


def test_low_disk_space_is_a_warning_and_then_a_problem(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    for free, status in ((100, "problem"), (1000, "warning"), (10_000, "")):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, n=free: usage._replace(free=n * 1024 * 1024))
        assert as_text(local_checks.check_free_space("storage", tmp_path)).partition(":")[0] == status


@pytest.mark.django_db
def test_a_migrated_database_is_ok():
    assert as_text(local_checks.check_database()).startswith("ok")


@pytest.mark.django_db
def test_pending_migrations_are_a_problem():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'subscribers'")
    assert "mailer migrate" in as_text(local_checks.check_database())


def test_the_type_of_a_file_system_is_found():
    assert local_checks.file_system_of(Path("/proc/self")) == "proc"


def test_the_clock_is_shown_in_the_offices_time_zone(context):
    assert f"({settings.TIME_ZONE})" in as_text(local_checks.check_clock(context()))


def test_a_worker_is_detected_by_its_lock(context, tmp_path):
    config = context(storage={"path": str(tmp_path)}).config
    assert "mailer run" in as_text(local_checks.check_worker_running(config))
    with worker_lock(tmp_path):
        assert as_text(local_checks.check_worker_running(config)).startswith("ok")
    assert as_text(local_checks.check_worker_running(config)).startswith("warning")


def test_a_check_that_fails_does_not_hide_the_others():
    broken = runner.Check("spf", "SPF", lambda: [][0])
    broken.run()
    assert broken.results[0].status == "warning" and "IndexError" in broken.results[0].message


def test_a_database_file_without_wal_is_a_problem(sqlite_template, django_db_setup, tmp_path):
    """Runs in a separate process, because the connection is opened at its start."""
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
        "from mailer.doctor.local_checks import check_database\n"
        "print([one.message for one in check_database()])"
    )
    environment = {**os.environ, "MAILER_DATABASE__URL": f"sqlite:///{file}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "WAL" in done.stdout, done.stderr


@pytest.mark.django_db
@pytest.mark.parametrize(("days", "status"), [(None, "warning"), (1, "ok"), (8, "warning")])
def test_an_old_backup_or_none_is_a_warning(context, days, status):
    now = timezone.now()
    instances.get_or_create_instance(now, "")
    if days is not None:
        instances.record_backup(now - timedelta(days=days))
    (found,) = local_checks.check_backup(context().config, now)
    assert found.status == status


@pytest.mark.django_db
def test_an_installation_that_sends_nothing_is_a_problem(settings, context, tmp_path):
    settings.CONFIG = context(storage={"path": str(tmp_path)}).config
    database_copy_detection.enforce_identity(timezone.now())
    (found,) = local_checks.check_sending_allowed()
    assert found.status == "ok"
    instances.begin_or_replace_no_send(instances.Instance.Reason.RESTORED, timezone.now())
    (found,) = local_checks.check_sending_allowed()
    assert found.status == "problem" and "resume-sending" in found.advice
