"""Puts readings into effect, in one transaction: events, marks, departures, and then the verdicts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from mailer.delivery.models import Delivery
from mailer.delivery.throttle.providers import provider_of
from mailer.feedback.decisions import evaluate, probes
from mailer.feedback.models import FeedbackEvent, Verdict
from mailer.feedback.parsing.records import Origin, Reading, Recipient
from subscribers import merge, suppression, unsubscribe
from subscribers.addresses import address_hash
from subscribers.consent import Channel, Evidence
from subscribers.models import Subscriber

Class = FeedbackEvent.Class
# Where a token tells whom it is about, and nothing else does.
_NAMELESS = {
    "bounce": Recipient("", bounce_class=Class.UNKNOWN, reason="unknown"),
    "complaint": Recipient("", action="complained"),
}
_KINDS = {"bounce": FeedbackEvent.Kind.BOUNCE, "complaint": FeedbackEvent.Kind.COMPLAINT}


@dataclass(frozen=True)
class _About:
    """Whom a reading is about, as far as that is known."""

    recipient: Recipient
    subscriber: Subscriber | None = None
    # The reader's number outlives the person.
    number: int | None = None
    delivery: Delivery | None = None
    # Number of the verdict whose probe it answers.
    probe: int | None = None

    @property
    def newsletter(self) -> int | None:
        return self.delivery.mailing.edition.newsletter_id if self.delivery else None

    @property
    def provider(self) -> str:
        own = self.subscriber.email if self.subscriber else ""
        names = (own, self.recipient.alias, self.recipient.address)
        return next((provider_of(name)[:255] for name in names if "@" in name), "")


def apply(reading: Reading, origin: Origin, now: datetime) -> None:
    """Record what the reading says and do what policy makes of it; kinds that mean nothing do nothing.

    The one way in for whatever came back, by mail, by a service or in a session. The same origin a second
    time changes nothing, and neither does the order in which readings arrive.
    """
    apply_all([(reading, origin)], now)


@transaction.atomic
def apply_all(readings: Collection[tuple[Reading, Origin]], now: datetime) -> None:
    """`apply` for many readings at once, which costs far less than one after another."""
    for reading, _ in readings:
        if reading.kind == "unsubscribe":
            _leave(reading, now)
    telling = [(reading, origin) for reading, origin in readings if reading.kind in _KINDS]
    if not telling:
        return
    deliveries = _deliveries(reading for reading, _ in telling)
    people = merge.resolve_many(delivery.subscriber for delivery in deliveries.values())
    moves = merge.AddressHistory(people.values())
    found = [
        (_event(reading, about, moves, origin, place), about)
        for reading, origin in telling
        for place, about in enumerate(_everybody(reading, deliveries, people))
    ]
    known = FeedbackEvent.objects.filter(origin__in=[event.origin for event, _ in found])
    before = set(known.values_list("origin", flat=True))
    new = [(event, about) for event, about in found if event.origin not in before]
    # Whoever writes the same at the same moment does the same with it.
    FeedbackEvent.objects.bulk_create((event for event, _ in new), ignore_conflicts=True)
    for event, about in new:
        _mark(event, about)
    # A block tells about us, not about the address that was asked.
    probes.came_back(
        {
            about.probe: str(event.origin)
            for event, about in new
            if about.probe is not None and event.bounce_class not in ("", Class.BLOCK)
        },
        now,
    )
    evaluate.judge({event.subscriber for event, _ in new if event.subscriber is not None}, now)


def _deliveries(readings: Iterable[Reading]) -> dict[int, Delivery]:
    wanted = {reading.delivery for reading in readings if reading.delivery is not None}
    return Delivery.objects.select_related("mailing__edition").in_bulk(wanted)


def _everybody(
    reading: Reading, deliveries: Mapping[int, Delivery], people: Mapping[int, Subscriber]
) -> list[_About]:
    """Everyone that the reading is about: with proof exactly one reader, without it whoever is named."""
    told = [recipient for recipient in reading.recipients if recipient.action in ("failed", "complained")]
    first = told[0] if told else _NAMELESS[reading.kind]
    if reading.probe is not None:
        return _probed(reading.probe, first)
    delivery = deliveries.get(reading.delivery) if reading.delivery is not None else None
    if delivery is None:
        return [_by_address(recipient, reading.kind) for recipient in told]
    if delivery.mailing.dry_run_to:
        # What a colleague's address answers says nothing about the reader.
        return [_About(first, delivery=delivery)]
    person = people.get(delivery.subscriber)
    # One recipient per copy: others in the report are where it was forwarded to.
    email = person.email if person else ""
    own = next((one for one in told if email and email in (one.address, one.alias)), first)
    return [_About(own, person, person.pk if person else delivery.subscriber, delivery)]


def _probed(probe: int, recipient: Recipient) -> list[_About]:
    number = _asked(probe)
    person = None if number is None else Subscriber.objects.filter(pk=number).first()
    return [_About(recipient, person, number, probe=probe)]


def _asked(probe: int) -> int | None:
    """Number of the subscriber to whom a probe went."""
    return Verdict.objects.filter(pk=probe).values_list("subscriber", flat=True).first()


def _by_address(recipient: Recipient, kind: str) -> _About:
    names = [suppression.normalise_or_lower(name) for name in (recipient.alias, recipient.address) if name]
    found = {person.email: person for person in Subscriber.objects.filter(email__in=names)}
    person = next((found[name] for name in names if name in found), None)
    if person is None and kind == "complaint":
        # About the person, also where it names an address that they had before.
        hashes = [address_hash(name) for name in names]
        person = Subscriber.objects.filter(
            former_addresses__address_hash__in=hashes, former_addresses__is_own=True
        ).first()
    return _About(recipient, person, person.pk if person else None)


def _event(
    reading: Reading, about: _About, moves: merge.AddressHistory, origin: Origin, place: int
) -> FeedbackEvent:
    recipient = about.recipient
    return FeedbackEvent(
        kind=_KINDS[reading.kind],
        bounce_class=recipient.bounce_class,
        reason=recipient.reason[:40] or reading.feedback_type[:40],
        status=recipient.status[:12],
        diagnostic=recipient.diagnostic,
        rule=recipient.rule[:120],
        identity=_identity(reading, about),
        delivery=about.delivery,
        mailing=about.delivery.mailing if about.delivery else None,
        provider=about.provider,
        subscriber=about.number,
        address_hash=_address_of(reading, about, moves),
        newsletter=about.newsletter,
        message_id=origin.message,
        at=origin.at,
        origin=f"{origin.key[:120]} {place}",
    )


def _address_of(reading: Reading, about: _About, moves: merge.AddressHistory) -> bytes | None:
    """Hash of the address that it is about. A complaint is the person's, wherever the copy went."""
    if about.subscriber is None:
        return None
    left = about.delivery.accepted_at if about.delivery is not None else None
    if reading.kind == "complaint" or left is None:
        return bytes(about.subscriber.address_hash)
    return moves.address_at(about.subscriber, left)


