"""Applies returned mail in one transaction: events, states of deliveries, unsubscribes, then decisions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from mailer.delivery.models import Delivery
from mailer.delivery.throttle.mailbox_providers import provider_of
from mailer.feedback.decisions import evaluate_and_probe
from mailer.feedback.models import FeedbackEvent, SuppressionDecision
from mailer.feedback.parsing.classify_bounce_reasons import (
    Classification,
    classification_for,
    reply_fingerprint,
)
from mailer.feedback.parsing.parsed_message import EventSource, ParsedReturnedMessage, Recipient
from mailer.feedback.signals import events_recorded
from subscribers import former_addresses_and_merged_ids, suppression, unsubscribe
from subscribers.addresses import address_hash
from subscribers.consent import Channel, Evidence
from subscribers.models import Subscriber, Suppression

Class = FeedbackEvent.Class
# The recipient where a token identifies the delivery, and the message names none.
_UNNAMED = {
    "bounce": Recipient("", classification=Classification("unknown", Class.UNKNOWN, "", "")),
    "complaint": Recipient("", action="complained"),
}
_KINDS = {"bounce": FeedbackEvent.Kind.BOUNCE, "complaint": FeedbackEvent.Kind.COMPLAINT}


@dataclass(frozen=True)
class Subject:
    """Whom a parsed return is about, as far as that is known."""

    recipient: Recipient
    subscriber: Subscriber | None = None
    # The subscriber's id; it is known also after they were erased.
    subscriber_id: int | None = None
    delivery: Delivery | None = None
    # Id of the suppression decision whose probe it answers.
    probe: int | None = None

    @property
    def newsletter(self) -> int | None:
        return self.delivery.mailing.edition.newsletter_id if self.delivery else None

    @property
    def provider(self) -> str:
        """The mailbox provider of the subscriber's address, else of an address that the return names."""
        own = self.subscriber.email if self.subscriber else ""
        addresses = (own, self.recipient.alias, self.recipient.address)
        return next((provider_of(address)[:255] for address in addresses if "@" in address), "")


def apply_one(parsed: ParsedReturnedMessage, source: EventSource, now: datetime) -> None:
    """Record what the return says and do what policy decides; kinds without effect do nothing.

    Everything arrives here: returned mail, services' events and refusals in our own sessions. The same source
    a second time changes nothing, and the order of arrival makes no difference.
    """
    apply_all([(parsed, source)], now)


@transaction.atomic
def apply_all(messages: Collection[tuple[ParsedReturnedMessage, EventSource]], now: datetime) -> None:
    """`apply_one` for many messages at once, which costs far less than one after another."""
    for parsed, source in messages:
        if parsed.kind == "unsubscribe":
            _unsubscribe(parsed, source, now)
    recorded = [(parsed, source) for parsed, source in messages if parsed.kind in _KINDS]
    if not recorded:
        return
    new = _record_events(recorded)
    for event, subject in new:
        _mark_delivery(event, subject)
    # A block is about us, not about the address that was probed.
    evaluate_and_probe.apply_probe_bounces(
        {
            subject.probe: str(event.source_key)
            for event, subject in new
            if subject.probe is not None and event.bounce_class not in ("", Class.BLOCK)
        },
        now,
    )
    evaluate_and_probe.evaluate_and_apply(
        {event.subscriber for event, _ in new if event.subscriber is not None}, now
    )


def _record_events(
    messages: Collection[tuple[ParsedReturnedMessage, EventSource]],
) -> list[tuple[FeedbackEvent, Subject]]:
    """Store an event for each subject; returns those that were not known before."""
    deliveries = _deliveries(parsed for parsed, _ in messages)
    people = former_addresses_and_merged_ids.surviving_subscribers(
        delivery.subscriber for delivery in deliveries.values()
    )
    history = former_addresses_and_merged_ids.AddressHistory(people.values())
    found = [
        (_event(parsed, subject, history, source, place), subject)
        for parsed, source in messages
        for place, subject in enumerate(_resolve_recipients(parsed, deliveries, people))
    ]
    _remove_replies_about_erased(found)
    known = FeedbackEvent.objects.filter(source_key__in=[event.source_key for event, _ in found])
    before = set(known.values_list("source_key", flat=True))
    new = [(event, subject) for event, subject in found if event.source_key not in before]
    # A worker that stores the same event at the same moment does the same with it.
    FeedbackEvent.objects.bulk_create((event for event, _ in new), ignore_conflicts=True)
    if new:
        events_recorded.send(FeedbackEvent, events=[event for event, _ in new])
    return new


