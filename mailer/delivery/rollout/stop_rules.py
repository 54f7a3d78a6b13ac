"""Asks the stop rules about every mailing under way, and does what they call for; each thing once."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from wagtail.log_actions import log as audit

from mailer.config.stops import Sign
from mailer.delivery.engine import control
from mailer.delivery.models import Intervention, Mailing
from mailer.delivery.outbox import alerts
from mailer.delivery.rollout import provider_stats, rollout
from mailer.delivery.rollout.evaluate import Finding, Level
from mailer.delivery.throttle import provider_throttle

log = logging.getLogger(__name__)

_Deed = Intervention.Deed
_DEEDS = {Level.WARN: _Deed.WARNED, Level.BRAKE: _Deed.BRAKED, Level.PAUSE: _Deed.PAUSED}
# So long after the last copy left, staff hear of what comes back of a mailing.
_HEARD = timedelta(days=3)
_SIGNS = {
    Sign.COMPLAINED: "Marked as unwanted",
    Sign.BOUNCED: "Addresses that do not exist",
    Sign.BLOCKED: "Blocked for what we are or what we send",
}


def watch(now: datetime) -> list[int]:
    """Look at every mailing under way or just sent; ids of those that were paused. May run twice."""
    sending = Q(state=Mailing.State.SENDING)
    sent = Q(state=Mailing.State.DONE, finished_at__gt=now - _HEARD)
    mailings = Mailing.objects.real().filter(sending | sent).select_related("edition").order_by("pk")
    return [mailing.pk for mailing in mailings if attend(mailing, now)]


def attend(mailing: Mailing, now: datetime) -> bool:
    """Do what the rules call for about one mailing; whether that was to pause it.

    Nothing more leaves of a mailing that was sent, so staff are warned of what would have paused it.
    """
    found = provider_stats.findings(mailing)
    if mailing.state == Mailing.State.SENDING and found and found[0].level is Level.PAUSE:
        return _pause(mailing, found[0], now)
    for finding in found:
        _heed(mailing, finding, now)
    return False


def told(mailing: Mailing) -> list[dict[str, str]]:
    """What the rules did about a mailing, newest first, each with `at` (ISO 8601), `did`, `sign`, `provider`
    and `words`."""
    return [
        {
            "at": one.at.isoformat(timespec="seconds"),
            "did": one.deed,
            "sign": one.sign,
            "provider": one.provider,
            "words": one.words,
        }
        for one in mailing.interventions.all()
    ]


def words(finding: Finding) -> str:
    """A finding for staff: "Marked as unwanted, at mail.ru: 4 of 1,000 (0.4 %, limit 0.3 %)."."""
    where = f", at {finding.provider}" if finding.provider else ""
    when = ""
    if finding.hour is not None:
        zone = ZoneInfo(settings.CONFIG.site.timezone)
        when = f", of what left in the hour from {finding.hour.astimezone(zone):%H:%M}"
    figures = f"{finding.cases:,} of {finding.of:,} ({finding.share:.3g} %, limit {finding.limit:g} %)"
    most = f", most of them at {finding.mostly}" if finding.mostly else ""
    return f"{_SIGNS[finding.sign]}{where}{when}: {figures}{most}."


def _pause(mailing: Mailing, finding: Finding, now: datetime) -> bool:
    after = f" after the first {rollout.share(mailing)}" if mailing.released_up_to is not None else ""
    because = f"Paused by itself{after}. {words(finding)}"
    with transaction.atomic():
        # Who resumed it since these were counted has looked at them.
        if not control.halt(mailing.pk, because, counted_from=mailing.counted_from):
            return False
        _note(mailing, finding, _Deed.PAUSED, now)
        alerts.raise_alert("stop_rules", because, mailing.pk, now)
    return True


def _heed(mailing: Mailing, finding: Finding, now: datetime) -> None:
    """Warn or slow down, where that is news."""
    level = Level.WARN if finding.level is Level.PAUSE else finding.level
    if not _is_news(mailing, finding, level):
        return
    with transaction.atomic():
        if not _note(mailing, finding, _DEEDS[level], now):
            return
        said = words(finding)
        if level is Level.BRAKE:
            provider_throttle.strike(finding.provider, now)
            said = f"Mail to {finding.provider} was slowed down. {said}"
        alerts.warn(f"stop_rules_{finding.sign}", said, mailing.pk, now)


def _is_news(mailing: Mailing, finding: Finding, level: Level) -> bool:
    """Whether it is graver than what was done last; a brake is trodden on again when more has come back."""
    about = mailing.interventions.filter(sign=finding.sign, provider=finding.provider)
    last = about.filter(counted_from=_counted_from(mailing)).first()
    if last is None or last.deed == _Deed.PAUSED:
        return last is None
    return _DEEDS[level] != last.deed or (level is Level.BRAKE and finding.seen > last.seen)


def _note(mailing: Mailing, finding: Finding, deed: _Deed, now: datetime) -> bool:
    """Write down what is done about it, in the audit log as well; False when somebody else just did."""
    said = words(finding)
    _, new = Intervention.objects.get_or_create(
        mailing=mailing,
        counted_from=_counted_from(mailing),
        provider=finding.provider,
        sign=finding.sign,
        deed=deed,
        seen=finding.seen,
        defaults={
            "cases": finding.cases,
            "of": finding.of,
            "limit": finding.limit,
            "words": said[:300],
            "at": now,
        },
    )
    if new:
        audit(instance=mailing.edition, action=f"desk.{deed}", data={"because": said})
        log.warning("action=stop_rules_%s mailing=%d sign=%s", deed, mailing.pk, finding.sign)
    return new


def _counted_from(mailing: Mailing) -> datetime:
    return mailing.counted_from or mailing.created_at
