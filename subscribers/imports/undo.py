"""Undoing an import: who was added goes, what was changed returns, but people's own words since stand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db.models import Exists, OuterRef

from subscribers import consent
from subscribers.consent import Channel, Event, Evidence
from subscribers.imports import attributes
from subscribers.imports.models import ImportChange, ImportRun
from subscribers.models import ConsentRecord, Subscriber, Subscription

# Changes undone in one transaction.
STRETCH = 1_000
_OWN = (Channel.FORM, Channel.EMAIL_LINK, Channel.PREFERENCES, Channel.ONE_CLICK, Channel.EMAIL)
Kind = ImportChange.Kind
# Each change is counted in one of these.
FIGURES = ("removed", "restored", "kept")


def next_stretch(run: ImportRun, now: datetime) -> dict[str, int] | None:
    """Undo the next stretch; figures of all so far {removed, restored, kept}, None when all is undone.

    To be called in a transaction that holds the run's row.
    """
    changes = list(ImportChange.objects.filter(run=run.pk, pk__gt=run.position).order_by("pk")[:STRETCH])
    if not changes:
        return None
    people = Subscriber.objects.in_bulk([change.subscriber for change in changes])
    spoke = _spoke_since(run, people)
    free = [change for change in changes if change.subscriber in people and change.subscriber not in spoke]
    restored = _restore(run, free, people, now) | attributes.take_back(free)
    removed = _take_off(run, free, now)
    kept = {change.subscriber for change in changes} - restored - removed
    found = {"removed": len(removed), "restored": len(restored - removed), "kept": len(kept)}
    found = {name: run.undone.get(name, 0) + number for name, number in found.items()}
    run.position, run.undone = changes[-1].pk, found
    return found


def _spoke_since(run: ImportRun, people: Iterable[int]) -> set[int]:
    """Those who did something about their mail themselves after the import began."""
    said = ConsentRecord.objects.filter(subscriber__in=list(people), channel__in=_OWN, at__gte=run.applied_at)
    return set(said.values_list("subscriber", flat=True))


def _restore(
    run: ImportRun, changes: Collection[ImportChange], people: Mapping[int, Subscriber], now: datetime
) -> set[int]:
    """Put back each value that still is what the import made of it."""
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
    consent.record(Event.PREFERENCES, [person.pk for person in restored], [None], _word(run.ended_by), now)
    return {person.pk for person in restored}


def _take_off(run: ImportRun, changes: Collection[ImportChange], now: datetime) -> set[int]:
    """End what the import began on its list, and forget people who were not known before it."""
    ours = Subscription.objects.filter(
        mailing_list=run.mailing_list_id,
        subscriber__in=[change.subscriber for change in changes if change.kind != Kind.CHANGES],
        state=Subscription.State.CONFIRMED,
        ended_at__isnull=True,
        source=f"import: {run.source}",
    )
    there = set(ours.values_list("subscriber", flat=True))
    of = {kind: [one.subscriber for one in changes if one.kind == kind] for kind in Kind.values}
    ours.filter(subscriber__in=of[Kind.CONFIRMS]).update(
        state=Subscription.State.PENDING, source="form", confirmed_at=None
    )
    ours.filter(subscriber__in=[*of[Kind.NEW], *of[Kind.JOINS]]).delete()
    elsewhere = Exists(Subscription.objects.filter(subscriber=OuterRef("pk")))
    Subscriber.objects.filter(~elsewhere, pk__in=there.intersection(of[Kind.NEW])).delete()
    staying = Subscriber.objects.filter(pk__in=there).values_list("pk", flat=True)
    consent.record(Event.REMOVED, list(staying), [run.mailing_list_id], _word(run.ended_by), now)
    return there


def _word(by: str) -> Evidence:
    return Evidence(Channel.IMPORT, source="the import was undone", attested_by=by)
