"""Compares waiting rows with the subscribers in the database: one outcome a row, in batches of lines.

Outcomes: "new" (not known), "joins" (known, not on the list), "confirms" (was waiting for confirmation),
"changes" (on the list, and the file says something new), "unchanged" (also a former address of a subscriber),
"unsubscribed" (from this list or another, and not resubscribed; or another subscriber had the address
before), "suppressed".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from subscribers.imports import tags_and_fields
from subscribers.imports.models import ImportJob, ImportRow
from subscribers.imports.row_types import ImportStats, Progress, no_progress

# Lines that are compared, and applied, in one transaction.
BATCH_SIZE = 20_000
# Rows of each outcome that are shown.
_SAMPLE_SIZE = 20

# No file overrides the language and countries that subscribers chose themselves.
_CHOSEN_THEMSELVES = """EXISTS (SELECT 1 FROM subscribers_consentrecord c WHERE c.subscriber_id = p.id
    AND c.channel IN ('form', 'email_link', 'preferences')
    AND c.event IN ('requested', 'confirmed', 'subscribed', 'preferences'))"""
_UNSUBSCRIBED = """EXISTS (SELECT 1 FROM subscribers_subscription x WHERE x.subscriber_id = {subscriber}
    AND (x.state = 'unsubscribed' OR x.ended_at IS NOT NULL))"""
_PUT_ON_LIST = "outcome IN ('joins', 'confirms')"
# The lock that `unsubscribe.lock` takes, without transferring the primary keys.
_LOCK = f"""SELECT COUNT(*) FROM (SELECT id FROM subscribers_subscriber WHERE id IN (
    SELECT subscriber FROM import_compared WHERE {_PUT_ON_LIST}) ORDER BY id FOR NO KEY UPDATE) locked"""  # noqa: S608
_EXCLUDE_UNSUBSCRIBED = f"""UPDATE import_compared SET outcome = 'unsubscribed'
WHERE {_PUT_ON_LIST} AND {_UNSUBSCRIBED.format(subscriber="import_compared.subscriber")}"""  # noqa: S608
_TABLE = """CREATE TEMPORARY TABLE import_compared (line INTEGER, address_hash {blob}, email VARCHAR(254),
    subscriber BIGINT, subscription BIGINT, outcome VARCHAR(12), name VARCHAR(200), language VARCHAR(12),
    countries VARCHAR(800), old_name VARCHAR(200), old_language VARCHAR(12), old_countries VARCHAR(800),
    changed INTEGER, warning VARCHAR(300), attributes TEXT)"""
# "+ 0": found by the subscriber alone. PostgreSQL believes that a new list is empty, and would scan it for
# each row, which takes longer with every batch.
_COMPARE = f"""
INSERT INTO import_compared
SELECT line, address_hash, email,
    CASE WHEN outcome = 'new' THEN {{new_id}} ELSE subscriber END, subscription,
    CASE WHEN outcome = 'on list' THEN CASE changed WHEN 1 THEN 'changes' ELSE 'unchanged' END
        ELSE outcome END,
    name, language, countries, old_name, old_language, old_countries, changed, warning, attributes
