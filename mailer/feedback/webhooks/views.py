"""Receives webhooks of the configured ESP: verified, stored, and only then answered with 200.

A request is from the ESP when it has a password in its URL, or a signature over it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from mailer.config import Service
from mailer.feedback.models import WebhookPayload
from mailer.feedback.webhooks.replay import is_replayed

log = logging.getLogger(__name__)

# Octets of a request: far more than any ESP sends at once.
MAX_BODY_OCTETS = 4 * 1024 * 1024


@csrf_exempt
@require_POST
def receive(request: HttpRequest, service: str, secret: str = "") -> HttpResponse:
    """An ESP's webhook request: 200 when it is committed.

    `secret`: the password, where the URL ends in it.
    """
    configured = settings.CONFIG.service
    if service != configured.name or not configured.accepts_webhooks:
        raise Http404
    body = request.read(MAX_BODY_OCTETS + 1)
    if len(body) > MAX_BODY_OCTETS:
        return HttpResponse(status=413)
    now = timezone.now()
    try:
        verify_request(WebhookRequest(body, request.headers, secret), configured, now)
    except VerificationError as error:
        log.warning("action=webhook_rejected service=%s reason=%s", service, error)
        return _rejected(error.status)
    if is_replayed(service, body, now):
        log.warning("action=webhook_rejected service=%s reason=replayed", service)
        # Mailgun repeats a request after every other error.
        return _rejected(406)
    STORE.save(WebhookPayload(service=service, body=body, received_at=now, due_at=now))
    return HttpResponse()


def _rejected(status: int) -> HttpResponse:
    headers = {"WWW-Authenticate": 'Basic realm="hooks"'} if status == 401 else None
    return HttpResponse(status=status, headers=headers)


@dataclass
class _Entry:
    payload: WebhookPayload
    done: bool = False
    error: Exception | None = None


class PayloadStore:
    """Group commit for the threads of one process: `save` returns when the payload is committed.

    A commit waits for the disk, and a database makes one at a time. Payloads that arrive during a commit
    share the next one, so that many web threads do not wait for each other.
    """

    def __init__(self, insert: Callable[[Iterable[WebhookPayload]], object] | None = None) -> None:
        """`insert` commits some payloads together."""
        self._insert = insert or WebhookPayload.objects.bulk_create
        self._waiting: list[_Entry] = []
        self._list = threading.Lock()
        self._commit = threading.Lock()

    def save(self, payload: WebhookPayload) -> None:
        """Raises django.db.Error when the payload is not committed."""
        entry = _Entry(payload)
        with self._list:
            self._waiting.append(entry)
        with self._commit:
            if not entry.done:
                self._commit_waiting()
        if entry.error is not None:
            raise entry.error

    @property
    def waiting(self) -> int:
        """Payloads that wait for the next commit."""
        return len(self._waiting)

    def _commit_waiting(self) -> None:
        with self._list:
            together, self._waiting = self._waiting, []
        error: Exception | None = None
        try:
            self._insert([entry.payload for entry in together])
        except Exception as failure:  # noqa: BLE001  (raised again in each of the waiting threads)
            error = failure
        for entry in together:
            entry.done, entry.error = True, error


STORE = PayloadStore()

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


def verify_request(request: WebhookRequest, service: Service, now: datetime) -> None:
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
