"""Applies an import in batches of lines, and undoes it.

A batch is one transaction together with the progress, so the process may be killed at any moment. Do-not-mail
addresses are suppressed where the user asked for that. Undoing reverts what the import added or changed, and
keeps what subscribers did since.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection, models
from django.db.backends.utils import CursorWrapper
from django.db.models import Exists, OuterRef, QuerySet

from subscribers import resumable_jobs
from subscribers.addresses import address_hasher
from subscribers.consent import Channel, Event, Evidence, record
from subscribers.imports import diff, tags_and_fields
from subscribers.imports.models import UNDO_STATS, ImportChange, ImportJob, ImportRow, RejectedRow
from subscribers.imports.row_types import ImportStats
from subscribers.imports.status_cells import Status, most_severe
from subscribers.imports.validate import addresses_in, parse_address_and_name
from subscribers.models import ConsentRecord, FormerAddress, Subscriber, Subscription, Suppression
from subscribers.suppression import IMPORTED

# Addresses that are suppressed by one statement.
_SUPPRESSED_AT_ONCE = 500
# Why an address is suppressed, by what the file says about it.
_REASONS = {
    Status.UNSUBSCRIBED: Suppression.Reason.UNSUBSCRIBED,
    Status.BOUNCED: Suppression.Reason.HARD_BOUNCE,
    Status.COMPLAINED: Suppression.Reason.COMPLAINT,
    Status.BLOCKED: Suppression.Reason.MANUAL,
}
_NEW = "outcome = 'new'"
_ADDED = "outcome IN ('new', 'joins')"
_CONSENTED = "outcome IN ('new', 'joins', 'confirms')"
_CHANGED = "changed = 1 AND outcome IN ('joins', 'confirms', 'changes')"
_CHANGED_ONLY = "outcome = 'changes'"
_REJECTED = "outcome IN ('suppressed', 'unsubscribed')"
# Conditional: a subscriber who confirmed or unsubscribed meanwhile has decided that.
_CONFIRM = """UPDATE subscribers_subscription
SET state = 'confirmed', source = %(source)s, confirmed_at = %(now)s
WHERE state = 'pending' AND ended_at IS NULL
    AND id IN (SELECT subscription FROM import_compared WHERE outcome = 'confirms')"""
_CHANGE = f"""UPDATE subscribers_subscriber AS p
SET name = c.name, language = c.language, countries = c.countries, updated_at = %(now)s
FROM import_compared c WHERE p.id = c.subscriber AND c.{_CHANGED}"""  # noqa: S608  (made of constants)
_REASON = """CASE outcome WHEN 'suppressed' THEN 'the address is suppressed: no mail may be sent to it'
    ELSE 'this person unsubscribed before; only they can resubscribe' END"""
# Changes that are undone in one transaction.
BATCH_SIZE = 1_000
_BY_SUBSCRIBER = (
    *(Channel.FORM, Channel.EMAIL_LINK, Channel.PREFERENCES, Channel.ONE_CLICK, Channel.EMAIL, Channel.ESP),
    # What they asked another system of the office for.
    Channel.API,
)
Kind = ImportChange.Kind


def next_line_range(
    job: ImportJob, batch_size: int, *, take_last_lines: bool = False
) -> tuple[int, int] | None:
    """The lines (after, until] to be applied next; what is left is between `position` and `last_line`."""
    if job.position >= job.last_line:
        return None
    if take_last_lines:
        return max(job.last_line - batch_size, job.position), job.last_line
    return job.position, min(job.position + batch_size, job.last_line)


def apply_batch(job: ImportJob, after_until: tuple[int, int], now: datetime) -> ImportJob:
    """Apply these lines; returns the job's row, locked, with the stats and what is left, not saved yet.

    To be called in a transaction. Raises IntegrityError when someone signs up meanwhile, and Conflict.
    """
    after, until = after_until
    _speed_up()
    with diff.temporary_comparison_table(job, after, until, with_ids=True) as cursor:
        diff.lock_and_exclude_unsubscribed(cursor)
        outcomes = diff.count_outcomes(cursor)
        _write(cursor, job, outcomes, now)
        if tags_and_fields.has_tags_or_fields(job):
            tags_and_fields.save_and_record_for_undo(cursor, job)
    suppressed = _suppress(job, after, until, now) if job.suppress_do_not_mail else 0
    ImportRow.objects.filter(job=job.pk, line__gt=after, line__lte=until).delete()
    # Locked only now: two connections apply a large file at once, from its start and from its end.
    held = resumable_jobs.require_unchanged_and_lock(job)
    if not (held.position <= after and until <= held.last_line):
        raise resumable_jobs.Conflict
    if after == held.position:
        held.position = until
    elif until == held.last_line:
        held.last_line = after
    else:
        raise resumable_jobs.Conflict
    stats = ImportStats(**held.result)
    stats.count(outcomes)
    stats.newly_suppressed += suppressed
    held.result = stats.as_dict()
    return held


def suppression_evidence(job: ImportJob) -> str:
    """What the suppressions of this import rest on; undoing finds them by it."""
    by = f", and {job.applied_by} asked for it" if job.applied_by else ""
    return f"{IMPORTED} {job.pk} marks the address as do-not-mail{by}."


def _speed_up() -> None:
    """In this transaction PostgreSQL does not wait for its disk, and gathers more for its indexes.

    If the server dies then, it may lose the last batches with their progress: they are applied again.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")
            cursor.execute("SET LOCAL work_mem = '64MB'")
            cursor.execute("SET LOCAL gin_pending_list_limit = '64MB'")


