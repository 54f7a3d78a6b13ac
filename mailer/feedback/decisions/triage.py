"""What a person says about a message that no rule understood: put into effect, and taken back in one step."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction

from mailer.delivery.models import Delivery
from mailer.feedback.decisions import decisions
from mailer.feedback.decisions.apply import apply
from mailer.feedback.models import FeedbackEvent, ReturnedMessage, Verdict
from mailer.feedback.parsing import dsn, mime
from mailer.feedback.parsing.identity import envelope_recipients, identify
from mailer.feedback.parsing.records import Origin, Reading, Recipient
from subscribers import suppression, unsubscribe
from subscribers.consent import Channel, Evidence
from subscribers.models import Subscriber

log = logging.getLogger(__name__)

Sorted = ReturnedMessage.Sorted
# What a rule concludes from these is acted upon, and taken back, as a verdict.
UNDERSTOOD = (
    ReturnedMessage.Kind.BOUNCE,
    ReturnedMessage.Kind.COMPLAINT,
    ReturnedMessage.Kind.UNSUBSCRIBE,
)
# Octets of a message in which addresses are looked for, and readers that are offered.
_SEARCHED = 256 * 1024
_OFFERED = 5


class SortingError(Exception):
    """The message cannot be sorted so, or no more; the words say why, for staff."""


def readers_in(message: ReturnedMessage) -> list[Subscriber]:
    """Readers that a message may be about, the likeliest first: by a token of ours, else those it names."""
    root = mime.parse(mime.normalise(bytes(message.raw)))
    delivery = _delivery(root)
    if delivery is not None:
        return list(Subscriber.objects.filter(pk=delivery.subscriber))
    parts = [root.headers.first("from"), root.headers.first("reply-to"), *(part.text for part in root.walk())]
    named = dsn.addresses("\n".join(parts)[:_SEARCHED])[:500]
    found = {person.email: person for person in Subscriber.objects.filter(email__in=named)}
    return [found[address] for address in named if address in found][:_OFFERED]


def sort(message: ReturnedMessage, kind: str, about: Subscriber | None, by: str, now: datetime) -> None:
    """Do what follows when a message is of this kind (ReturnedMessage.Sorted) and about this reader.

    `by` is the colleague's name. Raises SortingError when somebody else was faster.
    """
    if (about is None) != (kind == Sorted.NOTHING):
        raise SortingError("Say which reader it is about.")
    number = about.pk if about else None
    with transaction.atomic():
        mine = ReturnedMessage.objects.filter(pk=message.pk, done_at__isnull=True)
        if not mine.exclude(kind__in=UNDERSTOOD).update(
            done_at=now, done_by=by[:150], sorted_as=kind, about=number
        ):
            raise SortingError("Somebody has sorted this message already.")
        message.refresh_from_db()
        if about is not None and kind == Sorted.LEAVE:
            unsubscribe.unsubscribe_all(
                about.pk, None, Evidence(Channel.EMAIL, source=str(message), attested_by=by), now
            )
        elif about is not None:
            apply(_reading(message, kind, about), _origin(message, now), now)
    log.info("action=message_sorted message=%d as=%s subscriber=%s", message.pk, kind, number or "-")


def take_back(message: ReturnedMessage, by: str, now: datetime) -> None:
    """Undo what `sort` did; the message waits for a person again. Raises SortingError."""
    done_at, about = message.done_at, message.about
    with transaction.atomic():
        mine = ReturnedMessage.objects.filter(pk=message.pk, done_at=done_at, done_at__isnull=False)
        if done_at is None or not mine.update(done_at=None, done_by="", sorted_as="", about=None):
            raise SortingError("Somebody has taken this back already.")
        message.refresh_from_db()
        if about is not None:
            _forget_verdicts(message, done_at, by, now)
            _forget_events(message, about, done_at)
            unsubscribe.restore(
                about, done_at, Evidence(Channel.DESK, source=str(message), attested_by=by), now
            )
    log.info("action=sorting_taken_back message=%d", message.pk)


def _reading(message: ReturnedMessage, kind: str, about: Subscriber) -> Reading:
    """The colleague's word as a rule would have put it."""
    said = " ".join(f"{message.subject} ({message.sender})".split())
    delivery = _delivery(mime.parse(mime.normalise(bytes(message.raw))))
    own = delivery.pk if delivery is not None and delivery.subscriber == about.pk else None
    rule = f"{message.done_by} read it"[:120]
    if kind == Sorted.COMPLAINT:
        recipient = Recipient(about.email, action="complained", diagnostic=said, rule=rule)
        return Reading("complaint", (recipient,), own, identity="person", feedback_type="by hand")
    recipient = Recipient(about.email, diagnostic=said, bounce_class="hard", reason="unknown_user", rule=rule)
    return Reading("bounce", (recipient,), own, identity="person")


def _origin(message: ReturnedMessage, now: datetime) -> Origin:
    # Sorted anew after it was taken back, it is another word.
    return Origin(f"person {message.pk} {now.timestamp()}", message.received_at, message.pk)


def _delivery(root: mime.Part) -> Delivery | None:
    """The copy that a token of ours names, in the envelope or in what stands in the message."""
    known = identify(envelope_recipients(root.headers, None), "\n".join(part.text for part in root.walk()))
    if known is None or known.delivery is None:
        return None
    return Delivery.objects.filter(pk=known.delivery, mailing__dry_run_to="").first()


def _forget_verdicts(message: ReturnedMessage, done_at: datetime, by: str, now: datetime) -> None:
    """Take back what rests on the colleague's word; what rests on nothing else was never there."""
    events = set(message.events.filter(identity="person").values_list("pk", flat=True))
    for verdict in Verdict.objects.filter(events__in=events, state__in=Verdict.OPEN).distinct():
        alone = set(verdict.events.values_list("pk", flat=True)) <= events
        stopped = verdict.suppression
        decisions.reverse(verdict, by, now)
        if alone:
            if stopped is not None and stopped.created_at == done_at:
                suppression.lift(stopped, by, now)
            verdict.delete()


def _forget_events(message: ReturnedMessage, about: int, done_at: datetime) -> None:
    """Figures do not count what was said by mistake, nor the departures that followed from it."""
    said = message.events.filter(identity="person")
    for column in ("bounced_at", "complained_at"):
        marked = Delivery.objects.filter(pk__in=said.values("delivery"), **{column: message.received_at})
        marked.update(**{column: None})
    said.delete()
    FeedbackEvent.objects.filter(
        kind=FeedbackEvent.Kind.UNSUBSCRIBE, subscriber=about, at__gte=done_at
    ).delete()
