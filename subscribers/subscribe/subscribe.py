"""Signing up: a request makes pending subscriptions, which a link in an email confirms (double opt-in)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from django.db import transaction
from django.db.models import Q

from subscribers import consent, former_addresses_and_merged_ids, tokens, transactional_emails, unsubscribe
from subscribers.consent import Event, Evidence
from subscribers.models import (
    FormerAddress,
    MailingList,
    ReconfirmationRequest,
    Subscriber,
    Subscription,
)
from subscribers.signals import confirmed as confirmed_signal
from subscribers.signals import resubscribed
from subscribers.subscribe import signup_limits
from subscribers.suppression import (
    is_open_to_signup,
    is_suppressed,
    lift_suppression_open_to_signup,
    may_sign_up,
)

# How long the link in a confirmation email works.
CONFIRM_WITHIN = timedelta(days=7)
# The sign-up form causes at most one email to an address in this time.
EMAIL_INTERVAL = timedelta(hours=24)

Outcome = Literal["answered", "question", "busy"]


def request_signup(
    email: str,
    list_ids: Collection[int],
    language: str,
    countries: Sequence[str],
    evidence: Evidence,
    now: datetime,
    *,
    answered: bool = False,
) -> Outcome:
    """Record a sign-up of a normalised address for these lists, and send the email that it calls for.

    The outcome "answered" does not tell whether the address was known, confirmed or suppressed; with
    "question" and "busy" nothing was recorded. `answered`: whether the question for people was answered.
    """
    with transaction.atomic():
        # Decided before the address is looked up: the answer is the same for known and unknown ones.
        decision = signup_limits.decide_and_count_signup(email, evidence.network, answered, now)
        if decision != "go":
            return decision
        if not may_sign_up(email):
            return "answered"
        subscriber = _upsert(email, language, countries, now)
        unsubscribe.lock([subscriber.pk])
        _mark_pending(subscriber, list_ids, now)
        consent.record(Event.REQUESTED, [subscriber.pk], list_ids, evidence, now)
        confirmed = _auto_confirm(subscriber, list_ids, evidence, now)
        waiting = _has_pending(subscriber, list_ids) or is_open_to_signup(subscriber)
        if _claim_daily_email(subscriber, now) and signup_limits.claim_monthly_email_quota(email, now):
            if waiting:
                lists = MailingList.objects.filter(pk__in=list_ids)
                transactional_emails.send_confirmation(subscriber, confirm_token(subscriber, now), lists)
            elif not _send_welcomes(subscriber, confirmed):
                transactional_emails.send_already_subscribed(subscriber)
    return "answered"


def confirm_token(subscriber: Subscriber, now: datetime) -> str:
    """A token for /confirm/, valid from `now` for VALID_FOR."""
    return tokens.make_dated("confirm", subscriber.pk, now)


def read_token(token: str, now: datetime) -> Subscriber:
    """The subscriber of a confirmation link; raises InvalidToken."""
    claim = tokens.read_token("confirm", token)
    if not claim.is_fresh(CONFIRM_WITHIN, now):
        raise tokens.LinkExpired("the link is older than seven days")
    subscriber = Subscriber.objects.filter(pk=claim.subscriber).first()
    if subscriber is None:
        raise tokens.InvalidToken("the subscriber is deleted")
    if former_addresses_and_merged_ids.address_changed_since(subscriber, claim.earliest_made_at(now)):
        raise tokens.LinkExpired("it was emailed to another address")
    return subscriber


def pending_lists(subscriber: Subscriber) -> list[MailingList]:
    """The lists that a confirmation would subscribe to."""
    return list(
        MailingList.objects.filter(
            subscriptions__subscriber=subscriber, subscriptions__state__in=_states_to_confirm(subscriber)
        )
    )


def confirm_signup(subscriber: Subscriber, evidence: Evidence, now: datetime) -> int:
    """Confirm the subscriptions to `pending_lists`; how many there were, 0 when it was done before."""
    with transaction.atomic():
        unsubscribe.lock([subscriber.pk])
        states = _states_to_confirm(subscriber)
        pending = subscriber.subscriptions.select_for_update().filter(state__in=states)
        lists = list(pending.values_list("mailing_list", flat=True))
        confirmed = pending.filter(mailing_list__in=lists).update(
            state=Subscription.State.CONFIRMED, confirmed_at=now, ended_at=None
        )
        if confirmed:
            consent.record(Event.CONFIRMED, [subscriber.pk], lists, evidence, now)
            _answer_reconfirmations(subscriber, lists, now)
            confirmed_signal.send(Subscription, subscriber_id=subscriber.pk, list_ids=tuple(lists))
            lift_suppression_open_to_signup(subscriber, now)
            _send_welcomes(subscriber, MailingList.objects.filter(pk__in=lists))
    return confirmed


def add_to_lists(subscriber: Subscriber, list_ids: Iterable[int], evidence: Evidence, now: datetime) -> None:
    """Subscribe to these lists, at the subscriber's own request on a page that only their link opens."""
    added = []
    values = {
        "source": evidence.channel,
        "confirmed_at": now,
        "ended_at": None,
        "state": Subscription.State.CONFIRMED,
    }
    for list_id in list_ids:
        row, created = Subscription.objects.get_or_create(
            subscriber=subscriber, mailing_list_id=list_id, defaults={**values, "created_at": now}
        )
        if created or row.state != Subscription.State.CONFIRMED:
            Subscription.objects.filter(pk=row.pk).update(**values)
            added.append(list_id)
    consent.record(Event.SUBSCRIBED, [subscriber.pk], added, evidence, now)
    if added:
        _answer_reconfirmations(subscriber, added, now)
        confirmed_signal.send(Subscription, subscriber_id=subscriber.pk, list_ids=tuple(added))


