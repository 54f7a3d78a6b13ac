"""Bounce waves: bounces of many subscribers at once whose cause is probably not their addresses.

- Of a domain: many of its subscribers bounce within hours whose mail arrived before. Its server is broken.
- Of a reply: many subscribers bounce within days with the same reply, and staff have not decided before what
  that reply means. It may be about us: an identity that the relay does not know, a blocked account.

Their decisions are held, they still get mail, and staff are alerted. Staff decide. A later delivery dismisses
its subscriber's decision. In the wave of a domain, a bounce days later applies it; the same reply never does.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext

from mailer.delivery.outbox import staff_alerts
from mailer.feedback.decisions import policy, suppression_decision_states
from mailer.feedback.decisions.policy import History
from mailer.feedback.models import BounceWave, FeedbackEvent, SuppressionDecision
from mailer.feedback.parsing.classify_bounce_reasons import reply_words
from mailer.feedback.parsing.parsed_message import AUTHENTICATED
from subscribers.models import Subscriber, Subscription, Suppression
from subscribers.translate_stored_texts import stored

log = logging.getLogger(__name__)

# At least this many of a domain's subscribers, and this share of them, must bounce within this time.
_MIN_BOUNCED, _MIN_SHARE = 3, 0.3
_WINDOW = timedelta(hours=12)
# At least this many subscribers must get the same reply within DURATION.
_MIN_SAME_REPLY = 5
# Bounces within this time of its start belong to the wave of a domain.
DURATION = timedelta(days=3)
# What staff decide about a reply holds for this long.
_REPLY_DECIDED_FOR = timedelta(days=365)
# A held decision that nothing confirms for this long is dismissed.
_LAPSE = timedelta(days=60)

State = BounceWave.State
_BOUNCE_RULES = (
    SuppressionDecision.Rule.HARD_BOUNCE,
    SuppressionDecision.Rule.TWO_HARD_BOUNCES,
    SuppressionDecision.Rule.SOFT_BOUNCES,
)


def apply_or_hold(decision: SuppressionDecision, person: Subscriber, now: datetime) -> None:
    """Apply a decision, unless it belongs to a wave: then it is held, or follows what staff decided about
    that.
    """
    _follow(decision, person, _domain_wave(decision, now) or _reply_wave(decision, now), now)


def apply_or_hold_confirmed(decision: SuppressionDecision, person: Subscriber, now: datetime) -> None:
    """`apply_or_hold` for a decision that was held or probed, and that later bounces confirm.

    The wave of its domain is over; what bounces after it is no part of one.
    """
    _follow(decision, person, _reply_wave(decision, now), now)


def history_outside(history: History, wave: BounceWave) -> History:
    """The part of a subscriber's history that may apply a decision held in the wave."""
    if wave.reply_fingerprint:
        events = tuple(event for event in history.events if event.reply != wave.reply_fingerprint)
        return replace(history, events=events)
    ended_at = wave.started_at + DURATION
    return replace(history, reset_at=max(history.reset_at or ended_at, ended_at))


@transaction.atomic
def decide_wave(wave: BounceWave, *, suppress: bool, by: str, now: datetime) -> int:
    """Apply all its held decisions, or dismiss them, in the name of `by`; returns how many.

    Later bounces follow the decision. Raises DecisionError when another decision was made before.
    """
    state = State.CONFIRMED if suppress else State.DISMISSED
    current = BounceWave.objects.filter(pk=wave.pk, state=State.OPEN)
    if not current.update(state=state, decided_at=now, decided_by=by[:150]):
        raise suppression_decision_states.DecisionError(
            gettext("Staff have already decided about these bounces.")
        )
    wave.refresh_from_db()
    held = list(wave.decisions.filter(state=SuppressionDecision.State.HELD))
    if suppress:
        return suppression_decision_states.apply_waiting(held, now)
    return suppression_decision_states.dismiss(
        held, stored("the addresses were kept active by %(by)s", by=by), now
    )


