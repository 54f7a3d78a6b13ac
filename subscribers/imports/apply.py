"""Applying an import by stretches, each in one transaction with how far it has come: it may die anywhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, OperationalError, connection, models, transaction
from django.db.backends.utils import CursorWrapper

from subscribers.imports import attributes, diff, suppress_flagged
from subscribers.imports.models import ImportChange, ImportRefusal, ImportRow, ImportRun
from subscribers.imports.records import Figures
from subscribers.models import ConsentRecord, Subscriber, Subscription

# A sign-up may take an address between the look and the write: the stretch is done again.
_TRIES = 5
# PostgreSQL has ended one of two transactions that waited for each other.
_DEADLOCK = "40P01"

_NEW = "verdict = 'new'"
_JOINING = "verdict IN ('new', 'joins')"
_AGREED = "verdict IN ('new', 'joins', 'confirms')"
_CHANGED = "changed = 1 AND verdict IN ('joins', 'confirms', 'changes')"
_SAID_NEW = "verdict = 'changes'"
_NOT_TAKEN = "verdict IN ('suppressed', 'left')"

# Conditional: whoever confirmed or left meanwhile has said so themselves.
_CONFIRM = """UPDATE subscribers_subscription
SET state = 'confirmed', source = %(source)s, confirmed_at = %(now)s
WHERE state = 'pending' AND ended_at IS NULL
    AND id IN (SELECT subscription FROM import_judged WHERE verdict = 'confirms')"""
_CHANGE = f"""UPDATE subscribers_subscriber AS p
SET name = j.name, language = j.language, countries = j.countries, updated_at = %(now)s
FROM import_judged j WHERE p.id = j.subscriber AND j.{_CHANGED}"""  # noqa: S608  (made of constants)
_REASON = """CASE verdict WHEN 'suppressed' THEN 'no mail may be sent to this address: it is suppressed'
    ELSE 'this person left a list before; only they themselves can come back' END"""


class Overtaken(Exception):  # noqa: N818  (what happened meanwhile)
    """Somebody else has applied these lines, or has the run by now."""


def stretch_of(run: ImportRun, *, from_the_end: bool = False) -> tuple[int, int] | None:
    """The lines (after, until] to be applied next; what is left is between `position` and `last_line`."""
    if run.position >= run.last_line:
        return None
    if from_the_end:
        return max(run.last_line - diff.STRETCH, run.position), run.last_line
    return run.position, min(run.position + diff.STRETCH, run.last_line)


def apply_stretch(run: ImportRun, lines: tuple[int, int], now: datetime) -> ImportRun:
    """Apply these lines, and return the run's row, locked, with the figures and what is left; not saved yet.

    To be called in a transaction. Raises IntegrityError when somebody signs up meanwhile, and Overtaken.
    """
    after, until = lines
    _in_haste()
    with diff.judged(run, after, until, numbered=True) as cursor:
        diff.hold(cursor)
        found = diff.verdicts(cursor)
        _write(cursor, run, found, now)
        if attributes.has(run):
            attributes.write(cursor, run)
    stopped = suppress_flagged.stop(run, after, until, now) if run.stops_gone else 0
    ImportRow.objects.filter(run=run.pk, line__gt=after, line__lte=until).delete()
    held = locked(run)
    if not (held.position <= after and until <= held.last_line):
        raise Overtaken
    if after == held.position:
        held.position = until
    elif until == held.last_line:
        held.last_line = after
    else:
        raise Overtaken
    figures = Figures(**held.done)
    figures.count(found)
    figures.stopped += stopped
    held.done = figures.as_dict()
    return held


def locked(run: ImportRun) -> ImportRun:
    """The run's row as it is now, locked. Raises Overtaken where it has changed hands or state."""
    held = ImportRun.objects.select_for_update().filter(pk=run.pk, worker=run.worker, state=run.state).first()
    if held is None:
        raise Overtaken
    return held


