"""Domain outages: when many subscribers at one domain bounce within hours whose mail arrived before, its
server is broken.

Their decisions are held, they still get mail, and staff are alerted. Staff decide; or later deliveries do:
one that arrives dismisses its subscriber's decision, one that bounces days later applies it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef

from mailer.delivery.outbox import alerts
from mailer.feedback.decisions import policy, suppression_decisions
from mailer.feedback.models import DomainOutage, SuppressionDecision
from subscribers.models import Subscriber, Subscription, Suppression

log = logging.getLogger(__name__)

# At least this many of a domain's subscribers, and this share of them, must bounce within this time.
_MIN_BOUNCED, _MIN_SHARE = 3, 0.3
_WINDOW = timedelta(hours=12)
# Bounces within this time of its start belong to an outage.
DURATION = timedelta(days=3)
# A held decision that nothing confirms for this long is dismissed.
_LAPSE = timedelta(days=60)

State = DomainOutage.State
_BOUNCE_RULES = (
    SuppressionDecision.Rule.HARD_BOUNCE,
    SuppressionDecision.Rule.TWO_HARD_BOUNCES,
    SuppressionDecision.Rule.SOFT_BOUNCES,
)


def apply_or_hold(decision: SuppressionDecision, person: Subscriber, now: datetime) -> None:
    """Apply a decision, unless it belongs to an outage: then it is held, or follows what staff decided about
    that.
    """
    outage = _outage_of(decision, now)
    if outage is None or outage.state == State.CONFIRMED:
        suppression_decisions.apply(decision, person, now)
        return
    decision.state, decision.outage = SuppressionDecision.State.HELD, outage
    decision.save(update_fields=["state", "outage"])
    if outage.state == State.DISMISSED:
        reason = f"belongs to a domain outage; decided by {outage.decided_by}"
        suppression_decisions.dismiss([decision], reason, now)


@transaction.atomic
def decide(outage: DomainOutage, *, suppress: bool, by: str, now: datetime) -> int:
    """Apply all its held decisions, or dismiss them, in the name of `by`; returns how many.

    Raises DecisionError when another decision was made before.
    """
    state = State.CONFIRMED if suppress else State.DISMISSED
    current = DomainOutage.objects.filter(pk=outage.pk, state=State.OPEN)
    if not current.update(state=state, decided_at=now, decided_by=by[:150]):
        raise suppression_decisions.DecisionError("A decision about this domain was made already.")
    outage.refresh_from_db()
    held = list(outage.decisions.filter(state=SuppressionDecision.State.HELD))
    if suppress:
        return suppression_decisions.confirm(held, now)
    return suppression_decisions.dismiss(held, f"kept by {by}", now)


def review(now: datetime) -> None:
    """Dismiss decisions that a later delivery disproves or nothing confirms, and end outages without any
    left.
    """
    held = SuppressionDecision.objects.filter(state=SuppressionDecision.State.HELD, outage__isnull=False)
    suppression_decisions.dismiss(_delivered_since(list(held), now), "a later message was delivered", now)
    lapsed = list(held.filter(created_at__lt=now - _LAPSE))
    suppression_decisions.dismiss(lapsed, "nothing confirmed it for 60 days", now)
    waiting = SuppressionDecision.objects.filter(outage=OuterRef("pk"), state=SuppressionDecision.State.HELD)
    DomainOutage.objects.filter(~Exists(waiting), state=State.OPEN).update(state=State.OVER, decided_at=now)
    DomainOutage.objects.filter(state=State.WATCHED, started_at__lte=now - _WINDOW).delete()


def _outage_of(decision: SuppressionDecision, now: datetime) -> DomainOutage | None:
    """The outage to which a decision belongs; it opens when the decision is one too many for its domain."""
    if decision.rule not in _BOUNCE_RULES or not decision.had_deliveries:
        return None
    latest = DomainOutage.objects.filter(domain=decision.domain, started_at__gt=now - DURATION).first()
    if latest is None or _is_past(latest, now):
        DomainOutage.objects.create(domain=decision.domain, started_at=now)
        return None
    latest.bounced += 1
    if latest.state == State.WATCHED:
        return latest if _exceeds_limits(latest) and _open(latest, now) else None
    latest.save(update_fields=["bounced"])
    return latest


def _is_past(outage: DomainOutage, now: datetime) -> bool:
    return outage.state == State.OVER or (
        outage.state == State.WATCHED and outage.started_at <= now - _WINDOW
    )


def _exceeds_limits(outage: DomainOutage) -> bool:
    if outage.bounced >= _MIN_BOUNCED and outage.mailable is None:
        # Counting reads every address, so it is done once.
        outage.mailable = _count_mailable(outage.domain) + outage.bounced - 1
    outage.save(update_fields=["bounced", "mailable"])
    return outage.mailable is not None and outage.bounced >= _MIN_SHARE * outage.mailable


def _open(outage: DomainOutage, now: datetime) -> bool:
    """Hold what was decided about the domain since the outage started, and alert staff."""
    outage.state = State.OPEN
    outage.save(update_fields=["state"])
    applied = SuppressionDecision.objects.filter(
        domain=outage.domain,
        state=SuppressionDecision.State.APPLIED,
        rule__in=_BOUNCE_RULES,
        had_deliveries=True,
        applied_at__gte=outage.started_at,
    )
    suppression_decisions.hold(applied, now, outage=outage)
    text = (
        f"{outage.bounced} of {outage.mailable} subscribers at {outage.domain} bounced at once; mail was "
        "delivered to them before. Perhaps the mail server there is broken: these addresses are not "
        "suppressed until staff decide."
    )
    alerts.warn(f"outage {outage.pk}", text, None, now, path=f"/desk/domain-outages/{outage.pk}/")
    log.warning("action=domain_outage outage=%d bounced=%d", outage.pk, outage.bounced)
    return True


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
