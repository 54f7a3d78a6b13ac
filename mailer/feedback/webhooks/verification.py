"""Whether a webhook request is from the configured ESP: a password in its URL, or a signature over it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from mailer.config import Service
from mailer.feedback.webhooks.parse_request_body import mailgun_signature, read_form
from subscribers import rate_limit
from subscribers.rate_limit import Limit

# Mailgun retries a request for eight hours, and warns of delays that it does not control.
_MAILGUN_MAX_AGE = timedelta(hours=12)
# SendGrid retries a request for a day.
_SENDGRID_MAX_AGE = timedelta(hours=26)
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
    # The URL as the ESP knows it, without user name and password.
    url: str = ""


Verifier = Callable[[WebhookRequest, Service, datetime], None]


def verify_request(request: WebhookRequest, service: Service, now: datetime) -> None:
    """Raises VerificationError unless the request comes from the configured ESP. `now`: aware."""
    _VERIFIERS[service.name](request, service, now)


def _verify_password(request: WebhookRequest, service: Service, now: datetime) -> None:
    """HTTP Basic authentication (RFC 7617) under any user name, or the last part of the URL."""
    given = request.url_secret or _basic_credentials(request.headers)[1]
    if not _equal(given, service.webhook_secret):
        # Asks for the password: some ESPs send it only then.
        raise VerificationError("password", 401)


def _verify_mailgun(request: WebhookRequest, service: Service, now: datetime) -> None:
    """HMAC over timestamp and token. The body itself is not signed, so old requests are rejected."""
    try:
        stamp, token, signature = mailgun_signature(request.body)
        at = float(stamp)
    except ValueError as error:
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


def _verify_mailersend(request: WebhookRequest, service: Service, now: datetime) -> None:
    """HMAC over the body."""
    _check_hmac(request.headers.get("Signature", ""), request.body, service)


def _verify_mailtrap(request: WebhookRequest, service: Service, now: datetime) -> None:
    """HMAC over the body; without that header, the password."""
    if "Mailtrap-Signature" in request.headers:
        _check_hmac(request.headers["Mailtrap-Signature"], request.body, service)
    else:
        _verify_password(request, service, now)


def _check_hmac(given: str, body: bytes, service: Service) -> None:
    wanted = hmac.new(service.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
    if not _equal(given.lower(), wanted):
        raise VerificationError("signature")


def _verify_mandrill(request: WebhookRequest, service: Service, now: datetime) -> None:
    """HMAC over the URL, as it was entered at Mandrill, and the fields of the form."""
    fields = {name: values[-1] for name, values in read_form(request.body).items()}
    signed = _with_credentials(request) + "".join(name + fields[name] for name in sorted(fields))
    digest = hmac.new(service.webhook_secret.encode(), signed.encode(), hashlib.sha1).digest()
    if not _equal(request.headers.get("X-Mandrill-Signature", ""), base64.b64encode(digest).decode()):
        raise VerificationError("signature")


def _with_credentials(request: WebhookRequest) -> str:
    user, password = _basic_credentials(request.headers)
    scheme, _, rest = request.url.partition("://")
    return f"{scheme}://{user}:{password}@{rest}" if user or password else request.url


def _verify_unisender_go(request: WebhookRequest, service: Service, now: datetime) -> None:
    """MD5 of the body, in which the API key stands in the place of the digest."""
    try:
        given = json.loads(request.body)["auth"]
        if not re.fullmatch(r"[0-9a-f]{32}", given) or request.body.count(given.encode()) != 1:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise VerificationError("no signature") from error
    key = service.webhook_secret or service.key
    signed = request.body.replace(given.encode(), key.encode())
    if not _equal(given, hashlib.md5(signed).hexdigest()):  # noqa: S324  (Unisender Go has no other)
        raise VerificationError("signature")


def _verify_sendgrid(request: WebhookRequest, service: Service, now: datetime) -> None:
    """ECDSA over timestamp and body."""
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

    stamp = request.headers.get("X-Twilio-Email-Event-Webhook-Timestamp", "")
    given = request.headers.get("X-Twilio-Email-Event-Webhook-Signature", "")
    key = _public_key(service.webhook_secret)
    if not isinstance(key, EllipticCurvePublicKey):
        raise VerificationError("webhook_secret is not SendGrid's verification key")
    _check_signature(key, given, stamp.encode() + request.body, ECDSA(SHA256()))
    try:
        at = float(stamp)
    except ValueError as error:
        raise VerificationError("no signature") from error
    _check_age(at, now, _SENDGRID_MAX_AGE)


def _verify_postal(request: WebhookRequest, service: Service, now: datetime) -> None:
    """RSA over the body; older versions of Postal sign with SHA-1 only."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256

    key = _public_key(service.webhook_secret)
    if not isinstance(key, RSAPublicKey):
        raise VerificationError("webhook_secret is not Postal's public key")
    newer = request.headers.get("X-Postal-Signature-256", "")
    given = newer or request.headers.get("X-Postal-Signature", "")
    _check_signature(key, given, request.body, PKCS1v15(), SHA256() if newer else SHA1())  # noqa: S303


