"""Evaluates subscribers by their whole history, and carries out what policy decides, probes included.

A probe is one small message that tests whether an address still works before it is suppressed. When it
bounces as well, the decision is applied; when it does not, the decision is dismissed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import Literal

from django.db import transaction

from mailer.delivery import message_identifiers
from mailer.delivery.models import OutboxMessage
from mailer.delivery.outbox import outbox
from mailer.feedback.decisions import bounce_waves, policy, suppression_decision_states
from mailer.feedback.decisions.policy import BOUNCE_WINDOW, Decision, History
from mailer.feedback.models import FeedbackEvent, SuppressionDecision
from mailer.feedback.parsing.classify_bounce_reasons import classify, reply_fingerprint
from subscribers import suppression, transactional_emails
from subscribers.models import Subscriber, Subscription
from subscribers.translate_stored_texts import stored

State = SuppressionDecision.State


@dataclass(frozen=True)
class _Case:
    person: Subscriber
    history: History
    decision: Decision
    now: datetime


def evaluate_and_apply(subscribers: Collection[int], now: datetime) -> None:
    """Decide about these subscribers, given by id, from their histories. A repetition changes nothing."""
    people = Subscriber.objects.in_bulk(subscribers)
    suppression_decision_states.close_lifted(people.values())
    histories = policy.load_histories(list(people.values()), now)
    decisions = {pk: policy.decide(found) for pk, found in histories.items()}
    # In order of their ids, as imports and bulk changes take them: so that neither waits for the other.
    affected = [people[pk] for pk, decision in sorted(decisions.items()) if decision.effect != "none"]
    open_decisions = suppression_decision_states.unclosed_decisions(affected)
    suppressed = suppression.suppressed_hashes(affected)
    for person in affected:
        case = _Case(person, histories[person.pk], decisions[person.pk], now)
        current = open_decisions.get(bytes(person.address_hash))
        if current is not None:
            _reconsider(case, current)
        elif case.decision.effect == "unsubscribe_all" or bytes(person.address_hash) not in suppressed:
            # Else staff suppressed the address.
            _carry_out(case)


def review_bounce_waves_and_probes(now: datetime) -> None:
    """The worker's job: decide what waited for time or for later deliveries, in bounce waves and probes."""
    bounce_waves.expire_held_decisions_and_waves(now)
    _review_probes(now)


def _carry_out(case: _Case) -> None:
    match case.decision.effect:
        case "suppress" | "unsubscribe_all":
            if (decision := _create(case, State.APPLIED)) is not None:
                bounce_waves.apply_or_hold(decision, case.person, case.now)
        case "review":
            _create(case, State.HELD)
        case "probe" if _gets_mail(case.person, case.now):
            if (decision := _create(case, State.PROBING)) is not None:
                enqueue_probe(decision, case.person, case.now)


def _create(case: _Case, state: State) -> SuppressionDecision | None:
    return suppression_decision_states.create(case.person, case.history, case.decision, state, case.now)


def _reconsider(case: _Case, current: SuppressionDecision) -> None:
    """A decision that is held, waits for a probe, or was applied for a weaker reason, may now have to be
    applied.
    """
    decision = case.decision
    if current.state == State.HELD and current.wave is not None and decision.effect == "suppress":
        decision = policy.decide(bounce_waves.history_outside(case.history, current.wave))
    stronger = decision.effect == "unsubscribe_all" and (current.rule, current.state) != (
        decision.rule,
        State.APPLIED,
    )
    if stronger:
        suppression_decision_states.replace_reason_and_add_events(current, decision)
        suppression_decision_states.apply_and_unsubscribe_complainer(current, case.person, case.now)
    elif decision.effect == "suppress" and current.state != State.APPLIED:
        suppression_decision_states.replace_reason_and_add_events(current, decision)
        bounce_waves.apply_or_hold_confirmed(current, case.person, case.now)


def _gets_mail(person: Subscriber, now: datetime) -> bool:
    """Whether anything would be sent to them; only then a probe makes sense."""
    if person.paused_until is not None and person.paused_until > now:
        return False
    return Subscription.objects.filter(subscriber=person, state=Subscription.State.CONFIRMED).exists()