def _remove_replies_about_erased(found: Collection[tuple[FeedbackEvent, Subject]]) -> None:
    """Remove servers' replies, which may name the address: a bounce may come days after the erasure."""
    unknown = [(event, subject) for event, subject in found if subject.subscriber is None]
    erased_hashes = _erased_hashes([subject.recipient for _, subject in unknown])
    for event, subject in unknown:
        if subject.subscriber_id is not None or erased_hashes & _hashes(subject.recipient):
            event.diagnostic = ""
    gone = [subject for _, subject in unknown if subject.subscriber_id is not None]
    deliveries = [subject.delivery.pk for subject in gone if subject.delivery is not None]
    if deliveries:
        Delivery.objects.filter(pk__in=deliveries).exclude(reply="").update(reply="")


def _erased_hashes(recipients: Iterable[Recipient]) -> set[bytes]:
    """Hashes of those of these addresses that were erased."""
    hashes = {one for recipient in recipients for one in _hashes(recipient)}
    erased = Suppression.objects.filter(
        address_hash__in=hashes, reason=Suppression.Reason.ERASED, lifted_at__isnull=True
    )
    return {bytes(one) for one in erased.values_list("address_hash", flat=True)} if hashes else set()


def _hashes(recipient: Recipient) -> set[bytes]:
    return {address_hash(address) for address in _normalised_addresses(recipient)}


def _normalised_addresses(recipient: Recipient) -> list[str]:
    return [
        suppression.normalise_or_lower(address) for address in (recipient.alias, recipient.address) if address
    ]


def _deliveries(messages: Iterable[ParsedReturnedMessage]) -> dict[int, Delivery]:
    wanted = {parsed.delivery for parsed in messages if parsed.delivery is not None}
    return Delivery.objects.select_related("mailing__edition").in_bulk(wanted)


def _resolve_recipients(
    parsed: ParsedReturnedMessage, deliveries: Mapping[int, Delivery], people: Mapping[int, Subscriber]
) -> list[Subject]:
    """Everyone whom the return is about: with a token one subscriber, without it each that is named."""
    named = [recipient for recipient in parsed.recipients if recipient.action in ("failed", "complained")]
    first = named[0] if named else _UNNAMED[parsed.kind]
    if parsed.probe is not None:
        return [_probed_subject(parsed.probe, first)]
    delivery = deliveries.get(parsed.delivery) if parsed.delivery is not None else None
    if delivery is None:
        return [_subject_by_address(recipient, parsed.kind) for recipient in named]
    if delivery.mailing.dry_run_to:
        # A dry run went to a colleague, whose address says nothing about the subscriber.
        return [Subject(first, delivery=delivery)]
    person = people.get(delivery.subscriber)
    # A delivery has one recipient: others in the report are addresses to which it was forwarded.
    email = person.email if person else ""
    own = next((one for one in named if email and email in (one.address, one.alias)), first)
    pk = person.pk if person else delivery.subscriber
    return [Subject(_softer_for_another_mailbox(own, email), person, pk, delivery)]


def _softer_for_another_mailbox(recipient: Recipient, email: str) -> Recipient:
    """The recipient with a soft bounce instead of a hard one where the message says that another mailbox
    failed, behind the subscriber's address: a member of its group, or where it is forwarded to. Others may
    get the mail.
    """
    found = recipient.classification
    is_behind = email == recipient.alias != "" and _mailbox_name(recipient.address) != _mailbox_name(email)
    if found.bounce_class != Class.HARD or not is_behind:
        return recipient
    softer = classification_for("unconfirmed_user", found.status, found.rule)
    return replace(recipient, classification=softer)


def _mailbox_name(address: str) -> str:
    """The local part without a tag: servers within an organisation have domains of their own."""
    return address.lower().rpartition("@")[0].partition("+")[0]


def _probed_subject(probe: int, recipient: Recipient) -> Subject:
    pk = _probed_subscriber(probe)
    person = None if pk is None else Subscriber.objects.filter(pk=pk).first()
    email = person.email if person else ""
    return Subject(_softer_for_another_mailbox(recipient, email), person, pk, probe=probe)


def _probed_subscriber(probe: int) -> int | None:
    """Id of the subscriber to whom a probe was sent."""
    return SuppressionDecision.objects.filter(pk=probe).values_list("subscriber", flat=True).first()


def _subject_by_address(recipient: Recipient, kind: str) -> Subject:
    addresses = _normalised_addresses(recipient)
    found = {person.email: person for person in Subscriber.objects.filter(email__in=addresses)}
    person = next((found[address] for address in addresses if address in found), None)
    if person is None and kind == "complaint":
        # A complaint is about the person, also where it names an address that they had before.
        hashes = [address_hash(address) for address in addresses]
        person = Subscriber.objects.filter(
            former_addresses__address_hash__in=hashes, former_addresses__is_own=True
        ).first()
    if person is None:
        return Subject(recipient)
    return Subject(_softer_for_another_mailbox(recipient, person.email), person, person.pk)


