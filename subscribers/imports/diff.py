"""Comparing waiting rows with who is there: one verdict a row, by the database, a stretch of lines at a time.

Verdicts: "new" (not known), "joins" (known, not on the list), "confirms" (waits for confirmation), "changes"
(on the list, and the file says something new), "same" (also of a reader who has another address now), "left"
(left this list or another, and did not come back), "suppressed".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from subscribers.imports import attributes
from subscribers.imports.models import ImportRow, ImportRun
from subscribers.imports.records import Figures, Progress, unseen

# Lines that are compared, and applied, in one transaction.
STRETCH = 20_000
# Rows of each verdict that are shown.
_SAMPLES = 20

# What the reader chose themselves (language, countries) no file overrides.
_OWN_WORD = """EXISTS (SELECT 1 FROM subscribers_consentrecord c WHERE c.subscriber_id = p.id
    AND c.channel IN ('form', 'email_link', 'preferences')
    AND c.event IN ('requested', 'confirmed', 'subscribed', 'preferences'))"""
_LEFT = """EXISTS (SELECT 1 FROM subscribers_subscription x WHERE x.subscriber_id = {who}
    AND (x.state = 'unsubscribed' OR x.ended_at IS NOT NULL))"""
_TO_JOIN = "verdict IN ('joins', 'confirms')"
# As `leaving.hold` does, without their numbers going to and fro.
_HOLD = f"""SELECT COUNT(*) FROM (SELECT id FROM subscribers_subscriber WHERE id IN (
    SELECT subscriber FROM import_judged WHERE {_TO_JOIN}) ORDER BY id FOR NO KEY UPDATE) held"""  # noqa: S608
_LET_GO = f"""UPDATE import_judged SET verdict = 'left'
WHERE {_TO_JOIN} AND {_LEFT.format(who="import_judged.subscriber")}"""  # noqa: S608
_TABLE = """CREATE TEMPORARY TABLE import_judged (line INTEGER, address_hash {blob}, email VARCHAR(254),
    subscriber BIGINT, subscription BIGINT, verdict VARCHAR(12), name VARCHAR(200), language VARCHAR(12),
    countries VARCHAR(800), old_name VARCHAR(200), old_language VARCHAR(12), old_countries VARCHAR(800),
    changed INTEGER, flag VARCHAR(300), notes TEXT)"""
# "+ 0": found by the person alone. PostgreSQL believes that a new list is empty, and would look through it
# for each row, which takes longer with every stretch.
_JUDGE = f"""
INSERT INTO import_judged
SELECT line, address_hash, email,
    CASE WHEN verdict = 'new' THEN {{number}} ELSE subscriber END, subscription,
    CASE WHEN verdict = 'on' THEN CASE changed WHEN 1 THEN 'changes' ELSE 'same' END ELSE verdict END,
    name, language, countries, old_name, old_language, old_countries, changed, flag, notes
