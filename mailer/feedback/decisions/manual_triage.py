"""Triage of messages that no rule recognised: staff say what a message is; that is applied, and can be
undone.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from mailer.delivery.models import Delivery
from mailer.feedback.decisions import suppression_decision_states
from mailer.feedback.decisions.apply_returned_mail import apply_one
from mailer.feedback.models import FeedbackEvent, ReturnedMessage, SuppressionDecision
from mailer.feedback.parsing import dsn, mime
from mailer.feedback.parsing.classify_bounce_reasons import UNCLASSIFIED, Classification
from mailer.feedback.parsing.collect_message_evidence import envelope_recipients, match_token
from mailer.feedback.parsing.parsed_message import EventSource, ParsedReturnedMessage, Recipient
from subscribers import suppression, unsubscribe
from subscribers.consent import Channel, Evidence
from subscribers.models import Subscriber
from subscribers.translate_stored_texts import stored

log = logging.getLogger(__name__)

TriageResult = ReturnedMessage.TriageResult
# Kinds whose effect is a suppression decision or an unsubscribe, which are reverted as such.
CLASSIFIED_KINDS = (
    ReturnedMessage.Kind.BOUNCE,
    ReturnedMessage.Kind.COMPLAINT,
    ReturnedMessage.Kind.UNSUBSCRIBE,
)
# Octets of a message in which addresses are looked for, and subscribers that are suggested.
_SEARCHED = 256 * 1024
_MAX_CANDIDATES = 5


class TriageError(Exception):
    """The message cannot be triaged so, or not any more; the message of the error tells staff why."""


def candidate_subscribers(message: ReturnedMessage) -> list[Subscriber]:
    """Subscribers whom a message may be about, the likeliest first: by a token, else those it names."""
    root = mime.parse_parts(mime.normalise_line_ends(bytes(message.raw)))
    delivery = _delivery(root)
    if delivery is not None:
        return list(Subscriber.objects.filter(pk=delivery.subscriber))
    parts = [root.headers.first("from"), root.headers.first("reply-to"), *(part.text for part in root.walk())]
    named = dsn.find_addresses("\n".join(parts)[:_SEARCHED])[:500]
    found = {person.email: person for person in Subscriber.objects.filter(email__in=named)}
    return [found[address] for address in named if address in found][:_MAX_CANDIDATES]


def triage(
    message: ReturnedMessage, result: str, subscriber: Subscriber | None, by: str, now: datetime
) -> None:
    """Apply what follows when a message is of this kind (ReturnedMessage.TriageResult) and about this
    subscriber.

    `by` is the colleague's name. Raises TriageError when another colleague was faster.
    """
    if (subscriber is None) != (result == TriageResult.NOTHING):
        raise TriageError(gettext("Choose the subscriber whom the message is about."))
    pk = subscriber.pk if subscriber else None
    with transaction.atomic():
        waiting = ReturnedMessage.objects.filter(pk=message.pk, triaged_at__isnull=True)
        if not waiting.exclude(kind__in=CLASSIFIED_KINDS).update(
            triaged_at=now, triaged_by=by[:150], triage_result=result, subscriber=pk
        ):
            raise TriageError(gettext("This message was already classified."))
        message.refresh_from_db()
        if subscriber is not None and result == TriageResult.UNSUBSCRIBE:
            consent_evidence = Evidence(Channel.EMAIL, source=str(message), attested_by=by)
            unsubscribe.unsubscribe_all(subscriber.pk, None, consent_evidence, now)
        elif subscriber is not None:
            apply_one(_parsed(message, result, subscriber), _event_source(message, now), now)
    log.info(
        "action=returned_message_triaged message=%d result=%s subscriber=%s", message.pk, result, pk or "-"
    )


def undo(message: ReturnedMessage, by: str, now: datetime) -> None:
    """Undo `triage`; the message is unclassified again. Raises TriageError."""
    triaged_at, subscriber = message.triaged_at, message.subscriber
    with transaction.atomic():
        current = ReturnedMessage.objects.filter(
            pk=message.pk, triaged_at=triaged_at, triaged_at__isnull=False
        )
        if triaged_at is None or not current.update(
            triaged_at=None, triaged_by="", triage_result="", subscriber=None
        ):
            raise TriageError(gettext("The classification of this message was already undone."))
        message.refresh_from_db()
        if subscriber is not None:
            _revert_decisions(message, triaged_at, by, now)
            _delete_events(message, subscriber, triaged_at)
            unsubscribe.restore(
                subscriber, triaged_at, Evidence(Channel.DESK, source=str(message), attested_by=by), now
            )
    log.info("action=triage_undone message=%d", message.pk)


def _parsed(message: ReturnedMessage, result: str, subscriber: Subscriber) -> ParsedReturnedMessage:
    """The colleague's answer as the parser would have put it."""
    diagnostic = " ".join(f"{message.subject} ({message.sender})".split())
    delivery = _delivery(mime.parse_parts(mime.normalise_line_ends(bytes(message.raw))))
    own = delivery.pk if delivery is not None and delivery.subscriber == subscriber.pk else None
    rule = f"triaged by {message.triaged_by}"[:120]
    if result == TriageResult.COMPLAINT:
        complained = replace(UNCLASSIFIED, rule=rule)
        recipient = Recipient(subscriber.email, "", "complained", diagnostic, complained)
        return ParsedReturnedMessage(
            "complaint", (recipient,), own, identity="person", feedback_type=stored("by hand")
        )
    classification = Classification("unknown_user", "hard", "", rule)
    recipient = Recipient(subscriber.email, diagnostic=diagnostic, classification=classification)
    return ParsedReturnedMessage("bounce", (recipient,), own, identity="person")


def _event_source(message: ReturnedMessage, now: datetime) -> EventSource:
    # A message that is triaged again after an undo is another event.
    return EventSource(f"person {message.pk} {now.timestamp()}", message.received_at, message.pk)


def _delivery(root: mime.Part) -> Delivery | None:
    """The delivery that a token of ours names, in the envelope or in the message."""
    text = "\n".join(part.text for part in root.walk())
    match = match_token(envelope_recipients(root.headers, None), text)
    if match is None or match.delivery is None:
        return None
    return Delivery.objects.filter(pk=match.delivery, mailing__dry_run_to="").first()


def _revert_decisions(message: ReturnedMessage, triaged_at: datetime, by: str, now: datetime) -> None:
    """Revert decisions with the colleague's answer among their events; delete those with no other event."""
    events = set(message.events.filter(identity="person").values_list("pk", flat=True))
    based_on = SuppressionDecision.objects.filter(events__in=events, state__in=SuppressionDecision.OPEN)
    for decision in based_on.distinct():
        alone = set(decision.events.values_list("pk", flat=True)) <= events
        made = decision.suppression
        suppression_decision_states.revert(decision, by, now)
        if alone:
            if made is not None and made.created_at == triaged_at:
                suppression.lift(made, by, now)
            decision.delete()


def _delete_events(message: ReturnedMessage, subscriber: int, triaged_at: datetime) -> None:
    """Statistics count neither what was triaged by mistake nor the unsubscribes that followed from it."""
    events = message.events.filter(identity="person")
    for column in ("bounced_at", "complained_at"):
        marked = Delivery.objects.filter(pk__in=events.values("delivery"), **{column: message.received_at})
        marked.update(**{column: None})
    events.delete()
    FeedbackEvent.objects.filter(
        kind=FeedbackEvent.Kind.UNSUBSCRIBE, subscriber=subscriber, at__gte=triaged_at
    ).delete()