FROM (
    SELECT n.*, CASE WHEN name <> old_name OR language <> old_language OR countries <> old_countries
        THEN 1 ELSE 0 END AS changed
    FROM (
        SELECT r.line, r.address_hash, r.email, r.warning, r.attributes, p.id AS subscriber,
            b.id AS subscription,
            CASE WHEN s.id IS NOT NULL THEN 'suppressed'
                WHEN p.id IS NULL AND f.id IS NOT NULL THEN 'unchanged'
                WHEN p.id IS NULL THEN 'new'
                WHEN b.state = 'confirmed' AND b.ended_at IS NULL THEN 'on list'
                WHEN {_UNSUBSCRIBED.format(subscriber="p.id")} OR f.subscriber_id <> p.id THEN 'unsubscribed'
                WHEN b.id IS NULL THEN 'joins'
                ELSE 'confirms' END AS outcome,
            CASE WHEN r.name = '' THEN COALESCE(p.name, '') ELSE r.name END AS name,
            CASE WHEN p.id IS NULL THEN CASE r.language WHEN '' THEN %(language)s ELSE r.language END
                WHEN r.language = '' OR r.language = p.language OR {_CHOSEN_THEMSELVES} THEN p.language
                ELSE r.language END AS language,
            CASE WHEN p.id IS NULL THEN r.countries
                WHEN r.countries = '' OR r.countries = p.countries OR {_CHOSEN_THEMSELVES} THEN p.countries
                ELSE r.countries END AS countries,
            p.name AS old_name, p.language AS old_language, p.countries AS old_countries
        FROM subscribers_importrow r
        LEFT JOIN subscribers_suppression s ON s.address_hash = r.address_hash AND s.lifted_at IS NULL
        LEFT JOIN subscribers_subscriber p ON p.address_hash = r.address_hash
        LEFT JOIN subscribers_formeraddress f ON f.address_hash = r.address_hash
        LEFT JOIN subscribers_subscription b ON b.subscriber_id = p.id AND b.mailing_list_id + 0 = %(list)s
        WHERE r.job_id = %(job)s AND r.line > %(after)s AND r.line <= %(until)s {{only}}
    ) n
) m ORDER BY line
"""  # noqa: S608  (made of constants)


@contextmanager
def temporary_comparison_table(
    job: ImportJob, after: int, until: int, *, with_ids: bool = False, lines: Collection[int] = ()
) -> Iterator[CursorWrapper]:
    """A cursor that sees the rows of the lines (after, until] in the temporary table import_compared.

    `lines`: only these of them. `with_ids`: new subscribers get the primary key that they will have.
    To be called in a transaction.
    """
    values: dict[str, int | str] = {
        "list": job.mailing_list_id,
        "job": job.pk,
        "language": job.language,
        "after": after,
        "until": until,
    }
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS import_compared")
        cursor.execute(_TABLE.format(blob="BYTEA" if connection.vendor == "postgresql" else "BLOB"))
        new_id = _new_id(cursor, after) if with_ids else "NULL"
        only = f"AND r.line IN ({', '.join(map(str, map(int, lines)))})" if lines else ""
        cursor.execute(_COMPARE.format(new_id=new_id, only=only), values)
        if tags_and_fields.has_tags_or_fields(job):
            tags_and_fields.mark_changed(cursor)
        try:
            yield cursor
        finally:
            if not connection.needs_rollback:
                cursor.execute("DROP TABLE import_compared")


def lock_and_exclude_unsubscribed(cursor: CursorWrapper) -> None:
    """Hold back unsubscribes of those who are put on the list, and exclude those who just unsubscribed."""
    if connection.features.has_select_for_update:
        cursor.execute(_LOCK)
        cursor.execute(_EXCLUDE_UNSUBSCRIBED)


def count_outcomes(cursor: CursorWrapper) -> dict[str, int]:
    """How many of the compared rows have each outcome."""
    cursor.execute("SELECT outcome, COUNT(*) FROM import_compared GROUP BY outcome")
    return dict(cursor.fetchall())


def count_and_sample_outcomes(
    job: ImportJob, stats: ImportStats, progress: Progress = no_progress
) -> dict[str, list[int]]:
    """Add to the stats what applying the job now would do; returns lines of some rows of each outcome."""
    samples: dict[str, list[int]] = {}
    for after in range(0, job.last_line, BATCH_SIZE):
        until = min(after + BATCH_SIZE, job.last_line)
        with transaction.atomic(), temporary_comparison_table(job, after, until) as cursor:
            outcomes = count_outcomes(cursor)
            stats.count(outcomes)
            for outcome in outcomes:
                lines = samples.setdefault(outcome, [])
                if len(lines) < _SAMPLE_SIZE:
                    lines += _lines(cursor, outcome, _SAMPLE_SIZE - len(lines))
        progress("comparing", until, job.last_line)
    warned = ImportRow.objects.filter(job=job.pk).exclude(warning="")
    samples["warnings"] = list(warned.order_by("line").values_list("line", flat=True)[:_SAMPLE_SIZE])
    return samples


def compared_rows_at_lines(job: ImportJob, lines: Collection[int]) -> list[dict[str, Any]]:
    """These lines as they compare now, each by column of import_compared."""
    if not lines:
        return []
    with transaction.atomic(), temporary_comparison_table(job, 0, job.last_line, lines=lines) as cursor:
        cursor.execute("SELECT * FROM import_compared ORDER BY line")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _lines(cursor: CursorWrapper, outcome: str, count: int) -> list[int]:
    cursor.execute(
        "SELECT line FROM import_compared WHERE outcome = %s ORDER BY line LIMIT %s", [outcome, count]
    )
    return [line for (line,) in cursor.fetchall()]


def _new_id(cursor: CursorWrapper, after: int) -> str:
    """SQL for a new subscriber's primary key. On SQLite this transaction is the only writer."""
    if connection.vendor == "postgresql":
        return "nextval(pg_get_serial_sequence('subscribers_subscriber', 'id'))"
    cursor.execute("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'subscribers_subscriber'")
    (taken,) = cursor.fetchone()
    return str(int(taken) - after) + " + line"
