"""Puts a reading into effect, in the caller's transaction: events, marks, suppressions and departures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailer.delivery.models import Delivery
from mailer.delivery.providers import provider_of
from mailer.feedback import policy
from mailer.feedback.models import FeedbackEvent
from mailer.feedback.records import PROOFS, Origin, Reading, Recipient
from subscribers import leaving, suppress
from subscribers.models import Subscriber, Subscription

# A copy that has not come back for so long counts as a sign of life.
_SILENCE = timedelta(days=3)
_KINDS = {"bounce": FeedbackEvent.Kind.BOUNCE, "complaint": FeedbackEvent.Kind.COMPLAINT}


@dataclass(frozen=True)
class _About:
    """Whom a verdict is about, as far as that is known."""

    recipient: Recipient
    subscriber: Subscriber | None
    # The reader's number outlives the person.
    number: int | None
    delivery: Delivery | None

    @property
    def newsletter(self) -> int | None:
        return self.delivery.mailing.edition.newsletter_id if self.delivery else None

    @property
    def provider(self) -> str:
        names = (
            self.subscriber.email if self.subscriber else "",
            self.recipient.alias,
            self.recipient.address,
        )
        return next((provider_of(name)[:255] for name in names if "@" in name), "")


def apply(reading: Reading, origin: Origin, now: datetime) -> None:
    """Record what the reading says and do what policy makes of it; kinds that mean nothing do nothing.

    The one way in for whatever came back, by mail, by a service or in a session. The same origin a second
    time changes nothing, and neither does the order in which readings arrive.
    """
    if reading.kind == "unsubscribe":
        _leave(reading, now)
    elif reading.kind in _KINDS:
        for place, about in enumerate(_everybody(reading)):
            event, new = _record(reading, about, origin, place)
            if new:
                _mark(reading.kind, about, origin.at)
                _carry_out(_verdict(reading, about, event, now), reading, about, origin, now)


def _everybody(reading: Reading) -> list[_About]:
    """Everyone that the message is about: with proof exactly one reader, without it whoever is named."""
    told = [recipient for recipient in reading.recipients if recipient.action in ("failed", "complained")]
    delivery = _delivery(reading.delivery)
    if delivery is None:
        return [_by_address(recipient) for recipient in told]
    if delivery.mailing.rehearsal_to:
        # What a colleague's address answers says nothing about the reader.
        return [_About(told[0] if told else Recipient(""), None, None, delivery)]
    subscriber = Subscriber.objects.filter(pk=delivery.subscriber).first()
    email = subscriber.email if subscriber else ""
    # One recipient per copy: others in the report are where it was forwarded to.
    own = next(
        (one for one in told if email and email in (one.address, one.alias)), told[0] if told else None
    )
    recipient = own or Recipient("", action="complained" if reading.kind == "complaint" else "failed")
    return [_About(recipient, subscriber, delivery.subscriber, delivery)]


def _delivery(number: int | None) -> Delivery | None:
    if number is None:
        return None
    return Delivery.objects.select_related("mailing__edition").filter(pk=number).first()


def _by_address(recipient: Recipient) -> _About:
    names = [suppress.written(name) for name in (recipient.alias, recipient.address) if name]
    found = {person.email: person for person in Subscriber.objects.filter(email__in=names)}
    subscriber = next((found[name] for name in names if name in found), None)
    return _About(recipient, subscriber, subscriber.pk if subscriber else None, None)


def _identity(reading: Reading, about: _About) -> str:
    """How the reader was found. A service says itself whom its word is about; other proofs are tokens."""
    if about.delivery is not None or (about.number is not None and reading.identity == "service"):
        return reading.identity
    return "" if about.number is None else "recipient"


def _record(reading: Reading, about: _About, origin: Origin, place: int) -> tuple[FeedbackEvent, bool]:
    """The event, and whether it is new."""
    recipient = about.recipient
    return FeedbackEvent.objects.get_or_create(
        origin=f"{origin.key[:120]} {place}",
        defaults={
            "kind": _KINDS[reading.kind],
            "bounce_class": recipient.bounce_class,
            "reason": recipient.reason[:40] or reading.feedback_type[:40],
            "status": recipient.status[:12],
            "diagnostic": recipient.diagnostic,
            "rule": recipient.rule[:120],
            "identity": _identity(reading, about),
            "delivery": about.delivery,
            "mailing": about.delivery.mailing if about.delivery else None,
            "provider": about.provider,
            "subscriber": about.number,
            "newsletter": about.newsletter,
            "message_id": origin.message,
            "at": origin.at,
        },
    )


def _mark(kind: str, about: _About, now: datetime) -> None:
    """Mark the delivery, once. For one in doubt the mark is evidence; one in another state stays as it is."""
    if about.delivery is None:
        return
    column = "complained_at" if kind == "complaint" else "bounced_at"
    left = Delivery.objects.filter(
        pk=about.delivery.pk, state__in=[Delivery.State.ACCEPTED, Delivery.State.IN_DOUBT]
    )
    left.filter(**{f"{column}__isnull": True}).update(**{column: now})


def _verdict(reading: Reading, about: _About, event: FeedbackEvent, now: datetime) -> policy.Verdict:
    if about.number is None:
        return policy.NOTHING
    if reading.kind == "complaint":
        return policy.on_complaint(event.identity in PROOFS)
    new = policy.Past(event.at, event.bounce_class, event.identity in PROOFS, event.delivery_id)
    return policy.on_bounce(new, _history(about.number, event, now), _signs_of_life(about.number, now))


def _history(number: int, event: FeedbackEvent, now: datetime) -> list[policy.Past]:
    rows = FeedbackEvent.objects.filter(
        subscriber=number, kind=FeedbackEvent.Kind.BOUNCE, at__gte=now - policy.SOFT_MEMORY, at__lte=now
    ).exclude(pk=event.pk)
    return [
        policy.Past(at, bounce_class, identity in PROOFS, delivery)
        for at, bounce_class, identity, delivery in rows.order_by("at").values_list(
            "at", "bounce_class", "identity", "delivery_id"
        )
    ]


def _signs_of_life(number: int, now: datetime) -> list[datetime]:
    """When the reader last confirmed a subscription, and when the last copy was accepted that stayed away."""
    confirmed = Subscription.objects.filter(subscriber=number, confirmed_at__isnull=False)
    arrived = Delivery.objects.filter(
        subscriber=number,
        mailing__rehearsal_to="",
        state=Delivery.State.ACCEPTED,
        bounced_at__isnull=True,
        accepted_at__lt=now - _SILENCE,
    )
    found = (
        confirmed.order_by("-confirmed_at").values_list("confirmed_at", flat=True).first(),
        arrived.order_by("-accepted_at").values_list("accepted_at", flat=True).first(),
    )
    return [moment for moment in found if moment is not None]


def _carry_out(
    verdict: policy.Verdict, reading: Reading, about: _About, origin: Origin, now: datetime
) -> None:
    if verdict.effect == "none" or about.subscriber is None:
        return
    suppress.suppress(about.subscriber, verdict.reason, _evidence(verdict, reading, about, origin, now), now)
    if verdict.effect == "end":
        lists = Subscription.objects.filter(subscriber=about.subscriber).values_list(
            "mailing_list_id", flat=True
        )
        leaving.leave(about.subscriber.pk, tuple(lists), about.newsletter, now)


def _evidence(verdict: policy.Verdict, reading: Reading, about: _About, origin: Origin, now: datetime) -> str:
    """What the verdict rests on, in lines that a person can check."""
    recipient = about.recipient
    lines = (
        ("verdict", verdict.because),
        ("date", now.isoformat(timespec="seconds")),
        ("said", " ".join(recipient.diagnostic.split())[:1000]),
        ("status", recipient.status),
        ("rule", recipient.rule),
        ("reader found by", reading.identity or "address"),
        ("delivery", str(about.delivery.pk) if about.delivery else ""),
        ("origin", origin.key),
    )
    return "\n".join(f"{name}: {value}" for name, value in lines if value)


def _leave(reading: Reading, now: datetime) -> None:
    """End the subscriptions that the writer of a leave mail reaches the newsletter by."""
    if reading.departure is not None:
        subscriber, newsletter = reading.departure
    else:
        delivery = _delivery(reading.delivery)
        if delivery is None or delivery.mailing.rehearsal_to:
            return
        subscriber, newsletter = delivery.subscriber, delivery.mailing.edition.newsletter_id
    leaving.leave(subscriber, leaving.scope_of(newsletter), newsletter, now)
