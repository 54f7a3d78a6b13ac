"""Outages: when many readers at one domain come back within hours who were fine before, its server is broken.

Their verdicts are held, mail to them goes on, and staff are told. A person decides; or later mail does: what
arrives drops the verdict, what comes back again days later lets it stand.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef

from mailer.delivery.outbox import alerts
from mailer.feedback.decisions import decisions
from mailer.feedback.decisions import history as histories
from mailer.feedback.models import Outage, Verdict
from subscribers.models import Subscriber, Subscription, Suppression

log = logging.getLogger(__name__)

# So many of a domain's readers, and at least this share of them, within this time.
_FEWEST, _SHARE = 3, 0.3
_WINDOW = timedelta(hours=12)
# What comes back within this time of its beginning belongs to it.
LASTS = timedelta(days=3)
# A verdict that nothing has confirmed for so long is dropped.
_LAPSE = timedelta(days=60)

State = Outage.State
_BOUNCED = (Verdict.Rule.HARD_BOUNCE, Verdict.Rule.TWO_HARD_BOUNCES, Verdict.Rule.SOFT_BOUNCES)


def enforce_or_hold(verdict: Verdict, person: Subscriber, now: datetime) -> None:
    """Let a verdict stand, unless it belongs to an outage: then it is held, or shares what was decided."""
    outage = _outage_of(verdict, now)
    if outage is None or outage.state == State.CONFIRMED:
        decisions.enforce(verdict, person, now)
        return
    verdict.state, verdict.outage = Verdict.State.HELD, outage
    verdict.save(update_fields=["state", "outage"])
    if outage.state == State.DISMISSED:
        decisions.drop([verdict], f"belongs to an outage; decided by {outage.decided_by}", now)


@transaction.atomic
def decide(outage: Outage, *, stop: bool, by: str, now: datetime) -> int:
    """Let all its verdicts stand, or drop them, in the name of `by`; how many it was about.

    Raises VerdictError when it was decided before.
    """
    state = State.CONFIRMED if stop else State.DISMISSED
    mine = Outage.objects.filter(pk=outage.pk, state=State.OPEN)
    if not mine.update(state=state, decided_at=now, decided_by=by[:150]):
        raise decisions.VerdictError("Somebody has decided about this domain already.")
    outage.refresh_from_db()
    held = list(outage.verdicts.filter(state=Verdict.State.HELD))
    return decisions.confirm(held, now) if stop else decisions.drop(held, f"kept by {by}", now)


def review(now: datetime) -> None:
    """Drop what later mail has answered, or nothing has confirmed, and close what has nobody left."""
    held = Verdict.objects.filter(state=Verdict.State.HELD, outage__isnull=False)
    answered = _arrived_since(list(held), now)
    decisions.drop(answered, "later mail arrived", now)
    decisions.drop(list(held.filter(at__lt=now - _LAPSE)), "nothing confirmed it for 60 days", now)
    waiting = Verdict.objects.filter(outage=OuterRef("pk"), state=Verdict.State.HELD)
    Outage.objects.filter(~Exists(waiting), state=State.OPEN).update(state=State.OVER, decided_at=now)
    Outage.objects.filter(state=State.WATCHED, began_at__lte=now - _WINDOW).delete()


def _outage_of(verdict: Verdict, now: datetime) -> Outage | None:
    """The outage that a verdict belongs to, begun where it makes the domain's readers too many."""
    if verdict.rule not in _BOUNCED or not verdict.was_fine:
        return None
    latest = Outage.objects.filter(domain=verdict.domain, began_at__gt=now - LASTS).first()
    if latest is None or _is_past(latest, now):
        Outage.objects.create(domain=verdict.domain, began_at=now)
        return None
    latest.returned += 1
    if latest.state == State.WATCHED:
        return latest if _is_too_many(latest) and _begin(latest, now) else None
    latest.save(update_fields=["returned"])
    return latest


def _is_past(outage: Outage, now: datetime) -> bool:
    return outage.state == State.OVER or (outage.state == State.WATCHED and outage.began_at <= now - _WINDOW)


def _is_too_many(outage: Outage) -> bool:
    if outage.returned >= _FEWEST and outage.readers is None:
        # Counting them takes a look at every address, so it is done once.
        outage.readers = _readable(outage.domain) + outage.returned - 1
    outage.save(update_fields=["returned", "readers"])
    return outage.readers is not None and outage.returned >= _SHARE * outage.readers


def _begin(outage: Outage, now: datetime) -> bool:
    """Hold what was decided about the domain since it began, and tell staff."""
    outage.state = State.OPEN
    outage.save(update_fields=["state"])
    stopped = Verdict.objects.filter(
        domain=outage.domain,
        state=Verdict.State.STANDING,
        rule__in=_BOUNCED,
        was_fine=True,
        stood_at__gte=outage.began_at,
    )
    decisions.hold(stopped, now, outage=outage)
    words = (
        f"{outage.returned} of {outage.readers} readers at {outage.domain}, fine before, came back at once. "
        "Perhaps its mail server is broken: their addresses are not stopped until somebody decides."
    )
    alerts.warn(f"outage {outage.pk}", words, None, now, path=f"/desk/domain-outages/{outage.pk}/")
    log.warning("action=outage outage=%d readers=%d", outage.pk, outage.returned)
    return True


def _readable(domain: str) -> int:
    """How many readers at a domain can be mailed."""
    on = Subscription.objects.filter(subscriber=OuterRef("pk"), state=Subscription.State.CONFIRMED)
    stopped = Suppression.objects.filter(address_hash=OuterRef("address_hash"), lifted_at__isnull=True)
    return Subscriber.objects.filter(Exists(on), ~Exists(stopped), email__endswith=f"@{domain}").count()


def _arrived_since(held: list[Verdict], now: datetime) -> list[Verdict]:
    people = {
        person.pk: person for person in Subscriber.objects.filter(pk__in=[one.subscriber for one in held])
    }
    known = histories.of(list(people.values()), now)
    alive = {number: history.alive_at for number, history in known.items()}
    return [one for one in held if (moment := alive.get(one.subscriber)) is not None and moment > one.at]
