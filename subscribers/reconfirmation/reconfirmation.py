"""Asking: begun by a person, letter by letter, answered by a button, and decided by a person again."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from subscribers import consent, emails, merge, tokens
from subscribers.bulk import jobs
from subscribers.bulk.models import BulkRun
from subscribers.consent import Event, Evidence
from subscribers.models import MailingList, Subscriber, Subscription
from subscribers.reconfirmation.models import Asked, Asking
from subscribers.segments import audience, compile
from subscribers.segments.models import SavedSegment
from subscribers.segments.rules import BadRule, as_json, from_json
from subscribers.segments.store import rule_of
from subscribers.subscribe import subscribe

log = logging.getLogger(__name__)

State = Asking.State

# Letters in one call of `work`, which the worker makes once a minute: no mail system takes it for a flood.
_AT_A_TIME = 100
# Nobody is asked again sooner.
RESTED = timedelta(days=90)
_LEAST_DAYS, _MOST_DAYS = 7, 90


class NotNow(Exception):  # noqa: N818  (a verdict on the moment)
    """The question is not in a state for this; the message says why."""


def begin(segment: SavedSegment, mailing_list: MailingList, days: int, by: str, now: datetime) -> Asking:
    """A question to the people of a segment who are on the list. Raises ValueError in words."""
    if not _LEAST_DAYS <= days <= _MOST_DAYS:
        raise ValueError(f"Give people {_LEAST_DAYS} to {_MOST_DAYS} days to answer.")
    return Asking.objects.create(
        mailing_list=mailing_list,
        rule=as_json(rule_of(segment)),
        segment_name=segment.name,
        until=(now + timedelta(days=days)).date(),
        made_by=by,
        made_at=now,
    )


def to_ask(asking: Asking, now: datetime) -> QuerySet[Subscriber]:
    """Whom it has still to ask: confirmed on the list, not suppressed or pausing, and not asked lately.

    Raises BadRule for what is gone since.
    """
    on = Subscription.objects.filter(
        subscriber=OuterRef("pk"), mailing_list=asking.mailing_list, state=Subscription.State.CONFIRMED
    )
    lately = Asked.objects.filter(subscriber=OuterRef("pk"), at__gt=now - RESTED)
    rule = from_json(asking.rule)
    # "None of a tag" that was deleted since would be everybody.
    compile.refuse_gone(rule)
    people = compile.people(rule, asking.made_at).filter(pk__gt=asking.position)
    people = people.exclude(paused_until__gt=now)
    return people.filter(Exists(on)).exclude(audience.suppressed()).exclude(Exists(lately)).order_by("pk")


def work(now: datetime) -> int:
    """Write some letters of each question that is being asked; letters written.

    One whose letters cannot be written is tried again by the next call, and holds up no other.
    """
    written = 0
    for number in list(Asking.objects.filter(state=State.SENDING).values_list("pk", flat=True)):
        try:
            written += _step(number, now)
        except Exception:
            log.exception("action=asking_failed asking=%d", number)
    return written


def _step(number: int, now: datetime) -> int:
    with transaction.atomic():
        asking = Asking.objects.select_for_update().filter(pk=number, state=State.SENDING).first()
        if asking is None:
            return 0
        try:
            people = list(to_ask(asking, now)[:_AT_A_TIME]) if now.date() < asking.until else []
        except BadRule:
            # Nobody more can be told; who was asked may still answer.
            people = []
        Asked.objects.bulk_create(Asked(asking=asking, subscriber=one, at=now) for one in people)
        for person in people:
            emails.send_reconfirmation(person, tokens.make("reconfirm", person.pk, asking.pk), asking.until)
        if len(people) < _AT_A_TIME:
            asking.state = State.WAITING
        else:
            asking.position = people[-1].pk
        asking.save(update_fields=["state", "position"])
    return len(people)


def read(token: str) -> tuple[Asking, Subscriber]:
    """What a link of such a letter is about; raises InvalidToken."""
    claim, person = merge.read_token("reconfirm", token)
    asking = Asking.objects.select_related("mailing_list").filter(pk=claim.scope).first()
    if asking is None:
        raise tokens.InvalidToken("a question that is gone")
    return asking, person


def stay(asking: Asking, person: Subscriber, word: Evidence, now: datetime) -> None:
    """The reader's own word that they want it; also when they were taken off meanwhile."""
    with transaction.atomic():
        asked = Asked.objects.filter(asking=asking, subscriber=person, stays_at__isnull=True)
        asked.update(stays_at=now)
        on = person.subscriptions.filter(
            mailing_list=asking.mailing_list_id, state=Subscription.State.CONFIRMED
        )
        if on.exists():
            if not person.consents.filter(event=Event.CONFIRMED, at__gte=asking.made_at).exists():
                consent.record(Event.CONFIRMED, [person.pk], [asking.mailing_list_id], word, now)
        else:
            subscribe.add(person, [asking.mailing_list_id], word, now)


def stop(asking: Asking, by: str, now: datetime) -> None:
    """Ask nobody more, and leave everybody where they are. Raises NotNow."""
    _decided(asking, State.STOPPED, by, now)


def decide(asking: Asking, by: str, now: datetime) -> BulkRun:
    """Take those who did not answer off the list, by a change that can be undone. Raises NotNow."""
    if now.date() <= asking.until:
        raise NotNow(f"People may answer until {asking.until}.")
    with transaction.atomic():
        _decided(asking, State.DECIDED, by, now)
        if not asking.people.filter(stays_at__isnull=True).exists():
            raise NotNow("Everybody answered; there is nobody to take off.")
        wish = jobs.Wish(
            BulkRun.Deed.REMOVE,
            asking=asking.pk,
            target=asking.mailing_list_id,
            target_name=str(asking.mailing_list),
            words=f"Did not answer by {asking.until} whether they still want it.",
        )
        return jobs.begin(wish, by, now)


def _decided(asking: Asking, state: str, by: str, now: datetime) -> None:
    open_ones = Asking.objects.filter(pk=asking.pk, state__in=[State.SENDING, State.WAITING])
    if not open_ones.update(state=state, decided_by=by, decided_at=now):
        asking.refresh_from_db()
        raise NotNow(f"This question is {asking.get_state_display()} already.")
    asking.refresh_from_db()