def _event(
    parsed: ParsedReturnedMessage,
    subject: Subject,
    history: former_addresses_and_merged_ids.AddressHistory,
    source: EventSource,
    place: int,
) -> FeedbackEvent:
    recipient, classification = subject.recipient, subject.recipient.classification
    return FeedbackEvent(
        kind=_KINDS[parsed.kind],
        bounce_class=classification.bounce_class,
        reason=classification.reason[:40] or parsed.feedback_type[:40],
        status=classification.status[:12],
        diagnostic=recipient.diagnostic,
        rule=classification.rule[:120],
        identity=_identity(parsed, subject),
        delivery=subject.delivery,
        mailing=subject.delivery.mailing if subject.delivery else None,
        provider=subject.provider,
        subscriber=subject.subscriber_id,
        address_hash=_hash_of_address(parsed, subject, history),
        reply_fingerprint=_reply_fingerprint(parsed, subject),
        newsletter=subject.newsletter,
        message_id=source.message,
        at=source.at,
        source_key=f"{source.key[:120]} {place}",
    )


def _reply_fingerprint(parsed: ParsedReturnedMessage, subject: Subject) -> str:
    """What the reply has in common with the same reply about others; "" where no server replied."""
    if parsed.kind != "bounce" or parsed.identity == "person":
        return ""
    recipient = subject.recipient
    own = subject.subscriber.email if subject.subscriber else ""
    addresses = (recipient.address, recipient.alias, own)
    return reply_fingerprint(recipient.diagnostic, addresses, recipient.classification)


def _hash_of_address(
    parsed: ParsedReturnedMessage, subject: Subject, history: former_addresses_and_merged_ids.AddressHistory
) -> bytes | None:
    """Hash of the address that the event is about. A complaint is about the person, whatever address they
    had.
    """
    if subject.subscriber is None:
        return None
    accepted_at = subject.delivery.accepted_at if subject.delivery is not None else None
    if parsed.kind == "complaint" or accepted_at is None:
        return bytes(subject.subscriber.address_hash)
    return history.address_at(subject.subscriber, accepted_at)


def _identity(parsed: ParsedReturnedMessage, subject: Subject) -> str:
    """How the subscriber was identified: by a token, by a service or a colleague who names them, or by an
    address.
    """
    if subject.delivery is not None or parsed.probe is not None:
        return parsed.identity
    if subject.subscriber_id is None:
        return ""
    return parsed.identity if parsed.identity in ("service", "person") else "recipient"


def _mark_delivery(event: FeedbackEvent, subject: Subject) -> None:
    """Mark the delivery with the first time it happened, in whatever order that becomes known.

    For a delivery in doubt the mark is evidence; one in another state is not changed.
    """
    if subject.delivery is None:
        return
    column = "complained_at" if event.kind == FeedbackEvent.Kind.COMPLAINT else "bounced_at"
    sent = Delivery.objects.filter(
        pk=subject.delivery.pk, state__in=[Delivery.State.ACCEPTED, Delivery.State.IN_DOUBT]
    )
    later = Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__gt": event.at})
    sent.filter(later).update(**{column: event.at})


def _consent_evidence(parsed: ParsedReturnedMessage, source: EventSource) -> Evidence:
    """How an unsubscribe reached us: by mail, or as an event of a service, which is named."""
    if parsed.identity == "service":
        return Evidence(Channel.ESP, source=source.key.partition(" ")[0])
    return Evidence(Channel.EMAIL)


def _unsubscribe(parsed: ParsedReturnedMessage, source: EventSource, now: datetime) -> None:
    """End the subscriptions through which the sender of an unsubscribe message gets the newsletter.

    A service may report it late: then subscriptions that were confirmed since stay.
    """
    evidence = _consent_evidence(parsed, source)
    if parsed.unsubscribe_request is not None:
        request = parsed.unsubscribe_request
        if (person := former_addresses_and_merged_ids.surviving_subscriber(request.subscriber)) is not None:
            unsubscribe.unsubscribe(person.pk, request.list_ids, request.newsletter, evidence, now)
        return
    if parsed.unsubscribe_address is not None:
        subscriber, newsletter = parsed.unsubscribe_address
    elif parsed.probe is not None:
        # A probe is about no newsletter.
        if (pk := _probed_subscriber(parsed.probe)) is not None:
            unsubscribe.unsubscribe_all(pk, None, evidence, now)
        return
    else:
        delivery = _deliveries([parsed]).get(parsed.delivery or 0)
        if delivery is None or delivery.mailing.dry_run_to:
            return
        subscriber, newsletter = delivery.subscriber, delivery.mailing.edition.newsletter_id
    person = former_addresses_and_merged_ids.surviving_subscriber(subscriber)
    if person is not None:
        list_ids = unsubscribe.newsletter_list_ids(newsletter)
        if parsed.identity == "service":
            list_ids = unsubscribe.lists_not_confirmed_since(person.pk, list_ids, source.at)
        unsubscribe.unsubscribe(person.pk, list_ids, newsletter, evidence, now)
