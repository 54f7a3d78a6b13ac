"""Fills an empty database from sqlite.sql or postgresql.sql instead of applying two hundred migrations.

The files hold what the migrations of this version and of its libraries make, with the rows that belong to
every installation, such as permissions. Loading takes a second, migrating 15 s of processor time. Where
another version of a library is installed, whose migrations differ, the database is migrated from nothing.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
_CREATED = re.compile(r'^CREATE (?:VIRTUAL )?TABLE (?:public\.)?"?(\w+)', re.MULTILINE)
_MIGRATION = re.compile(
    r"^INSERT INTO (?:public\.|\")django_migrations\"? VALUES\s?\(\d+, ?'([^']+)', ?'([^']+)'", re.MULTILINE
)


def load_into_empty_database(connection: BaseDatabaseWrapper, folder: Path = FOLDER) -> bool:
    """Create every table, all of them or none; whether that was done.

    Nothing is done where one of the tables exists, where other migrations are installed than those that the
    file contains, or where PostgreSQL would not create tables in its schema `public`.
    """
    path = folder / f"{connection.vendor}.sql"
    if connection.in_atomic_block or not path.exists():
        return False
    text = path.read_text("utf-8")
    if not set(_CREATED.findall(text)).isdisjoint(connection.introspection.table_names()):
        return False
    if _differs_from_installed_migrations(set(_MIGRATION.findall(text))) or not _is_in_public(connection):
        return False
    try:
        _execute(connection, text)
    except Error as error:
        # Migrating works without what is missing here, or says what is wrong.
        log.warning("action=schema_not_loaded reason=%s", type(error).__name__)
        return False
    return True


def _differs_from_installed_migrations(contained: set[tuple[str, str]]) -> bool:
    """Whether an application of which the file contains migrations is installed with others."""
    installed = set(MigrationLoader(None).disk_migrations)
    both = {app for app, _ in contained} & {app for app, _ in installed}
    return {one for one in contained if one[0] in both} != {one for one in installed if one[0] in both}


def _is_in_public(connection: BaseDatabaseWrapper) -> bool:
    """Whether a table that names no schema of PostgreSQL is created in the one that the file names."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        return bool(cursor.fetchone()[0] == "public")


def _execute(connection: BaseDatabaseWrapper, text: str) -> None:
    """Execute the statements in one transaction."""
    database = connection.connection
    try:
        with connection.wrap_database_errors:
            if connection.vendor == "sqlite":
                database.executescript(f"BEGIN IMMEDIATE;\n{text}\nCOMMIT;")
            else:
                # Functions may name tables that come later.
                database.execute(f"BEGIN; SET LOCAL check_function_bodies = off;\n{text}\nCOMMIT;")
    except Error:
        database.rollback()
        raise
