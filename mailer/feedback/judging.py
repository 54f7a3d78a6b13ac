"""Judges readers by their whole history, and carries out what policy says about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from mailer.feedback import histories, outages, policy, probes, verdicts
from mailer.feedback.models import Verdict
from mailer.feedback.policy import History, Judgement
from subscribers import suppress
from subscribers.models import Subscriber, Subscription

State = Verdict.State


def judge(readers: Collection[int], now: datetime) -> None:
    """Pass the verdicts that these readers' histories lead to. Repeating it changes nothing."""
    people = Subscriber.objects.in_bulk(readers)
    for number, history in histories.of(list(people.values()), now).items():
        judgement = policy.judge(history)
        if judgement.effect != "none":
            _carry_out(people[number], history, judgement, now)


def review(now: datetime) -> None:
    """Decide what waited for time or for later mail: outages and probes."""
    outages.review(now)
    probes.review(now)


def _carry_out(person: Subscriber, history: History, judgement: Judgement, now: datetime) -> None:
    current = verdicts.open_about(person)
    if current is not None:
        _reconsider(current, person, history, judgement, now)
    elif judgement.effect == "end":
        _pass(person, history, judgement, now)
    elif suppress.is_suppressed(person):
        # Stopped by a person's hand.
        return
    elif judgement.effect == "suppress":
        _pass(person, history, judgement, now)
    elif judgement.effect == "hold":
        verdicts.pass_on(person, history, judgement, State.HELD, now)
    elif _is_reader(person):
        asked = verdicts.pass_on(person, history, judgement, State.PROBING, now)
        if asked is not None:
            probes.ask(asked, person, now)


def _pass(person: Subscriber, history: History, judgement: Judgement, now: datetime) -> None:
    verdict = verdicts.pass_on(person, history, judgement, State.STANDING, now)
    if verdict is not None:
        outages.enforce_or_hold(verdict, person, now)


def _reconsider(
    current: Verdict, person: Subscriber, history: History, judgement: Judgement, now: datetime
) -> None:
    """What is held or waits for a probe, or stands for a weaker reason, may have to stand now."""
    if current.state == State.HELD and current.outage is not None and judgement.effect == "suppress":
        # Of an outage, only what came back after it counts.
        over = current.outage.began_at + outages.LASTS
        judgement = policy.judge(replace(history, pardoned_at=max(history.pardoned_at or over, over)))
    final = judgement.effect == "end" and (current.rule, current.state) != (judgement.rule, State.STANDING)
    if final or (judgement.effect == "suppress" and current.state != State.STANDING):
        verdicts.strengthen(current, judgement)
        verdicts.enforce(current, person, now)


def _is_reader(person: Subscriber) -> bool:
    """Whether anything would be mailed to them; nobody else is asked."""
    return Subscription.objects.filter(subscriber=person, state=Subscription.State.CONFIRMED).exists()
