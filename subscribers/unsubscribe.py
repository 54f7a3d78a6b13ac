"""Ending subscriptions: by the subscriber or by others, once, with a consent record and a signal."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Q, Subquery, Value, When
from django.utils.translation import gettext_lazy

from subscribers import consent
from subscribers.consent import Channel, Event, Evidence
from subscribers.models import ConsentRecord, FormerAddress, MailingList, Subscriber, Subscription
from subscribers.signals import confirmed, unsubscribe_reason_given, unsubscribed

# Why subscribers unsubscribe, as the pages show it; the reports have labels of their own for staff.
UNSUBSCRIBE_REASONS = {
    "too_often": gettext_lazy("It comes too often."),
    "not_for_me": gettext_lazy("It is not about what I need."),
    "wrong_language": gettext_lazy("It is not in my language."),
    "never_asked": gettext_lazy("I never asked for it."),
    "read_elsewhere": gettext_lazy("I read it elsewhere."),
}
# Through these channels others act, not the subscriber.
_NOT_BY_SUBSCRIBER = (Channel.DESK, Channel.CLI, Channel.DECISION)
_ACTIVE = (Subscription.State.CONFIRMED, Subscription.State.PENDING)

NewsletterLists = Callable[[int], tuple[int, ...] | None]
_newsletter_lists: list[NewsletterLists] = []


def register_newsletter_lists(lists_of: NewsletterLists) -> None:
    """Set what `known_newsletter_list_ids` calls; the application that has newsletters does so when ready."""
    _newsletter_lists[:] = [lists_of]


def newsletter_list_ids(newsletter_id: int) -> tuple[int, ...]:
    """Ids of the lists that a newsletter is or was sent to, which its unsubscribe link ends.

    For a newsletter that the database lacks (deleted, or made after the backup that was restored) those of
    all lists: which of them it was sent to is unknown, and its reader wants no more of it.
    Raises ImproperlyConfigured where no application registered its newsletters.
    """
    known = known_newsletter_list_ids(newsletter_id)
    if known is None:
        return tuple(MailingList.objects.order_by("pk").values_list("pk", flat=True))
    return known


def known_newsletter_list_ids(newsletter_id: int) -> tuple[int, ...] | None:
    """`newsletter_list_ids` of a newsletter that the database has; None for another one."""
    if not _newsletter_lists:
        raise ImproperlyConfigured("No application called register_newsletter_lists.")
    return _newsletter_lists[0](newsletter_id)


def unsubscribe(
    subscriber_id: int,
    list_ids: Collection[int],
    newsletter_id: int | None,
    evidence: Evidence,
    now: datetime,
) -> tuple[int, ...]:
    """End the subscriptions to these lists and return the ids of the lists whose subscription it ended.

    `newsletter_id` is the newsletter whose link was used. Repeating it changes nothing and sends no signal.
    But when the subscriber unsubscribes after others removed them, that is recorded, so that undoing the
    removal does not restore the subscription.
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
            # Conditional: of two transactions at once only the first ends it and sends the signal.
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


def unsubscribe_all(
    subscriber_id: int, newsletter_id: int | None, evidence: Evidence, now: datetime
) -> tuple[int, ...]:
    """`unsubscribe` for every list that the subscriber is on."""
    with transaction.atomic():
        lock([subscriber_id])
        lists = Subscription.objects.filter(subscriber=subscriber_id).values_list("mailing_list", flat=True)
        return unsubscribe(subscriber_id, tuple(lists), newsletter_id, evidence, now)


def restore(subscriber_id: int, ended_at: datetime, evidence: Evidence, now: datetime) -> tuple[int, ...]:
    """Undo a removal: restore the subscriptions that ended at exactly this time; ids of their lists."""
    with transaction.atomic():
        ended = Subscription.objects.filter(
            subscriber=subscriber_id, ended_at=ended_at, state=Subscription.State.UNSUBSCRIBED
        )
        restored = tuple(ended.order_by("mailing_list_id").values_list("mailing_list_id", flat=True))
        was_confirmed = ended.filter(confirmed_at__isnull=False).order_by("mailing_list_id")
        reconfirmed = tuple(was_confirmed.values_list("mailing_list_id", flat=True))
        ended.filter(confirmed_at__isnull=True).update(state=Subscription.State.PENDING, ended_at=None)
        ended.update(state=Subscription.State.CONFIRMED, ended_at=None)
        consent.record(Event.RESTORED, [subscriber_id], restored, evidence, now)
        if reconfirmed:
            # Who was notified that they unsubscribed has to know.
            confirmed.send(sender=Subscription, subscriber_id=subscriber_id, list_ids=reconfirmed)
    return restored


def send_unsubscribe_reason_signal(
    subscriber: Subscriber, newsletter_id: int | None, reason: str, now: datetime
) -> bool:
    """Send the reason for unsubscribing as a signal; False for a key that is not in UNSUBSCRIBE_REASONS."""
    if reason not in UNSUBSCRIBE_REASONS:
        return False
    unsubscribe_reason_given.send(
        Subscriber, subscriber_id=subscriber.pk, newsletter_id=newsletter_id, reason=reason, now=now
    )
    return True