def _write(cursor: CursorWrapper, job: ImportJob, outcomes: dict[str, int], now: datetime) -> None:
    values = {
        "source": f"import: {job.source}",
        "now": connection.ops.adapt_datetimefield_value(now),
    }
    if outcomes.get("new"):
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
            values,
        )
    if outcomes.get("new") or outcomes.get("joins"):
        _insert(
            cursor,
            Subscription,
            _ADDED,
            {
                "subscriber_id": "subscriber",
                "mailing_list_id": str(job.mailing_list_id),
                "state": "'confirmed'",
                "source": "%(source)s",
                "created_at": "%(now)s",
                "confirmed_at": "%(now)s",
            },
            values,
        )
    if outcomes.get("confirms"):
        cursor.execute(_CONFIRM, values)
    if outcomes.keys() & {"joins", "confirms", "changes"}:
        cursor.execute(_CHANGE, values)
    if outcomes.keys() - {"unchanged", "suppressed", "unsubscribed"}:
        _record(cursor, job, values)
    if outcomes.keys() & {"suppressed", "unsubscribed"}:
        columns = {"job_id": str(job.pk), "line": "line", "kind": "outcome", "reason": _REASON}
        columns |= {"address_hash": "address_hash", "cells": _as_cells()}
        _insert(cursor, RejectedRow, _REJECTED, columns, values)


def _record(cursor: CursorWrapper, job: ImportJob, values: dict[str, Any]) -> None:
    """Write the consent records, and the changes that undoing reverts."""
    values = values | {"source": job.source[:200], "by": job.applied_by}
    for event, rows, mailing_list in (
        ("imported", _CONSENTED, str(job.mailing_list_id)),
        ("preferences", _CHANGED_ONLY, "NULL"),
    ):
        _insert(
            cursor,
            ConsentRecord,
            rows,
            {
                "subscriber_id": "subscriber",
                "mailing_list_id": mailing_list,
                "event": f"'{event}'",
                "channel": "'import'",
                "at": "%(now)s",
                "source": "%(source)s",
                "attested_by": "%(by)s",
            },
            values,
        )
    columns = {"job_id": str(job.pk), "subscriber": "subscriber", "kind": "outcome"}
    for name in ("name", "language", "countries"):
        columns |= {f"old_{name}": f"CASE WHEN {_CHANGED} THEN old_{name} END"}
        columns |= {f"new_{name}": f"CASE WHEN {_CHANGED} THEN {name} END"}
    _insert(cursor, ImportChange, f"{_CONSENTED} OR {_CHANGED_ONLY}", columns, values)


def _insert(
    cursor: CursorWrapper,
    model: type[models.Model],
    rows: str,
    columns: dict[str, str],
    values: dict[str, Any],
) -> None:
    """INSERT … SELECT of the compared rows; a field that is not named gets its default, as by the ORM."""
    columns, values = dict(columns), dict(values)
    for field in model._meta.concrete_fields:
        name = str(field.column)
        if name not in columns and not field.primary_key:
            columns[name] = f"%(default_{name})s"
            values[f"default_{name}"] = field.get_db_prep_save(field.get_default(), connection)
    statement = (
        f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) "  # noqa: S608  (made of our own names)
        f"SELECT {', '.join(columns.values())} FROM import_compared WHERE {rows} ORDER BY line"
    )
    cursor.execute(statement, {name: value for name, value in values.items() if f"%({name})s" in statement})


def _as_cells() -> str:
    return "jsonb_build_array(email)::text" if connection.vendor == "postgresql" else "json_array(email)"


def _suppress(job: ImportJob, after: int, until: int, now: datetime) -> int:
    """Suppress the do-not-mail addresses of the lines (after, until]; returns how many were not suppressed.

    Raises IntegrityError when one of them is suppressed meanwhile.
    """
    rows = RejectedRow.objects.filter(job=job.pk, kind=RejectedRow.Kind.DO_NOT_MAIL)
    rows = rows.filter(line__gt=after, line__lte=until).order_by("line")
    found: dict[bytes, tuple[str, Status]] = {}
    for address_hash, email, status in _addresses(job, rows):
        before = found.get(address_hash, (email, status))[1]
        found[address_hash] = email, most_severe((before, status))
    addresses, count = iter(found.items()), 0
    while some := dict(islice(addresses, _SUPPRESSED_AT_ONCE)):
        known = Suppression.objects.filter(address_hash__in=some, lifted_at__isnull=True)
        suppressed = {bytes(one) for one in known.values_list("address_hash", flat=True)}
        created = Suppression.objects.bulk_create(
            Suppression(
                address_hash=address_hash,
                email=email,
                reason=_REASONS.get(status, Suppression.Reason.MANUAL),
                evidence=suppression_evidence(job),
                created_at=now,
            )
            for address_hash, (email, status) in some.items()
            if address_hash not in suppressed
        )
        count += len(created)
    return count


def _addresses(job: ImportJob, rows: QuerySet[RejectedRow]) -> Iterator[tuple[bytes, str, Status]]:
    """The hash of each address, the address, and what the file says about it."""
    column, hash_of = job.options["fields"].index("email"), address_hasher()
    for row in rows.iterator(chunk_size=2_000):
        # A row with a longer address cell than is kept has no cells.
        if cells := json.loads(row.cells):
            status = Status(row.status) if row.status else Status.BLOCKED
            one = row.address_hash is not None
            for address in [parse_address_and_name(cells[column])[0]] if one else addresses_in(cells[column]):
                yield hash_of(address), address, status


def undo_batch(job: ImportJob, now: datetime, size: int = BATCH_SIZE) -> bool:
    """Undo the next changes and add them to the job's `undo_result`; False when all is undone.

    To be called in a transaction that holds the job's row.
    """
    changes = list(ImportChange.objects.filter(job=job.pk, pk__gt=job.position).order_by("pk")[:size])
    if not changes:
        return False
    people = Subscriber.objects.in_bulk([change.subscriber for change in changes])
    kept_as_is = _acted_since(job, people) | _merged_since(job, people)
    free = [
        change for change in changes if change.subscriber in people and change.subscriber not in kept_as_is
    ]
    restored = _restore(job, free, people, now) | tags_and_fields.undo_tags_and_fields(free)
    removed = _remove_from_list(job, free, now)
    kept = {change.subscriber for change in changes} - restored - removed
    counts = dict(zip(UNDO_STATS, (len(removed), len(restored - removed), len(kept)), strict=True))
    job.position = changes[-1].pk
    job.undo_result = {name: job.undo_result.get(name, 0) + count for name, count in counts.items()}
    return True


def lift_suppressions_of_import(job: ImportJob, now: datetime) -> int:
    """Lift the suppressions that the import made; returns how many.

    Those that another import needs are that one's from now on, so that undoing it lifts them.
    """
    ours = Suppression.objects.filter(evidence=suppression_evidence(job), lifted_at__isnull=True)
    needed = hashes_suppressed_by_imports().exclude(job=job.pk)
    for other in ImportJob.objects.filter(pk__in=needed.values("job")):
        theirs = needed.filter(job=other.pk).values("address_hash")
        ours.filter(address_hash__in=theirs).update(evidence=suppression_evidence(other))
    return ours.update(lifted_at=now, lifted_by=job.ended_by)


def hashes_suppressed_by_imports() -> QuerySet[RejectedRow, Any]:
    """Hashes of the addresses that imports suppressed, or found suppressed, as their files say."""
    rows = RejectedRow.objects.filter(
        kind=RejectedRow.Kind.DO_NOT_MAIL,
        address_hash__isnull=False,
        job__suppress_do_not_mail=True,
        job__state__in=(ImportJob.State.APPLYING, ImportJob.State.APPLIED),
    )
    return rows.values("address_hash")


def _acted_since(job: ImportJob, people: Iterable[int]) -> set[int]:
    """Subscribers who themselves changed something about their mail after the import began."""
    records = ConsentRecord.objects.filter(
        subscriber__in=list(people), channel__in=_BY_SUBSCRIBER, at__gte=job.applied_at
    )
    return set(records.values_list("subscriber", flat=True))


def _merged_since(job: ImportJob, people: Iterable[int]) -> set[int]:
    """Subscribers into whom another one was merged after the import began: they have the data of both."""
    merged = FormerAddress.objects.filter(
        subscriber__in=list(people), merged_subscriber_id__isnull=False, replaced_at__gte=job.applied_at
    )
    return set(merged.values_list("subscriber", flat=True))


def _restore(
    job: ImportJob, changes: Collection[ImportChange], people: Mapping[int, Subscriber], now: datetime
) -> set[int]:
    """Put back each value that still is what the import made of it; returns whose values those were."""
    restored = []
    for change in changes:
        person = people[change.subscriber]
        codes = ",".join(person.countries)
        before = (person.name, person.language, codes)
        if change.new_name is not None and person.name == change.new_name:
            person.name = change.old_name or ""
        if change.new_language is not None and person.language == change.new_language:
            person.language = change.old_language or person.language
        if change.new_countries is not None and codes == change.new_countries:
            person.countries = tuple(filter(None, (change.old_countries or "").split(",")))
        if before != (person.name, person.language, ",".join(person.countries)):
            person.updated_at = now
            restored.append(person)
    Subscriber.objects.bulk_update(restored, ["name", "language", "countries", "updated_at"], batch_size=100)
    record(Event.PREFERENCES, [person.pk for person in restored], [None], _evidence(job), now)
    return {person.pk for person in restored}


def _remove_from_list(job: ImportJob, changes: Collection[ImportChange], now: datetime) -> set[int]:
    """End the subscriptions that the import began, and delete subscribers who were not known before it."""
    ours = Subscription.objects.filter(
        mailing_list=job.mailing_list_id,
        subscriber__in=[change.subscriber for change in changes if change.kind != Kind.CHANGES],
        state=Subscription.State.CONFIRMED,
        ended_at__isnull=True,
        source=f"import: {job.source}",
    )
    removed = set(ours.values_list("subscriber", flat=True))
    by_kind = {kind: [one.subscriber for one in changes if one.kind == kind] for kind in Kind.values}
    ours.filter(subscriber__in=by_kind[Kind.CONFIRMS]).update(
        state=Subscription.State.PENDING, source="form", confirmed_at=None
    )
    ours.filter(subscriber__in=[*by_kind[Kind.NEW], *by_kind[Kind.JOINS]]).delete()
    elsewhere = Exists(Subscription.objects.filter(subscriber=OuterRef("pk")))
    Subscriber.objects.filter(~elsewhere, pk__in=removed.intersection(by_kind[Kind.NEW])).delete()
    remaining = Subscriber.objects.filter(pk__in=removed).values_list("pk", flat=True)
    record(Event.REMOVED, list(remaining), [job.mailing_list_id], _evidence(job), now)
    return removed


def _evidence(job: ImportJob) -> Evidence:
    return Evidence(Channel.IMPORT, source="the import was undone", attested_by=job.ended_by)
