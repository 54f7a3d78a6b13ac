"""Delivers messages to endpoints: signed, never twice at once, again after failures for three days.

An endpoint that fails is tried less and less often, and its messages wait for it. After five days without
one success it is deactivated, and staff are alerted. "410 Gone" deactivates it at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import chain, islice, zip_longest
from random import random

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from mailer.accounts import stored_secrets
from mailer.backoff import BackoffPolicy
from mailer.delivery.outbox import staff_alerts
from mailer.delivery.outbox.webhook_signature import signed_headers
from mailer.outgoing_webhooks.endpoints import InvalidUrl, require_https_url
from mailer.outgoing_webhooks.events import TEST, body_of, build_message
from mailer.outgoing_webhooks.models import WebhookAttempt, WebhookEndpoint, WebhookMessage
from subscribers.translate_stored_texts import stored

log = logging.getLogger(__name__)

State = WebhookMessage.State
# Seconds after each failure of a message, as the Standard Webhooks specification proposes: 76 hours in all.
_RETRIES = BackoffPolicy(schedule=(5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400), jitter=0.1)
_MAX_ATTEMPTS = 10
_DEACTIVATE_AFTER = timedelta(days=5)
# How long other workers leave a message alone while one sends it.
_LEASE = timedelta(minutes=2)
_BATCH = 50
# How long messages with their attempts are kept.
KEEP = timedelta(days=30)
_GONE = 410


def queue_test_message(endpoint: WebhookEndpoint, now: datetime) -> WebhookMessage:
    """Queue a message of the type "test"."""
    queued = build_message(endpoint, TEST, body_of(TEST, {"endpoint": endpoint.pk}, now), now)
    queued.save()
    return queued


def requeue(one: WebhookMessage, now: datetime) -> None:
    """Queue a message again, whether or not it was delivered; receivers know it by its id."""
    WebhookMessage.objects.filter(pk=one.pk).update(state=State.WAITING, attempts=0, due_at=now)
    WebhookEndpoint.objects.filter(pk=one.endpoint_id).update(next_attempt_at=None)


def deliver_due(clock: Callable[[], datetime], stop: Callable[[], bool]) -> int:
    """Deliver what is due; how many messages were accepted. A job of the worker."""
    accepted, failed = 0, set[int]()
    for one in _due(clock()):
        if stop():
            break
        # The others of an endpoint that just failed wait for its next attempt.
        if one.endpoint_id not in failed and _claim(one, clock()):
            if _deliver(one, clock):
                accepted += 1
            else:
                failed.add(one.endpoint_id)
    return accepted


def _due(now: datetime) -> list[WebhookMessage]:
    """Some of what is due, oldest first, a message of each endpoint in turn: none waits for all that a slow
    one has to get."""
    waiting = Q(endpoint__next_attempt_at__isnull=True) | Q(endpoint__next_attempt_at__lte=now)
    due = WebhookMessage.objects.filter(waiting, state=State.WAITING, due_at__lte=now, endpoint__active=True)
    of_each = [
        list(due.filter(endpoint=endpoint).select_related("endpoint").order_by("pk")[:_BATCH])
        for endpoint in due.order_by("endpoint").values_list("endpoint", flat=True).distinct()
    ]
    turns = chain.from_iterable(zip_longest(*of_each))
    return list(islice((one for one in turns if one is not None), _BATCH))


def _claim(one: WebhookMessage, now: datetime) -> bool:
    mine = WebhookMessage.objects.filter(pk=one.pk, state=State.WAITING, due_at=one.due_at)
    return bool(mine.update(due_at=now + _LEASE))


def _deliver(one: WebhookMessage, clock: Callable[[], datetime]) -> bool:
    endpoint, started = one.endpoint, time.monotonic()
    status, error = _post(endpoint, one, clock())
    now, success = clock(), status is not None and 200 <= status < 300
    with transaction.atomic():
        WebhookAttempt.objects.create(
            message=one,
            at=now,
            status=status,
            error=error[:200],
            milliseconds=round((time.monotonic() - started) * 1000),
        )
        attempts = one.attempts + 1
        if success:
            WebhookMessage.objects.filter(pk=one.pk).update(
                state=State.DELIVERED, attempts=attempts, delivered_at=now
            )
            WebhookEndpoint.objects.filter(pk=endpoint.pk, failures__gt=0).update(
                failing_since=None, failures=0, next_attempt_at=None
            )
            return True
        delay = timedelta(seconds=_RETRIES.delay(attempts, random()))  # noqa: S311  (not a secret)
        WebhookMessage.objects.filter(pk=one.pk).update(
            state=State.FAILED if attempts >= _MAX_ATTEMPTS else State.WAITING,
            attempts=attempts,
            due_at=now + delay,
        )
        _note_failure(endpoint, status, now)
    log.warning(
        "action=webhook_not_delivered endpoint=%d message=%d status=%s", endpoint.pk, one.pk, status or "-"
    )
    return False


def _note_failure(endpoint: WebhookEndpoint, status: int | None, now: datetime) -> None:
    """Let the endpoint rest, or deactivate it."""
    rows = WebhookEndpoint.objects.filter(pk=endpoint.pk)
    rows.filter(failing_since__isnull=True).update(failing_since=now)
    rows.update(failures=F("failures") + 1)
    endpoint.refresh_from_db()
    rest = timedelta(seconds=_RETRIES.delay(endpoint.failures, random()))  # noqa: S311  (not a secret)
    rows.update(next_attempt_at=now + rest)
    since = endpoint.failing_since or now
    if status != _GONE and now - since < _DEACTIVATE_AFTER:
        return
    reason = (
        stored("The server of the webhook says that the address is gone (410).")
        if status == _GONE
        else stored(
            "The server of the webhook has accepted no message since %(since)s UTC.",
            since=f"{since:%Y-%m-%d %H:%M}",
        )
    )
    if rows.filter(active=True).update(active=False, error=reason):
        log.error("action=webhook_endpoint_deactivated endpoint=%d", endpoint.pk)
        text = stored(
            "The webhook “%(endpoint)s” was deactivated. %(reason)s Its waiting messages are "
            "kept for 30 days; activate the webhook to send them.",
            endpoint=endpoint.name,
            reason=reason,
        )
        staff_alerts.warn(
            f"webhook_endpoint_{endpoint.pk}", text, None, now, f"/desk/webhooks/{endpoint.pk}/"
        )


def _post(endpoint: WebhookEndpoint, one: WebhookMessage, now: datetime) -> tuple[int | None, str]:
    """The HTTP status, or None and why there is no answer."""
    # Loads requests, which only installations with endpoints need.
    from mailer.stories.url_fetcher import FetchError, ForbiddenAddress, post

    body = one.body.encode()
    headers = {"Content-Type": "application/json"}
    try:
        headers |= signed_headers(body, one.message_id, now, _secrets(endpoint, now))
    except InvalidToken:
        return None, stored(
            "The signing secret of this webhook cannot be read with the keys of this server. "
            "Restore the keys, or make a new secret."
        )
    try:
        reply = post(
            require_https_url(endpoint.url),
            body,
            headers,
            allow_private=settings.CONFIG.api.private_webhooks,
        )
    except InvalidUrl:
        return None, stored("The address of this webhook is no longer allowed. Enter another address.")
    except ForbiddenAddress:
        return None, stored("The address of the webhook's server is not on the public internet.")
    except FetchError as error:
        # Without the URL, whose path may be a secret.
        return None, str(error).replace(endpoint.url, stored("The webhook's server"))
    return reply.status, ""


def _secrets(endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    """The secrets that sign now, the new one first. Raises InvalidToken if that cannot be decrypted."""
    found = [stored_secrets.decrypt(bytes(endpoint.secret)).decode()]
    if endpoint.old_secret_until is not None and endpoint.old_secret_until > now:
        # Made before the keys were lost: the receiver has to take the new one at once.
        with suppress(InvalidToken):
            found.append(stored_secrets.decrypt(bytes(endpoint.old_secret)).decode())
    return found


def delete_old(now: datetime) -> int:
    """Delete old messages, with their attempts, that ended or whose endpoint is inactive; how many rows."""
    old = WebhookMessage.objects.filter(created_at__lt=now - KEEP)
    return old.exclude(state=State.WAITING, endpoint__active=True).delete()[0]
