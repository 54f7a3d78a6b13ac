"""Leaving: ending subscriptions at the reader's word, once, and telling whoever listens."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, DateTimeField, F, OuterRef, Q, Subquery, Value, When
from django.utils.module_loading import import_string

from subscribers import consent
from subscribers.consent import Channel, Event, Evidence
from subscribers.models import ConsentRecord, Subscriber, Subscription
from subscribers.signals import unsubscribed

# Others than the reader speak by these.
_NOT_BY_SUBSCRIBER = (Channel.DESK, Channel.CLI, Channel.DECISION)
_ACTIVE = (Subscription.State.CONFIRMED, Subscription.State.PENDING)


def newsletter_list_ids(newsletter_id: int) -> tuple[int, ...]:
    """Ids of the lists through which a newsletter reaches its readers; none for an unknown newsletter."""
    found: tuple[int, ...] = import_string(settings.SUBSCRIBERS_SCOPE)(newsletter_id)
    return found


def unsubscribe(
    subscriber_id: int,
    list_ids: Collection[int],
    newsletter_id: int | None,
    evidence: Evidence,
    now: datetime,
) -> tuple[int, ...]:
    """End the person's subscriptions to these lists and return the ids of those that it ended.

    Repeating it changes nothing and sends no signal; but a reader's word after others had taken them off is
    noted, so that undoing what those did brings nobody back. `newsletter_id` is the newsletter whose link
    was used.
    """
    with transaction.atomic():
        lock([subscriber_id])
        if evidence.channel not in _NOT_BY_SUBSCRIBER:
            _record_own(subscriber_id, list_ids, evidence, now)
        active = Subscription.objects.filter(
            subscriber=subscriber_id, mailing_list__in=list_ids, state__in=_ACTIVE
        )
        ended = tuple(
            subscription.mailing_list_id
            for subscription in active.order_by("mailing_list_id")
            # Conditional: whoever comes second ends nothing and tells nobody.
            if active.filter(pk=subscription.pk).update(
                state=Subscription.State.UNSUBSCRIBED, ended_at=ended_at_value(now)
            )
        )
        if ended:
            event = Event.REMOVED if evidence.channel in _NOT_BY_SUBSCRIBER else Event.UNSUBSCRIBED
            consent.record(event, [subscriber_id], ended, evidence, now)
            unsubscribed.send(
                sender=Subscription, subscriber_id=subscriber_id, list_ids=ended, newsletter_id=newsletter_id
            )
    return ended


def ended_at_value(now: datetime) -> Case:
    """The end to write into a row that ends now: whoever left before and has only asked anew left then.

    So `restore`, and undoing what staff did, find no such row: it may only come back by the reader.
    """
    had_unsubscribed = When(state=Subscription.State.PENDING, ended_at__isnull=False, then=F("ended_at"))
    return Case(had_unsubscribed, default=Value(now), output_field=DateTimeField())


def _record_own(subscriber_id: int, list_ids: Collection[int], evidence: Evidence, now: datetime) -> None:
    last = ConsentRecord.objects.filter(
        subscriber=OuterRef("subscriber"), mailing_list=OuterRef("mailing_list")
    )
    ended = Subscription.objects.annotate(last=Subquery(last.order_by("-pk").values("event")[:1])).filter(
        subscriber=subscriber_id,
        mailing_list__in=list_ids,
        state=Subscription.State.UNSUBSCRIBED,
        last=Event.REMOVED,
    )
    lists = list(ended.values_list("mailing_list", flat=True))
    if lists:
        removed = Subscription.objects.filter(subscriber=subscriber_id, mailing_list__in=lists)
        removed.filter(state=Subscription.State.UNSUBSCRIBED).update(ended_at=now)
        consent.record(Event.UNSUBSCRIBED, [subscriber_id], lists, evidence, now)


def unsubscribe_all(
    subscriber_id: int, newsletter_id: int | None, evidence: Evidence, now: datetime
) -> tuple[int, ...]:
    """`leave` for every list that the person is on."""
    with transaction.atomic():
        lock([subscriber_id])
        lists = Subscription.objects.filter(subscriber=subscriber_id).values_list("mailing_list", flat=True)
        return unsubscribe(subscriber_id, tuple(lists), newsletter_id, evidence, now)


def restore(subscriber_id: int, ended_at: datetime, evidence: Evidence, now: datetime) -> tuple[int, ...]:
    """Bring back the subscriptions that were ended at exactly that moment, by mistake; ids of their lists."""
    with transaction.atomic():
        ended = Subscription.objects.filter(
            subscriber=subscriber_id, ended_at=ended_at, state=Subscription.State.UNSUBSCRIBED
        )
        restored = tuple(ended.order_by("mailing_list_id").values_list("mailing_list_id", flat=True))
        ended.filter(confirmed_at__isnull=True).update(state=Subscription.State.PENDING, ended_at=None)
        ended.update(state=Subscription.State.CONFIRMED, ended_at=None)
        consent.record(Event.RESTORED, [subscriber_id], restored, evidence, now)
    return restored


def lock(subscriber_ids: Collection[int]) -> None:
    """Until the transaction ends none of these leaves or is put on a list; whoever was about to has done so.

    To be called before `left_anything` by whoever puts people on a list. SQLite has one writer anyway.
    """
    if connection.features.has_select_for_update:
        held = Subscriber.objects.select_for_update(no_key=True).filter(pk__in=subscriber_ids).order_by("pk")
        list(held.values_list("pk", flat=True))


def has_unsubscribed(subscriber_ids: Collection[int]) -> set[int]:
    """Of these people, those who left some list, or were taken off it, and did not come back to it."""
    ended = Subscription.objects.filter(subscriber__in=subscriber_ids).filter(
        Q(state=Subscription.State.UNSUBSCRIBED) | Q(ended_at__isnull=False)
    )
    return set(ended.values_list("subscriber", flat=True))


def self_unsubscribed(subscriber_id: int, list_ids: Collection[int]) -> set[int]:
    """Of these lists, those that the person once confirmed and left; not those that others took them off."""
    unsubscribed_rows = Subscription.objects.filter(
        subscriber=subscriber_id,
        mailing_list__in=list_ids,
        state=Subscription.State.UNSUBSCRIBED,
        confirmed_at__isnull=False,
    )
    ends = ConsentRecord.objects.filter(
        subscriber=subscriber_id,
        mailing_list__in=unsubscribed_rows.values("mailing_list"),
        event__in=(Event.UNSUBSCRIBED, Event.REMOVED),
    )
    # The latest word on each list is the one that counts.
    last = dict(ends.order_by("pk").values_list("mailing_list", "event"))
    return {one for one, act in last.items() if act == Event.UNSUBSCRIBED}


def confirmed_list_ids(subscriber_id: int) -> tuple[int, ...]:
    """Ids of the lists that the person is on."""
    rows = Subscription.objects.filter(subscriber=subscriber_id, state=Subscription.State.CONFIRMED)
    return tuple(rows.order_by("mailing_list_id").values_list("mailing_list", flat=True))


def is_subscribed(subscriber_id: int, list_ids: Collection[int]) -> bool:
    """Whether the person has anything to leave on these lists."""
    return Subscription.objects.filter(
        subscriber=subscriber_id, mailing_list__in=list_ids, state__in=_ACTIVE
    ).exists()