def _identity(reading: Reading, about: _About) -> str:
    """How the reader was found. A service or a person says whom it is about; other proofs are tokens."""
    if about.delivery is not None or reading.probe is not None:
        return reading.identity
    if about.number is None:
        return ""
    return reading.identity if reading.identity in ("service", "person") else "recipient"


def _mark(event: FeedbackEvent, about: _About) -> None:
    """Mark the delivery with the first time it happened, in whatever order that is told.

    For one in doubt the mark is evidence; one in another state stays as it is.
    """
    if about.delivery is None:
        return
    column = "complained_at" if event.kind == FeedbackEvent.Kind.COMPLAINT else "bounced_at"
    left = Delivery.objects.filter(
        pk=about.delivery.pk, state__in=[Delivery.State.ACCEPTED, Delivery.State.IN_DOUBT]
    )
    later = Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__gt": event.at})
    left.filter(later).update(**{column: event.at})


def _leave(reading: Reading, now: datetime) -> None:
    """End the subscriptions that the writer of a leave mail reaches the newsletter by."""
    if reading.departure is not None:
        subscriber, newsletter = reading.departure
    elif reading.probe is not None:
        # It was about no newsletter.
        if (number := _asked(reading.probe)) is not None:
            unsubscribe.unsubscribe_all(number, None, Evidence(Channel.EMAIL), now)
        return
    else:
        delivery = _deliveries([reading]).get(reading.delivery or 0)
        if delivery is None or delivery.mailing.dry_run_to:
            return
        subscriber, newsletter = delivery.subscriber, delivery.mailing.edition.newsletter_id
    person = merge.resolve(subscriber)
    if person is not None:
        unsubscribe.unsubscribe(
            person.pk, unsubscribe.newsletter_list_ids(newsletter), newsletter, Evidence(Channel.EMAIL), now
        )
