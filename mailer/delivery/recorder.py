"""Writes down what was accepted: beside the thread that claims, where the database can do both at once.

On PostgreSQL an update is mostly waited for, and waiting for it would keep the next messages from being made.
SQLite has one writer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from types import TracebackType
from typing import Self

from django.db import connection, connections

from mailer.delivery import ledger


class Recorder:
    """For one owner's deliveries. A context manager; its methods belong to one thread."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        # In somebody's transaction another connection would not see what this one claimed.
        beside = connection.vendor == "postgresql" and not connection.in_atomic_block
        self._thread = ThreadPoolExecutor(1, "mailer-recorder") if beside else None
        self._under_way: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.submit(connections.close_all)
            self._thread.shutdown()

    def accept(self, deliveries: Mapping[str, Collection[int]], at: datetime) -> None:
        """As `ledger.accept`, perhaps not at once. Raises also what went wrong with those before."""
        self.settle()
        if self._thread is None:
            ledger.accept(deliveries, self._owner, at)
        elif deliveries:
            self._under_way = self._thread.submit(ledger.accept, deliveries, self._owner, at)

    def settle(self) -> None:
        """Wait until all is written down. Raises what went wrong."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()
