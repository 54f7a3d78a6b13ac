"""A verdict's life: it stands, is held, or waits for a probe; it is dropped, taken back, or stands again.

Each change starts from a named state, so that two who decide at the same moment never undo each other.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from mailer.feedback.decisions.policy import History, Judgement
from mailer.feedback.models import FeedbackEvent, Verdict
from subscribers import suppression as suppress
from subscribers import unsubscribe
from subscribers.consent import Channel, Evidence
from subscribers.models import Subscriber, Suppression

log = logging.getLogger(__name__)

State = Verdict.State
Rule = Verdict.Rule
_REASONS: dict[str, str] = {
    Rule.HARD_BOUNCE: Suppression.Reason.HARD_BOUNCE,
    Rule.TWO_HARD_BOUNCES: Suppression.Reason.HARD_BOUNCE,
    Rule.SOFT_BOUNCES: Suppression.Reason.SOFT_BOUNCES,
    Rule.COMPLAINT: Suppression.Reason.COMPLAINT,
}
# Events whose words stand in a suppression's evidence.
_TOLD = 10


class VerdictError(Exception):
    """The verdict cannot take this step from where it is; the message says so in words for staff."""


def open_about(people: Iterable[Subscriber]) -> dict[bytes, Verdict]:
    """The verdicts on these people's addresses that count now, by the hash of the address."""
    hashes = [bytes(person.address_hash) for person in people]
    found = Verdict.objects.filter(address_hash__in=hashes, state__in=Verdict.OPEN).select_related("outage")
    return {bytes(verdict.address_hash): verdict for verdict in found}


def pass_on(
    person: Subscriber, history: History, judgement: Judgement, state: State, now: datetime
) -> Verdict | None:
    """Write a verdict down; None when somebody else has written one at the same moment."""
    try:
        with transaction.atomic():
            verdict = Verdict.objects.create(
                subscriber=person.pk,
                address_hash=person.address_hash,
                domain=person.email.rpartition("@")[2],
                state=state,
                rule=judgement.rule,
                because=judgement.because,
                was_fine=history.copies > 0,
                at=now,
                asked_at=now if state == State.PROBING else None,
            )
            links = Verdict.events.through
            links.objects.bulk_create(
                links(verdict=verdict, feedbackevent_id=event) for event in judgement.counted
            )
    except IntegrityError:
        return None
    log.info("action=verdict verdict=%d rule=%s state=%s", verdict.pk, verdict.rule, state)
    return verdict


def strengthen(verdict: Verdict, judgement: Judgement) -> None:
    """What came back since is more than what the verdict rested on."""
    verdict.rule, verdict.because = judgement.rule, judgement.because
    verdict.save(update_fields=["rule", "because"])
    verdict.events.add(*judgement.counted)


def enforce(verdict: Verdict, person: Subscriber, now: datetime) -> None:
    """Let it stand: mail this address no more, and after a complaint end every subscription as well."""
    verdict.suppression = suppress.suppress(person, _REASONS[verdict.rule], evidence(verdict), now)
    if verdict.rule == Rule.COMPLAINT:
        newsletter = verdict.events.exclude(newsletter=None).values_list("newsletter", flat=True).first()
        word = Evidence(Channel.DECISION, source=verdict.because)
        verdict.ended_lists = sorted(
            {*verdict.ended_lists, *unsubscribe.unsubscribe_all(person.pk, newsletter, word, now)}
        )
    verdict.state, verdict.stood_at = State.STANDING, now
    verdict.save(update_fields=["state", "stood_at", "suppression", "ended_lists"])
    log.info("action=verdict_stands verdict=%d rule=%s", verdict.pk, verdict.rule)


def confirm(verdicts: Iterable[Verdict], now: datetime) -> int:
    """Let verdicts stand that were held or waited for a probe; of readers who are still there."""
    count = 0
    for verdict in verdicts:
        with transaction.atomic():
            mine = Verdict.objects.filter(pk=verdict.pk, state__in=[State.HELD, State.PROBING])
            person = Subscriber.objects.filter(address_hash=verdict.address_hash).first()
            if person is not None and mine.update(state=State.STANDING, stood_at=now):
                enforce(verdict, person, now)
                count += 1
    return count


