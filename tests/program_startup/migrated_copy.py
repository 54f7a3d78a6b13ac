"""In a program that the tests start, an empty database is migrated by copying.

The tests keep a database with all migrations applied (tests/migrated.py): `migrate` takes 15 s of processor
time without it, and 1 s with it. It runs behind the copying all the same, and applies what the copy has not.
Programs with an environment of their own, as on a machine of tests/machine.py, migrate from nothing.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_COMMAND = "django.core.management.commands.migrate"


class _Finder(MetaPathFinder):
    """Changes the command when a program imports it; Django is not imported before."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if name != _COMMAND:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def executed(module: ModuleType) -> None:
            execute(module)
            handle = module.Command.handle

            def copied(command: Any, *arguments: Any, **options: Any) -> Any:
                _copy(options["database"])
                return handle(command, *arguments, **options)

            module.Command.handle = copied  # type: ignore[attr-defined]

        spec.loader.exec_module = executed  # type: ignore[method-assign]
        return spec


def _copy(alias: str) -> None:
    import sqlite3
    from contextlib import closing

    from django.db import connections

    connection = connections[alias]
    path = os.environ["MIGRATED_COPY"] + (".db" if connection.vendor == "sqlite" else ".sql")
    if not os.path.exists(path) or "django_migrations" in connection.introspection.table_names():
        return
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source:
            source.backup(connection.connection)
    else:
        with open(path, encoding="utf-8") as dump:
            connection.connection.execute(dump.read())
        # The dump leaves the session with settings of its own, such as an empty search path.
        connection.close()
    # Stored for the key of the tests' own process; the program has another one.
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM subscribers_keycanary")


def install() -> None:
    sys.meta_path.insert(0, _Finder())