FROM (
    SELECT n.*, CASE WHEN name <> old_name OR language <> old_language OR countries <> old_countries
        THEN 1 ELSE 0 END AS changed
    FROM (
        SELECT r.line, r.address_hash, r.email, r.flag, r.notes, p.id AS subscriber, b.id AS subscription,
            CASE WHEN s.id IS NOT NULL THEN 'suppressed'
                WHEN p.id IS NULL AND f.id IS NOT NULL THEN 'same'
                WHEN p.id IS NULL THEN 'new'
                WHEN b.state = 'confirmed' AND b.ended_at IS NULL THEN 'on'
                WHEN {_LEFT.format(who="p.id")} THEN 'left'
                WHEN b.id IS NULL THEN 'joins'
                ELSE 'confirms' END AS verdict,
            CASE WHEN r.name = '' THEN COALESCE(p.name, '') ELSE r.name END AS name,
            CASE WHEN p.id IS NULL THEN CASE r.language WHEN '' THEN %(language)s ELSE r.language END
                WHEN r.language = '' OR r.language = p.language OR {_OWN_WORD} THEN p.language
                ELSE r.language END AS language,
            CASE WHEN p.id IS NULL THEN r.countries
                WHEN r.countries = '' OR r.countries = p.countries OR {_OWN_WORD} THEN p.countries
                ELSE r.countries END AS countries,
            p.name AS old_name, p.language AS old_language, p.countries AS old_countries
        FROM subscribers_importrow r
        LEFT JOIN subscribers_suppression s ON s.address_hash = r.address_hash AND s.lifted_at IS NULL
        LEFT JOIN subscribers_subscriber p ON p.address_hash = r.address_hash
        LEFT JOIN subscribers_formeraddress f ON f.address_hash = r.address_hash
        LEFT JOIN subscribers_subscription b ON b.subscriber_id = p.id AND b.mailing_list_id + 0 = %(list)s
        WHERE r.run_id = %(run)s AND r.line > %(after)s AND r.line <= %(until)s {{only}}
    ) n
) m ORDER BY line
"""  # noqa: S608  (made of constants)


@contextmanager
def judged(
    run: ImportRun, after: int, until: int, *, numbered: bool = False, lines: Collection[int] = ()
) -> Iterator[CursorWrapper]:
    """A cursor that sees the rows of the lines (after, until] in the temporary table import_judged.

    `lines`: only these of them. `numbered`: people who are new get the primary key that they will have.
    To be called in a transaction.
    """
    values: dict[str, int | str] = {
        "list": run.mailing_list_id,
        "run": run.pk,
        "language": run.language,
        "after": after,
        "until": until,
    }
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS import_judged")
        cursor.execute(_TABLE.format(blob="BYTEA" if connection.vendor == "postgresql" else "BLOB"))
        number = _number(cursor, after) if numbered else "NULL"
        only = f"AND r.line IN ({', '.join(map(str, map(int, lines)))})" if lines else ""
        cursor.execute(_JUDGE.format(number=number, only=only), values)
        if attributes.has(run):
            attributes.mark(cursor)
        try:
            yield cursor
        finally:
            if not connection.needs_rollback:
                cursor.execute("DROP TABLE import_judged")


def hold(cursor: CursorWrapper) -> None:
    """Nobody who is to join leaves until the transaction ends; who did since they were judged has left."""
    if connection.features.has_select_for_update:
        cursor.execute(_HOLD)
        cursor.execute(_LET_GO)


def verdicts(cursor: CursorWrapper) -> dict[str, int]:
    """How many rows of the stretch have each verdict."""
    cursor.execute("SELECT verdict, COUNT(*) FROM import_judged GROUP BY verdict")
    return dict(cursor.fetchall())


def stretches(last_line: int, after: int = 0) -> Iterator[tuple[int, int]]:
    """The lines (after, until] of each stretch."""
    for start in range(after, last_line, STRETCH):
        yield start, min(start + STRETCH, last_line)


def foresee(run: ImportRun, figures: Figures, progress: Progress = unseen) -> dict[str, list[int]]:
    """Add to the figures what applying the run now would do; lines of some rows of each verdict."""
    samples: dict[str, list[int]] = {}
    for after, until in stretches(run.last_line):
        with transaction.atomic(), judged(run, after, until) as cursor:
            found = verdicts(cursor)
            figures.count(found)
            for verdict in found:
                kept = samples.setdefault(verdict, [])
                if len(kept) < _SAMPLES:
                    kept += _lines(cursor, verdict, _SAMPLES - len(kept))
        progress("comparing", until, run.last_line)
    flagged = ImportRow.objects.filter(run=run.pk).exclude(flag="")
    samples["flagged"] = list(flagged.order_by("line").values_list("line", flat=True)[:_SAMPLES])
    return samples


def _lines(cursor: CursorWrapper, verdict: str, count: int) -> list[int]:
    cursor.execute(
        "SELECT line FROM import_judged WHERE verdict = %s ORDER BY line LIMIT %s", [verdict, count]
    )
    return [line for (line,) in cursor.fetchall()]


def _number(cursor: CursorWrapper, after: int) -> str:
    """SQL for a subscriber's next primary key: ours alone, since nobody else writes to SQLite meanwhile."""
    if connection.vendor == "postgresql":
        return "nextval(pg_get_serial_sequence('subscribers_subscriber', 'id'))"
    cursor.execute("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'subscribers_subscriber'")
    (taken,) = cursor.fetchone()
    return str(int(taken) - after) + " + line"


def look(run: ImportRun, lines: Collection[int]) -> list[dict[str, Any]]:
    """These lines as they compare now, each by column: see import_judged."""
    if not lines:
        return []
    with transaction.atomic(), judged(run, 0, run.last_line, lines=lines) as cursor:
        cursor.execute("SELECT * FROM import_judged ORDER BY line")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
