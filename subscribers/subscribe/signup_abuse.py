"""Who may sign up now: a flood of sign-ups is answered, and is not passed on as mail to strangers.

Nothing here depends on whether an address is known, so that no answer tells.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Literal

from django.conf import settings

from subscribers import rate_limit
from subscribers.addresses import address_hash
from subscribers.rate_limit import Limit
from subscribers.signals import signup_flood

log = logging.getLogger(__name__)

_HOUR, _MONTH = timedelta(hours=1), timedelta(days=30)
# A form is good for one sign-up, as long as it may be open.
_FORM_LIFETIME = timedelta(days=1)
# So many sign-ups from a network in an hour are a family or an office; more are asked a question.
_NETWORK_QUESTION_THRESHOLD = 3
# Mail systems that read these as the same mailbox: dots in a name are nothing to them.
_DOT_INSENSITIVE_DOMAINS = {"gmail.com", "googlemail.com"}

# go: write; question: show one that people can answer; busy: not now.
Decision = Literal["go", "question", "busy"]


def check_signup(address: str, network: str, answered: bool, now: datetime) -> Decision:
    """Whether a sign-up goes on, in the caller's transaction; one that does is counted.

    `network`: as consent.network_of gives it; `answered`: whether the question was answered.
    """
    config = settings.CONFIG.signup
    question_threshold = config.letters_per_hour // 2
    # Who answered has an allowance of their own, which machines do not use up.
    key = "answered" if answered else "all"
    if not answered:
        flood = _count_this_hour("all", now) >= question_threshold
        if flood:
            _report_flood(now)
        if flood or _count_this_hour(f"network {network}", now) >= _NETWORK_QUESTION_THRESHOLD:
            return "question"
    domain = address.rpartition("@")[2]
    limits = [
        Limit(key, config.letters_per_hour, _HOUR),
        Limit(f"domain {domain}", config.per_domain_per_hour, _HOUR),
    ]
    if network:
        limits.append(Limit(f"network {network}", config.per_network_per_hour, _HOUR))
    reached = rate_limit.hit(limits, now)
    if reached is None:
        return "go"
    log.warning("action=sign_up_limit limit=%s", reached.key.partition(" ")[0])
    if reached.key == key:
        _report_flood(now)
    return "busy"


def may_email(address: str, now: datetime) -> bool:
    """Claim one of the month's letters to this address, also under the other ways of writing it."""
    address_key = address_hash(canonical_address(address)).hex()
    maximum = settings.CONFIG.signup.per_address_per_month
    return rate_limit.hit([Limit(f"address {address_key}", maximum, _MONTH)], now) is None


def claim_form(nonce: str, now: datetime) -> bool:
    """Claim a form: it is good for one sign-up."""
    return rate_limit.hit([Limit(f"form {nonce}", 1, _FORM_LIFETIME)], now) is None


def canonical_address(address: str) -> str:
    """One address for all ways of writing that reach the same mailbox; for counting, never for mailing."""
    local, _, domain = address.lower().rpartition("@")
    local = local.partition("+")[0]
    if domain in _DOT_INSENSITIVE_DOMAINS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def _count_this_hour(key: str, now: datetime) -> int:
    return rate_limit.count(key, _HOUR, now)


def _report_flood(now: datetime) -> None:
    """Staff hear of a flood, once an hour."""
    if not _count_this_hour("told", now) and rate_limit.hit([Limit("told", 1, _HOUR)], now) is None:
        log.error("action=sign_up_flood")
        signup_flood.send(sender=None, now=now)
