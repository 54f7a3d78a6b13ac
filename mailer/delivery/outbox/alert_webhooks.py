"""Posts alerts to the webhooks of [alerts], signed by the Standard Webhooks specification.

Each webhook has a row of its own for each alert, so that one that fails delays no other. URLs stay in the
configuration, because some hold a secret: a row names its URL by a digest.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

from mailer.backoff import BackoffPolicy
from mailer.delivery.models import Alert, AlertPost
from mailer.delivery.outbox.webhook_signature import signed_headers

log = logging.getLogger(__name__)

RETRIES = BackoffPolicy(first=60)
MAX_ATTEMPTS = 10
# How long other workers leave a row alone while one posts it.
_LEASE = timedelta(minutes=2)
_BATCH = 20
# 410: the receiver wants no more of them.
_GONE = 410


class PostResult(NamedTuple):
    """What a webhook answered."""

    # Its host, which is no secret.
    host: str
    accepted: bool
    # "status 204", or the kind of the error: never a URL.
    reply: str
    # Whether another attempt can help.
    retry: bool = True


def queue_alert(alert: Alert, now: datetime) -> None:
    """Queue the alert for every webhook, in place of what is still queued of it. Call it in a transaction."""
    AlertPost.objects.filter(alert=alert).delete()
    AlertPost.objects.bulk_create(
        AlertPost(alert=alert, webhook=_digest(url), due_at=now) for url in settings.CONFIG.alerts.webhooks
    )


def post_due_and_count_accepted(now: datetime) -> int:
    """Post what is due; returns how many webhooks accepted theirs."""
    due = AlertPost.objects.filter(due_at__lte=now).order_by("due_at")
    return sum(_post(row, now) for row in due.select_related("alert__mailing__edition")[:_BATCH])


def post_test(now: datetime) -> Iterator[PostResult]:
    """Post a test to each webhook at once."""
    data = {
        "kind": "test",
        "stopped": False,
        "mailing": None,
        "edition": None,
        "url": settings.CONFIG.site.url,
    }
    body = _body("alert.test", "This is a test of alerts; nothing is wrong.", now, data)
    for url in settings.CONFIG.alerts.webhooks:
        yield _send(url, f"test_{int(now.timestamp())}", body, now)


def _post(row: AlertPost, now: datetime) -> bool:
    attempts = row.attempts + 1
    unchanged = AlertPost.objects.filter(pk=row.pk, attempts=row.attempts)
    if not unchanged.update(due_at=now + _LEASE, attempts=attempts):
        # Another worker posts it, or a newer alert has replaced it.
        return False
    url = next((url for url in settings.CONFIG.alerts.webhooks if _digest(url) == row.webhook), None)
    if url is None:
        # It is no longer configured.
        row.delete()
        return False
    result = _send(
        url, f"alert_{row.alert_id}_{int(row.alert.raised_at.timestamp())}", _message(row.alert), now
    )
    again = not result.accepted and result.retry and attempts < MAX_ATTEMPTS
    AlertPost.objects.filter(pk=row.pk).update(
        due_at=now + timedelta(seconds=RETRIES.delay(attempts)) if again else None,
        accepted_at=now if result.accepted else None,
        reply=result.reply,
    )
    if not result.accepted:
        action = "alert_post_failed" if again else "alert_not_posted"
        log.log(
            logging.WARNING if again else logging.ERROR,
            "action=%s alert=%d host=%s reply=%s",
            action,
            row.alert_id,
            result.host,
            result.reply,
        )
    return result.accepted


def _send(url: str, message_id: str, body: bytes, at: datetime) -> PostResult:
    """POST a message to one webhook."""
    # Slow to load, and only needed where a webhook is configured.
    from mailer.stories.url_fetcher import FetchError, post

    config = settings.CONFIG.alerts
    headers = {"Content-Type": "application/json"}
    if config.secrets:
        headers |= signed_headers(body, message_id, at, config.secrets)
    host = urlsplit(url).hostname or ""
    try:
        status = post(url, body, headers, allow_private=config.private_webhooks).status
    except FetchError as error:
        return PostResult(host, accepted=False, reply=type(error).__name__)
    # A redirect is not followed, and is no success.
    return PostResult(host, 200 <= status < 300, f"status {status}", retry=status != _GONE)


def _message(alert: Alert) -> bytes:
    mailing = alert.mailing
    data = {
        "kind": alert.kind,
        "stopped": alert.sending_stopped,
        "mailing": alert.mailing_id,
        "edition": mailing.edition.slug if mailing else None,
        "url": desk_url_of(alert),
    }
    return _body("alert.raised", alert.message, alert.raised_at, data)


def _body(kind: str, text: str, at: datetime, data: dict[str, Any]) -> bytes:
    # Chat services show "text".
    return json.dumps({"type": kind, "timestamp": at.isoformat(), "text": text, "data": data}).encode()


def desk_url_of(alert: Alert) -> str:
    """The page of the desk to open."""
    report = f"/desk/editions/{alert.mailing.edition_id}/report/" if alert.mailing else ""
    return f"{settings.CONFIG.site.url}{alert.path or report}"


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:32]
