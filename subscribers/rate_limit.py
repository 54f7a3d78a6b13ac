"""Rate limits, counted in the database for all processes, and those of the sign-up form.

Bots that sign strangers up get an answer, and cause no flood of emails. No limit of the form depends on
whether an address is known, so that no answer reveals it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F

from subscribers.addresses import address_hash
from subscribers.models import RateLimitCounter
from subscribers.signals import signup_flood

log = logging.getLogger(__name__)
# No limit has a longer period, so older counters can be deleted.
_LONGEST_PERIOD = timedelta(days=31)
_HOUR, _MONTH = timedelta(hours=1), timedelta(days=30)
# How long a form may be open; it is good for one sign-up.
_FORM_LIFETIME = timedelta(days=1)
# Up to this many sign-ups an hour a network may be a family or an office; more get a question.
_NETWORK_QUESTION_THRESHOLD = 3
# Domains whose mail system ignores dots in the local part.
_DOT_INSENSITIVE_DOMAINS = {"gmail.com", "googlemail.com"}


class Limit(NamedTuple):
    """At most `maximum` times in a period, counted under one key."""

    key: str
    maximum: int
    period: timedelta


class Allowance(NamedTuple):
    """What is left of a limit after a hit."""

    # Whether the hit was within the limit, and so was counted.
    allowed: bool
    remaining: int
    # Seconds until the period ends and the count starts again, rounded up.
    resets_in: int


def take(limit: Limit, now: datetime) -> Allowance:
    """Count one hit, unless the limit is reached."""
    with transaction.atomic():
        row = _locked_counter(limit, now)
        allowed = row.count < limit.maximum
        if allowed:
            RateLimitCounter.objects.filter(pk=row.pk).update(count=F("count") + 1)
    left = (row.started_at + limit.period - now).total_seconds()
    return Allowance(allowed, max(0, limit.maximum - row.count - allowed), max(1, math.ceil(left)))


def hit(limits: Iterable[Limit], now: datetime) -> Limit | None:
    """Count one hit under every key; or count nothing and return a limit that is reached."""
    with transaction.atomic():
        wanted = sorted(limits)
        rows = [_locked_counter(one, now) for one in wanted]
        for limit, row in zip(wanted, rows, strict=True):
            if row.count >= limit.maximum:
                return limit
        RateLimitCounter.objects.filter(pk__in=[row.pk for row in rows]).update(count=F("count") + 1)
    return None


def count(key: str, period: timedelta, now: datetime) -> int:
    """Hits in the present period."""
    found = RateLimitCounter.objects.filter(key=key, started_at__gt=now - period).first()
    return found.count if found else 0


def delete_expired(now: datetime) -> int:
    """Delete counters that no limit needs any more; how many."""
    return RateLimitCounter.objects.filter(started_at__lt=now - _LONGEST_PERIOD).delete()[0]


def _locked_counter(limit: Limit, now: datetime) -> RateLimitCounter:
    """The key's counter, locked; it starts again when its period is over."""
    RateLimitCounter.objects.bulk_create(
        [RateLimitCounter(key=limit.key, started_at=now, count=0)], ignore_conflicts=True
    )
    row = RateLimitCounter.objects.select_for_update().get(key=limit.key)
    if row.started_at <= now - limit.period:
        row.started_at, row.count = now, 0
        row.save(update_fields=["started_at", "count"])
    return row


# go: send the email; question: show one that people can answer; busy: refuse for now.
Decision = Literal["go", "question", "busy"]


def check_signup(address: str, network: str, answered: bool, now: datetime) -> Decision:
    """Decide on a sign-up, in the caller's transaction; one that may go on is counted.

    `network`: as consent.network_of gives it, and all unknown ones are one. `answered`: whether the question
    was answered.
    """
    config = settings.CONFIG.signup
    question_threshold = config.emails_per_hour // 2
    # Those who answered have a limit of their own, which bots do not use up.
    key = "answered" if answered else "all"
    if not answered:
        flood = _count_this_hour("all", now) >= question_threshold
        if flood:
            _report_flood(now)
        if flood or _count_this_hour(f"network {network}", now) >= _NETWORK_QUESTION_THRESHOLD:
            return "question"
    domain = address.rpartition("@")[2]
    limits = [
        Limit(key, config.emails_per_hour, _HOUR),
        Limit(f"domain {domain}", config.per_domain_per_hour, _HOUR),
        Limit(f"network {network}", config.per_network_per_hour, _HOUR),
    ]
    reached = hit(limits, now)
    if reached is None:
        return "go"
    log.warning("action=signup_limit limit=%s", reached.key.partition(" ")[0])
    if reached.key == key:
        _report_flood(now)
    return "busy"


def may_email(address: str, now: datetime) -> bool:
    """Claim one of the month's emails to this address, in any of its spellings."""
    address_key = address_hash(canonical_address(address)).hex()
    maximum = settings.CONFIG.signup.per_address_per_month
    return hit([Limit(f"address {address_key}", maximum, _MONTH)], now) is None


def claim_form(nonce: str, now: datetime) -> bool:
    """Claim a form by its nonce; False when it was used before."""
    return hit([Limit(f"form {nonce}", 1, _FORM_LIFETIME)], now) is None


def canonical_address(address: str) -> str:
    """One address for all spellings that reach the same mailbox; for counting, never for sending."""
    local, _, domain = address.lower().rpartition("@")
    local = local.partition("+")[0]
    if domain in _DOT_INSENSITIVE_DOMAINS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def _count_this_hour(key: str, now: datetime) -> int:
    return count(key, _HOUR, now)


def _report_flood(now: datetime) -> None:
    """Send the signal of a flood, once an hour."""
    if not _count_this_hour("flood reported", now) and hit([Limit("flood reported", 1, _HOUR)], now) is None:
        log.error("action=signup_flood")
        signup_flood.send(sender=None, now=now)
