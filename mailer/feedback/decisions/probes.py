"""Probes: one small mail that asks whether an address still works, before it is silently stopped.

When it comes back as well, the verdict stands; when it stays away, the verdict is dropped.
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
from mailer.feedback.decisions import decisions, domain_outages
from mailer.feedback.decisions.history import SILENCE
from mailer.feedback.models import FeedbackEvent, Verdict
from mailer.feedback.parsing.classify import classify
from subscribers import emails
from subscribers.models import Subscriber

State = Verdict.State


def ask(verdict: Verdict, person: Subscriber, now: datetime) -> None:
    """Put the question into the outbox; what comes back from it names the verdict."""
    message = emails.probe_message(person)
    domain = parseaddr(message.from_email)[1].rpartition("@")[2]
    message.extra_headers["Message-ID"] = identifiers.probe_message_id(verdict.pk, domain)
    verdict.probe = outbox.enqueue_email(message, identifiers.probe_envelope_sender(verdict.pk, domain), now)
    verdict.save(update_fields=["probe"])


def came_back(answers: Mapping[int, str], now: datetime) -> None:
    """The probes of these verdicts returned, with an event of that origin each: they stand."""
    for verdict in Verdict.objects.filter(pk__in=answers, state=State.PROBING):
        verdict.events.add(*FeedbackEvent.objects.filter(origin=answers[verdict.pk]))
        _stop(verdict, now)


def review(now: datetime) -> None:
    """Decide what the probes have answered: refused counts as returned, accepted and silent as arrived."""
    for verdict in Verdict.objects.filter(state=State.PROBING).select_related("probe"):
        match _answer(verdict.probe, now):
            case "returned":
                _stop(verdict, now)
            case "arrived":
                decisions.drop([verdict], "the mail that asked arrived", now)
            case "not asked":
                decisions.drop([verdict], "the mail that asked could not be sent", now)


def _answer(
    probe: OutboxMessage | None, now: datetime
) -> Literal["returned", "arrived", "not asked", "none"]:
    if probe is None:
        return "not asked"
    if probe.state == OutboxMessage.State.REFUSED:
        # A block tells about us, not about the address.
        blocked = classify(probe.reply).bounce_class == FeedbackEvent.Class.BLOCK
        return "not asked" if blocked else "returned"
    return "arrived" if probe.sent_at is not None and probe.sent_at < now - SILENCE else "none"


def _stop(verdict: Verdict, now: datetime) -> None:
    person = Subscriber.objects.filter(address_hash=verdict.address_hash).first()
    if person is None:
        decisions.drop([verdict], "the person was erased, or has another address", now)
        return
    with transaction.atomic():
        domain_outages.enforce_or_hold(verdict, person, now)
