"""Bulk jobs: created by staff, applied in batches by the worker, and undone within thirty days.

A job that fails waits until staff resume or undo it. No action resubscribes anyone: unsubscribed, pending and
suppressed subscribers are added to no list. Undoing reverts what the job changed, and keeps later changes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Max, QuerySet
from django.utils.translation import gettext

from subscribers import suppression, unsubscribe
from subscribers.bulk.models import BulkChange, BulkJob
from subscribers.consent import Channel, Event, Evidence, record
from subscribers.imports.apply import hashes_suppressed_by_imports
from subscribers.models import MailingList, ReconfirmationRequest, Subscriber, Subscription, Suppression
from subscribers.resumable_jobs import UNDO_FOR, JobRunner, Stop, UndoStates
from subscribers.search.subscriber_search import Query, matching_subscribers
from subscribers.segments.models import Tag, Tagging

State = BulkJob.State
_State = Subscription.State


@dataclass(frozen=True)
class BulkRequest:
    """What to do with which subscribers."""

    # A BulkJob.Action.
    action: str
    # Primary keys of subscribers; if none, those who match the query.
    ids: tuple[int, ...] = ()
    query: Query = field(default_factory=Query)
    # Or those who did not answer this reconfirmation campaign.
    campaign: int | None = None
    # Primary key of the tag or the list, and its name.
    target: int | None = None
    target_name: str = ""
    # Why; where subscribers are added to a list, how they gave their consent.
    reason: str = ""


class BulkRunner(JobRunner[BulkJob]):
    """Does and undoes bulk jobs."""

    model = BulkJob
    retry_after = None
    undo = UndoStates(State.RUNNING, State.DONE, State.UNDOING)

    def __init__(self, batch_size: int = 1_000, channel: str = Channel.DESK) -> None:
        """`batch_size`: in subscribers, or changes to be undone. `channel`: of the consent records."""
        self.batch_size = batch_size
        self.channel = channel

    def batch(self, job: BulkJob, now: datetime) -> BulkJob:
        job.channel = self.channel
        return self._apply(job) if job.state == State.RUNNING else self._undo(job, now)

    def _apply(self, job: BulkJob) -> BulkJob:
        people = list(remaining_subscribers(job).order_by("pk")[: self.batch_size])
        changes = [] if target_deleted(job) else apply(job, people)
        BulkChange.objects.bulk_create(changes, batch_size=1_000)
        job.changed += len(changes)
        job.skipped += len(people) - len(changes)
        job.move_past(people, self.batch_size, State.DONE)
        return job

    def _undo(self, job: BulkJob, now: datetime) -> BulkJob:
        changes = list(job.changes.filter(pk__gt=job.position).order_by("pk")[: self.batch_size])
        reverted = 0 if target_deleted(job) else undo_changes(job, changes, now)
        job.reverted += reverted
        job.kept += len(changes) - reverted
        job.move_past(changes, self.batch_size, State.UNDONE)
        return job


RUNNER = BulkRunner()
# A job of the REST API is done in the request that creates it.
API_RUNNER = BulkRunner(channel=Channel.API)


def create(request: BulkRequest, by: str, now: datetime) -> BulkJob:
    """A job for the subscribers who exist now; the worker does it. Raises ValueError with a message."""
    if request.action in (BulkJob.Action.ADD, BulkJob.Action.SUPPRESS) and not request.reason.strip():
        raise ValueError(
            gettext("Give a reason; where subscribers are added to a list, say how they gave their consent.")
        )
    if request.action != BulkJob.Action.SUPPRESS and request.target is None:
        raise ValueError(gettext("Choose the tag or the list for this bulk action."))
    selection: dict[str, Any] = {"ids": sorted(request.ids)} if request.ids else asdict(request.query)
    if request.campaign is not None:
        selection = {"campaign": request.campaign}
    return BulkJob.objects.create(
        action=request.action,
        target=request.target,
        target_name=request.target_name[:200],
        reason=request.reason.strip()[:500],
        selection=selection,
        last_subscriber=Subscriber.objects.aggregate(last=Max("pk"))["last"] or 0,
        created_by=by,
        created_at=now,
    )


def selected_subscribers(job: BulkJob) -> QuerySet[Subscriber]:
    """The subscribers that the job is about."""
    if "ids" in job.selection:
        return Subscriber.objects.filter(pk__in=job.selection["ids"])
    if "campaign" in job.selection:
        silent = ReconfirmationRequest.objects.filter(
            campaign=job.selection["campaign"], confirmed_at__isnull=True
        )
        return Subscriber.objects.filter(pk__in=silent.values("subscriber"))
    return matching_subscribers(Query(**job.selection))


def remaining_subscribers(job: BulkJob) -> QuerySet[Subscriber]:
    """Those of them who are not handled yet."""
    return selected_subscribers(job).filter(pk__gt=job.position, pk__lte=job.last_subscriber)


def replace_query_with_remaining_ids(job: BulkJob) -> None:
    """Keep the primary keys of who is not handled yet instead of the search query.

    Erasure calls it with the job's row locked, so that the query names an erased address no longer.
    """
    running = job.state == State.RUNNING
    left = remaining_subscribers(job) if running else Subscriber.objects.none()
    job.selection = {"ids": sorted(left.values_list("pk", flat=True))}
    job.save(update_fields=["selection"])


def run_due_batches(now: datetime, stop: Stop) -> int:
    """The worker's job: one batch of each due bulk job in turn, until all are done; returns batches done."""
    return RUNNER.run_due(lambda: now, stop)


