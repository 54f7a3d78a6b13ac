"""A buffer in memory between requests and the database: no request waits for a write, or fails with it."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from django.db import DatabaseError, close_old_connections

log = logging.getLogger(__name__)

T = TypeVar("T")


class Buffer(Generic[T]):
    """Takes things from any thread and writes them in batches, by a thread of its own once it is started.

    What the database does not take waits, `most` things at most; what comes beyond that is lost, and told.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], None],
        *,
        every: float = 1.0,
        batch: int = 2_000,
        most: int = 100_000,
    ) -> None:
        """`write` raises DatabaseError when nothing of a batch was written; `every` is in seconds."""
        self._write, self._every, self._batch, self._most = write, every, batch, most
        self._waiting: deque[T] = deque()
        self._lost = 0
        self._writing = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def put(self, one: T) -> None:
        """Take one thing; returns at once."""
        if len(self._waiting) >= self._most:
            self._lost += 1
        else:
            self._waiting.append(one)

    def flush(self) -> None:
        """Write what waits, as far as the database takes it."""
        with self._writing:
            while batch := self._taken():
                try:
                    self._write(batch)
                except DatabaseError:
                    self._waiting.extendleft(reversed(batch))
                    log.warning("action=buffer_waits waiting=%d", len(self._waiting), exc_info=True)
                    break
            if self._lost:
                log.error("action=buffer_full lost=%d", self._lost)
                self._lost = 0

    def clear(self) -> None:
        """Drop what waits."""
        self._waiting.clear()

    def start(self) -> None:
        """Write every second from now on, and at the end of the process; also in processes forked from it."""
        self._run()
        atexit.register(self.stop)
        os.register_at_fork(after_in_child=self._forked)

    def stop(self) -> None:
        """Write the rest, and no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _taken(self) -> list[T]:
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(self._batch, len(waiting)))]

    def _run(self) -> None:
        self._thread = threading.Thread(target=self._keep_writing, name="buffer", daemon=True)
        self._thread.start()

    def _keep_writing(self) -> None:
        while not self._stop.wait(self._every):
            close_old_connections()
            self.flush()

    def _forked(self) -> None:
        """A fork has the parent's things, which the parent writes, and none of its threads."""
        self.clear()
        self._writing = threading.Lock()
        self._run()
