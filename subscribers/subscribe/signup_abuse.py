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
from subscribers.signals import flooded

log = logging.getLogger(__name__)

_HOUR, _MONTH = timedelta(hours=1), timedelta(days=30)
# A form is good for one sign-up, as long as it may be open.
_FORM = timedelta(days=1)
# So many sign-ups from a network in an hour are a family or an office; more are asked a question.
_FEW = 3
# Mail systems that read these as the same mailbox: dots in a name are nothing to them.
_DOTLESS = {"gmail.com", "googlemail.com"}

# go: write; question: show one that people can answer; busy: not now.
Verdict = Literal["go", "question", "busy"]


def judge(address: str, network: str, answered: bool, now: datetime) -> Verdict:
    """Whether a sign-up goes on, in the caller's transaction; one that does is counted.

    `network`: as consent.network_of gives it; `answered`: whether the question was answered.
    """
    config = settings.CONFIG.signup
    half = config.letters_per_hour // 2
    # Who answered has an allowance of their own, which machines do not use up.
    everybody = "answered" if answered else "all"
    if not answered:
        flood = _seen("all", now) >= half
        if flood:
            _tell(now)
        if flood or _seen(f"network {network}", now) >= _FEW:
            return "question"
    domain = address.rpartition("@")[2]
    wanted = [
        Limit(everybody, config.letters_per_hour, _HOUR),
        Limit(f"domain {domain}", config.per_domain_per_hour, _HOUR),
    ]
    if network:
        wanted.append(Limit(f"network {network}", config.per_network_per_hour, _HOUR))
    reached = rate_limit.take(wanted, now)
    if reached is None:
        return "go"
    log.warning("action=sign_up_limit limit=%s", reached.key.partition(" ")[0])
    if reached.key == everybody:
        _tell(now)
    return "busy"


def may_write(address: str, now: datetime) -> bool:
    """Claim one of the month's letters to this address, also under the other ways of writing it."""
    known = address_hash(canonical(address)).hex()
    most = settings.CONFIG.signup.per_address_per_month
    return rate_limit.take([Limit(f"address {known}", most, _MONTH)], now) is None


def unused(nonce: str, now: datetime) -> bool:
    """Claim a form: it is good for one sign-up."""
    return rate_limit.take([Limit(f"form {nonce}", 1, _FORM)], now) is None


def canonical(address: str) -> str:
    """One address for all ways of writing that reach the same mailbox; for counting, never for mailing."""
    local, _, domain = address.lower().rpartition("@")
    local = local.partition("+")[0]
    if domain in _DOTLESS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def _seen(key: str, now: datetime) -> int:
    return rate_limit.count(key, _HOUR, now)


def _tell(now: datetime) -> None:
    """Staff hear of a flood, once an hour."""
    if not _seen("told", now) and rate_limit.take([Limit("told", 1, _HOUR)], now) is None:
        log.error("action=sign_up_flood")
        flooded.send(sender=None, now=now)