def expire_held_decisions_and_waves(now: datetime) -> None:
    """Dismiss decisions that a later delivery disproves or nothing confirms, and end waves without any
    left.
    """
    held = SuppressionDecision.objects.filter(state=SuppressionDecision.State.HELD, wave__isnull=False)
    suppression_decision_states.dismiss(
        _delivered_since(list(held), now), stored("a later message was delivered to this address"), now
    )
    lapsed = list(held.filter(created_at__lt=now - _LAPSE))
    suppression_decision_states.dismiss(
        lapsed, stored("in 60 days no further bounce confirmed that the address must be suppressed"), now
    )
    waiting = SuppressionDecision.objects.filter(wave=OuterRef("pk"), state=SuppressionDecision.State.HELD)
    BounceWave.objects.filter(~Exists(waiting), state=State.OPEN).update(state=State.OVER, decided_at=now)
    BounceWave.objects.filter(state=State.WATCHED, started_at__lte=now - _WINDOW).delete()


def _follow(
    decision: SuppressionDecision, person: Subscriber, wave: BounceWave | None, now: datetime
) -> None:
    """Do with a decision what its wave requires."""
    if wave is None or wave.state == State.CONFIRMED:
        suppression_decision_states.apply_and_unsubscribe_complainer(decision, person, now)
        return
    decision.state, decision.wave = SuppressionDecision.State.HELD, wave
    decision.save(update_fields=["state", "wave"])
    if wave.state == State.DISMISSED:
        reason = stored(
            "many addresses bounced at once; %(decided_by)s decided to keep them", decided_by=wave.decided_by
        )
        suppression_decision_states.dismiss([decision], reason, now)


def _domain_wave(decision: SuppressionDecision, now: datetime) -> BounceWave | None:
    """The wave of its domain to which a decision belongs; it opens when the decision is one too many for its
    domain.
    """
    if decision.rule not in _BOUNCE_RULES or not decision.had_deliveries:
        return None
    latest = BounceWave.objects.filter(domain=decision.domain, started_at__gt=now - DURATION).first()
    if latest is None or _is_past(latest, now):
        BounceWave.objects.create(domain=decision.domain, started_at=now)
        return None
    latest.bounced += 1
    if latest.state == State.WATCHED:
        if not _exceeds_limits(latest):
            return None
        _open(latest, decision, latest.bounced, now)
        return latest
    latest.save(update_fields=["bounced"])
    return latest


def _is_past(wave: BounceWave, now: datetime) -> bool:
    return wave.state == State.OVER or (wave.state == State.WATCHED and wave.started_at <= now - _WINDOW)


def _exceeds_limits(wave: BounceWave) -> bool:
    if wave.bounced >= _MIN_BOUNCED and wave.mailable is None:
        # Counting reads every address, so it is done once.
        wave.mailable = _count_mailable(wave.domain) + wave.bounced - 1
    wave.save(update_fields=["bounced", "mailable"])
    return wave.mailable is not None and wave.bounced >= _MIN_SHARE * wave.mailable


def _reply_wave(decision: SuppressionDecision, now: datetime) -> BounceWave | None:
    """The wave of the reply that led to a decision; it opens when too many subscribers got that reply."""
    event = decision.events.order_by("-at", "-pk").first()
    if event is None or decision.rule not in _BOUNCE_RULES or not event.reply_fingerprint:
        return None
    known = BounceWave.objects.filter(reply_fingerprint=event.reply_fingerprint)
    decided = [State.CONFIRMED, State.DISMISSED]
    wave = (
        known.filter(state=State.OPEN).first()
        or known.filter(state__in=decided, decided_at__gt=now - _REPLY_DECIDED_FOR).first()
    )
    if wave is not None:
        if decision.wave_id != wave.pk:
            known.filter(pk=wave.pk).update(bounced=F("bounced") + 1)
        return wave
    # Around the bounce, not before now: a service may report late what happened days ago.
    same = FeedbackEvent.objects.filter(
        reply_fingerprint=event.reply_fingerprint,
        at__range=(event.at - DURATION, event.at + DURATION),
        kind=FeedbackEvent.Kind.BOUNCE,
        identity__in=AUTHENTICATED,
        subscriber__isnull=False,
    ).exclude(bounce_class=FeedbackEvent.Class.BLOCK)
    bounced = same.order_by().values("subscriber").distinct()
    if len(bounced[:_MIN_SAME_REPLY]) < _MIN_SAME_REPLY:
        return None
    wave = BounceWave.objects.create(
        reply_fingerprint=event.reply_fingerprint,
        reply=reply_words(event.diagnostic, _addresses(event))[:200] or event.rule,
        started_at=event.at,
    )
    _open(wave, decision, bounced.count(), now)
    return wave


