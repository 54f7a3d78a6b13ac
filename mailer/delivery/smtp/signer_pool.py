"""Threads that sign envelopes with DKIM, so that signing uses every core.

OpenSSL releases Python's global lock while it hashes and signs, which is most of the time that a signed
message takes.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from mailer.delivery.smtp.envelope import Envelope

# Envelopes that a thread signs before it hands them over: some ten milliseconds of its time.
_CHUNK = 32


class SignerPool:
    """Signs envelopes and hands them over in chunks; its threads start when they are needed.

    `submit` and `close` may be called only from the thread that created it.
    """

    def __init__(
        self, hand_over: Callable[[list[Envelope]], None], on_failure: Callable[[BaseException], None]
    ) -> None:
        """Both are called in a thread of the pool: `hand_over` with signed envelopes, `on_failure` with what
        ended the thread."""
        self._hand_over = hand_over
        self._on_failure = on_failure
        self._chunks: SimpleQueue[list[Envelope] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, envelopes: Sequence[Envelope]) -> None:
        """Sign these."""
        if envelopes and not self._threads:
            self._threads = [
                threading.Thread(target=self._run, name=f"mailer-signer-{number}", daemon=True)
                for number in range(len(os.sched_getaffinity(0)))
            ]
            for thread in self._threads:
                thread.start()
        for start in range(0, len(envelopes), _CHUNK):
            self._chunks.put(list(envelopes[start : start + _CHUNK]))

    def close(self) -> list[Envelope]:
        """End the threads; returns the envelopes that nobody began to sign. All others are handed over."""
        left: list[Envelope] = []
        with contextlib.suppress(Empty):
            while True:
                left += self._chunks.get_nowait() or ()
        for _ in self._threads:
            self._chunks.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []
        return left

    def _run(self) -> None:
        try:
            while (chunk := self._chunks.get()) is not None:
                for envelope in chunk:
                    envelope.sign()
                self._hand_over(chunk)
        except BaseException as error:  # noqa: BLE001  (raised again in the calling thread)
            self._on_failure(error)
