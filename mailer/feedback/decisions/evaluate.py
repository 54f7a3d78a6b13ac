"""Evaluates subscribers by their whole history, and carries out what policy decides."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from mailer.feedback.decisions import domain_outages, history, policy, probes, suppression_decisions
from mailer.feedback.decisions.policy import Decision, History
from mailer.feedback.models import SuppressionDecision
from subscribers import suppression
from subscribers.models import Subscriber, Subscription

State = SuppressionDecision.State


@dataclass(frozen=True)
class _Case:
    person: Subscriber
    history: History
    decision: Decision
    now: datetime


def evaluate(subscribers: Collection[int], now: datetime) -> None:
    """Decide about these subscribers, given by id, from their histories. A repetition changes nothing."""
    people = Subscriber.objects.in_bulk(subscribers)
    histories = history.load(list(people.values()), now)
    decisions = {pk: policy.decide(found) for pk, found in histories.items()}
    # In order of their ids, as imports and bulk changes take them: so that neither waits for the other.
    affected = [people[pk] for pk, decision in sorted(decisions.items()) if decision.effect != "none"]
    open_decisions = suppression_decisions.open_decisions(affected)
    suppressed = suppression.suppressed_hashes(affected)
    for person in affected:
        case = _Case(person, histories[person.pk], decisions[person.pk], now)
        current = open_decisions.get(bytes(person.address_hash))
        if current is not None:
            _reconsider(case, current)
        elif case.decision.effect == "unsubscribe_all" or bytes(person.address_hash) not in suppressed:
            # Else staff suppressed the address.
            _carry_out(case)


def review_pending(now: datetime) -> None:
    """The worker's job: decide what waited for time or for later deliveries, in domain outages and probes."""
    domain_outages.review(now)
    probes.review(now)


def _carry_out(case: _Case) -> None:
    match case.decision.effect:
        case "suppress" | "unsubscribe_all":
            if (decision := _create(case, State.APPLIED)) is not None:
                domain_outages.apply_or_hold(decision, case.person, case.now)
        case "review":
            _create(case, State.HELD)
        case "probe" if _has_subscription(case.person):
            if (decision := _create(case, State.PROBING)) is not None:
                probes.send(decision, case.person, case.now)


def _create(case: _Case, state: State) -> SuppressionDecision | None:
    return suppression_decisions.create(case.person, case.history, case.decision, state, case.now)


def _reconsider(case: _Case, current: SuppressionDecision) -> None:
    """A decision that is held, waits for a probe, or was applied for a weaker reason, may now have to be
    applied.
    """
    decision = case.decision
    if current.state == State.HELD and current.outage is not None and decision.effect == "suppress":
        # Of a domain outage, only what bounced after it counts.
        ended_at = current.outage.started_at + domain_outages.DURATION
        reset_at = max(case.history.reset_at or ended_at, ended_at)
        decision = policy.decide(replace(case.history, reset_at=reset_at))
    stronger = decision.effect == "unsubscribe_all" and (current.rule, current.state) != (
        decision.rule,
        State.APPLIED,
    )
    if stronger or (decision.effect == "suppress" and current.state != State.APPLIED):
        suppression_decisions.upgrade(current, decision)
        suppression_decisions.apply(current, case.person, case.now)


def _has_subscription(person: Subscriber) -> bool:
    """Whether anything would be sent to them; only then a probe makes sense."""
    return Subscription.objects.filter(subscriber=person, state=Subscription.State.CONFIRMED).exists()
