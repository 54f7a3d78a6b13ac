"""Django's `migrate`, which fills an empty database from a file before it looks for what is left to do."""

from __future__ import annotations

import importlib.util
import pkgutil
from typing import Any

from django.apps import apps
from django.core.management.commands import migrate
from django.core.management.sql import emit_post_migrate_signal
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from mailer.database_schema import load

# With these nothing, or less than everything, is to be created.
_PARTIAL = ("app_label", "fake", "plan", "check_unapplied", "prune")


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        """As Django's; migrations that the file contains are recorded as applied."""
        if any(options[name] for name in _PARTIAL):
            super().handle(*args, **options)
            return
        connection = connections[options["database"]]
        load.load_into_empty_database(connection)
        if options["verbosity"] or not is_up_to_date(connection):
            super().handle(*args, **options)
            return
        # Its receivers restore missing permissions and triggers, also where nothing was applied.
        emit_post_migrate_signal(0, options["interactive"], connection.alias, apps=apps, plan=[])


def is_up_to_date(connection: BaseDatabaseWrapper) -> bool:
    """Whether each migration was applied, by the names of their files; False where an application with tables
    has none.

    Loading them, and making the models of every application from them, takes Django as long as all the rest.
    """
    applied = MigrationRecorder(connection).applied_migrations().keys()
    for app in apps.get_app_configs():
        names = _migration_names(app.label)
        has_tables = next(app.get_models(), None) is not None
        if (has_tables and not names) or any((app.label, name) not in applied for name in names):
            return False
    return True


def _migration_names(app_label: str) -> list[str]:
    """As Django finds them: the modules of the application's package of migrations, without private ones."""
    module_name, _ = MigrationLoader.migrations_module(app_label)
    if module_name is None or importlib.util.find_spec(module_name) is None:
        return []
    folder = importlib.import_module(module_name).__path__
    return [
        name for _, name, is_package in pkgutil.iter_modules(folder) if not is_package and name[0] not in "_~"
    ]