def enqueue_probe(decision: SuppressionDecision, person: Subscriber, now: datetime) -> None:
    """Put the probe into the outbox; its bounces name the decision."""
    message = transactional_emails.probe_message(person)
    domain = parseaddr(message.from_email)[1].rpartition("@")[2]
    message.extra_headers["Message-ID"] = message_identifiers.probe_message_id(decision.pk, domain)
    decision.probe = outbox.enqueue_email(
        message, message_identifiers.probe_envelope_sender(decision.pk, domain), now
    )
    decision.save(update_fields=["probe"])


def apply_probe_bounces(event_keys_by_decision: Mapping[int, str], now: datetime) -> None:
    """Apply the decisions whose probes bounced: decision id → FeedbackEvent.source_key."""
    for decision in SuppressionDecision.objects.filter(pk__in=event_keys_by_decision, state=State.PROBING):
        events = list(FeedbackEvent.objects.filter(source_key=event_keys_by_decision[decision.pk]))
        decision.events.add(*events)
        if any(_confirms(decision, event.bounce_class) for event in events):
            _apply_after_probe(decision, now)


def _confirms(decision: SuppressionDecision, bounce_class: str) -> bool:
    """Whether the bounce of its probe confirms a decision: one that an address does not exist, from bounces
    that could be forged, needs the same answer.
    """
    is_unproved = decision.rule == SuppressionDecision.Rule.TWO_HARD_BOUNCES
    return bounce_class == FeedbackEvent.Class.HARD or not is_unproved


def _review_probes(now: datetime) -> None:
    """Decide by the fate of each probe: refused means bounced, accepted for long enough means delivered."""
    for decision in SuppressionDecision.objects.filter(state=State.PROBING).select_related("probe"):
        match _probe_result(decision, now):
            case "bounced":
                _record_refusal(decision, now)
                _apply_after_probe(decision, now)
            case "delivered":
                suppression_decision_states.dismiss(
                    [decision], stored("the email that checked the address was delivered"), now
                )
            case "not sent":
                suppression_decision_states.dismiss(
                    [decision], stored("the test email could not be sent"), now
                )


# Reasons of soft bounces that are about the address; the relay refuses a probe for others, and for want of a
# relay, without having asked its server.
_ABOUT_ADDRESS = ("mailbox_full", "suspended", "unconfirmed_user")


def _probe_result(
    decision: SuppressionDecision, now: datetime
) -> Literal["bounced", "delivered", "not sent", "pending"]:
    probe = decision.probe
    if probe is None:
        return "not sent"
    if probe.state == OutboxMessage.State.REFUSED:
        found = classify(probe.reply)
        is_hard = found.bounce_class == FeedbackEvent.Class.HARD
        is_about_address = is_hard or found.reason in _ABOUT_ADDRESS
        return "bounced" if is_about_address and _confirms(decision, found.bounce_class) else "not sent"
    return "delivered" if probe.sent_at is not None and probe.sent_at < now - BOUNCE_WINDOW else "pending"


def _record_refusal(decision: SuppressionDecision, now: datetime) -> None:
    """Add to the decision's evidence the reply by which our relay refused its probe."""
    reply = decision.probe.reply if decision.probe is not None else ""
    found = classify(reply)
    event, _ = FeedbackEvent.objects.get_or_create(
        source_key=f"probe {decision.pk}",
        defaults={
            "kind": FeedbackEvent.Kind.BOUNCE,
            "bounce_class": found.bounce_class,
            "reason": found.reason,
            "status": found.status[:12],
            "diagnostic": reply,
            "rule": found.rule[:120],
            "identity": "session",
            "subscriber": decision.subscriber,
            "address_hash": decision.address_hash,
            "at": now,
            "reply_fingerprint": reply_fingerprint(reply, (), found),
        },
    )
    decision.events.add(event)


def _apply_after_probe(decision: SuppressionDecision, now: datetime) -> None:
    person = Subscriber.objects.filter(address_hash=decision.address_hash).first()
    if person is None:
        reason = stored("the subscriber was erased, or has another address now")
        suppression_decision_states.dismiss([decision], reason, now)
        return
    with transaction.atomic():
        bounce_waves.apply_or_hold(decision, person, now)
