"""The states of a suppression decision: created, upgraded, applied, held, dismissed, reverted and reapplied.

Each transition starts from a named state, so that two workers or colleagues who decide at the same moment
never overwrite each other.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from mailer.feedback.decisions.policy import Decision, History
from mailer.feedback.models import FeedbackEvent, SuppressionDecision
from subscribers import suppression, unsubscribe
from subscribers.consent import Channel, Evidence
from subscribers.models import Subscriber, Suppression
from subscribers.translate_stored_texts import stored

log = logging.getLogger(__name__)

State = SuppressionDecision.State
Rule = SuppressionDecision.Rule
_REASONS: dict[str, str] = {
    Rule.HARD_BOUNCE: Suppression.Reason.HARD_BOUNCE,
    Rule.TWO_HARD_BOUNCES: Suppression.Reason.HARD_BOUNCE,
    Rule.SOFT_BOUNCES: Suppression.Reason.SOFT_BOUNCES,
    Rule.COMPLAINT: Suppression.Reason.COMPLAINT,
}
# Events that a suppression's evidence quotes.
_QUOTED_EVENTS = 10


class DecisionError(Exception):
    """The decision does not permit this transition; the message tells staff why."""


def unclosed_decisions(people: Iterable[Subscriber]) -> dict[bytes, SuppressionDecision]:
    """The open decisions about these subscribers' addresses, by the hash of the address."""
    hashes = [bytes(person.address_hash) for person in people]
    found = SuppressionDecision.objects.filter(address_hash__in=hashes, state__in=SuppressionDecision.OPEN)
    return {bytes(decision.address_hash): decision for decision in found.select_related("wave")}


def close_lifted(people: Iterable[Subscriber]) -> None:
    """Close applied decisions about these subscribers' addresses whose suppression was lifted since: who was
    erased and signs up again is judged anew.
    """
    hashes = [bytes(person.address_hash) for person in people]
    lifted = SuppressionDecision.objects.filter(
        address_hash__in=hashes, state=State.APPLIED, suppression__lifted_at__isnull=False
    )
    for pk, at, by in lifted.values_list("pk", "suppression__lifted_at", "suppression__lifted_by"):
        current = SuppressionDecision.objects.filter(pk=pk, state=State.APPLIED)
        current.update(state=State.REVERTED, closed_at=at, closed_by=by)


def create(
    person: Subscriber, history: History, decision: Decision, state: State, now: datetime
) -> SuppressionDecision | None:
    """Store a decision with its events; None when another worker stored one at the same moment."""
    try:
        with transaction.atomic():
            row = SuppressionDecision.objects.create(
                subscriber=person.pk,
                address_hash=person.address_hash,
                domain=person.email.rpartition("@")[2],
                state=state,
                rule=decision.rule,
                reason=decision.reason,
                had_deliveries=history.deliveries > 0,
                created_at=now,
                probed_at=now if state == State.PROBING else None,
            )
            links = SuppressionDecision.events.through
            links.objects.bulk_create(
                links(suppressiondecision=row, feedbackevent_id=event) for event in decision.event_ids
            )
    except IntegrityError:
        return None
    log.info("action=suppression_decision_created decision=%d rule=%s state=%s", row.pk, row.rule, state)
    return row


def replace_reason_and_add_events(row: SuppressionDecision, decision: Decision) -> None:
    """Give a decision the stronger reason that later events are."""
    row.rule, row.reason = decision.rule, decision.reason
    row.save(update_fields=["rule", "reason"])
    row.events.add(*decision.event_ids)


def apply_and_unsubscribe_complainer(row: SuppressionDecision, person: Subscriber, now: datetime) -> None:
    """Suppress the address, and after a complaint end every subscription as well."""
    row.suppression = suppression.suppress(person, _REASONS[row.rule], evidence_lines(row), now)
    if row.rule == Rule.COMPLAINT:
        newsletter = row.events.exclude(newsletter=None).values_list("newsletter", flat=True).first()
        consent_evidence = Evidence(Channel.DECISION, source=row.reason)
        row.unsubscribed_lists = sorted(
            {
                *row.unsubscribed_lists,
                *unsubscribe.unsubscribe_all(person.pk, newsletter, consent_evidence, now),
            }
        )
    row.state, row.applied_at = State.APPLIED, now
    row.save(update_fields=["state", "applied_at", "suppression", "unsubscribed_lists"])
    log.info("action=suppression_decision_applied decision=%d rule=%s", row.pk, row.rule)


