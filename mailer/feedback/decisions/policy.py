"""Decides what follows from all bounces and complaints of one subscriber; loads the histories of many.

A history is judged as a whole, by pure rules, in the order in which things happened. So the order in which
they become known makes no difference, and the same event reported twice adds nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from django.db.models import Count, Max, Min, QuerySet
from django.db.models.functions import TruncDate

from mailer.delivery.models import Delivery
from mailer.feedback.models import FeedbackEvent, SuppressionDecision
from mailer.feedback.parsing.parsed_message import AUTHENTICATED
from subscribers.models import Subscriber, Subscription
from subscribers.translate_stored_texts import stored

# An address is suppressed at this many points, over at least this time, without engagement between them.
SOFT_LIMIT = 5.0
SOFT_SPAN = timedelta(days=14)
# A bounce counts in full for a year; then its weight declines, and it is forgotten.
FULL_WEIGHT = timedelta(days=365)
FORGET_AFTER = timedelta(days=540)
_POINTS = {"soft": 1.0, "hard": 1.0, "unknown": 0.5}
# A subscriber for this long, who got this many deliveries, gets a probe before soft bounces suppress the
# address.
LONG_STANDING, MANY_DELIVERIES = timedelta(days=365), 10
# Time until a subscriber may get another probe.
PROBE_INTERVAL = timedelta(days=90)

# review: staff decide; probe: send one message and see whether it bounces; suppress: send nothing to this
# address; unsubscribe_all: that, and end every subscription.
Effect = Literal["none", "review", "probe", "suppress", "unsubscribe_all"]
Rule = Literal["", "complaint", "hard_bounce", "two_hard_bounces", "soft_bounces"]


@dataclass(frozen=True)
class HistoryEvent:
    """One bounce or complaint of a subscriber."""

    # Id of its FeedbackEvent.
    id: int
    # "bounce" or "complaint".
    kind: str
    # hard, soft, block or unknown; "" for a complaint.
    bounce_class: str
    # Whether it cannot have been forged (evidence.AUTHENTICATED).
    authenticated: bool
    # When the delivery that it is about was accepted; where that is unknown, when it arrived. Aware UTC.
    at: datetime
    # Id of the delivery that it is about: several reports about one delivery are one bounce.
    delivery: int | None = None
    # FeedbackEvent.reply_fingerprint.
    reply: str = ""


@dataclass(frozen=True)
class History:
    """All that is known about one subscriber."""

    events: tuple[HistoryEvent, ...] = ()
    # The latest sign that the address works: a delivery from then never bounced, or the subscriber acted.
    last_engaged_at: datetime | None = None
    # When a decision about the address was last reverted or dismissed: deliveries from before are no evidence
    # any more.
    reset_at: datetime | None = None
    # When the subscriber last got a probe.
    probed_at: datetime | None = None
    # Since when they are a subscriber, and how many deliveries they got.
    subscriber_since: datetime | None = None
    deliveries: int = 0


@dataclass(frozen=True)
class Decision:
    """What follows from a history."""

    effect: Effect
    rule: Rule = ""
    # Explanation for staff.
    reason: str = ""
    # Ids of the events that counted.
    event_ids: tuple[int, ...] = ()


NO_DECISION = Decision("none")


def decide(history: History) -> Decision:
    """What the history leads to. The strongest rule that applies decides.

    A bounce counts only when its delivery was accepted after the latest engagement. Events that could be
    forged never suppress an address: they lead to a probe, or to a review by staff.
    """
    events = [event for event in history.events if _is_after(event, history.reset_at)]
    complaints = [event for event in events if event.kind == "complaint"]
    bounces = _distinct(
        event
        for event in events
        if event.bounce_class in _POINTS and _is_after(event, history.last_engaged_at)
    )
    authenticated = [event for event in bounces if event.authenticated]
    for decision in (
        _complaint(complaints),
        _hard(authenticated),
        _soft(authenticated, history),
        _unauthenticated_hard(bounces, history),
        _unauthenticated_soft(bounces, history),
        _unauthenticated_complaint(complaints),
    ):
        if decision.effect != "none":
            return decision
    return NO_DECISION


def _complaint(complaints: list[HistoryEvent]) -> Decision:
    authenticated = [event.id for event in complaints if event.authenticated]
    if not authenticated:
        return NO_DECISION
    reason = stored("The subscriber's mailbox provider reports that the subscriber marked a message as spam.")
    return Decision("unsubscribe_all", "complaint", reason, (min(authenticated),))


def _unauthenticated_complaint(complaints: list[HistoryEvent]) -> Decision:
    if not complaints:
        return NO_DECISION
    reason = stored("A complaint names this subscriber, but nothing proves that it is genuine.")
    return Decision("review", "complaint", reason, (min(event.id for event in complaints),))


def _hard(authenticated: list[HistoryEvent]) -> Decision:
    hard = [event for event in authenticated if event.bounce_class == "hard"]
    if not hard:
        return NO_DECISION
    reason = stored("The receiving server says that the address does not exist.")
    return Decision("suppress", "hard_bounce", reason, (hard[0].id,))


def _soft(authenticated: list[HistoryEvent], history: History) -> Decision:
    run = _run_over_limit(authenticated)
    if not run:
        return NO_DECISION
    effect: Effect = "suppress"
    if _is_long_standing(history, run[-1].at) and not _was_probed_before(history, run[-1].at):
        effect = "probe"
    return Decision(effect, "soft_bounces", _describe(run), tuple(event.id for event in run))


def _unauthenticated_hard(bounces: list[HistoryEvent], history: History) -> Decision:
    hard = [event for event in bounces if event.bounce_class == "hard"]
    if len({event.at.date() for event in hard}) < 2 or _was_probed_before(history, hard[-1].at):
        return NO_DECISION
    reason = stored(
        "Bounces on different days say that the address does not exist, but these bounces could be forged."
    )
    return Decision("probe", "two_hard_bounces", reason, tuple(event.id for event in hard))


def _unauthenticated_soft(bounces: list[HistoryEvent], history: History) -> Decision:
    run = _run_over_limit(bounces, history.probed_at + PROBE_INTERVAL if history.probed_at else None)
    if not run:
        return NO_DECISION
    reason = stored("%(run)s Not all of these bounces are proved to be genuine.", run=_describe(run))
    return Decision("probe", "soft_bounces", reason, tuple(event.id for event in run))


def _run_over_limit(bounces: list[HistoryEvent], earliest: datetime | None = None) -> list[HistoryEvent]:
    """The bounces up to the first moment at which they exceed SOFT_LIMIT and SOFT_SPAN; empty when they never
    do.
    """
    for place, last in enumerate(bounces):
        if earliest is not None and last.at < earliest:
            continue
        run = [event for event in bounces[: place + 1] if last.at - event.at < FORGET_AFTER]
        points = sum(_points(event, last.at) for event in run)
        if points >= SOFT_LIMIT and last.at - run[0].at >= SOFT_SPAN:
            return run
    return []


def _points(event: HistoryEvent, when: datetime) -> float:
    decline = max(when - event.at - FULL_WEIGHT, timedelta(0)) / (FORGET_AFTER - FULL_WEIGHT)
    return _POINTS[event.bounce_class] * max(1 - decline, 0.0)


def _distinct(bounces: Iterable[HistoryEvent]) -> list[HistoryEvent]:
    """One bounce for each delivery, and one for each day where the delivery is unknown; in order of time."""
    kept: dict[object, HistoryEvent] = {}
    for event in sorted(bounces, key=_weight, reverse=True):
        # Authenticated ones are kept apart from others: a forged report must not hide a genuine one.
        key = event.delivery if event.delivery is not None else (event.at.date(), event.authenticated)
        kept.setdefault(key, event)
    return sorted(kept.values(), key=lambda event: (event.at, event.id))


def _weight(event: HistoryEvent) -> tuple[bool, float, float, int]:
    """Which of several reports about one delivery represents it: the heaviest, then the earliest."""
    return event.bounce_class == "hard", _POINTS[event.bounce_class], -event.at.timestamp(), -event.id


def _is_after(event: HistoryEvent, moment: datetime | None) -> bool:
    return moment is None or event.at > moment


def _is_long_standing(history: History, when: datetime) -> bool:
    since = history.subscriber_since
    age = when - since if since else timedelta(0)
    return age >= LONG_STANDING and history.deliveries >= MANY_DELIVERIES


def _was_probed_before(history: History, when: datetime) -> bool:
    """Whether a probe was sent not long before `when`; the events that led to it must not count after it."""
    return history.probed_at is not None and history.probed_at < when < history.probed_at + PROBE_INTERVAL


def _describe(run: list[HistoryEvent]) -> str:
    days = (run[-1].at - run[0].at).days
    return stored(
        "%(run)s emails to this address bounced over %(days)s days, and none was delivered in between.",
        run=len(run),
        days=days,
    )


# A delivery that has not bounced for this long has arrived: servers give up after five days (RFC 5321
# §4.5.4.1).
BOUNCE_WINDOW = timedelta(days=6)

_COUNTED_KINDS = (FeedbackEvent.Kind.BOUNCE, FeedbackEvent.Kind.COMPLAINT)


def load_histories(people: Collection[Subscriber], now: datetime) -> dict[int, History]:
    """The history of each subscriber, by id; also of those about whom nothing is known."""
    ids = [person.pk for person in people]
    events = _events(people, now)
    delivered = {row["subscriber"]: row for row in _delivered(ids, now)}
    by_subscriber = Subscription.objects.filter(subscriber__in=ids, source__in=Subscription.BY_READER)
    confirmed = dict(_latest_by(by_subscriber, "subscriber", Max("confirmed_at")))
    reset, probed = _past_decisions(people)
    found = {}
    for person in people:
        row = delivered.get(person.pk, {})
        found[person.pk] = History(
            events=tuple(events[person.pk]),
            last_engaged_at=_latest(confirmed.get(person.pk), row.get("last")),
            reset_at=reset.get(bytes(person.address_hash)),
            probed_at=probed.get(bytes(person.address_hash)),
            subscriber_since=person.created_at,
            deliveries=row.get("deliveries", 0),
        )
    return found


def _events(people: Collection[Subscriber], now: datetime) -> defaultdict[int, list[HistoryEvent]]:
    hashes = {person.pk: bytes(person.address_hash) for person in people}
    events = FeedbackEvent.objects.filter(
        subscriber__in=hashes, kind__in=_COUNTED_KINDS, at__gte=now - FORGET_AFTER
    )
    found: defaultdict[int, list[HistoryEvent]] = defaultdict(list)
    columns = ("subscriber", "address_hash", "pk", "kind", "bounce_class", "at", "delivery")
    authenticated = events.filter(identity__in=AUTHENTICATED)
    for (
        subscriber,
        known,
        pk,
        kind,
        bounce_class,
        at,
        delivery,
        accepted_at,
        reply,
    ) in authenticated.values_list(*columns, "delivery__accepted_at", "reply_fingerprint"):
        if bytes(known or b"") == hashes[subscriber]:
            found[subscriber].append(
                HistoryEvent(pk, kind, bounce_class, True, accepted_at or at, delivery, reply)
            )
    # A thousand of these a day can be forged: only whether there was one makes a difference.
    daily: Any = (
        events.exclude(identity__in=AUTHENTICATED).annotate(day=TruncDate("at", tzinfo=UTC)).order_by()
    )
    daily = daily.values("subscriber", "address_hash", "kind", "bounce_class", "day")
    for row in daily.annotate(event=Min("pk"), first=Min("at")):
        subscriber = row["subscriber"]
        if bytes(row["address_hash"] or b"") == hashes[subscriber]:
            found[subscriber].append(
                HistoryEvent(row["event"], row["kind"], row["bounce_class"], False, row["first"])
            )
    return found


def _delivered(ids: Collection[int], now: datetime) -> Any:
    """How many deliveries of each subscriber did not bounce, and when the last of them was accepted."""
    deliveries = Delivery.objects.filter(
        subscriber__in=ids,
        mailing__dry_run_to="",
        state=Delivery.State.ACCEPTED,
        bounced_at__isnull=True,
        accepted_at__lt=now - BOUNCE_WINDOW,
    )
    grouped = deliveries.order_by().values("subscriber")
    return grouped.annotate(last=Max("accepted_at"), deliveries=Count("pk"))


def _past_decisions(
    people: Collection[Subscriber],
) -> tuple[dict[bytes, datetime], dict[bytes, datetime]]:
    """By address: when a decision was last reverted or dismissed, and when a probe was last sent."""
    hashes = [bytes(person.address_hash) for person in people]
    decisions = SuppressionDecision.objects.filter(address_hash__in=hashes)
    closed = decisions.filter(
        state__in=[SuppressionDecision.State.DISMISSED, SuppressionDecision.State.REVERTED]
    )
    probed = decisions.filter(probed_at__isnull=False)
    return (
        {bytes(key): at for key, at in _latest_by(closed, "address_hash", Max("closed_at"))},
        {bytes(key): at for key, at in _latest_by(probed, "address_hash", Max("probed_at"))},
    )


def _latest_by(rows: QuerySet[Any], key: str, latest: Max) -> Any:
    return rows.order_by().values_list(key).annotate(latest=latest)


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)
