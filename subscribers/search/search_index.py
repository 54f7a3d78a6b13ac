"""The trigram index for parts of addresses and names, which the database maintains.

SQLite has an FTS5 table, updated by triggers; PostgreSQL has two GIN indexes of pg_trgm. A migration that
rebuilds the table of subscribers drops the triggers, so `ensure` runs after every migration. Rows of one
statement are indexed together: write many subscribers with few statements.
"""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import DatabaseError

log = logging.getLogger(__name__)

TABLE = "subscribers_trigram"
# Letters; shorter words have no trigram.
MIN_LENGTH = 3
# SQLite has trigrams since 3.34; since 3.42 secure-delete removes every trace of deleted text.
HAS_TRIGRAMS = sqlite3.sqlite_version_info >= (3, 34)
HAS_SECURE_DELETE = sqlite3.sqlite_version_info >= (3, 42)

_SUBSCRIBERS = "subscribers_subscriber"
_INSERT = f"INSERT INTO {TABLE} (rowid, email, name) VALUES (new.id, new.email, new.name);"  # noqa: S608
_DELETE = (
    f"INSERT INTO {TABLE} ({TABLE}, rowid, email, name) "  # noqa: S608
    "VALUES ('delete', old.id, old.email, old.name);"
)
_TRIGGERS = {
    f"{TABLE}_add": f"AFTER INSERT ON {_SUBSCRIBERS} BEGIN {_INSERT} END",
    f"{TABLE}_take": f"AFTER DELETE ON {_SUBSCRIBERS} BEGIN {_DELETE} END",
    f"{TABLE}_change": f"AFTER UPDATE OF email, name ON {_SUBSCRIBERS} "
    f"WHEN new.email <> old.email OR new.name <> old.name BEGIN {_DELETE} {_INSERT} END",
}


def create_if_missing(sender: Any = None, using: str = "default", **_: Any) -> None:
    """Create missing parts of the index, as a receiver of post_migrate; safe to repeat."""
    connection = connections[using]
    if _SUBSCRIBERS not in connection.introspection.table_names():
        return
    if connection.vendor == "postgresql":
        _ensure_postgresql(connection)
    elif HAS_TRIGRAMS:
        _ensure_sqlite(connection)


def match_all(terms: list[str]) -> str:
    """An FTS5 query for rows that contain every one of these terms, with all characters quoted."""
    return " AND ".join('"' + word.replace('"', '""') + '"' for word in terms)


def _ensure_sqlite(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE name LIKE %s", [f"{TABLE}%"])
        existing = {name for (name,) in cursor.fetchall()}
        if existing >= {TABLE, *_TRIGGERS}:
            return
        if TABLE not in existing:
            cursor.execute(
                f"CREATE VIRTUAL TABLE {TABLE} USING fts5"
                f"(email, name, content='{_SUBSCRIBERS}', content_rowid='id', tokenize='trigram')"
            )
            if HAS_SECURE_DELETE:
                cursor.execute(f"INSERT INTO {TABLE} ({TABLE}, rank) VALUES ('secure-delete', 1)")  # noqa: S608
        for name, body in _TRIGGERS.items():
            cursor.execute(f"CREATE TRIGGER IF NOT EXISTS {name} {body}")
        cursor.execute(f"INSERT INTO {TABLE} ({TABLE}) VALUES ('rebuild')")  # noqa: S608


def _ensure_postgresql(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE %s", [f"{TABLE}%"])
        existing = {name for (name,) in cursor.fetchall()}
        missing = [column for column in ("email", "name") if f"{TABLE}_{column}" not in existing]
        if not missing:
            return
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'")
        if cursor.fetchone() is None:
            log.warning("action=trigram_index_missing reason=pg_trgm_is_not_installed")
            return
        try:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        except DatabaseError as error:
            log.warning("action=trigram_index_missing reason=%s", type(error).__name__)
            return
        for column in missing:
            # The expression of Django's icontains.
            cursor.execute(
                f"CREATE INDEX IF NOT EXISTS {TABLE}_{column} ON {_SUBSCRIBERS} "
                f"USING gin (upper({column}) gin_trgm_ops)"
            )