def _check_signature(key: Any, given: str, signed: bytes, *algorithm: Any) -> None:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(base64.b64decode(given, validate=True), signed, *algorithm)
    except (ValueError, InvalidSignature) as error:
        raise VerificationError("signature") from error


@lru_cache(maxsize=4)
def _public_key(secret: str) -> object:
    """The key in a configured text: base64, with or without the lines of PEM around it; None: it is none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        return load_der_public_key(base64.b64decode("".join(re.sub(r"-----[^-]+-----", "", secret).split())))
    except (ValueError, UnsupportedAlgorithm):
        return None


_VERIFIERS: dict[str, Verifier] = {
    "amazon_ses": _verify_sns,
    "brevo": _verify_password,
    "mailersend": _verify_mailersend,
    "mailgun": _verify_mailgun,
    "mailjet": _verify_password,
    "mailtrap": _verify_mailtrap,
    "mandrill": _verify_mandrill,
    "postal": _verify_postal,
    "postmark": _verify_password,
    "resend": _verify_svix,
    "sendgrid": _verify_sendgrid,
    "sparkpost": _verify_password,
    "unisender_go": _verify_unisender_go,
}


def _basic_credentials(headers: Mapping[str, str]) -> tuple[str, str]:
    """User name and password of HTTP Basic authentication; empty where there is none."""
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password


def _equal(given: str, wanted: str) -> bool:
    """Whether both are the same and not empty, in constant time."""
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode()) and bool(wanted)


def _check_age(at: float, now: datetime, max_age: timedelta) -> None:
    age = now.timestamp() - at
    # Written so that a "nan" fails, too.
    if not -_MAX_CLOCK_SKEW.total_seconds() <= age <= max_age.total_seconds():
        raise VerificationError("too old, or a clock is wrong")


# Mailgun's signature covers a time and a token, but not the body: who has seen one request could send others
# with its signature. So each token is accepted once. It is claimed in the transaction that applies its
# events, so that a repeated request after an error of ours is not lost.

# Longer than a signature is valid.
_REMEMBERED = timedelta(days=1)


def is_replayed(service: str, body: bytes, now: datetime) -> bool:
    """Whether a request with this token was applied before."""
    key = _token_key(service, body)
    return key is not None and rate_limit.hits_in_period(key, _REMEMBERED, now) > 0


def claim_token(service: str, body: bytes, now: datetime) -> bool:
    """Claim the token of a request in the caller's transaction; False when it was claimed before."""
    key = _token_key(service, body)
    return key is None or rate_limit.count_hit_unless_limited([Limit(key, 1, _REMEMBERED)], now) is None


def _token_key(service: str, body: bytes) -> str | None:
    """The key of its counter; None for a request without a token."""
    if service != "mailgun":
        return None
    try:
        _, token, _ = mailgun_signature(body)
    except ValueError:
        return None
    return f"mailgun {hashlib.sha256(token.encode(errors='replace')).hexdigest()[:40]}"
