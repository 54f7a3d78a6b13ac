"""The id of the request, or of the run of a job, that is being worked on; every log line about it has it.

A thread that is started for it gets the id by `Thread(target=copy_context().run, args=(function,))`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

# Bytes of an id: short enough that nothing takes it for a token.
_BYTES = 8


class LogId(NamedTuple):
    """What stands in a log line, as in "request_id=3f9a1c2e5d6b7a80"."""

    # "request_id" or "run_id".
    name: str
    value: str


_current: ContextVar[LogId | None] = ContextVar("log_id", default=None)


def new_id() -> str:
    """A random id of sixteen hexadecimal digits."""
    return secrets.token_hex(_BYTES)


def current_log_id() -> LogId | None:
    """What this thread works on; None outside of requests and runs of jobs."""
    return _current.get()


def begin_request(request_id: str) -> None:
    """From here on, log lines of this thread are about the request with this id, until `end_request`."""
    _current.set(LogId("request_id", request_id))


def end_request() -> None:
    """Log lines of this thread are about no request any more."""
    _current.set(None)


@contextmanager
def job_run(job: str) -> Iterator[None]:
    """Log lines inside are about one run of this job; its id begins with the name, as "outbox-3f9a1c2e…"."""
    token = _current.set(LogId("run_id", f"{job.replace(' ', '-')}-{new_id()}"))
    try:
        yield
    finally:
        _current.reset(token)
