"""`mailer migrate` where nothing is new: it applies nothing, and restores what is missing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from mailer.management.commands.migrate import is_up_to_date

ROOT = Path(__file__).parents[2]
# These are not among those that are restored after migrating.
NOT_RESTORED = {"consent_record_append_only"} | {
    f"{event}_wagtailsearch_indexentry_fts" for event in ("insert", "update", "delete")
}


def permissions(database: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(database)) as opened:
        return set(
            opened.execute(
                "SELECT app_label, codename FROM auth_permission "
                "JOIN django_content_type ON django_content_type.id = content_type_id"
            )
        )


def triggers(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as opened:
        return {name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}


@pytest.mark.django_db
def test_permissions_and_triggers_are_restored_where_nothing_is_to_be_applied(
    sqlite_template: Path, tmp_path: Path
) -> None:
    database = tmp_path / "mailer.db"
    shutil.copy(sqlite_template, database)
    expected, all_triggers = permissions(database), triggers(database)
    with closing(sqlite3.connect(database)) as opened:
        for name in all_triggers:
            opened.execute(f'DROP TRIGGER "{name}"')
        opened.execute("DELETE FROM auth_group_permissions")
        opened.execute("DELETE FROM auth_permission")
        opened.commit()
    for name in ("config.toml", "keys.toml"):
        shutil.copy(ROOT / "tests" / name, tmp_path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | {
        "MAILER_CONFIG": str(tmp_path / "config.toml"),
        "MAILER_DATABASE__URL": f"sqlite:///{database}",
    }
    code = "from mailer.cli.main import main; main()"
    command = [sys.executable, "-c", code, "migrate"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert permissions(database) == expected
    assert len(all_triggers) > 50 and triggers(database) == all_triggers - NOT_RESTORED


@pytest.mark.django_db
def test_a_migration_that_was_not_applied_is_noticed() -> None:
    recorder = MigrationRecorder(connection)
    assert is_up_to_date(connection)
    for app in ("subscribers", "wagtailusers"):
        recorder.record_unapplied(app, "0001_initial")
        assert not is_up_to_date(connection)
        recorder.record_applied(app, "0001_initial")
    assert is_up_to_date(connection)