def resubscribable_lists(subscriber: Subscriber, list_ids: Collection[int]) -> set[int]:
    """Those of these lists that a button may subscribe to again: the subscriber unsubscribed themselves."""
    if is_suppressed(subscriber):
        return set()
    return unsubscribe.self_unsubscribed(subscriber.pk, list_ids)


def resubscribe_where_allowed(
    subscriber: Subscriber,
    list_ids: Collection[int],
    newsletter_id: int | None,
    evidence: Evidence,
    now: datetime,
) -> bool:
    """Subscribe to the resubscribable ones of these lists, as new consent; False when there is none."""
    with transaction.atomic():
        lists = resubscribable_lists(subscriber, list_ids)
        if not lists:
            return False
        add_to_lists(subscriber, sorted(lists), evidence, now)
        send_resubscribed_signal(subscriber, newsletter_id)
    return True


def send_resubscribed_signal(subscriber: Subscriber, newsletter_id: int | None) -> None:
    """Send the signal that the subscriber took back that they unsubscribed."""
    resubscribed.send(Subscriber, subscriber_id=subscriber.pk, newsletter_id=newsletter_id)


def _upsert(email: str, language: str, countries: Sequence[str], now: datetime) -> Subscriber:
    subscriber, created = Subscriber.objects.get_or_create(
        email=email, defaults={"language": language, "countries": tuple(countries), "created_at": now}
    )
    # Anyone may type this address: the preferences of who gets mail are changed only by their own link. Who
    # has unsubscribed gets nothing before they confirm what they choose now.
    if not created and not unsubscribe.confirmed_list_ids(subscriber.pk):
        subscriber.language, subscriber.countries = language, tuple(countries)
        subscriber.save(update_fields=["language", "countries", "updated_at"])
    return subscriber


def _auto_confirm(
    subscriber: Subscriber, list_ids: Collection[int], evidence: Evidence, now: datetime
) -> list[MailingList]:
    """Confirm at once the lists with single opt-in, unless the subscriber ever unsubscribed from any list.

    Anyone may type any address: after unsubscribing, erasure, a change of address or a reopened complaint
    only the subscriber's own link confirms.
    """
    if unsubscribe.ids_requiring_own_signup([subscriber.pk]) or is_suppressed(subscriber):
        return []
    if FormerAddress.objects.filter(address_hash=bytes(subscriber.address_hash)).exists():
        return []
    lists = MailingList.objects.filter(pk__in=list_ids, opt_in=MailingList.OptIn.SINGLE)
    rows = subscriber.subscriptions.filter(
        mailing_list__in=lists, state=Subscription.State.PENDING, ended_at__isnull=True
    )
    confirmed = list(MailingList.objects.filter(pk__in=list(rows.values_list("mailing_list", flat=True))))
    if confirmed:
        rows.update(state=Subscription.State.CONFIRMED, confirmed_at=now)
        ids = tuple(one.pk for one in confirmed)
        consent.record(Event.SUBSCRIBED, [subscriber.pk], ids, evidence, now)
        confirmed_signal.send(Subscription, subscriber_id=subscriber.pk, list_ids=ids)
    return confirmed


def _answer_reconfirmations(subscriber: Subscriber, list_ids: Collection[int], now: datetime) -> None:
    """Who subscribes again has answered whether they still want the list."""
    unanswered = ReconfirmationRequest.objects.filter(subscriber=subscriber, confirmed_at__isnull=True)
    unanswered.filter(campaign__mailing_list__in=list_ids).update(confirmed_at=now)


def _send_welcomes(subscriber: Subscriber, lists: Iterable[MailingList]) -> int:
    """Send the welcome email of each list that has one; how many were sent."""
    if is_suppressed(subscriber):
        return 0
    return sum([transactional_emails.send_welcome(subscriber, one) for one in lists])


def _states_to_confirm(subscriber: Subscriber) -> tuple[str, ...]:
    """States of subscriptions that wait for a confirmation.

    An import may have suppressed the address of a confirmed subscriber, who gets nothing until they confirm.
    """
    pending, confirmed = Subscription.State.PENDING, Subscription.State.CONFIRMED
    return (pending, confirmed) if is_open_to_signup(subscriber) else (pending,)


def _has_pending(subscriber: Subscriber, list_ids: Collection[int]) -> bool:
    """Whether any of these lists still needs a confirmation."""
    rows = subscriber.subscriptions.filter(mailing_list__in=list_ids)
    return rows.exclude(state=Subscription.State.CONFIRMED).exists()


def _mark_pending(subscriber: Subscriber, list_ids: Collection[int], now: datetime) -> None:
    """Create or reset the subscriptions that are not confirmed as pending."""
    known = {row.mailing_list_id: row for row in subscriber.subscriptions.filter(mailing_list__in=list_ids)}
    Subscription.objects.bulk_create(
        Subscription(subscriber=subscriber, mailing_list_id=list_id, source="form", created_at=now)
        for list_id in list_ids
        if list_id not in known
    )
    # `ended_at` stays until the confirmation: an import must still see that they once unsubscribed.
    subscriber.subscriptions.filter(mailing_list__in=list_ids, state=Subscription.State.UNSUBSCRIBED).update(
        state=Subscription.State.PENDING, source="form", created_at=now
    )


def _claim_daily_email(subscriber: Subscriber, now: datetime) -> bool:
    """Claim the one email of the day to this address."""
    allowed = Q(signup_email_at__isnull=True) | Q(signup_email_at__lte=now - EMAIL_INTERVAL)
    return bool(Subscriber.objects.filter(allowed, pk=subscriber.pk).update(signup_email_at=now))
