"""Limits of the sign-up form: how many sign-ups and emails, for a network, a domain and an address.

Bots that sign strangers up get an answer, and cause no flood of emails. No limit depends on whether an
address is known, so that no answer reveals it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Literal

from django.conf import settings

from subscribers.addresses import address_hash
from subscribers.rate_limit import Limit, count_hit_unless_limited, hits_in_period
from subscribers.signals import signup_flood

log = logging.getLogger(__name__)


_HOUR, _MONTH = timedelta(hours=1), timedelta(days=30)


# Up to this many sign-ups an hour a network may be a family or an office; more get a question.
_NETWORK_QUESTION_THRESHOLD = 3


# Domains whose mail system ignores dots in the local part.
_DOT_INSENSITIVE_DOMAINS = {"gmail.com", "googlemail.com"}


# go: send the email; question: show one that people can answer; busy: refuse for now.
Decision = Literal["go", "question", "busy"]


def decide_and_count_signup(address: str, network: str, answered: bool, now: datetime) -> Decision:
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
    reached = count_hit_unless_limited(limits, now)
    if reached is None:
        return "go"
    log.warning("action=signup_limit limit=%s", reached.key.partition(" ")[0])
    if reached.key == key:
        _report_flood(now)
    return "busy"


def claim_monthly_email_quota(address: str, now: datetime) -> bool:
    """Claim one of the month's emails to this address, in any of its spellings."""
    address_key = address_hash(canonical_address(address)).hex()
    maximum = settings.CONFIG.signup.per_address_per_month
    return count_hit_unless_limited([Limit(f"address {address_key}", maximum, _MONTH)], now) is None


def canonical_address(address: str) -> str:
    """One address for all spellings that reach the same mailbox; for counting, never for sending."""
    local, _, domain = address.lower().rpartition("@")
    local = local.partition("+")[0]
    if domain in _DOT_INSENSITIVE_DOMAINS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def _count_this_hour(key: str, now: datetime) -> int:
    return hits_in_period(key, _HOUR, now)


def _report_flood(now: datetime) -> None:
    """Send the signal of a flood, once an hour."""
    if (
        not _count_this_hour("flood reported", now)
        and count_hit_unless_limited([Limit("flood reported", 1, _HOUR)], now) is None
    ):
        log.error("action=signup_flood")
        signup_flood.send(sender=None, now=now)