def delete_expired_changes(now: datetime) -> int:
    """Delete the changes that can no longer be undone; returns rows deleted."""
    return BulkChange.objects.filter(job__created_at__lt=now - UNDO_FOR).delete()[0]


def apply(job: BulkJob, people: Sequence[Subscriber]) -> list[BulkChange]:
    """Apply the action to these subscribers; returns a change for each who was changed, not saved yet."""
    return _APPLY[job.action](job, people)


def undo_changes(job: BulkJob, changes: Sequence[BulkChange], now: datetime) -> int:
    """Revert these changes where they still stand; returns how many."""
    return _UNDO[job.action](job, changes, now)


def target_deleted(job: BulkJob) -> bool:
    """Whether the tag or list was deleted since: nothing can be done with it, nor reverted."""
    if job.target is None:
        return False
    known = Tag.objects if job.action in (BulkJob.Action.TAG, BulkJob.Action.UNTAG) else MailingList.objects
    return not known.filter(pk=job.target).exists()


def _tag(job: BulkJob, people: Sequence[Subscriber]) -> list[BulkChange]:
    tagged = set(_taggings(job, [one.pk for one in people]).values_list("subscriber", flat=True))
    fresh = [one for one in people if one.pk not in tagged]
    Tagging.objects.bulk_create(Tagging(tag_id=_target(job), subscriber=one) for one in fresh)
    return [BulkChange(job=job, subscriber=one) for one in fresh]


def _untag(job: BulkJob, people: Sequence[Subscriber]) -> list[BulkChange]:
    rows = _taggings(job, [one.pk for one in people])
    tagged = list(rows.values_list("subscriber", flat=True))
    rows.delete()
    return [BulkChange(job=job, subscriber_id=pk) for pk in tagged]


def _add(job: BulkJob, people: Sequence[Subscriber]) -> list[BulkChange]:
    ids = [one.pk for one in people]
    unsubscribe.lock(ids)
    excluded = set(_on_list(job, ids).values_list("subscriber", flat=True))
    excluded |= unsubscribe.ids_requiring_own_signup(ids)
    suppressed = suppression.suppressed_hashes(people)
    fresh = [one for one in people if one.pk not in excluded and bytes(one.address_hash) not in suppressed]
    rows = Subscription.objects.bulk_create(
        Subscription(
            subscriber=one,
            mailing_list_id=_target(job),
            state=_State.CONFIRMED,
            source=f"admin {job.created_by}: {job.reason}"[:200],
            created_at=job.created_at,
            confirmed_at=job.created_at,
        )
        for one in fresh
    )
    _record(job, Event.ADDED, [one.pk for one in fresh], job.created_at)
    return [BulkChange(job=job, subscriber_id=row.subscriber_id, row_id=row.pk) for row in rows]


def _remove(job: BulkJob, people: Sequence[Subscriber]) -> list[BulkChange]:
    subscribed = _on_list(job, [one.pk for one in people]).exclude(state=_State.UNSUBSCRIBED)
    # Locked, so that a subscriber who unsubscribes at this moment is not counted as removed by staff.
    rows = list(subscribed.select_for_update())
    subscribed.filter(pk__in=[row.pk for row in rows]).update(
        state=_State.UNSUBSCRIBED, ended_at=unsubscribe.ended_at_value(job.created_at)
    )
    _record(job, Event.REMOVED, [row.subscriber_id for row in rows], job.created_at)
    return [
        BulkChange(job=job, subscriber_id=row.subscriber_id, row_id=row.pk, old_state=row.state)
        for row in rows
    ]


def _suppress(job: BulkJob, people: Sequence[Subscriber]) -> list[BulkChange]:
    by_hash = {bytes(one.address_hash): one for one in people}
    active = Suppression.objects.filter(address_hash__in=by_hash, lifted_at__isnull=True)
    # Undoing the import must not lift what staff decided since.
    imported = list(
        active.filter(evidence__startswith=suppression.IMPORTED).exclude(reason=Suppression.Reason.COMPLAINT)
    )
    active.filter(pk__in=[row.pk for row in imported]).update(
        reason=Suppression.Reason.MANUAL, evidence=_evidence(job)
    )
    suppressed = suppression.suppressed_hashes(people)
    fresh = [one for one in people if bytes(one.address_hash) not in suppressed]
    rows = Suppression.objects.bulk_create(
        Suppression(
            address_hash=one.address_hash,
            email=one.email,
            reason=Suppression.Reason.MANUAL,
            evidence=_evidence(job),
            created_at=job.created_at,
        )
        for one in fresh
    )
    changes = [
        BulkChange(job=job, subscriber=one, row_id=row.pk) for one, row in zip(fresh, rows, strict=True)
    ]
    return changes + [
        BulkChange(job=job, subscriber=by_hash[bytes(row.address_hash)], row_id=row.pk) for row in imported
    ]


def _undo_tag(job: BulkJob, changes: Sequence[BulkChange], now: datetime) -> int:
    _, by_table = _taggings(job, [one.subscriber_id for one in changes]).delete()
    return by_table.get(Tagging._meta.label, 0)


def _undo_untag(job: BulkJob, changes: Sequence[BulkChange], now: datetime) -> int:
    ids = [one.subscriber_id for one in changes]
    tagged = set(_taggings(job, ids).values_list("subscriber", flat=True))
    fresh = [pk for pk in ids if pk not in tagged]
    Tagging.objects.bulk_create(Tagging(tag_id=_target(job), subscriber_id=pk) for pk in fresh)
    return len(fresh)


def _undo_add(job: BulkJob, changes: Sequence[BulkChange], now: datetime) -> int:
    """A subscriber who unsubscribed, or confirmed the list anew, since then has decided that."""
    rows = Subscription.objects.filter(
        pk__in=[one.row_id for one in changes if one.row_id],
        state=_State.CONFIRMED,
        confirmed_at=job.created_at,
    )
    people = list(rows.values_list("subscriber", flat=True))
    rows.delete()
    _record(job, Event.REMOVED, people, now)
    return len(people)


def _undo_remove(job: BulkJob, changes: Sequence[BulkChange], now: datetime) -> int:
    restored = 0
    for state in (_State.CONFIRMED, _State.PENDING):
        ids = [one.row_id for one in changes if one.row_id and one.old_state == state]
        rows = Subscription.objects.filter(pk__in=ids, state=_State.UNSUBSCRIBED, ended_at=job.created_at)
        people = list(rows.select_for_update().values_list("subscriber", flat=True))
        rows.update(state=state, ended_at=None)
        _record(job, Event.RESTORED, people, now)
        restored += len(people)
    return restored


def _undo_suppress(job: BulkJob, changes: Sequence[BulkChange], now: datetime) -> int:
    """What was changed by a complaint or by staff since then stays, and what an import needs."""
    rows = Suppression.objects.filter(
        pk__in=[one.row_id for one in changes if one.row_id],
        reason=Suppression.Reason.MANUAL,
        evidence=_evidence(job),
        lifted_at__isnull=True,
    ).exclude(address_hash__in=hashes_suppressed_by_imports())
    return rows.update(lifted_at=now, lifted_by=job.ended_by)


_APPLY: dict[str, Callable[[BulkJob, Sequence[Subscriber]], list[BulkChange]]] = {
    "tag": _tag,
    "untag": _untag,
    "add": _add,
    "remove": _remove,
    "suppress": _suppress,
}
_UNDO: dict[str, Callable[[BulkJob, Sequence[BulkChange], datetime], int]] = {
    "tag": _undo_tag,
    "untag": _undo_untag,
    "add": _undo_add,
    "remove": _undo_remove,
    "suppress": _undo_suppress,
}


def _evidence(job: BulkJob) -> str:
    """What the suppressions of this job rest on; undoing finds them by it."""
    return f"{job.reason} ({job.created_by})"


def _target(job: BulkJob) -> int:
    assert job.target is not None
    return job.target


def _taggings(job: BulkJob, people: Collection[int]) -> QuerySet[Tagging]:
    return Tagging.objects.filter(tag=job.target, subscriber__in=people)


def _on_list(job: BulkJob, people: Collection[int]) -> QuerySet[Subscription]:
    return Subscription.objects.filter(mailing_list=job.target, subscriber__in=people)


def _record(job: BulkJob, act: str, people: Sequence[int], now: datetime) -> None:
    by = job.ended_by if job.state == BulkJob.State.UNDOING else job.created_by
    evidence = Evidence(job.channel, source=job.reason or str(job), attested_by=by)
    record(act, people, [job.target], evidence, now)
