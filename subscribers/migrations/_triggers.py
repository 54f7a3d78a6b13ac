"""Rules that the database itself keeps, as triggers, whatever code or shell writes to a table."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


class Trigger(NamedTuple):
    name: str
    # INSERT, UPDATE or DELETE.
    event: str
    table: str
    # The write is refused where this SQL condition over NEW and OLD holds.
    condition: str
    # The text of the database error.
    message: str


def append_only(name: str, table: str, columns: Collection[str]) -> Trigger:
    """Refuse every change of these columns; rows may be added and deleted."""
    changed = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in columns)
    return Trigger(name, "UPDATE", table, changed, f"{table} is only added to")


def create(editor: BaseDatabaseSchemaEditor, triggers: Iterable[Trigger]) -> None:
    """Create the triggers on SQLite or PostgreSQL."""
    for trigger in triggers:
        editor.execute(_TO_SQL[editor.connection.vendor](trigger), params=None)


def missing(connection: BaseDatabaseWrapper, triggers: Iterable[Trigger]) -> list[Trigger]:
    """Those that the database does not have, or that are disabled there."""
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if connection.vendor == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        existing = {name for (name,) in cursor.fetchall()}
    return [trigger for trigger in triggers if trigger.name not in existing]


def create_missing(connection: BaseDatabaseWrapper, triggers: Iterable[Trigger]) -> None:
    """Create those that the database lacks, on the tables that it has."""
    tables = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for trigger in missing(connection, triggers):
            if trigger.table in tables:
                cursor.execute(_TO_SQL[connection.vendor](trigger))


def drop(editor: BaseDatabaseSchemaEditor, triggers: Iterable[Trigger]) -> None:
    """Drop the triggers, and on PostgreSQL their functions."""
    for trigger in triggers:
        if editor.connection.vendor == "postgresql":
            editor.execute(f"DROP TRIGGER {trigger.name} ON {trigger.table}", params=None)
            editor.execute(f"DROP FUNCTION {trigger.name}()", params=None)
        else:
            editor.execute(f"DROP TRIGGER {trigger.name}", params=None)


def _sqlite(trigger: Trigger) -> str:
    # SQLite knows IS DISTINCT FROM since 3.39; IS NOT means the same there.
    condition = trigger.condition.replace("IS DISTINCT FROM", "IS NOT")
    return (
        f"CREATE TRIGGER {trigger.name} BEFORE {trigger.event} ON {trigger.table} "
        f"FOR EACH ROW WHEN {condition} "
        f"BEGIN SELECT RAISE(ABORT, '{trigger.message}'); END"
    )


def _postgresql(trigger: Trigger) -> str:
    row = "OLD" if trigger.event == "DELETE" else "NEW"
    return (
        f"CREATE OR REPLACE FUNCTION {trigger.name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {trigger.condition} THEN "
        f"RAISE EXCEPTION '{trigger.message}' USING ERRCODE = 'integrity_constraint_violation'; END IF; "
        f"RETURN {row}; END $$; "
        # One that is disabled counts as missing.
        f"DROP TRIGGER IF EXISTS {trigger.name} ON {trigger.table}; "
        f"CREATE TRIGGER {trigger.name} BEFORE {trigger.event} ON {trigger.table} "
        f"FOR EACH ROW EXECUTE FUNCTION {trigger.name}()"
    )


_TO_SQL = {"sqlite": _sqlite, "postgresql": _postgresql}

TRIGGERS = [
    # Merging two subscribers moves rows to one of them; retention empties `network` and `user_agent`.
    append_only(
        "consent_record_append_only",
        "subscribers_consentrecord",
        ("mailing_list_id", "event", "channel", "at", "text_id", "source", "attested_by"),
    ),
]


def create_all(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    create(editor, TRIGGERS)


def drop_all(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    drop(editor, TRIGGERS)
