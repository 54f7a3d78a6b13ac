"""Undoes an import in batches: what it added or changed is reverted, what subscribers did since stays."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db.models import Exists, OuterRef

from subscribers.consent import Channel, Event, Evidence, record
from subscribers.imports import attributes
from subscribers.imports.apply import suppression_evidence
from subscribers.imports.models import UNDO_STATS, ImportChange, ImportJob, RejectedRow
from subscribers.models import ConsentRecord, Subscriber, Subscription, Suppression

# Changes that are undone in one transaction.
BATCH_SIZE = 1_000
_BY_SUBSCRIBER = (Channel.FORM, Channel.EMAIL_LINK, Channel.PREFERENCES, Channel.ONE_CLICK, Channel.EMAIL)
Kind = ImportChange.Kind


def undo_batch(job: ImportJob, now: datetime, size: int = BATCH_SIZE) -> bool:
    """Undo the next changes and add them to the job's `undo_result`; False when all is undone.

    To be called in a transaction that holds the job's row.
    """
    changes = list(ImportChange.objects.filter(job=job.pk, pk__gt=job.position).order_by("pk")[:size])
    if not changes:
        return False
    people = Subscriber.objects.in_bulk([change.subscriber for change in changes])
    acted = _acted_since(job, people)
    free = [change for change in changes if change.subscriber in people and change.subscriber not in acted]
    restored = _restore(job, free, people, now) | attributes.undo(free)
    removed = _remove_from_list(job, free, now)
    kept = {change.subscriber for change in changes} - restored - removed
    counts = dict(zip(UNDO_STATS, (len(removed), len(restored - removed), len(kept)), strict=True))
    job.position = changes[-1].pk
    job.undo_result = {name: job.undo_result.get(name, 0) + count for name, count in counts.items()}
    return True


def unsuppress(job: ImportJob, now: datetime) -> int:
    """Lift the suppressions that the import made, unless another import needs them; returns how many."""
    others = RejectedRow.objects.exclude(job=job.pk).filter(
        kind=RejectedRow.Kind.DO_NOT_MAIL,
        address_hash__isnull=False,
        job__suppress_do_not_mail=True,
        job__state__in=(ImportJob.State.APPLYING, ImportJob.State.APPLIED),
    )
    ours = Suppression.objects.filter(
        evidence=suppression_evidence(job), reason=Suppression.Reason.MANUAL, lifted_at__isnull=True
    ).exclude(address_hash__in=others.values("address_hash"))
    return ours.update(lifted_at=now, lifted_by=job.ended_by)


def _acted_since(job: ImportJob, people: Iterable[int]) -> set[int]:
    """Subscribers who themselves changed something about their mail after the import began."""
    records = ConsentRecord.objects.filter(
        subscriber__in=list(people), channel__in=_BY_SUBSCRIBER, at__gte=job.applied_at
    )
    return set(records.values_list("subscriber", flat=True))


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
