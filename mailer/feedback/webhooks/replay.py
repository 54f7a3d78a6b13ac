"""Mailgun's webhook tokens, each of which is accepted once.

The signature covers a time and a token, but not the body: who has seen one request could send others with its
signature. A token is claimed in the transaction that applies its events, so that a repeated request after an
error of ours is not lost.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta

from subscribers import rate_limit
from subscribers.rate_limit import Limit

# Longer than a signature is valid.
_REMEMBERED = timedelta(days=1)


def is_replayed(service: str, body: bytes, now: datetime) -> bool:
    """Whether a request with this token was applied before."""
    key = _key(service, body)
    return key is not None and rate_limit.count(key, _REMEMBERED, now) > 0


def claim_token(service: str, body: bytes, now: datetime) -> bool:
    """Claim the token of a request in the caller's transaction; False when it was claimed before."""
    key = _key(service, body)
    return key is None or rate_limit.hit([Limit(key, 1, _REMEMBERED)], now) is None


def _key(service: str, body: bytes) -> str | None:
    """The key of its counter; None for a request without a token."""
    if service != "mailgun":
        return None
    try:
        token = str(json.loads(body)["signature"]["token"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return f"mailgun {hashlib.sha256(token.encode(errors='replace')).hexdigest()[:40]}"
