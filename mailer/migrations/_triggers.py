"""How a condition becomes a trigger, on each database that we know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.db.backends.base.schema import BaseDatabaseSchemaEditor


class Trigger(NamedTuple):
    name: str
    # INSERT or UPDATE.
    event: str
    table: str
    # When it is refused, in terms of NEW and OLD.
    condition: str
    # What the refusal says.
    words: str


def create(editor: BaseDatabaseSchemaEditor, triggers: Iterable[Trigger]) -> None:
    write = {"sqlite": _sqlite, "postgresql": _postgresql}[editor.connection.vendor]
    for trigger in triggers:
        editor.execute(write(trigger), params=None)


def drop(editor: BaseDatabaseSchemaEditor, triggers: Iterable[Trigger]) -> None:
    for trigger in triggers:
        if editor.connection.vendor == "postgresql":
            editor.execute(f"DROP TRIGGER {trigger.name} ON {trigger.table}", params=None)
            editor.execute(f"DROP FUNCTION {trigger.name}()", params=None)
        else:
            editor.execute(f"DROP TRIGGER {trigger.name}", params=None)


def _sqlite(trigger: Trigger) -> str:
    return (
        f"CREATE TRIGGER {trigger.name} BEFORE {trigger.event} ON {trigger.table} "
        f"FOR EACH ROW WHEN {trigger.condition} "
        f"BEGIN SELECT RAISE(ABORT, '{trigger.words}'); END"
    )


def _postgresql(trigger: Trigger) -> str:
    return (
        f"CREATE FUNCTION {trigger.name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {trigger.condition} THEN "
        f"RAISE EXCEPTION '{trigger.words}' USING ERRCODE = 'integrity_constraint_violation'; END IF; "
        f"RETURN NEW; END $$; "
        f"CREATE TRIGGER {trigger.name} BEFORE {trigger.event} ON {trigger.table} "
        f"FOR EACH ROW EXECUTE FUNCTION {trigger.name}()"
    )