def lock(subscriber_ids: Collection[int]) -> None:
    """Lock these subscribers until the transaction ends: none unsubscribes or is added to a list meanwhile.

    Call it before `ids_requiring_own_signup` when adding subscribers to a list. SQLite has one writer anyway.
    """
    if connection.features.has_select_for_update:
        rows = Subscriber.objects.select_for_update(no_key=True).filter(pk__in=subscriber_ids).order_by("pk")
        list(rows.values_list("pk", flat=True))


def ended_at_value(now: datetime) -> Case:
    """The `ended_at` to write when a subscription ends now.

    A subscriber who unsubscribed before and signed up again without confirming keeps the earlier time. So
    `restore`, and undoing a bulk action, do not find that row: only the subscriber can bring it back.
    """
    had_unsubscribed = When(state=Subscription.State.PENDING, ended_at__isnull=False, then=F("ended_at"))
    return Case(had_unsubscribed, default=Value(now), output_field=DateTimeField())


def ids_requiring_own_signup(subscriber_ids: Collection[int]) -> set[int]:
    """Those of these subscribers whom no one else may put on a list.

    Their subscription to some list ended and was not confirmed again; or another subscriber had their address
    before, who may have unsubscribed with it.
    """
    ended = Subscription.objects.filter(subscriber__in=subscriber_ids).filter(
        Q(state=Subscription.State.UNSUBSCRIBED) | Q(ended_at__isnull=False)
    )
    of_others = FormerAddress.objects.filter(address_hash=OuterRef("address_hash")).exclude(
        subscriber=OuterRef("pk")
    )
    taken_over = Subscriber.objects.filter(Exists(of_others), pk__in=subscriber_ids)
    return {*ended.values_list("subscriber", flat=True), *taken_over.values_list("pk", flat=True)}


def self_unsubscribed(subscriber_id: int, list_ids: Collection[int]) -> set[int]:
    """Those of these lists that the subscriber once confirmed and then unsubscribed from themselves."""
    rows = Subscription.objects.filter(
        subscriber=subscriber_id,
        mailing_list__in=list_ids,
        state=Subscription.State.UNSUBSCRIBED,
        confirmed_at__isnull=False,
    )
    ends = ConsentRecord.objects.filter(
        subscriber=subscriber_id,
        mailing_list__in=rows.values("mailing_list"),
        event__in=(Event.UNSUBSCRIBED, Event.REMOVED),
    )
    # The latest event of each list counts.
    last = dict(ends.order_by("pk").values_list("mailing_list", "event"))
    return {list_id for list_id, event in last.items() if event == Event.UNSUBSCRIBED}


def confirmed_list_ids(subscriber_id: int) -> tuple[int, ...]:
    """Ids of the lists with a confirmed subscription, sorted."""
    rows = Subscription.objects.filter(subscriber=subscriber_id, state=Subscription.State.CONFIRMED)
    return tuple(rows.order_by("mailing_list_id").values_list("mailing_list", flat=True))


def lists_not_confirmed_since(
    subscriber_id: int, list_ids: Collection[int], unsubscribed_at: datetime
) -> tuple[int, ...]:
    """These lists without those whose subscription was confirmed after the subscriber unsubscribed.

    For an unsubscribe that is reported later than it happened.
    """
    later = Subscription.objects.filter(subscriber=subscriber_id, confirmed_at__gt=unsubscribed_at)
    kept = set(later.values_list("mailing_list", flat=True))
    return tuple(one for one in list_ids if one not in kept)


def has_confirmed_or_pending_subscription(subscriber_id: int, list_ids: Collection[int]) -> bool:
    """Whether the subscriber has a confirmed or pending subscription to one of these lists."""
    return Subscription.objects.filter(
        subscriber=subscriber_id, mailing_list__in=list_ids, state__in=_ACTIVE
    ).exists()


def is_on_any_list(subscriber_id: int) -> bool:
    """Whether the subscriber has a confirmed or pending subscription."""
    return Subscription.objects.filter(subscriber=subscriber_id, state__in=_ACTIVE).exists()


def _record_own(subscriber_id: int, list_ids: Collection[int], evidence: Evidence, now: datetime) -> None:
    """Record that the subscriber unsubscribes from lists that others had removed them from."""
    last = ConsentRecord.objects.filter(
        subscriber=OuterRef("subscriber"), mailing_list=OuterRef("mailing_list")
    )
    removed = Subscription.objects.annotate(last=Subquery(last.order_by("-pk").values("event")[:1])).filter(
        subscriber=subscriber_id,
        mailing_list__in=list_ids,
        state=Subscription.State.UNSUBSCRIBED,
        last=Event.REMOVED,
    )
    lists = list(removed.values_list("mailing_list", flat=True))
    if lists:
        rows = Subscription.objects.filter(subscriber=subscriber_id, mailing_list__in=lists)
        rows.filter(state=Subscription.State.UNSUBSCRIBED).update(ended_at=now)
        consent.record(Event.UNSUBSCRIBED, [subscriber_id], lists, evidence, now)
