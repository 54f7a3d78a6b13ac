"""Another address for a reader: confirmed by a letter to the new one, and told of at the old one.

What the page says never depends on whether the new address is known here, or stopped. A stopped address stays
so. Where the new address belongs to a reader already, the two become one (see merging): whoever opens the
letter reads both mailboxes, or at least both are theirs to read.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from django.db import transaction
from django.db.models import Q

from subscribers import emails, merge, rate_limit, tokens, unsubscribe
from subscribers.consent import evidence
from subscribers.consent.evidence import Act, Word
from subscribers.models import AddressChange, MailingList, Subscriber, Subscription
from subscribers.rate_limit import Limit
from subscribers.responses import masked
from subscribers.subscribe import signup_abuse, subscribe
from subscribers.suppression import suppression

# How long the link to the new address works, and the one that says “this was not me”.
CONFIRM_FOR = timedelta(days=3)
DISOWN_FOR = timedelta(days=30)
# So often may one reader ask in a day, and so often may all readers of a network in an hour.
_A_DAY, _A_NETWORK_AN_HOUR = 3, 20

# asked: letters are on their way; busy: too often; closed: not by a link, at the moment.
Outcome = Literal["asked", "busy", "closed"]


class LinkOver(ValueError):  # noqa: N818  (a verdict on a link, in the reader's words)
    """The link was used, was taken back, or is too old."""


def is_open(person: Subscriber, now: datetime) -> bool:
    """Whether the reader's address can be changed by a link of theirs."""
    stopped = suppression.in_force(person)
    if stopped is not None and stopped.reason in merge.PERSONAL:
        return False
    recently = now - DISOWN_FOR
    return not person.address_changes.filter(disowned_at__gt=recently).exists()


def ask(person: Subscriber, new: str, word: Word, now: datetime) -> Outcome:
    """Note that the reader wants another (normalised) address, and write to both."""
    with transaction.atomic():
        if not is_open(person, now):
            return "closed"
        wanted = [Limit(f"move {person.pk}", _A_DAY, timedelta(days=1))]
        if word.network:
            wanted.append(Limit(f"moves {word.network}", _A_NETWORK_AN_HOUR, timedelta(hours=1)))
        if rate_limit.take(wanted, now) is not None:
            return "busy"
        # Only the latest wish counts.
        person.address_changes.filter(confirmed_at__isnull=True, disowned_at__isnull=True).delete()
        change = AddressChange.objects.create(
            subscriber=person, old_email=person.email, new_email=new, asked_at=now
        )
        if signup_abuse.may_write(new, now) and not suppression.is_suppressed(new):
            emails.ask_to_confirm_address(person, new, tokens.make_dated("change_address", change.pk, now))
        if not suppression.is_suppressed(person):
            emails.tell_of_new_address(
                person, masked(new), tokens.make_dated("reject_change", change.pk, now)
            )
    return "asked"


def read_confirmation(token: str, now: datetime) -> AddressChange:
    """The change that the link in the letter to the new address confirms; raises InvalidToken or LinkOver."""
    change = _change("change_address", token, CONFIRM_FOR, now)
    person = change.subscriber
    undone = change.confirmed_at is not None or change.disowned_at is not None
    if undone or person.email != change.old_email or not is_open(person, now):
        raise LinkOver("used, taken back, or overtaken")
    if suppression.is_suppressed(change.new_email):
        raise LinkOver("the new address is stopped")
    return change


def lists_after(change: AddressChange) -> list[MailingList]:
    """What comes to the new address once it is confirmed."""
    person = change.subscriber
    other = Subscriber.objects.filter(email=change.new_email).first()
    confirmed = Q(subscriber=person, state=Subscription.State.CONFIRMED)
    if other is not None:
        left = person.subscriptions.exclude(state=Subscription.State.CONFIRMED).exclude(ended_at=None)
        theirs = other.subscriptions.filter(state=Subscription.State.CONFIRMED)
        kept = theirs.exclude(mailing_list__in=left.values("mailing_list"))
        confirmed |= Q(pk__in=kept.values("pk"))
    found = Subscription.objects.filter(confirmed).values("mailing_list")
    return list(MailingList.objects.filter(pk__in=found))


def confirm(token: str, word: Word, now: datetime) -> Subscriber:
    """Change the address, at the word of whoever reads the new one; raises InvalidToken or LinkOver."""
    with transaction.atomic():
        change = read_confirmation(token, now)
        person = Subscriber.objects.select_for_update().get(pk=change.subscriber_id)
        # Conditional: whoever comes second finds it done.
        waits = AddressChange.objects.filter(pk=change.pk, confirmed_at=None, disowned_at=None)
        if not waits.update(confirmed_at=now):
            raise LinkOver("used")
        own = list(unsubscribe.confirmed(person.pk))
        other = Subscriber.objects.filter(email=change.new_email).first()
        if other is not None:
            merge.merge(person, other, now)
        old = bytes(person.address_hash)
        _put(person, change.new_email)
        merge.moved(person, old, now)
        source = f"from {masked(change.old_email)} to {masked(change.new_email)}"
        evidence.record(Act.MOVED, [person.pk], [None], replace(word, source=source), now)
        # The letter named these lists: also those that the other had left are wished for now.
        subscribe.join(person, own, word, now)
    return person


def read_disowning(token: str, now: datetime) -> AddressChange:
    """The change that the link in the notice to the old address is about; raises InvalidToken or LinkOver."""
    return _change("reject_change", token, DISOWN_FOR, now)


def disown(change: AddressChange, word: Word, now: datetime) -> None:
    """“This was not me”: the address before is put back, and no link changes it for a while.

    Repeating it changes nothing. Where two became one they stay so.
    """
    with transaction.atomic():
        changes = AddressChange.objects.filter(pk=change.pk, disowned_at__isnull=True)
        if not changes.update(disowned_at=now):
            return
        person = Subscriber.objects.select_for_update().get(pk=change.subscriber_id)
        AddressChange.objects.filter(subscriber=person, asked_at__gt=change.asked_at).update(disowned_at=now)
        taken = Subscriber.objects.filter(email=change.old_email).exclude(pk=person.pk).exists()
        if change.confirmed_at is None or person.email == change.old_email or taken:
            return
        other = bytes(person.address_hash)
        _put(person, change.old_email)
        merge.moved(person, other, now, own=False)
        evidence.record(Act.MOVED, [person.pk], [None], replace(word, source="back: it was not them"), now)


def _put(person: Subscriber, address: str) -> None:
    person.email = address
    person.save(update_fields=["email", "address_hash", "updated_at"])


def _change(purpose: tokens.PagePurpose, token: str, valid: timedelta, now: datetime) -> AddressChange:
    claim = tokens.read(purpose, token)
    if not claim.is_fresh(valid, now):
        raise LinkOver("too old")
    change = AddressChange.objects.select_related("subscriber").filter(pk=claim.subscriber).first()
    if change is None:
        raise LinkOver("overtaken by a later wish, or the person is gone")
    return change
