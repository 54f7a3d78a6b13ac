"""Keeps posts for good: those that arrive while one is being committed go together into the next commit.

A commit waits for the disk, and a database takes one at a time. So many web threads that post at once would
wait for each other; this way they share a commit, and none returns before its own post is safe.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from mailer.feedback.webhooks.models import ServicePost


@dataclass
class _Entry:
    post: ServicePost
    done: bool = False
    error: Exception | None = None


class Keeper:
    """For the threads of one process. `keep` returns when the post is committed."""

    def __init__(self) -> None:
        self._waiting: list[_Entry] = []
        self._list = threading.Lock()
        self._commit = threading.Lock()

    def keep(self, post: ServicePost) -> None:
        """Raises django.db.Error when it is not kept."""
        entry = _Entry(post)
        with self._list:
            self._waiting.append(entry)
        with self._commit:
            if not entry.done:
                self._keep_all()
        if entry.error is not None:
            raise entry.error

    def _keep_all(self) -> None:
        with self._list:
            together, self._waiting = self._waiting, []
        error: Exception | None = None
        try:
            ServicePost.objects.bulk_create(entry.post for entry in together)
        except Exception as failure:  # noqa: BLE001  (whatever it was, each of them must hear of it)
            error = failure
        for entry in together:
            entry.done, entry.error = True, error


KEEPER = Keeper()
