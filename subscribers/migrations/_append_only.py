"""Rows that nobody changes afterwards, whatever code or shell writes to them: kept so by the database."""

from __future__ import annotations

from collections.abc import Collection

from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def create(editor: BaseDatabaseSchemaEditor, name: str, table: str, columns: Collection[str]) -> None:
    """Refuse any change of these columns."""
    # NULL differs from a value, and not from NULL.
    differs = "IS DISTINCT FROM" if editor.connection.vendor == "postgresql" else "IS NOT"
    changed = " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in columns)
    words = f"{table} is only added to"
    if editor.connection.vendor == "postgresql":
        editor.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {changed} THEN "
            f"RAISE EXCEPTION '{words}' USING ERRCODE = 'integrity_constraint_violation'; END IF; "
            "RETURN NEW; END $$",
            params=None,
        )
        editor.execute(
            f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
            params=None,
        )
        return
    editor.execute(
        f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} FOR EACH ROW WHEN {changed} "
        f"BEGIN SELECT RAISE(ABORT, '{words}'); END",
        params=None,
    )


def drop(editor: BaseDatabaseSchemaEditor, name: str, table: str) -> None:
    """Let them be changed again."""
    if editor.connection.vendor == "postgresql":
        editor.execute(f"DROP TRIGGER {name} ON {table}", params=None)
        editor.execute(f"DROP FUNCTION {name}()", params=None)
    else:
        editor.execute(f"DROP TRIGGER {name}", params=None)
