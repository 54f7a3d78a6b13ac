"""Receives webhooks of the configured ESP: verified, stored, and only then answered with 200."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from mailer.feedback.models import WebhookPayload
from mailer.feedback.webhooks.parse_request_body import is_url_test
from mailer.feedback.webhooks.verification import (
    VerificationError,
    WebhookRequest,
    is_replayed,
    verify_request,
)

log = logging.getLogger(__name__)

# Octets of a request: far more than any ESP sends at once.
MAX_BODY_OCTETS = 4 * 1024 * 1024
# How an ESP tests whether a new webhook's URL answers; nothing is read or stored.
_URL_TESTS = {"mandrill": ("HEAD",), "unisender_go": ("GET", "HEAD")}


@csrf_exempt
def receive(request: HttpRequest, service: str, secret: str = "") -> HttpResponse:
    """An ESP's webhook request: 200 when it is committed.

    `secret`: the password, where the URL ends in it.
    """
    configured = settings.CONFIG.service
    if service != configured.name:
        raise Http404
    if request.method in _URL_TESTS.get(service, ()):
        return HttpResponse()
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    body = request.read(MAX_BODY_OCTETS + 1)
    if len(body) > MAX_BODY_OCTETS:
        return HttpResponse(status=413)
    if is_url_test(service, body):
        return HttpResponse()
    if not configured.accepts_webhooks:
        raise Http404
    now = timezone.now()
    url = f"{settings.CONFIG.site.url}{request.get_full_path()}"
    try:
        verify_request(WebhookRequest(body, request.headers, secret, url), configured, now)
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
