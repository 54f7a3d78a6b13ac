"""Rows that many tests begin with: made once in a while, and then made again by the statements alone.

Saving the same stories through Wagtail took most of the time of many tests. What such a function writes
depends on its arguments, on the configuration, and on what it reads in the database. So its statements are
recorded with what they returned. The next time they are executed without it; if one of them returns anything
else, the function itself runs.
"""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import IntegrityError, connection, transaction
from django.db.models import Model

from tests import settings_reads
from tests.recorded_statements import (
    DiffersError,
    Recording,
    execute,
    needed,
    next_ids,
    recorder,
    recording_into,
    restart_sequences,
    set_sequences,
)

P = ParamSpec("P")
R = TypeVar("R")

# Longer than a run lasts: the moments in a recording may be that old. A test for which one has to be recent
# writes it itself.
_USED_FOR_SECONDS = 1_800.0
# So many states of the database and the configuration are remembered for one call.
_STATES = 16
# Within another recording, a function with fewer statements is called instead.
_WORTH_STATEMENTS = 12


def recorded(build: Callable[P, R]) -> Callable[P, R]:
    """Of a function that leaves rows in the database, and nothing elsewhere."""
    recordings: dict[str, list[Recording]] = {}

    @wraps(build)
    def built(*args: P.args, **kwargs: P.kwargs) -> R:
        given = list(_rows([*args, *kwargs.values()]))
        # Where a test has transactions of its own, what waits for their end is done, too.
        key = repr(_key([*args, *sorted(kwargs.items()), connection.in_atomic_block]))
        # One for each state in which the tests had the database, and the configuration, before.
        kept = recordings.setdefault(key, [])
        kept[:] = [one for one in kept if time.monotonic() - one.since < _USED_FOR_SECONDS]
        if kept and recorder() and len(kept[0].statements) < _WORTH_STATEMENTS:
            return build(*args, **kwargs)
        for found in list(kept):
            if settings_reads.are_as_read(found.reads) and _is_made_again(found):
                settings_reads.note(found.reads)
                # The one that is tried first the next time.
                kept.remove(found)
                kept.insert(0, found)
                return _returned(found, given)
        if not recorder():
            restart_sequences()
        recording, ids = Recording(), next_ids()
        with recording_into(recording), settings_reads.noting_reads() as recording.reads:
            result = build(*args, **kwargs)
        recording.result, recording.arguments = copy.deepcopy((result, given))
        recording.statements = list(needed(recording.statements))
        written = recording.tables()
        recording.first_ids = {table: first for table, first in ids.items() if table in written}
        kept.insert(0, recording)
        del kept[_STATES:]
        return result

    return built


def _is_made_again(recording: Recording) -> bool:
    """Execute the statements of the recording; False if the database was another one, and is as before.

    While another function is recorded, they become a part of it.
    """
    outer = recorder()
    begun = [len(one.statements) for one in outer.recordings] if outer else []
    ids = next_ids() if outer else {}
    with suppress(DiffersError, IntegrityError), transaction.atomic():
        execute(recording)
        for one in outer.recordings if outer else ():
            one.since = min(one.since, recording.since)
        return True
    if outer:
        for one, count in zip(outer.recordings, begun, strict=True):
            del one.statements[count:]
        with closing(connection.create_cursor()) as cursor:
            if recording.first_ids:
                set_sequences(cursor, {table: ids[table] for table in recording.first_ids})
    return False


def _fields(value: Any) -> list[Any]:
    return [getattr(value, one.name) for one in dataclasses.fields(value)]


def _rows(value: Any) -> Iterator[Model]:
    """The model instances in an argument."""
    if isinstance(value, Model):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _rows(one)
    elif dataclasses.is_dataclass(value):
        yield from _rows(_fields(value))


def _key(value: Any) -> Any:
    """What two calls have in common that can share a recording."""
    if isinstance(value, Model):
        columns = (getattr(value, one.attname) for one in value._meta.concrete_fields)
        return value._meta.label, [one for one in columns if not isinstance(one, datetime)]
    if isinstance(value, list | tuple):
        return [_key(one) for one in value]
    if dataclasses.is_dataclass(value):
        return _key(_fields(value))
    return value


def _returned(recording: Recording, given: list[Model]) -> Any:
    """The function's result; the rows among its arguments become as it left them."""
    known: dict[int, Any] = {id(kept): own for kept, own in zip(recording.arguments, given, strict=True)}
    for kept, own in zip(recording.arguments, given, strict=True):
        own.__dict__ = copy.deepcopy(kept.__dict__, known)
    return copy.deepcopy(recording.result, known)
