"""Writes the files of mailer/database_schema: what the migrations make of an empty database.

    python -m tests.project.database_schema

`make schema` does it. The first line has a digest of the migrations and of the lines below, by which
tests/database_schema/test_load.py notices that it has to be done again.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from django.db.migrations.loader import MigrationLoader

from mailer.database_schema.load import FOLDER
from tests.postgres import ROOT, dump, serving
from tests.project.releases import migrations_digest

# "2026-12-01 00:35:48.203570", in PostgreSQL with a time zone.
_APPLIED_AT = re.compile(r"'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[^']*'")
_UUID = re.compile(r"'[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}'")
# How pg_dump prepares the session.
_SESSION = re.compile(r"SET \w+ = [^;]+;|SELECT pg_catalog\.set_config\(.*")
# What is made behind the migrations and not the same everywhere: a digest of the installation's key, and an
# index that older libraries lack.
_INSTALLATION = ("subscribers.key_canary", "subscribers.search_index")


def _migrate_without_file(url: str) -> None:
    """Apply every migration to an empty database, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {
        "MAILER_CONFIG": str(ROOT / "tests" / "config.toml"),
        "DJANGO_SETTINGS_MODULE": "mailer.settings",
        "MAILER_DATABASE__URL": url,
    }
    command = [sys.executable, "-m", "tests.project.database_schema", "--migrate"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def _sqlite_schema(path: Path) -> str:
    """The statements that make a migrated database of SQLite."""
    with closing(sqlite3.connect(path)) as database:
        return _without_chance(_sqlite_statements(database))


def _postgresql_schema(url: str) -> str:
    """The statements that make a migrated database of PostgreSQL."""
    lines = dump(url).decode().splitlines()
    kept = [line for line in lines if line and not line.startswith("--") and not _SESSION.fullmatch(line)]
    return _without_chance(kept)


def _without_chance(statements: Iterable[str]) -> str:
    """The statements with other times and random numbers than those of this run."""
    numbers = itertools.count(1)
    lines = []
    for one in statements:
        if one.startswith("INSERT"):
            one = _APPLIED_AT.sub("CURRENT_TIMESTAMP", one)
            one = _UUID.sub(lambda _: f"'{uuid.UUID(int=next(numbers)).hex}'", one)
        lines.append(f"{one}\n")
    return "".join(lines)


def first_line(statements: str) -> str:
    """The line above them: a digest of every migration that is installed, of what those call, and of them."""
    digest = hashlib.sha256(migrations_digest().encode() + statements.encode())
    loader = MigrationLoader(None)
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        source = sys.modules[type(migration).__module__].__file__
        digest.update(f"{app} {name} ".encode() + Path(str(source)).read_bytes())
    return f"-- Made by `make schema`: {digest.hexdigest()[:32]}\n"


def _sqlite_statements(database: sqlite3.Connection) -> Iterator[str]:
    found = database.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
    ).fetchall()
    virtual = [name for _, name, sql in found if sql.startswith("CREATE VIRTUAL")]
    # The tables in which a virtual one keeps its content come with it.
    kept = [one for one in found if not one[1].startswith((*(f"{name}_" for name in virtual), "sqlite_"))]
    tables = [name for kind, name, _ in kept if kind == "table"]
    yield from (f"{sql};" for kind, _, sql in kept if kind == "table")
    for name in (*(name for name in tables if name not in virtual), "sqlite_sequence"):
        if name == "sqlite_sequence":
            # Filled by the rows before.
            yield "DELETE FROM sqlite_sequence;"
        columns = [column for _, column, *_ in database.execute(f'PRAGMA table_info("{name}")')]
        values = " || ',' || ".join(f'quote("{column}")' for column in columns)
        for (row,) in database.execute(f'SELECT {values} FROM "{name}" ORDER BY rowid'):
            yield f'INSERT INTO "{name}" VALUES ({row});'
    yield from (f"{sql};" for kind, _, sql in kept if kind != "table")


def _migrate() -> None:
    import django

    django.setup()
    from django.apps import apps
    from django.core.management import call_command
    from django.core.management.commands import migrate
    from django.db.models.signals import post_migrate

    for name in _INSTALLATION:
        post_migrate.disconnect(sender=apps.get_app_config("subscribers"), dispatch_uid=name)
    # Django's own command, not the one that loads the file.
    call_command(migrate.Command(), verbosity=0, interactive=False)


def main() -> None:
    import django

    django.setup()
    with tempfile.TemporaryDirectory(prefix="mailer-schema-") as name, serving() as server:
        path = Path(name) / "mailer.db"
        url = server.empty("schema")
        _migrate_without_file(f"sqlite:///{path}")
        _migrate_without_file(url)
        made = {"sqlite": _sqlite_schema(path), "postgresql": _postgresql_schema(url)}
    for vendor, statements in made.items():
        (FOLDER / f"{vendor}.sql").write_text(first_line(statements) + statements, "utf-8")


if __name__ == "__main__":
    _migrate() if "--migrate" in sys.argv else main()
