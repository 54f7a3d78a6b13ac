"""Joining by the form: a request becomes a pending subscription and a letter whose link confirms it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from django.db import transaction
from django.db.models import Q

from subscribers import emails, tokens, unsubscribe
from subscribers.consent import evidence
from subscribers.consent.evidence import Act, Word
from subscribers.models import FormerAddress, MailingList, Subscriber, Subscription
from subscribers.subscribe import signup_abuse
from subscribers.suppression.suppression import is_suppressed, lift_reopened, may_join

# How long a link in a letter confirms.
VALID_FOR = timedelta(days=7)
# At most one letter to an address in this time.
LETTER_EVERY = timedelta(hours=24)

Outcome = Literal["answered", "question", "busy"]


class LinkExpired(ValueError):  # noqa: N818  (a verdict on a link, in the reader's words)
    """The confirmation link is older than it may be."""


def ask(
    email: str,
    list_ids: Collection[int],
    language: str,
    countries: Sequence[str],
    word: Word,
    now: datetime,
    *,
    answered: bool = False,
) -> Outcome:
    """Note that somebody asked for these lists at a normalised address, and write to it where that is right.

    "answered" says nothing about whether the address was known, confirmed or suppressed; "question" and
    "busy" noted nothing. `answered`: whether a question that only people can answer was.
    """
    with transaction.atomic():
        # Asked before the address is looked up: the answer is the same for known and unknown ones.
        verdict = signup_abuse.judge(email, word.network, answered, now)
        if verdict != "go":
            return verdict
        if not may_join(email):
            return "answered"
        subscriber = _noted(email, language, countries, now)
        unsubscribe.hold([subscriber.pk])
        _pend(subscriber, list_ids, now)
        evidence.record(Act.ASKED, [subscriber.pk], list_ids, word, now)
        admitted = _admit(subscriber, list_ids, word, now)
        waiting = _waiting(subscriber, list_ids)
        if _may_write(subscriber, now) and signup_abuse.may_write(email, now):
            if waiting:
                lists = MailingList.objects.filter(pk__in=list_ids)
                emails.ask_to_confirm(subscriber, confirm_token(subscriber, now), lists)
            elif not _welcomed(subscriber, admitted):
                emails.say_already_in(subscriber)
    return "answered"


def confirm_token(subscriber: Subscriber, now: datetime) -> str:
    """A token for /confirm/, valid from `now` for VALID_FOR."""
    return tokens.make_dated("confirm", subscriber.pk, now)


def read_token(token: str, now: datetime) -> Subscriber:
    """Whom a confirmation link is about; raises InvalidToken or LinkExpired."""
    claim = tokens.read("confirm", token)
    if not claim.is_fresh(VALID_FOR, now):
        raise LinkExpired("the link is older than seven days")
    subscriber = Subscriber.objects.filter(pk=claim.subscriber).first()
    if subscriber is None:
        raise tokens.InvalidToken("nobody of ours")
    return subscriber


def waiting_lists(subscriber: Subscriber) -> list[MailingList]:
    """The lists that a confirmation would join."""
    return list(
        MailingList.objects.filter(
            subscriptions__subscriber=subscriber, subscriptions__state=Subscription.State.PENDING
        )
    )


def confirm(subscriber: Subscriber, word: Word, now: datetime) -> int:
    """Confirm what waits, and return how many subscriptions that were; 0 when it was done before."""
    with transaction.atomic():
        waiting = subscriber.subscriptions.select_for_update().filter(state=Subscription.State.PENDING)
        lists = list(waiting.values_list("mailing_list", flat=True))
        confirmed = waiting.filter(mailing_list__in=lists).update(
            state=Subscription.State.CONFIRMED, confirmed_at=now, ended_at=None
        )
        if confirmed:
            evidence.record(Act.CONFIRMED, [subscriber.pk], lists, word, now)
            lift_reopened(subscriber, now)
            _welcomed(subscriber, MailingList.objects.filter(pk__in=lists))
    return confirmed


def join(subscriber: Subscriber, list_ids: Iterable[int], word: Word, now: datetime) -> None:
    """Put the person on these lists at their own word, given on a page that only their link opens."""
    joined = []
    fresh = {"source": word.how, "confirmed_at": now, "ended_at": None, "state": Subscription.State.CONFIRMED}
    for list_id in list_ids:
        row, made = Subscription.objects.get_or_create(
            subscriber=subscriber, mailing_list_id=list_id, defaults={**fresh, "created_at": now}
        )
        if made or row.state != Subscription.State.CONFIRMED:
            Subscription.objects.filter(pk=row.pk).update(**fresh)
            joined.append(list_id)
    evidence.record(Act.JOINED, [subscriber.pk], joined, word, now)


def _noted(email: str, language: str, countries: Sequence[str], now: datetime) -> Subscriber:
    subscriber, made = Subscriber.objects.get_or_create(
        email=email, defaults={"language": language, "countries": tuple(countries), "created_at": now}
    )
    confirmed = Q(state=Subscription.State.CONFIRMED) | Q(confirmed_at__isnull=False)
    # Anybody may type this address: what a reader once confirmed is changed by that reader's own link alone.
    if not made and not subscriber.subscriptions.filter(confirmed).exists():
        subscriber.language, subscriber.countries = language, tuple(countries)
        subscriber.save(update_fields=["language", "countries", "updated_at"])
    return subscriber


def _admit(subscriber: Subscriber, list_ids: Collection[int], word: Word, now: datetime) -> list[MailingList]:
    """Put them at once on those lists that ask for no confirmation, unless they ever left any list.

    Anybody may type any address: whoever left, was erased, has another address now, or may come back after a
    complaint does so by their own link alone.
    """
    if unsubscribe.left_anything([subscriber.pk]) or is_suppressed(subscriber):
        return []
    if FormerAddress.objects.filter(address_hash=bytes(subscriber.address_hash)).exists():
        return []
    lists = MailingList.objects.filter(pk__in=list_ids, opt_in=MailingList.OptIn.SINGLE)
    rows = subscriber.subscriptions.filter(
        mailing_list__in=lists, state=Subscription.State.PENDING, ended_at__isnull=True
    )
    admitted = list(MailingList.objects.filter(pk__in=list(rows.values_list("mailing_list", flat=True))))
    if admitted:
        rows.update(state=Subscription.State.CONFIRMED, confirmed_at=now)
        evidence.record(Act.JOINED, [subscriber.pk], [one.pk for one in admitted], word, now)
    return admitted


def _welcomed(subscriber: Subscriber, lists: Iterable[MailingList]) -> int:
    """Send the welcome of each list that has one; how many have."""
    if is_suppressed(subscriber):
        return 0
    return sum([emails.welcome(subscriber, one) for one in lists])


def _waiting(subscriber: Subscriber, list_ids: Collection[int]) -> bool:
    """Whether any of these waits for a confirmation."""
    rows = subscriber.subscriptions.filter(mailing_list__in=list_ids)
    return rows.exclude(state=Subscription.State.CONFIRMED).exists()


def _pend(subscriber: Subscriber, list_ids: Collection[int], now: datetime) -> None:
    """Make the subscriptions that are not confirmed wait for it."""
    known = {row.mailing_list_id: row for row in subscriber.subscriptions.filter(mailing_list__in=list_ids)}
    Subscription.objects.bulk_create(
        Subscription(subscriber=subscriber, mailing_list_id=list_id, source="form", created_at=now)
        for list_id in list_ids
        if list_id not in known
    )
    # `ended_at` stays until the person confirms: an import must still see that they once left.
    subscriber.subscriptions.filter(mailing_list__in=list_ids, state=Subscription.State.UNSUBSCRIBED).update(
        state=Subscription.State.PENDING, source="form", created_at=now
    )


def _may_write(subscriber: Subscriber, now: datetime) -> bool:
    """Claim the one letter of the day to this address."""
    rested = Q(letter_at__isnull=True) | Q(letter_at__lte=now - LETTER_EVERY)
    return bool(Subscriber.objects.filter(rested, pk=subscriber.pk).update(letter_at=now))
