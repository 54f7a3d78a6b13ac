"""Leaving: ending subscriptions at the reader's word, once, and telling whoever listens."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, DateTimeField, F, OuterRef, Q, Subquery, Value, When
from django.utils.module_loading import import_string

from subscribers.consent import evidence
from subscribers.consent.evidence import Act, How, Word
from subscribers.models import ConsentRecord, Subscriber, Subscription
from subscribers.signals import unsubscribed

# Others than the reader speak by these.
_NOT_THE_READERS = (How.DESK, How.COMMAND, How.VERDICT)
_STAYING = (Subscription.State.CONFIRMED, Subscription.State.PENDING)


def scope_of(newsletter_id: int) -> tuple[int, ...]:
    """Ids of the lists through which a newsletter reaches its readers; none for an unknown newsletter."""
    found: tuple[int, ...] = import_string(settings.SUBSCRIBERS_SCOPE)(newsletter_id)
    return found


def leave(
    subscriber_id: int, list_ids: Collection[int], newsletter_id: int | None, word: Word, now: datetime
) -> tuple[int, ...]:
    """End the person's subscriptions to these lists and return the ids of those that it ended.

    Repeating it changes nothing and sends no signal; but a reader's word after others had taken them off is
    noted, so that undoing what those did brings nobody back. `newsletter_id` is the newsletter whose link
    was used.
    """
    with transaction.atomic():
        hold([subscriber_id])
        if word.how not in _NOT_THE_READERS:
            _hear(subscriber_id, list_ids, word, now)
        joined = Subscription.objects.filter(
            subscriber=subscriber_id, mailing_list__in=list_ids, state__in=_STAYING
        )
        ended = tuple(
            subscription.mailing_list_id
            for subscription in joined.order_by("mailing_list_id")
            # Conditional: whoever comes second ends nothing and tells nobody.
            if joined.filter(pk=subscription.pk).update(
                state=Subscription.State.UNSUBSCRIBED, ended_at=end_of(now)
            )
        )
        if ended:
            act = Act.ENDED if word.how in _NOT_THE_READERS else Act.LEFT
            evidence.record(act, [subscriber_id], ended, word, now)
            unsubscribed.send(
                sender=Subscription, subscriber_id=subscriber_id, list_ids=ended, newsletter_id=newsletter_id
            )
    return ended


def end_of(now: datetime) -> Case:
    """The end to write into a row that ends now: whoever left before and has only asked anew left then.

    So `restore`, and undoing what staff did, find no such row: it may only come back by the reader.
    """
    had_left = When(state=Subscription.State.PENDING, ended_at__isnull=False, then=F("ended_at"))
    return Case(had_left, default=Value(now), output_field=DateTimeField())


def _hear(subscriber_id: int, list_ids: Collection[int], word: Word, now: datetime) -> None:
    last = ConsentRecord.objects.filter(
        subscriber=OuterRef("subscriber"), mailing_list=OuterRef("mailing_list")
    )
    ended = Subscription.objects.annotate(last=Subquery(last.order_by("-pk").values("act")[:1])).filter(
        subscriber=subscriber_id,
        mailing_list__in=list_ids,
        state=Subscription.State.UNSUBSCRIBED,
        last=Act.ENDED,
    )
    lists = list(ended.values_list("mailing_list", flat=True))
    if lists:
        gone = Subscription.objects.filter(subscriber=subscriber_id, mailing_list__in=lists)
        gone.filter(state=Subscription.State.UNSUBSCRIBED).update(ended_at=now)
        evidence.record(Act.LEFT, [subscriber_id], lists, word, now)


def leave_all(subscriber_id: int, newsletter_id: int | None, word: Word, now: datetime) -> tuple[int, ...]:
    """`leave` for every list that the person is on."""
    with transaction.atomic():
        hold([subscriber_id])
        lists = Subscription.objects.filter(subscriber=subscriber_id).values_list("mailing_list", flat=True)
        return leave(subscriber_id, tuple(lists), newsletter_id, word, now)


def restore(subscriber_id: int, ended_at: datetime, word: Word, now: datetime) -> tuple[int, ...]:
    """Bring back the subscriptions that were ended at exactly that moment, by mistake; ids of their lists."""
    with transaction.atomic():
        ended = Subscription.objects.filter(
            subscriber=subscriber_id, ended_at=ended_at, state=Subscription.State.UNSUBSCRIBED
        )
        back = tuple(ended.order_by("mailing_list_id").values_list("mailing_list_id", flat=True))
        ended.filter(confirmed_at__isnull=True).update(state=Subscription.State.PENDING, ended_at=None)
        ended.update(state=Subscription.State.CONFIRMED, ended_at=None)
        evidence.record(Act.RESTORED, [subscriber_id], back, word, now)
    return back


def hold(people: Collection[int]) -> None:
    """Until the transaction ends none of these leaves or is put on a list; whoever was about to has done so.

    To be called before `left_anything` by whoever puts people on a list. SQLite has one writer anyway.
    """
    if connection.features.has_select_for_update:
        held = Subscriber.objects.select_for_update(no_key=True).filter(pk__in=people).order_by("pk")
        list(held.values_list("pk", flat=True))


def left_anything(people: Collection[int]) -> set[int]:
    """Of these people, those who left some list, or were taken off it, and did not come back to it."""
    ended = Subscription.objects.filter(subscriber__in=people).filter(
        Q(state=Subscription.State.UNSUBSCRIBED) | Q(ended_at__isnull=False)
    )
    return set(ended.values_list("subscriber", flat=True))


def left_by_themselves(subscriber_id: int, list_ids: Collection[int]) -> set[int]:
    """Of these lists, those that the person once confirmed and left; not those that others took them off."""
    gone = Subscription.objects.filter(
        subscriber=subscriber_id,
        mailing_list__in=list_ids,
        state=Subscription.State.UNSUBSCRIBED,
        confirmed_at__isnull=False,
    )
    ends = ConsentRecord.objects.filter(
        subscriber=subscriber_id, mailing_list__in=gone.values("mailing_list"), act__in=(Act.LEFT, Act.ENDED)
    )
    # The latest word on each list is the one that counts.
    last = dict(ends.order_by("pk").values_list("mailing_list", "act"))
    return {one for one, act in last.items() if act == Act.LEFT}


def confirmed(subscriber_id: int) -> tuple[int, ...]:
    """Ids of the lists that the person is on."""
    rows = Subscription.objects.filter(subscriber=subscriber_id, state=Subscription.State.CONFIRMED)
    return tuple(rows.order_by("mailing_list_id").values_list("mailing_list", flat=True))


def is_on(subscriber_id: int, list_ids: Collection[int]) -> bool:
    """Whether the person has anything to leave on these lists."""
    return Subscription.objects.filter(
        subscriber=subscriber_id, mailing_list__in=list_ids, state__in=_STAYING
    ).exists()