def _in_haste() -> None:
    """In this transaction PostgreSQL does not wait for its disk, and gathers more for its indexes.

    A server that dies then may forget the last stretches, and that they were applied: they are, again.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")
            cursor.execute("SET LOCAL work_mem = '64MB'")
            cursor.execute("SET LOCAL gin_pending_list_limit = '64MB'")


def tried(deed: Callable[[], Any]) -> Any:
    """The deed in a transaction, again while it collides with a sign-up or with another worker."""
    for left in range(_TRIES - 1, -1, -1):
        try:
            with transaction.atomic():
                return deed()
        except (IntegrityError, Overtaken):
            if not left:
                raise
        except OperationalError as error:
            if not left or getattr(error.__cause__, "sqlstate", "") != _DEADLOCK:
                raise
    raise AssertionError("not reached")


def _write(cursor: CursorWrapper, run: ImportRun, found: dict[str, int], now: datetime) -> None:
    said = {
        "source": f"import: {run.source}",
        "now": connection.ops.adapt_datetimefield_value(now),
    }
    if found.get("new"):
        _insert(
            cursor,
            Subscriber,
            _NEW,
            {
                **{name: name for name in ("email", "address_hash", "name", "language", "countries")},
                "id": "subscriber",
                "created_at": "%(now)s",
                "updated_at": "%(now)s",
            },
            said,
        )
    if found.get("new") or found.get("joins"):
        _insert(
            cursor,
            Subscription,
            _JOINING,
            {
                "subscriber_id": "subscriber",
                "mailing_list_id": str(run.mailing_list_id),
                "state": "'confirmed'",
                "source": "%(source)s",
                "created_at": "%(now)s",
                "confirmed_at": "%(now)s",
            },
            said,
        )
    if found.get("confirms"):
        cursor.execute(_CONFIRM, said)
    if found.keys() & {"joins", "confirms", "changes"}:
        cursor.execute(_CHANGE, said)
    if found.keys() - {"same", "suppressed", "left"}:
        _remember(cursor, run, said)
    if found.keys() & {"suppressed", "left"}:
        columns = {"run_id": str(run.pk), "line": "line", "kind": "verdict", "reason": _REASON}
        columns |= {"address_hash": "address_hash", "cells": _as_cells()}
        _insert(cursor, ImportRefusal, _NOT_TAKEN, columns, said)


def _remember(cursor: CursorWrapper, run: ImportRun, said: dict[str, Any]) -> None:
    """The consent ledger, and what undoing goes by."""
    words = said | {"source": run.source[:200], "by": run.applied_by}
    for event, which, about in (
        ("imported", _AGREED, str(run.mailing_list_id)),
        ("preferences", _SAID_NEW, "NULL"),
    ):
        _insert(
            cursor,
            ConsentRecord,
            which,
            {
                "subscriber_id": "subscriber",
                "mailing_list_id": about,
                "event": f"'{event}'",
                "channel": "'import'",
                "at": "%(now)s",
                "source": "%(source)s",
                "attested_by": "%(by)s",
            },
            words,
        )
    columns = {"run_id": str(run.pk), "subscriber": "subscriber", "kind": "verdict"}
    for name in ("name", "language", "countries"):
        columns |= {f"old_{name}": f"CASE WHEN {_CHANGED} THEN old_{name} END"}
        columns |= {f"new_{name}": f"CASE WHEN {_CHANGED} THEN {name} END"}
    _insert(cursor, ImportChange, f"{_AGREED} OR {_SAID_NEW}", columns, said)


def _insert(
    cursor: CursorWrapper,
    model: type[models.Model],
    which: str,
    columns: dict[str, str],
    values: dict[str, Any],
) -> None:
    """INSERT … SELECT of the judged rows; a field that is not named gets its default, as by the ORM."""
    columns, values = dict(columns), dict(values)
    for field in model._meta.concrete_fields:
        name = str(field.column)
        if name not in columns and not field.primary_key:
            columns[name] = f"%(default_{name})s"
            values[f"default_{name}"] = field.get_db_prep_save(field.get_default(), connection)
    statement = (
        f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) "  # noqa: S608  (made of our own names)
        f"SELECT {', '.join(columns.values())} FROM import_judged WHERE {which} ORDER BY line"
    )
    cursor.execute(statement, {name: value for name, value in values.items() if f"%({name})s" in statement})


def _as_cells() -> str:
    return "jsonb_build_array(email)::text" if connection.vendor == "postgresql" else "json_array(email)"
