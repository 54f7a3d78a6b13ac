"""What a migration may not do while the previous release still runs, or needs to be run again (rollback).

docs/upgrading.md explains the rules. Two kinds of checks: of a migration's operations, and of what became of
a database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple

import psycopg
from django.db.migrations import Migration, operations
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, Field

from mailer.migrations._operations import AddIndexWithoutLock

# Tables with a million rows and more: an index or a constraint on one must not stop writes meanwhile.
LARGE = {
    *("delivery", "feedbackevent", "outcomebatch", "providerhour", "returnedmessage", "trackingevent"),
    *("consentrecord", "importrow", "subscriber", "subscription", "suppression", "webhookpayload"),
}
_REMOVALS = (operations.RemoveField, operations.DeleteModel)
_RENAMES = (operations.RenameField, operations.RenameModel, operations.AlterModelTable)
_CONSTRAINTS = (operations.AddConstraint, operations.AlterUniqueTogether)


def unsafe_operations(migration: Migration, before: ProjectState) -> Iterator[str]:
    """What is wrong with a migration of this project, by the models as they were before it."""
    state = before.clone()
    for operation in migration.operations:
        if problem := _problem(operation, migration, state):
            yield f"{migration.app_label}.{migration.name}: {operation.describe()}: {problem}"
        operation.state_forwards(migration.app_label, state)


def _problem(operation: Any, migration: Migration, state: ProjectState) -> str:
    if isinstance(operation, _REMOVALS):
        # The release that no longer uses it is named, so that the author has thought of it.
        unused_since = getattr(migration, "unused_since", "")
        return (
            "" if unused_since else "the previous release uses it; remove it one release later (unused_since)"
        )
    if isinstance(operation, _RENAMES):
        return "the previous release uses the old name; add the new one and copy"
    if isinstance(operation, operations.AddField):
        return _added(operation.field)
    if isinstance(operation, operations.AlterField):
        return _altered(
            state.models[migration.app_label, operation.model_name_lower].fields[operation.name],
            operation.field,
        )
    if isinstance(operation, operations.AddIndex) and operation.model_name_lower in LARGE:
        if not isinstance(operation, AddIndexWithoutLock):
            return "writes to a large table would wait; use AddIndexWithoutLock"
        return "" if not migration.atomic else "needs atomic = False"
    if isinstance(operation, _CONSTRAINTS):
        name = getattr(operation, "model_name", None) or operation.name
        return (
            "" if name.lower() not in LARGE else "writes to a large table would wait while rows are checked"
        )
    if isinstance(operation, operations.RunPython | operations.RunSQL) and not operation.reversible:
        return "it cannot be undone; name a reverse, or noop"
    return ""


def _has_default(field: Field[Any, Any]) -> bool:
    return field.null or field.many_to_many or getattr(field, "db_default", NOT_PROVIDED) is not NOT_PROVIDED


def _added(field: Field[Any, Any]) -> str:
    if _has_default(field):
        return ""
    return "the previous release writes rows without it; make it nullable or give it a db_default"


def _altered(old: Field[Any, Any], new: Field[Any, Any]) -> str:
    if old.null and not _has_default(new):
        return "the previous release writes null; make it required one release later"
    if old.get_internal_type() != new.get_internal_type():
        return "the type changes; add a new column"
    if old.max_length and new.max_length and new.max_length < old.max_length:
        return "the previous release writes longer values"
    return ""


class Column(NamedTuple):
    type: str
    required: bool
    has_default: bool


Tables = Mapping[str, Mapping[str, Column]]


def broken_for_the_previous(before: Tables, after: Tables) -> list[str]:
    """What code that knows the tables `before` can no longer do with those `after`."""
    found = []
    for table, columns in before.items():
        now = after.get(table)
        if now is None:
            found.append(f"{table} is gone")
            continue
        found += [f"{table}.{name} is gone" for name in columns if name not in now]
        found += [
            f"{table}.{name} was {columns[name].type}, is {column.type}"
            for name, column in now.items()
            if name in columns and columns[name].type != column.type
        ]
        found += [
            f"{table}.{name} is required"
            for name, column in now.items()
            if column.required
            and not column.has_default
            and (name not in columns or not columns[name].required)
        ]
    return sorted(found)


def tables(url: str) -> Tables:
    """The tables of a database with their columns."""
    found: dict[str, dict[str, Column]] = {}
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            names = [
                row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            for table in names:
                for _, name, kind, required, default, key in database.execute(
                    f'PRAGMA table_info("{table}")'
                ):
                    found.setdefault(table, {})[name] = Column(
                        kind, bool(required), default is not None or key > 0
                    )
        return found
    query = (
        "SELECT table_name, column_name, data_type || COALESCE('(' || character_maximum_length || ')', ''), "
        "is_nullable = 'NO', column_default IS NOT NULL OR is_identity = 'YES' "
        "FROM information_schema.columns WHERE table_schema = 'public'"
    )
    with psycopg.connect(url) as connection:
        for table, name, *column in connection.execute(query).fetchall():
            found.setdefault(table, {})[name] = Column(*column)
    return found


_SQLITE_SCHEMA = (
    "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger', 'view') AND sql <> ''"
)
_POSTGRESQL_SCHEMA = (
    "SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "SELECT 'constraint', conrelid::regclass::text || ' ' || conname, pg_get_constraintdef(oid) "
    "FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
    "SELECT 'trigger', tgname, pg_get_triggerdef(t.oid) || p.prosrc "
    "FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid WHERE NOT tgisinternal",
)


def schema(url: str) -> set[tuple[str, ...]]:
    """Everything in a database but rows: columns, indexes, constraints and triggers, in any order."""
    columns = (
        (table, name, column) for table, found in tables(url).items() for name, column in found.items()
    )
    found = {(table, name, *map(str, column)) for table, name, column in columns}
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            return found | {tuple(map(str, row)) for row in database.execute(_SQLITE_SCHEMA)}
    with psycopg.connect(url) as connection:
        for query in _POSTGRESQL_SCHEMA:
            found |= {tuple(map(str, row)) for row in connection.execute(query).fetchall()}
    return found
