"""Signatures of outgoing webhooks by the Standard Webhooks specification, scheme v1 (HMAC-SHA256).

The receiver knows the secret, computes the same signature over id, time and body, and refuses old times.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets as random_secrets
from collections.abc import Sequence
from datetime import datetime

SECRET_PREFIX = "whsec_"  # noqa: S105  (how every secret begins)
# Octets of a key: those of a new one, and the limits of the specification.
_NEW_KEY = 32
_KEY_LIMITS = range(24, 65)


def new_secret() -> str:
    """A random secret, "whsec_" and the key in base64, as the receiver's library takes it."""
    return SECRET_PREFIX + base64.b64encode(random_secrets.token_bytes(_NEW_KEY)).decode()


def parse_secret(secret: str) -> bytes:
    """The key that a secret stands for. Raises ValueError, whose text does not repeat the secret."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(SECRET_PREFIX) or len(key) not in _KEY_LIMITS:
        raise ValueError(
            f"is no webhook secret: it must be {SECRET_PREFIX} and "
            f"{_KEY_LIMITS.start} to {_KEY_LIMITS.stop - 1} octets in base64."
        )
    return key


def signed_headers(body: bytes, message_id: str, at: datetime, secrets: Sequence[str]) -> dict[str, str]:
    """The headers webhook-id, webhook-timestamp and webhook-signature of a request with this body.

    `message_id` is the same in every attempt to deliver the message, `at` (aware) is the time of the attempt.
    While a secret is being replaced, `secrets` are the old and the new one; there is a signature by each.
    Raises ValueError for an id with a full stop, which separates the signed parts, and for a bad secret.
    """
    if not message_id or "." in message_id:
        raise ValueError("the id of a webhook's message is empty or has a full stop")
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    digests = (hmac.new(parse_secret(secret), signed, hashlib.sha256).digest() for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }
