"""Importing people from a CSV file: whole or not at all, and never against a reader's own word."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO

from django.db import connection, transaction

from subscribers.addresses import address_hash
from subscribers.models import MailingList, Subscriber, Subscription, Suppression
from subscribers.rows import BrokenFile, Person, Refusal, read_rows

__all__ = ["BrokenFile", "ImportResult", "Refusal", "import_csv"]

_BATCH = 1000
_SOURCE_LIMIT = 190


@dataclass
class ImportResult:
    """Every row that was read stands in exactly one of the figures below `read`."""

    # Rows below the header that are not blank; the sum of the following.
    read: int = 0
    # People who were not on the list before, new to us or not.
    added: int = 0
    # People on the list about whom the file said something new, or whose consent it brought.
    updated: int = 0
    # People on the list as the file says, and people who once left it, whom a file never brings back.
    unchanged: int = 0
    # Always 0: an import revives nobody.
    revived: int = 0
    # Addresses with a suppression in force; nothing about them was changed.
    suppressed: int = 0
    # Rows that are no person; each was reported with its line and a reason.
    refused: int = 0
    # Rows whose address an earlier row of the file has; the earlier row counts.
    duplicates: int = 0
    # How many of `unchanged` had left the list.
    unsubscribed: int = field(default=0)
    dry_run: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self)


def import_csv(
    stream: BinaryIO,
    mailing_list: MailingList,
    source: str,
    now: datetime,
    *,
    default_language: str = "en",
    dry_run: bool = False,
    on_refusal: Callable[[Refusal], None] = lambda refusal: None,
    on_batch: Callable[[ImportResult], None] = lambda result: None,
) -> ImportResult:
    """Put the people of a CSV file (UTF-8; columns email, name, language, countries) on a list, as confirmed.

    `source` says in words how they consented. A cell that is empty changes nothing about somebody known. One
    transaction holds the whole file. Raises BrokenFile, and ValueError without a source, and changes nothing.
    """
    if not source.strip() or len(source) > _SOURCE_LIMIT:
        raise ValueError(f"Say in 1 to {_SOURCE_LIMIT} characters how these people gave their consent.")
    result = ImportResult(dry_run=dry_run)
    batch = _Batch(mailing_list, f"import: {source.strip()}", now, default_language, result)
    rows = read_rows(stream)
    with transaction.atomic(), _Seen() as seen:
        while people := list(islice(rows, _BATCH)):
            result.read += len(people)
            batch.take(list(_accepted(people, seen, result, on_refusal)))
            on_batch(result)
    return result


class _Seen:
    """Which addresses the file has named, on disk: a file of millions must not grow in memory."""

    def __enter__(self) -> _Seen:
        # An empty name is SQLite's private temporary database, gone when it is closed.
        self._rows = sqlite3.connect("", isolation_level=None)
        self._rows.execute("PRAGMA journal_mode=OFF")
        self._rows.execute("PRAGMA cache_size=-32768")
        self._rows.execute("CREATE TABLE seen (hash BLOB PRIMARY KEY) WITHOUT ROWID")
        self._rows.execute("BEGIN")
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.close()

    def add(self, known: bytes) -> bool:
        """Whether it is the first time."""
        return bool(self._rows.execute("INSERT OR IGNORE INTO seen VALUES (?)", (known,)).rowcount)


def _accepted(
    rows: Collection[Person | Refusal],
    seen: _Seen,
    result: ImportResult,
    on_refusal: Callable[[Refusal], None],
) -> Iterator[tuple[bytes, Person]]:
    for row in rows:
        if isinstance(row, Refusal):
            result.refused += 1
            on_refusal(row)
            continue
        known = address_hash(row.email)
        if seen.add(known):
            yield known, row
        else:
            result.duplicates += 1


@dataclass
class _Batch:
    mailing_list: MailingList
    source: str
    now: datetime
    default_language: str
    result: ImportResult

    def take(self, people: list[tuple[bytes, Person]]) -> None:
        """Sort one batch into what it means, and write that unless it is a dry run."""
        stopped = self._stopped([known for known, _ in people])
        wanted = {row.email: (known, row) for known, row in people if known not in stopped}
        self.result.suppressed += len(people) - len(wanted)
        there = {person.email: person for person in Subscriber.objects.filter(email__in=wanted)}
        joined = {
            row.subscriber_id: row
            for row in Subscription.objects.filter(
                mailing_list=self.mailing_list, subscriber__in=[person.pk for person in there.values()]
            )
        }
        fresh = [self._new(*wanted[email]) for email in wanted if email not in there]
        changed: list[Subscriber] = []
        joining: list[Subscriber] = []
        confirming: list[int] = []
        for email, person in there.items():
            subscription = joined.get(person.pk)
            if subscription is not None and _left(subscription):
                self.result.unchanged += 1
                self.result.unsubscribed += 1
                continue
            new = _apply(person, wanted[email][1])
            if new:
                changed.append(person)
            if subscription is None:
                joining.append(person)
                self.result.added += 1
            elif subscription.state == Subscription.State.PENDING:
                confirming.append(subscription.pk)
                self.result.updated += 1
            elif new:
                self.result.updated += 1
            else:
                self.result.unchanged += 1
        self.result.added += len(fresh)
        if not self.result.dry_run:
            self._write(fresh, changed, joining, confirming)

    def _stopped(self, hashes: list[bytes]) -> set[bytes]:
        rows = Suppression.objects.filter(address_hash__in=hashes, lifted_at__isnull=True)
        return {bytes(found) for found in rows.values_list("address_hash", flat=True)}

    def _new(self, known: bytes, row: Person) -> Subscriber:
        return Subscriber(
            email=row.email,
            address_hash=known,
            name=row.name,
            language=row.language or self.default_language,
            countries=row.countries,
            created_at=self.now,
        )

    def _write(
        self,
        fresh: list[Subscriber],
        changed: list[Subscriber],
        joining: list[Subscriber],
        confirming: list[int],
    ) -> None:
        Subscriber.objects.bulk_create(fresh)
        Subscription.objects.bulk_create(
            Subscription(
                subscriber=person,
                mailing_list=self.mailing_list,
                state=Subscription.State.CONFIRMED,
                source=self.source,
                created_at=self.now,
                confirmed_at=self.now,
            )
            for person in [*fresh, *joining]
        )
        Subscription.objects.filter(pk__in=confirming).update(
            state=Subscription.State.CONFIRMED, source=self.source, confirmed_at=self.now
        )
        self._update(changed)

    def _update(self, changed: list[Subscriber]) -> None:
        """One prepared statement for all: bulk_update compares every row with every other in its CASE."""
        stamp = connection.ops.adapt_datetimefield_value(self.now)
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE subscribers_subscriber "
                "SET name=%s, language=%s, countries=%s, updated_at=%s WHERE id=%s",
                [(one.name, one.language, ",".join(one.countries), stamp, one.pk) for one in changed],
            )


def _left(subscription: Subscription) -> bool:
    """Whether the person once left: a pending row with an end is somebody who has not come back yet."""
    return subscription.state == Subscription.State.UNSUBSCRIBED or subscription.ended_at is not None


def _apply(person: Subscriber, row: Person) -> bool:
    """Take over what the row says; whether that was anything new."""
    before = (person.name, person.language, person.countries)
    person.name = row.name or person.name
    person.language = row.language or person.language
    person.countries = row.countries or person.countries
    return before != (person.name, person.language, person.countries)
