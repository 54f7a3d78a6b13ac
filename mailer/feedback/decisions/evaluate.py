"""Judges readers by their whole history, and carries out what policy says about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from mailer.feedback.decisions import decisions, domain_outages, policy, probes
from mailer.feedback.decisions import history as histories
from mailer.feedback.decisions.policy import History, Judgement
from mailer.feedback.models import Verdict
from subscribers import suppression
from subscribers.models import Subscriber, Subscription

State = Verdict.State


@dataclass(frozen=True)
class _Case:
    person: Subscriber
    history: History
    judgement: Judgement
    now: datetime


def judge(readers: Collection[int], now: datetime) -> None:
    """Pass the verdicts that these readers' histories lead to. Repeating it changes nothing."""
    people = Subscriber.objects.in_bulk(readers)
    known = histories.of(list(people.values()), now)
    judged = {number: policy.judge(history) for number, history in known.items()}
    # One after another by number, as imports and changes to many take them: neither waits for the other.
    touched = [people[number] for number, judgement in sorted(judged.items()) if judgement.effect != "none"]
    standing, stopped = decisions.open_about(touched), suppression.suppressed_hashes(touched)
    for person in touched:
        case = _Case(person, known[person.pk], judged[person.pk], now)
        current = standing.get(bytes(person.address_hash))
        if current is not None:
            _reconsider(case, current)
        elif case.judgement.effect == "end" or bytes(person.address_hash) not in stopped:
            # Else a person's hand stopped it.
            _carry_out(case)


def review(now: datetime) -> None:
    """Decide what waited for time or for later mail: outages and probes."""
    domain_outages.review(now)
    probes.review(now)


def _carry_out(case: _Case) -> None:
    match case.judgement.effect:
        case "suppress" | "end":
            if (verdict := _pass(case, State.STANDING)) is not None:
                domain_outages.enforce_or_hold(verdict, case.person, case.now)
        case "hold":
            _pass(case, State.HELD)
        case "probe" if _is_reader(case.person):
            if (verdict := _pass(case, State.PROBING)) is not None:
                probes.ask(verdict, case.person, case.now)


def _pass(case: _Case, state: State) -> Verdict | None:
    return decisions.pass_on(case.person, case.history, case.judgement, state, case.now)


def _reconsider(case: _Case, current: Verdict) -> None:
    """What is held or waits for a probe, or stands for a weaker reason, may have to stand now."""
    judgement = case.judgement
    if current.state == State.HELD and current.outage is not None and judgement.effect == "suppress":
        # Of an outage, only what came back after it counts.
        over = current.outage.began_at + domain_outages.LASTS
        pardoned = max(case.history.pardoned_at or over, over)
        judgement = policy.judge(replace(case.history, pardoned_at=pardoned))
    final = judgement.effect == "end" and (current.rule, current.state) != (judgement.rule, State.STANDING)
    if final or (judgement.effect == "suppress" and current.state != State.STANDING):
        decisions.strengthen(current, judgement)
        decisions.enforce(current, case.person, case.now)


def _is_reader(person: Subscriber) -> bool:
    """Whether anything would be mailed to them; nobody else is asked."""
    return Subscription.objects.filter(subscriber=person, state=Subscription.State.CONFIRMED).exists()