def _addresses(event: FeedbackEvent) -> tuple[str, ...]:
    """The address that an event is about, where the subscriber still has it."""
    return tuple(Subscriber.objects.filter(pk=event.subscriber or 0).values_list("email", flat=True))


def _open(wave: BounceWave, decision: SuppressionDecision, bounced: int, now: datetime) -> None:
    """Hold what was applied before `decision` for the same cause, and alert staff that so many bounced."""
    # A decision that belongs to a wave was applied by staff.
    applied = SuppressionDecision.objects.filter(
        state=SuppressionDecision.State.APPLIED, rule__in=_BOUNCE_RULES, wave__isnull=True
    ).exclude(pk=decision.pk)
    if wave.reply_fingerprint:
        events = FeedbackEvent.objects.filter(
            reply_fingerprint=wave.reply_fingerprint, at__gte=wave.started_at - DURATION
        )
        applied = applied.filter(events__in=events).distinct()
        text = stored(
            "%(bounced)s subscribers bounced with the same reply, which is new: “%(reply)s”. "
            "Perhaps it is about your relay account, domain or IP address. These addresses "
            "are not suppressed until staff decide.",
            bounced=bounced,
            reply=wave.reply,
        )
    else:
        applied = applied.filter(domain=wave.domain, had_deliveries=True, applied_at__gte=wave.started_at)
        text = stored(
            "%(bounced)s of %(mailable)s subscribers at %(domain)s bounced within a short "
            "time; mail was delivered to them before. Perhaps the mail server there is "
            "broken: these addresses are not suppressed until staff decide.",
            bounced=bounced,
            mailable=wave.mailable,
            domain=wave.domain,
        )
    held = list(applied)
    wave.state = State.OPEN
    if wave.reply_fingerprint:
        # Those that are held, and the one that opens it; the others join one by one.
        wave.bounced = len(held) + 1
    wave.save(update_fields=["state", "bounced"])
    suppression_decision_states.hold_and_lift(held, now, wave=wave)
    staff_alerts.warn(f"wave {wave.pk}", text, None, now, path=f"/desk/bounce-waves/{wave.pk}/")
    log.warning("action=bounce_wave wave=%d bounced=%d", wave.pk, bounced)


def _count_mailable(domain: str) -> int:
    """How many subscribers at a domain can be mailed."""
    confirmed = Subscription.objects.filter(subscriber=OuterRef("pk"), state=Subscription.State.CONFIRMED)
    suppressed = Suppression.objects.filter(address_hash=OuterRef("address_hash"), lifted_at__isnull=True)
    return Subscriber.objects.filter(
        Exists(confirmed), ~Exists(suppressed), email__endswith=f"@{domain}"
    ).count()


def _delivered_since(held: list[SuppressionDecision], now: datetime) -> list[SuppressionDecision]:
    """The decisions about subscribers to whom a message was delivered after the decision."""
    people = list(Subscriber.objects.filter(pk__in=[decision.subscriber for decision in held]))
    engaged = {pk: found.last_engaged_at for pk, found in policy.load_histories(people, now).items()}
    return [
        decision
        for decision in held
        if (moment := engaged.get(decision.subscriber)) is not None and moment > decision.created_at
    ]
