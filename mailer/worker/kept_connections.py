"""Connections to the database that stay open between runs of jobs: opening one costs more than most runs.

Each thread has connections of its own in Django, and jobs run in some dozen threads: one connection for each
of these would take much memory, or many of the connections that PostgreSQL allows. Django has a pool for
PostgreSQL, which the cluster worker uses, and none for SQLite.
"""

from __future__ import annotations

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

# Of jobs that run at a time, most have ended before the others begin.
_MOST = 8


class KeptConnections:
    """Lends them to threads, the last used one first. Thread-safe, as operations of a list are.

    Django's CONN_MAX_AGE holds for them, too: close_old_connections() closes what was lent and is too old.
    """

    def __init__(self) -> None:
        self._kept: list[BaseDatabaseWrapper] = []

    def lend(self) -> None:
        """Give this thread an open connection, where there is one that nobody uses."""
        try:
            connections[DEFAULT_DB_ALIAS] = self._kept.pop()
        except IndexError:
            # The thread opens one when it needs one.
            return

    def take_back(self) -> None:
        """Take this thread's connection, open, from it, unless it is of no use to others."""
        for one in connections.all(initialized_only=True):
            if one.alias == DEFAULT_DB_ALIAS and len(self._kept) < _MOST and _is_of_use(one):
                if not one.allow_thread_sharing:
                    one.inc_thread_sharing()
                del connections[DEFAULT_DB_ALIAS]
                self._kept.append(one)

    def close(self) -> None:
        """Close what is kept; nobody may borrow meanwhile."""
        while self._kept:
            self._kept.pop().close()


def _is_of_use(one: BaseDatabaseWrapper) -> bool:
    """Whether it is open, and as it was when it was opened."""
    return one.connection is not None and not (
        one.errors_occurred or one.in_atomic_block or one.run_on_commit or not one.get_autocommit()
    )