def drop(verdicts: Collection[Verdict], why: str, now: datetime) -> int:
    """Drop verdicts that were held or waited for a probe; what left before now is no evidence any more."""
    mine = Verdict.objects.filter(
        pk__in=[verdict.pk for verdict in verdicts], state__in=[State.HELD, State.PROBING]
    )
    count = mine.update(state=State.DISMISSED, decided_at=now, decided_by=why[:150])
    if count:
        log.info("action=verdicts_dropped count=%d", count)
    return count


def hold(verdicts: Iterable[Verdict], now: datetime, **columns: Any) -> None:
    """Take back what stands until somebody decides."""
    for verdict in verdicts:
        if Verdict.objects.filter(pk=verdict.pk, state=State.STANDING).update(state=State.HELD, **columns):
            _lift(verdict, "the watch on outages", now)


def reverse(verdict: Verdict, by: str, now: datetime) -> None:
    """Mail this address again, in the name of `by`; what left before is no evidence any more.

    After a complaint that is not enough: the reader must also sign up anew, and confirm. Raises VerdictError.
    """
    with transaction.atomic():
        mine = Verdict.objects.filter(pk=verdict.pk, state__in=Verdict.OPEN)
        if not mine.update(state=State.REVERSED, decided_at=now, decided_by=by[:150]):
            raise VerdictError("Somebody has decided about this address already.")
        verdict.refresh_from_db()
        _lift(verdict, by, now)
    log.info("action=verdict_reversed verdict=%d", verdict.pk)


def restore(verdict: Verdict, by: str, now: datetime) -> None:
    """Take `reverse` back: the address is stopped again. Raises VerdictError."""
    person = Subscriber.objects.filter(address_hash=verdict.address_hash).first()
    if person is None:
        raise VerdictError("This person was erased, or has another address now.")
    if _came_back(verdict):
        raise VerdictError("The reader has signed up again since, so the complaint is answered.")
    try:
        with transaction.atomic():
            mine = Verdict.objects.filter(pk=verdict.pk, state=State.REVERSED)
            if not mine.update(state=State.STANDING, decided_at=None, decided_by=""):
                raise VerdictError("This verdict was not taken back.")
            if verdict.suppression is not None:
                suppress.revoke_reopen(verdict.suppression)
            verdict.refresh_from_db()
            enforce(verdict, person, now)
    except IntegrityError as error:
        raise VerdictError("There is a newer verdict on this address.") from error
    log.info("action=verdict_restored verdict=%d", verdict.pk)


def evidence(verdict: Verdict) -> str:
    """What the verdict rests on, in lines that a person can check; the latest of many events."""
    events = list(verdict.events.order_by("-at", "-pk")[:_TOLD])
    return "\n\n".join([f"verdict: {verdict.because}", *map(_event_in_lines, events)])


def _event_in_lines(event: FeedbackEvent) -> str:
    lines = (
        ("date", event.at.isoformat(timespec="seconds")),
        ("said", " ".join(event.diagnostic.split())[:1000]),
        ("status", event.status),
        ("reason", f"{event.bounce_class} {event.reason}".strip()),
        ("rule", event.rule),
        ("reader found by", event.identity),
        ("delivery", str(event.delivery_id or "")),
        ("origin", event.origin),
    )
    return "\n".join(f"{name}: {value}" for name, value in lines if value)


def _lift(verdict: Verdict, by: str, now: datetime) -> None:
    """End what the verdict keeps mail away by; where a person stopped the address, that stays."""
    if verdict.suppression is None or verdict.suppression.reason != _REASONS[verdict.rule]:
        return
    if verdict.rule == Rule.COMPLAINT:
        suppress.reopen(verdict.suppression, by, now)
    else:
        suppress.lift(verdict.suppression, by, now)


def _came_back(verdict: Verdict) -> bool:
    """Whether the reader has answered a complaint by signing up anew."""
    suppression = verdict.suppression
    return verdict.rule == Rule.COMPLAINT and suppression is not None and suppression.lifted_at is not None