def apply_waiting(rows: Iterable[SuppressionDecision], now: datetime) -> int:
    """Apply decisions that are held or wait for a probe, where the subscriber exists; returns how many."""
    count = 0
    for row in rows:
        with transaction.atomic():
            waiting = SuppressionDecision.objects.filter(pk=row.pk, state__in=[State.HELD, State.PROBING])
            person = Subscriber.objects.filter(address_hash=row.address_hash).first()
            if person is not None and waiting.update(state=State.APPLIED, applied_at=now):
                apply_and_unsubscribe_complainer(row, person, now)
                count += 1
    return count


def dismiss(rows: Collection[SuppressionDecision], reason: str, now: datetime) -> int:
    """Dismiss decisions that are held or wait for a probe; deliveries from before now are no evidence any
    more.
    """
    waiting = SuppressionDecision.objects.filter(
        pk__in=[row.pk for row in rows], state__in=[State.HELD, State.PROBING]
    )
    count = waiting.update(state=State.DISMISSED, closed_at=now, closed_by=reason[:150])
    if count:
        log.info("action=suppression_decisions_dismissed count=%d", count)
    return count


def hold_and_lift(rows: Iterable[SuppressionDecision], now: datetime, **columns: Any) -> None:
    """Lift the suppressions of applied decisions until staff decide; `columns` are stored with the state."""
    for row in rows:
        applied = SuppressionDecision.objects.filter(pk=row.pk, state=State.APPLIED)
        if applied.update(state=State.HELD, **columns):
            _lift_suppression(row, stored("the detection of bounce waves"), now)


def revert(row: SuppressionDecision, by: str, now: datetime) -> None:
    """Lift the suppression in the name of `by`; deliveries from before now are no evidence any more.

    After a complaint the subscriber must also sign up again and confirm. Raises DecisionError.
    """
    with transaction.atomic():
        current = SuppressionDecision.objects.filter(pk=row.pk, state__in=SuppressionDecision.OPEN)
        if not current.update(state=State.REVERTED, closed_at=now, closed_by=by[:150]):
            raise DecisionError(gettext("A decision about this address was already made."))
        row.refresh_from_db()
        _lift_suppression(row, by, now)
    log.info("action=suppression_decision_reverted decision=%d", row.pk)


def reapply(row: SuppressionDecision, by: str, now: datetime) -> None:
    """Undo `revert`: suppress the address again. Raises DecisionError. Only the audit log keeps `by`."""
    person = Subscriber.objects.filter(address_hash=row.address_hash).first()
    if person is None:
        raise DecisionError(gettext("This subscriber was erased, or has another address now."))
    if _has_resubscribed(row):
        raise DecisionError(
            gettext("The subscriber has signed up again since the complaint, so it no longer counts.")
        )
    try:
        with transaction.atomic():
            current = SuppressionDecision.objects.filter(pk=row.pk, state=State.REVERTED)
            if not current.update(state=State.APPLIED, closed_at=None, closed_by=""):
                raise DecisionError(
                    gettext("Nothing was changed: the suppression of the address had not been removed.")
                )
            if row.suppression is not None:
                suppression.disallow_lift_by_signup(row.suppression)
            row.refresh_from_db()
            apply_and_unsubscribe_complainer(row, person, now)
    except IntegrityError as error:
        raise DecisionError(gettext("There is a newer decision about this address.")) from error
    log.info("action=suppression_decision_reapplied decision=%d", row.pk)


def evidence_lines(row: SuppressionDecision) -> str:
    """The evidence as lines that a person can check; of many events, the latest."""
    events = list(row.events.order_by("-at", "-pk")[:_QUOTED_EVENTS])
    return "\n\n".join([f"decision: {row.reason}", *map(_describe, events)])


def _describe(event: FeedbackEvent) -> str:
    lines = (
        ("date", event.at.isoformat(timespec="seconds")),
        ("reply", " ".join(event.diagnostic.split())[:1000]),
        ("status", event.status),
        ("reason", f"{event.bounce_class} {event.reason}".strip()),
        ("rule", event.rule),
        ("subscriber identified by", event.identity),
        ("delivery", str(event.delivery_id or "")),
        ("source", event.source_key),
    )
    return "\n".join(f"{name}: {value}" for name, value in lines if value)


def _lift_suppression(row: SuppressionDecision, by: str, now: datetime) -> None:
    """Lift the suppression that the decision made; one that staff made for another reason stays."""
    if row.suppression is None or row.suppression.reason != _REASONS[row.rule]:
        return
    if row.rule == Rule.COMPLAINT:
        suppression.allow_lift_by_signup(row.suppression, by, now)
    else:
        suppression.lift(row.suppression, by, now)


def _has_resubscribed(row: SuppressionDecision) -> bool:
    """Whether the subscriber has settled a complaint by signing up again."""
    made = row.suppression
    return row.rule == Rule.COMPLAINT and made is not None and made.lifted_at is not None
