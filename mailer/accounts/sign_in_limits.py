"""Limits on sign-ins: a lock per account and per network, which grows with every further failure.

An account's failures are counted under its primary key, whichever of its names was typed; those of a name
that no account has, under a hash of the name. So an answer does not reveal whether an account exists.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from mailer.accounts import audit_log_entries
from mailer.accounts.models import SignInFailures
from mailer.backoff import BackoffPolicy
from subscribers.client_address import client_address
from subscribers.consent import network_of
from subscribers.rate_limit import Limit, count_hit_unless_limited

# Seconds that an account or network is locked, from its first lock on.
_LOCK = BackoffPolicy(first=60, cap=3600)
# Failures are forgotten this long after the last of them.
_FORGOTTEN_AFTER = timedelta(hours=24)
_HOUR = timedelta(hours=1)


def network_key(request: HttpRequest) -> str:
    """The key of the client's network; clients without a readable address share one."""
    return f"network {network_of(client_address(request))}"


def account_key(user: User | None, login: str) -> str:
    """The key of an account, or of a name that no account has."""
    if user is not None:
        return f"account {user.pk}"
    name = salted_hmac(
        "mailer.accounts.sign_in_limits", login.strip().lower(), algorithm="sha256"
    ).hexdigest()
    return f"account {name}"


def locked_until(keys: Iterable[str], now: datetime) -> datetime | None:
    """Until when the longest lock under these keys lasts; None if there is none. Writes nothing."""
    locks = SignInFailures.objects.filter(key__in=list(keys), locked_until__gt=now)
    return locks.order_by("-locked_until").values_list("locked_until", flat=True).first()


def record_failure(keys: Iterable[str], now: datetime) -> datetime | None:
    """Count a failed sign-in under each key; until when sign-ins are locked from now on, if they are."""
    locks = [until for key in sorted(keys) if (until := _count_failure(key, now)) is not None]
    return max(locks, default=None)


def reset_failed_attempts(key: str) -> None:
    """Forget the failures under a key, because its owner signed in or chose a new password."""
    SignInFailures.objects.filter(key=key).delete()


def audit_and_delete_old_failures(now: datetime) -> int:
    """Delete failures that count no longer; how many rows. What the audit log lacks is written before."""
    audit_log_entries.write_counted_refusals(now)
    return SignInFailures.objects.filter(last_failed_at__lt=now - _FORGOTTEN_AFTER).delete()[0]


def count_reset_request_unless_limited(login: str, request: HttpRequest, now: datetime) -> bool:
    """Claim one of the hour's password reset mails for this name and from this network."""
    config = settings.CONFIG.accounts
    limits = [
        Limit(f"reset {account_key(None, login)}", config.reset_mails_per_hour, _HOUR),
        Limit(f"reset {network_key(request)}", config.reset_mails_per_network_per_hour, _HOUR),
    ]
    return count_hit_unless_limited(limits, now) is None


def _count_failure(key: str, now: datetime) -> datetime | None:
    config = settings.CONFIG.accounts
    allowed = config.failures_per_network if key.startswith("network ") else config.failures_per_account
    with transaction.atomic():
        SignInFailures.objects.bulk_create(
            [SignInFailures(key=key, last_failed_at=now)], ignore_conflicts=True
        )
        row = SignInFailures.objects.select_for_update().get(key=key)
        if row.last_failed_at < now - _FORGOTTEN_AFTER:
            row.failures = 0
        row.failures += 1
        row.last_failed_at = now
        if row.failures >= allowed:
            row.locked_until = now + timedelta(seconds=_LOCK.delay(row.failures - allowed + 1))
        row.save()
    return row.locked_until if row.locked_until and row.locked_until > now else None
