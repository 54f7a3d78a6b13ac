"""Probes: one small message that tests whether an address still works, before it is suppressed.

When the probe bounces as well, the decision is applied; when it does not, the decision is dismissed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parseaddr
from typing import Literal

from django.db import transaction

from mailer.delivery import identifiers
from mailer.delivery.models import OutboxMessage
from mailer.delivery.outbox import outbox
from mailer.feedback.decisions import domain_outages, suppression_decisions
from mailer.feedback.decisions.history import BOUNCE_WINDOW
from mailer.feedback.models import FeedbackEvent, SuppressionDecision
from mailer.feedback.parsing.classify import classify
from subscribers import emails
from subscribers.models import Subscriber

State = SuppressionDecision.State


def send(decision: SuppressionDecision, person: Subscriber, now: datetime) -> None:
    """Put the probe into the outbox; its bounces name the decision."""
    message = emails.probe_message(person)
    domain = parseaddr(message.from_email)[1].rpartition("@")[2]
    message.extra_headers["Message-ID"] = identifiers.probe_message_id(decision.pk, domain)
    decision.probe = outbox.enqueue_email(
        message, identifiers.probe_envelope_sender(decision.pk, domain), now
    )
    decision.save(update_fields=["probe"])


def record_bounces(source_keys: Mapping[int, str], now: datetime) -> None:
    """Apply the decisions whose probes bounced: decision id → FeedbackEvent.source_key."""
    for decision in SuppressionDecision.objects.filter(pk__in=source_keys, state=State.PROBING):
        decision.events.add(*FeedbackEvent.objects.filter(source_key=source_keys[decision.pk]))
        _suppress(decision, now)


def review(now: datetime) -> None:
    """Decide by the fate of each probe: refused means bounced, accepted for long enough means delivered."""
    for decision in SuppressionDecision.objects.filter(state=State.PROBING).select_related("probe"):
        match _fate(decision.probe, now):
            case "bounced":
                _suppress(decision, now)
            case "delivered":
                suppression_decisions.dismiss([decision], "the probe was delivered", now)
            case "not sent":
                suppression_decisions.dismiss([decision], "the probe could not be sent", now)


def _fate(
    probe: OutboxMessage | None, now: datetime
) -> Literal["bounced", "delivered", "not sent", "pending"]:
    if probe is None:
        return "not sent"
    if probe.state == OutboxMessage.State.REFUSED:
        # A block is about us, not about the address.
        blocked = classify(probe.reply).bounce_class == FeedbackEvent.Class.BLOCK
        return "not sent" if blocked else "bounced"
    return "delivered" if probe.sent_at is not None and probe.sent_at < now - BOUNCE_WINDOW else "pending"


def _suppress(decision: SuppressionDecision, now: datetime) -> None:
    person = Subscriber.objects.filter(address_hash=decision.address_hash).first()
    if person is None:
        reason = "the subscriber was erased, or has another address"
        suppression_decisions.dismiss([decision], reason, now)
        return
    with transaction.atomic():
        domain_outages.apply_or_hold(decision, person, now)
