"""A bulk change's life: begun by a person, done by stretches, and undone within thirty days.

A stretch and how far it came are one transaction, and whoever works holds the run's row: it may die at any
moment, and run twice, and does each person once. A run that fails says why and steps aside for the others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import F, Max, Q, QuerySet

from subscribers.bulk import actions
from subscribers.bulk.models import BulkChange, BulkRun
from subscribers.models import Asked as Question
from subscribers.models import Subscriber
from subscribers.search import search
from subscribers.search.search import Query

Stop = Callable[[], bool]
State = BulkRun.State

log = logging.getLogger(__name__)

UNDO_FOR = timedelta(days=30)
_STRETCH = 1_000
# Somebody wrote the same row at that moment, or the database was busy or away: the next look tries again.
_NOT_ITS_FAULT = (IntegrityError, InterfaceError, OperationalError)


class NotNow(Exception):  # noqa: N818  (a verdict on the moment)
    """The change is not in a state for this; the message says why."""


@dataclass(frozen=True)
class Wish:
    """What is to be done to whom."""

    # A BulkRun.Deed.
    deed: str
    # These people by number, or else whoever is asked for.
    ids: tuple[int, ...] = ()
    asked: Query = field(default_factory=Query)
    # Or whoever was asked, by this question, and did not answer.
    asking: int | None = None
    # Of the tag or the list, and its name.
    target: int | None = None
    target_name: str = ""
    # Why; where people are put on a list, how they gave their consent.
    words: str = ""


def begin(wish: Wish, by: str, now: datetime) -> BulkRun:
    """A run for the people who are there now; `work` does it. Raises ValueError in words."""
    if wish.deed in (BulkRun.Deed.ADD, BulkRun.Deed.SUPPRESS) and not wish.words.strip():
        raise ValueError("Say why; where people are put on a list, say how they gave their consent.")
    if wish.deed != BulkRun.Deed.SUPPRESS and wish.target is None:
        raise ValueError("Choose a tag or a list.")
    who: dict[str, Any] = {"ids": sorted(wish.ids)} if wish.ids else asdict(wish.asked)
    if wish.asking is not None:
        who = {"asking": wish.asking}
    return BulkRun.objects.create(
        deed=wish.deed,
        target=wish.target,
        target_name=wish.target_name[:200],
        words=wish.words.strip()[:500],
        who=who,
        last=Subscriber.objects.aggregate(last=Max("pk"))["last"] or 0,
        made_by=by,
        made_at=now,
    )


def people_of(run: BulkRun) -> QuerySet[Subscriber]:
    """Whom it is about."""
    if "ids" in run.who:
        return Subscriber.objects.filter(pk__in=run.who["ids"])
    if "asking" in run.who:
        silent = Question.objects.filter(asking=run.who["asking"], stays_at__isnull=True)
        return Subscriber.objects.filter(pk__in=silent.values("subscriber"))
    return search.matching(Query(**run.who))


def settle(run: BulkRun) -> None:
    """Keep by number whom it has still to do, and no longer what they were searched by."""
    found = people_of(run) if run.state == State.WORKING else Subscriber.objects.none()
    left = found.filter(pk__gt=run.position, pk__lte=run.last)
    run.who = {"ids": sorted(left.values_list("pk", flat=True))}
    run.save(update_fields=["who"])


def undo(run: BulkRun, by: str, now: datetime) -> None:
    """A person's word that it be undone; `work` does it. Raises NotNow, also after UNDO_FOR."""
    ready = _undoable(run, now)
    if not ready.update(state=State.UNDOING, error="", position=0, undone_by=by, undone_at=now):
        run.refresh_from_db()
        raise NotNow(
            f"This change is {run.get_state_display()}; what is done can be undone for {UNDO_FOR.days} days."
        )
    run.refresh_from_db()


def may_undo(run: BulkRun, now: datetime) -> bool:
    """Whether `undo` can be asked for: of what is done, or has stopped."""
    return _undoable(run, now).exists()


def go_on(run: BulkRun) -> None:
    """A person's word that a run that stopped be tried again from there; `work` does it."""
    BulkRun.objects.filter(pk=run.pk).update(error="")
    run.refresh_from_db()


def work(now: datetime, stop: Stop) -> int:
    """Go on with whatever is begun, a stretch of each run in turn, until all is done; stretches done."""
    done = 0
    aside: set[int] = set()
    while not stop():
        begun = BulkRun.objects.filter(state__in=[State.WORKING, State.UNDOING], error="")
        waiting = list(begun.exclude(pk__in=aside).values_list("pk", flat=True))
        if not waiting:
            break
        for number in waiting:
            if step(number, now):
                done += 1
            else:
                aside.add(number)
    return done


def step(number: int, now: datetime) -> bool:
    """One stretch of a run; nothing when it is done or has stopped.

    False when it failed: nothing of the stretch is done, and unless another try may help, the run says why.
    """
    try:
        _step(number, now)
    except _NOT_ITS_FAULT as error:
        log.warning("action=bulk_put_off run=%d reason=%s", number, type(error).__name__)
        return False
    except Exception as error:
        log.exception("action=bulk_stopped run=%d", number)
        why = f"{type(error).__name__}: {error}"[:500]
        BulkRun.objects.filter(pk=number).update(error=why.replace("\0", " "))
        return False
    return True


def _step(number: int, now: datetime) -> None:
    with transaction.atomic():
        run = BulkRun.objects.select_for_update().filter(pk=number, error="").first()
        if run is None:
            return
        if run.state == State.WORKING:
            _do(run)
        elif run.state == State.UNDOING:
            _undo(run, now)


def forget(now: datetime) -> int:
    """Delete what was kept for undoing and is too old for it; rows deleted."""
    old = BulkChange.objects.filter(run__made_at__lt=now - UNDO_FOR)
    return old.delete()[0]


def _undoable(run: BulkRun, now: datetime) -> QuerySet[BulkRun]:
    ended = Q(state=State.DONE) | (Q(state=State.WORKING) & ~Q(error=""))
    return BulkRun.objects.filter(ended, pk=run.pk, made_at__gte=now - UNDO_FOR)


def _do(run: BulkRun) -> None:
    found = people_of(run).filter(pk__gt=run.position, pk__lte=run.last).order_by("pk")
    people = list(found[:_STRETCH])
    changes = [] if actions.is_gone(run) else actions.do(run, people)
    BulkChange.objects.bulk_create(changes, batch_size=_STRETCH)
    run.changed = F("changed") + len(changes)
    run.left = F("left") + len(people) - len(changes)
    if len(people) < _STRETCH:
        run.state = State.DONE
    else:
        run.position = people[-1].pk
    run.save(update_fields=["changed", "left", "state", "position"])


def _undo(run: BulkRun, now: datetime) -> None:
    changes = list(run.changes.filter(pk__gt=run.position).order_by("pk")[:_STRETCH])
    back = 0 if actions.is_gone(run) else actions.undo(run, changes, now)
    run.undone = F("undone") + back
    run.kept = F("kept") + len(changes) - back
    if len(changes) < _STRETCH:
        run.state = State.UNDONE
    else:
        run.position = changes[-1].pk
    run.save(update_fields=["undone", "kept", "state", "position"])
