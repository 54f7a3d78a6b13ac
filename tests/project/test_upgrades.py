"""Upgrades: a database of an earlier release is migrated, and that release can still work with it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from mailer.migrations._operations import AddIndexWithoutLock
from tests.postgres import Server
from tests.project import releases
from tests.project.migration_rules import broken_for_the_previous, schema, tables, unsafe_operations
from tests.project.releases import Release, Statement

OURS = ("mailer", "subscribers")
ON_POSTGRESQL = [pytest.mark.postgres, pytest.mark.xdist_group("postgres")]


def release_to_test(release: Release, backend: str, folder: Path, server: Server | None) -> Release:
    """The stored one. While its version is in preparation and its tables have changed since, a new one."""
    if release.migrations == releases.migrations_digest() or releases.is_released(release.version):
        return release
    return releases.make(release.version, server, folder, [backend])


def refused(url: str, statements: list[Statement]) -> dict[Statement, str]:
    """Statements that the database cannot plan, with its error."""
    found: dict[Statement, str] = {}
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            for one in statements:
                sql = one.sql if one.parameters is None else one.sql % tuple("?" * one.parameters)
                try:
                    database.execute(f"EXPLAIN {sql}", [None] * (one.parameters or 0))
                except sqlite3.Error as error:
                    found[one] = str(error)
        return found
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connected:
        for one in statements:
            try:
                parameters = None if one.parameters is None else [None] * one.parameters
                connected.execute(f"EXPLAIN {one.sql}".encode(), parameters)
            except psycopg.Error as error:
                found[one] = str(error)
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgresql", marks=ON_POSTGRESQL)])
@pytest.mark.parametrize("stored", releases.stored(), ids=lambda release: release.version)
def test_a_database_of_an_earlier_release_is_migrated_while_it_still_runs(
    stored: Release, backend: str, tmp_path: Path, sqlite_template: Path, request: pytest.FixtureRequest
) -> None:
    server: Server | None = request.getfixturevalue("postgres") if backend == "postgresql" else None
    release = release_to_test(stored, backend, tmp_path, server)
    url = releases.load(release, backend, tmp_path, server)
    before, statements = tables(url), release.statements(backend)
    # Some need a temporary table or a function that the program makes for its own connection.
    unknown = refused(url, statements)
    planned = [one for one in statements if one not in unknown]
    assert len(before) > 80 and len(planned) > 150

    releases.run(url, "-m", "django", "migrate", "--verbosity", "0")

    fresh = server.database(f"fresh_{os.getpid()}") if server else f"sqlite:///{sqlite_template}"
    if server:
        # A database writes conditions of indexes in another way once it was dumped and loaded.
        upgraded, fresh = releases.copy(server, url, "upgraded"), releases.copy(server, fresh, "fresh")
    else:
        upgraded = url
    assert schema(upgraded) ^ schema(fresh) == set()
    # What the earlier release, still running on other machines or started again, does with it.
    assert broken_for_the_previous(before, tables(url)) == []
    assert refused(url, planned) == {}


def test_every_release_has_its_database() -> None:
    """`make release-dump` makes it; after the release it is never made again."""
    known = {release.version: release for release in releases.stored()}
    version = releases.current_version()
    assert version in known
    if releases.is_released(version):
        assert known[version].migrations != "", version


def changed(url: str, *statements: str) -> list[str]:
    before = tables(url)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
    return broken_for_the_previous(before, tables(url))


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("ALTER TABLE a ADD COLUMN further text NULL", []),
        ("ALTER TABLE a ADD COLUMN further text NOT NULL DEFAULT ''", []),
        ("CREATE TABLE b (id integer PRIMARY KEY)", []),
        ("ALTER TABLE a DROP COLUMN name", ["a.name is gone"]),
        ("ALTER TABLE a RENAME COLUMN name TO label", ["a.label is required", "a.name is gone"]),
        ("DROP TABLE a", ["a is gone"]),
    ],
)
def test_what_breaks_the_previous_release_is_found(tmp_path: Path, statement: str, broken: list[str]) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE a (id integer PRIMARY KEY, name text NOT NULL, at datetime NULL)")
    url = f"sqlite:///{path}"
    assert changed(url, statement) == broken
    used = [Statement("SELECT name, at FROM a WHERE id = %s", 1)]
    assert bool(refused(url, used)) == bool(broken)


def test_no_migration_after_the_first_is_unsafe() -> None:
    loader = MigrationLoader(None)
    found = []
    for (app, name), migration in loader.disk_migrations.items():
        if app in OURS and name != "0001_initial":
            before = loader.project_state(migration.dependencies)
            found += unsafe_operations(migration, before)
    assert found == [], "docs/upgrading.md has the rules"


def text(**options: Any) -> Any:
    return models.CharField(max_length=20, **options)


@pytest.mark.parametrize(
    ("operation", "options", "safe"),
    [
        (migrations.AddField("delivery", "further", text(null=True)), {}, True),
        (migrations.AddField("delivery", "further", text(db_default="")), {}, True),
        (migrations.AddField("delivery", "further", text(default="")), {}, False),
        (migrations.RemoveField("delivery", "reply"), {}, False),
        (migrations.RemoveField("delivery", "reply"), {"unused_since": "0.2"}, True),
        (migrations.DeleteModel("alert"), {}, False),
        (migrations.RenameField("delivery", "reply", "answer"), {}, False),
        (migrations.RenameModel("alert", "warning"), {}, False),
        (migrations.AlterField("delivery", "due_at", models.DateTimeField()), {}, False),
        (migrations.AlterField("delivery", "attempts", models.TextField()), {}, False),
        (migrations.AlterField("delivery", "reply", models.CharField(max_length=900)), {}, True),
        (migrations.AlterField("delivery", "reply", models.CharField(max_length=100)), {}, False),
        (migrations.AddIndex("delivery", models.Index(fields=["reply"], name="x")), {}, False),
        (AddIndexWithoutLock("delivery", models.Index(fields=["reply"], name="x")), {}, False),
        (AddIndexWithoutLock("delivery", models.Index(fields=["reply"], name="x")), {"atomic": False}, True),
        (migrations.AddIndex("alert", models.Index(fields=["kind"], name="x")), {}, True),
        (
            migrations.AddConstraint("delivery", models.UniqueConstraint(fields=["reply"], name="x")),
            {},
            False,
        ),
        (migrations.RunPython(lambda *_: None), {}, False),
        (migrations.RunPython(lambda *_: None, migrations.RunPython.noop), {}, True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, migrations.operations.base.Operation) else "",
)
def test_unsafe_operations_are_found(operation: Any, options: dict[str, Any], safe: bool) -> None:
    kind: Any = type("Migration", (migrations.Migration,), {"operations": [operation], **options})
    found = list(unsafe_operations(kind("0099_test", "mailer"), ProjectState.from_apps(apps)))
    assert (found == []) is safe, found


@pytest.mark.django_db(transaction=True)
@pytest.mark.both_databases
def test_an_index_is_added_without_a_lock_on_either_database() -> None:
    state = ProjectState.from_apps(apps)
    index = models.Index(fields=["kind"], name="alert_kind_of_a_test")
    operation = AddIndexWithoutLock("alert", index)
    after = state.clone()
    operation.state_forwards("mailer", after)

    def indexes() -> set[str]:
        with connection.cursor() as cursor:
            return set(connection.introspection.get_constraints(cursor, "mailer_alert"))

    def apply(step: Callable[..., None], one: ProjectState, other: ProjectState) -> None:
        with connection.schema_editor(atomic=False) as editor:
            step("mailer", editor, one, other)

    apply(operation.database_forwards, state, after)
    assert index.name in indexes()
    apply(operation.database_backwards, after, state)
    assert index.name not in indexes()
