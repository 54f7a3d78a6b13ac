"""Django's `migrate`, which fills an empty database from a file before it looks for what is left to do."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from mailer.database_schema import load

# With these nothing, or less than everything, is to be created.
_PARTIAL = ("app_label", "fake", "plan", "check_unapplied", "prune")


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        """As Django's; migrations that the file contains are recorded as applied."""
        if not any(options[name] for name in _PARTIAL):
            load.load_into_empty_database(connections[options["database"]])
        super().handle(*args, **options)
