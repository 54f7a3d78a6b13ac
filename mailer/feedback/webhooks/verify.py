"""Verification that a webhook request comes from the ESP: a password in its URL, or a signature over it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from mailer.config import Service

# Mailgun retries a request for eight hours, and warns of delays that it does not control.
_MAILGUN_MAX_AGE = timedelta(hours=12)
# What the authors of Svix advise; each attempt has a timestamp of its own.
_SVIX_MAX_AGE = timedelta(minutes=5)
# How far an ESP's clock may be ahead of ours.
_MAX_CLOCK_SKEW = timedelta(minutes=5)


class VerificationError(Exception):
    """The request does not prove that it comes from the ESP. The message says why, for the log."""

    def __init__(self, reason: str, status: int = 403) -> None:
        super().__init__(reason)
        # The HTTP status of the answer.
        self.status = status


class WebhookRequest(NamedTuple):
    """What arrived."""

    body: bytes
    # Names in any letter case.
    headers: Mapping[str, str]
    # The password, where the URL ends in it; else empty.
    url_secret: str = ""


Verifier = Callable[[WebhookRequest, Service, datetime], None]


def verify(request: WebhookRequest, service: Service, now: datetime) -> None:
    """Raises VerificationError unless the request comes from the configured ESP. `now`: aware."""
    _VERIFIERS[service.name](request, service, now)


def _verify_password(request: WebhookRequest, service: Service, now: datetime) -> None:
    """HTTP Basic authentication (RFC 7617) under any user name, or the last part of the URL."""
    given = request.url_secret or _basic_password(request.headers.get("Authorization", ""))
    if not _equal(given, service.webhook_secret):
        # Asks for the password: some ESPs send it only then.
        raise VerificationError("password", 401)


def _verify_mailgun(request: WebhookRequest, service: Service, now: datetime) -> None:
    """HMAC over timestamp and token. The body itself is not signed, so old requests are rejected."""
    try:
        signed = json.loads(request.body)["signature"]
        stamp, token, signature = (str(signed[name]) for name in ("timestamp", "token", "signature"))
        at = float(stamp)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise VerificationError("no signature") from error
    wanted = hmac.new(service.webhook_secret.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    if not _equal(signature, wanted):
        raise VerificationError("signature")
    _check_age(at, now, _MAILGUN_MAX_AGE)


def _verify_svix(request: WebhookRequest, service: Service, now: datetime) -> None:
    """Svix's signature, which Resend uses: HMAC over id, timestamp and body; one of several must match."""
    message_id, stamp = request.headers.get("svix-id", ""), request.headers.get("svix-timestamp", "")
    try:
        at = float(stamp)
        key = base64.b64decode(service.webhook_secret.removeprefix("whsec_"))
    except (ValueError, binascii.Error) as error:
        raise VerificationError("no signature") from error
    signed = b".".join([message_id.encode(), stamp.encode(), request.body])
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = request.headers.get("svix-signature", "").split(" ")
    # All are compared, so that the time does not depend on which one matches.
    if not any([_equal(one, wanted) for one in given]):  # noqa: C419
        raise VerificationError("signature")
    _check_age(at, now, _SVIX_MAX_AGE)


def _verify_sns(request: WebhookRequest, service: Service, now: datetime) -> None:
    # Loads X.509, which only Amazon needs.
    from mailer.feedback.webhooks import sns

    try:
        sns.verify(request.body, service.webhook_topics, sns.CERTIFICATES)
    except sns.InvalidNotification as error:
        raise VerificationError(str(error)) from error
    except sns.CertificateUnavailable as error:
        # Asks for another attempt: Amazon gives up at once on any status below 500.
        raise VerificationError(str(error), 503) from error


_VERIFIERS: dict[str, Verifier] = {
    "amazon_ses": _verify_sns,
    "brevo": _verify_password,
    "mailgun": _verify_mailgun,
    "mailjet": _verify_password,
    "postmark": _verify_password,
    "resend": _verify_svix,
    "sparkpost": _verify_password,
}


def _basic_password(header: str) -> str:
    """The password in an Authorization header; empty where there is none."""
    scheme, _, given = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _equal(given: str, wanted: str) -> bool:
    """Whether both are the same and not empty, in constant time."""
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode()) and bool(wanted)


def _check_age(at: float, now: datetime, max_age: timedelta) -> None:
    age = now.timestamp() - at
    # Written so that a "nan" fails, too.
    if not -_MAX_CLOCK_SKEW.total_seconds() <= age <= max_age.total_seconds():
        raise VerificationError("too old, or a clock is wrong")
