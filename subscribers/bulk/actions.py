"""What can be done to many people, and how each is undone: what changed since stays as it is.

Nothing here brings anybody back: who left any list, waits for a confirmation or is suppressed is put on no
list.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from subscribers import consent, suppression, unsubscribe
from subscribers.bulk.models import BulkChange, BulkRun
from subscribers.consent import Channel, Event, Evidence
from subscribers.models import MailingList, Subscriber, Subscription, Suppression
from subscribers.segments.models import Tag, Tagging

_State = Subscription.State


def do(run: BulkRun, people: Sequence[Subscriber]) -> list[BulkChange]:
    """Do it to these people, and return a change for each who was changed, not saved yet."""
    return _DO[run.deed](run, people)


def undo(run: BulkRun, changes: Sequence[BulkChange], now: datetime) -> int:
    """Take these changes back, and return for how many that was still right."""
    return _UNDO[run.deed](run, changes, now)


def is_gone(run: BulkRun) -> bool:
    """Whether its tag or list was deleted since: nothing can be done with it, nor given back."""
    if run.target is None:
        return False
    kept = Tag.objects if run.deed in (BulkRun.Deed.TAG, BulkRun.Deed.UNTAG) else MailingList.objects
    return not kept.filter(pk=run.target).exists()


def _tag(run: BulkRun, people: Sequence[Subscriber]) -> list[BulkChange]:
    had = set(_taggings(run, [one.pk for one in people]).values_list("subscriber", flat=True))
    fresh = [one for one in people if one.pk not in had]
    Tagging.objects.bulk_create(Tagging(tag_id=_target(run), subscriber=one) for one in fresh)
    return [BulkChange(run=run, subscriber=one) for one in fresh]


def _untag(run: BulkRun, people: Sequence[Subscriber]) -> list[BulkChange]:
    rows = _taggings(run, [one.pk for one in people])
    had = list(rows.values_list("subscriber", flat=True))
    rows.delete()
    return [BulkChange(run=run, subscriber_id=number) for number in had]


def _add(run: BulkRun, people: Sequence[Subscriber]) -> list[BulkChange]:
    numbers = [one.pk for one in people]
    unsubscribe.lock(numbers)
    known = set(_on_list(run, numbers).values_list("subscriber", flat=True))
    known |= unsubscribe.has_unsubscribed(numbers)
    stopped = suppression.suppressed_hashes(people)
    fresh = [one for one in people if one.pk not in known and bytes(one.address_hash) not in stopped]
    rows = Subscription.objects.bulk_create(
        Subscription(
            subscriber=one,
            mailing_list_id=_target(run),
            state=_State.CONFIRMED,
            source=f"admin {run.made_by}: {run.words}"[:200],
            created_at=run.made_at,
            confirmed_at=run.made_at,
        )
        for one in fresh
    )
    _record(run, Event.ADDED, [one.pk for one in fresh], run.made_at)
    return [BulkChange(run=run, subscriber_id=row.subscriber_id, row=row.pk) for row in rows]


def _remove(run: BulkRun, people: Sequence[Subscriber]) -> list[BulkChange]:
    staying = _on_list(run, [one.pk for one in people]).exclude(state=_State.UNSUBSCRIBED)
    # Held, so that whoever leaves at this moment is not taken for somebody whom others took off.
    rows = list(staying.select_for_update())
    staying.filter(pk__in=[row.pk for row in rows]).update(
        state=_State.UNSUBSCRIBED, ended_at=unsubscribe.ended_at_value(run.made_at)
    )
    _record(run, Event.REMOVED, [row.subscriber_id for row in rows], run.made_at)
    return [
        BulkChange(run=run, subscriber_id=row.subscriber_id, row=row.pk, before=row.state) for row in rows
    ]


def _suppress(run: BulkRun, people: Sequence[Subscriber]) -> list[BulkChange]:
    stopped = suppression.suppressed_hashes(people)
    fresh = [one for one in people if bytes(one.address_hash) not in stopped]
    rows = Suppression.objects.bulk_create(
        Suppression(
            address_hash=one.address_hash,
            email=one.email,
            reason=Suppression.Reason.MANUAL,
            evidence=f"{run.words} ({run.made_by})",
            created_at=run.made_at,
        )
        for one in fresh
    )
    return [BulkChange(run=run, subscriber=one, row=row.pk) for one, row in zip(fresh, rows, strict=True)]


def _tag_back(run: BulkRun, changes: Sequence[BulkChange], now: datetime) -> int:
    _, by_table = _taggings(run, [one.subscriber_id for one in changes]).delete()
    return by_table.get(Tagging._meta.label, 0)


def _untag_back(run: BulkRun, changes: Sequence[BulkChange], now: datetime) -> int:
    numbers = [one.subscriber_id for one in changes]
    has = set(_taggings(run, numbers).values_list("subscriber", flat=True))
    fresh = [number for number in numbers if number not in has]
    Tagging.objects.bulk_create(Tagging(tag_id=_target(run), subscriber_id=number) for number in fresh)
    return len(fresh)


def _add_back(run: BulkRun, changes: Sequence[BulkChange], now: datetime) -> int:
    """Whoever left since has left, and whoever said anything else about the list is heard."""
    rows = Subscription.objects.filter(
        pk__in=[one.row for one in changes if one.row], state=_State.CONFIRMED, confirmed_at=run.made_at
    )
    people = list(rows.values_list("subscriber", flat=True))
    rows.delete()
    _record(run, Event.REMOVED, people, now)
    return len(people)


def _remove_back(run: BulkRun, changes: Sequence[BulkChange], now: datetime) -> int:
    back = 0
    for before in (_State.CONFIRMED, _State.PENDING):
        numbers = [one.row for one in changes if one.row and one.before == before]
        rows = Subscription.objects.filter(pk__in=numbers, state=_State.UNSUBSCRIBED, ended_at=run.made_at)
        people = list(rows.select_for_update().values_list("subscriber", flat=True))
        rows.update(state=before, ended_at=None)
        _record(run, Event.RESTORED, people, now)
        back += len(people)
    return back


def _suppress_back(run: BulkRun, changes: Sequence[BulkChange], now: datetime) -> int:
    """A complaint since then took the suppression's reason over, and stays."""
    rows = Suppression.objects.filter(
        pk__in=[one.row for one in changes if one.row],
        reason=Suppression.Reason.MANUAL,
        lifted_at__isnull=True,
    )
    return rows.update(lifted_at=now, lifted_by=run.undone_by)


def _target(run: BulkRun) -> int:
    assert run.target is not None
    return run.target


def _taggings(run: BulkRun, people: Sequence[int]) -> QuerySet[Tagging]:
    return Tagging.objects.filter(tag=run.target, subscriber__in=people)


def _on_list(run: BulkRun, people: Sequence[int]) -> QuerySet[Subscription]:
    return Subscription.objects.filter(mailing_list=run.target, subscriber__in=people)


def _record(run: BulkRun, act: str, people: Sequence[int], now: datetime) -> None:
    by = run.undone_by if run.state == BulkRun.State.UNDOING else run.made_by
    word = Evidence(Channel.DESK, source=run.words or str(run), attested_by=by)
    consent.record(act, people, [run.target], word, now)


_DO = {"tag": _tag, "untag": _untag, "add": _add, "remove": _remove, "suppress": _suppress}
_UNDO = {
    "tag": _tag_back,
    "untag": _untag_back,
    "add": _add_back,
    "remove": _remove_back,
    "suppress": _suppress_back,
}
