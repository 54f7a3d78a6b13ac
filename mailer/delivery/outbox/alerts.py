"""Alerts and warnings to staff, by email and by the configured webhook."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, Q

from mailer.backoff import BackoffPolicy
from mailer.delivery.models import Alert, Mailing
from subscribers.signals import signup_flood

log = logging.getLogger(__name__)

# At most one notification of a kind and mailing in this time, and one more after staff resumed the mailing.
_MIN_INTERVAL = timedelta(hours=1)
# How long the desk shows a warning.
_WARNING_SHOWN_FOR = timedelta(days=1)
# Seconds to connect and to wait for the response of the webhook.
_TIMEOUTS = (3.05, 10)
_RETRIES = BackoffPolicy(first=60)
_MAX_ATTEMPTS = 10
# How long other workers leave a row alone while one posts it.
_LEASE = timedelta(minutes=2)
_SIGNUP_FLOOD = (
    "Very many sign-ups are arriving, perhaps from a bot. The sign-up form now asks a question, and no more "
    "confirmation emails are sent than [signup] allows. Raise its limits if these are your readers."
)


def raise_alert(kind: str, message: str, mailing_id: int | None, now: datetime) -> None:
    """Notify staff that sending stopped, at most once an hour per kind and mailing. Uses no network."""
    log.error("action=alert kind=%s mailing=%s", kind, mailing_id or "-")
    _notify(Alert(kind=kind, message=message[:500], mailing_id=mailing_id), now)


def warn(kind: str, message: str, mailing_id: int | None, now: datetime, path: str = "") -> None:
    """Notify staff of a problem while sending goes on, likewise; `path` is the page to open, "/desk/…"."""
    log.warning("action=warning kind=%s mailing=%s", kind, mailing_id or "-")
    _notify(
        Alert(kind=kind, message=message[:500], mailing_id=mailing_id, sending_stopped=False, path=path), now
    )


def post_due(now: datetime) -> int:
    """Post the due alerts to the webhook; returns how many it accepted."""
    due = Alert.objects.filter(webhook_due_at__lte=now).order_by("webhook_due_at")
    return sum(_post(alert, now) for alert in due.select_related("mailing__edition")[:20])


def active(now: datetime) -> list[Alert]:
    """Alerts about mailings that are held or paused, and the recent other ones."""
    stopped = Q(mailing__state__in=[Mailing.State.HELD, Mailing.State.PAUSED])
    recent = Q(mailing=None, sending_stopped=True, raised_at__gt=now - _MIN_INTERVAL)
    warnings = Q(sending_stopped=False, raised_at__gt=now - _WARNING_SHOWN_FOR)
    return list(Alert.objects.filter(stopped | recent | warnings).select_related("mailing__edition"))


def _notify(alert: Alert, now: datetime) -> None:
    with transaction.atomic():
        if _claim_notification(alert, now):
            _send_emails(alert)


def _claim_notification(alert: Alert, now: datetime) -> bool:
    """Claim the right to notify: one row per kind and mailing, claimed by updating its time."""
    key = f"{alert.kind}:{alert.mailing_id or 0}"
    columns: dict[str, Any] = {
        "message": alert.message,
        "sending_stopped": alert.sending_stopped,
        "path": alert.path,
        "raised_at": now,
        "webhook_due_at": now if settings.CONFIG.alerts.webhook else None,
        "webhook_attempts": 0,
    }
    _, new = Alert.objects.get_or_create(
        key=key, defaults={"kind": alert.kind, "mailing_id": alert.mailing_id, **columns}
    )
    # Staff who resumed the mailing since then have seen the last one.
    again = Q(raised_at__lte=now - _MIN_INTERVAL) | Q(raised_at__lt=F("mailing__counted_from"))
    return new or bool(Alert.objects.filter(again, key=key).update(**columns))


def _send_emails(alert: Alert) -> None:
    about = str(alert.mailing.edition) if alert.mailing else settings.CONFIG.site.name
    subject = "Sending has stopped" if alert.sending_stopped else "Please check"
    lines = [alert.message, ""]
    if alert.mailing and alert.sending_stopped:
        lines += ["Nothing more of it is sent until staff resume or cancel it:", _url(alert), ""]
    elif alert.mailing or alert.path:
        lines += ["Details:", _url(alert), ""]
    for address in _recipients():
        headers = {"Auto-Submitted": "auto-generated"}
        EmailMessage(f"{subject}: {about}", "\n".join(lines), to=[address], headers=headers).send()


def _recipients() -> list[str]:
    """The configured addresses, else all users who may manage accounts."""
    if settings.CONFIG.alerts.email:
        return list(settings.CONFIG.alerts.email)
    admins = User.objects.with_perm(
        "auth.change_user", backend="django.contrib.auth.backends.ModelBackend"
    ).exclude(email="")
    return sorted(set(admins.values_list("email", flat=True)))


def _url(alert: Alert) -> str:
    report = f"/desk/editions/{alert.mailing.edition_id}/report/" if alert.mailing else ""
    return f"{settings.CONFIG.site.url}{alert.path or report}"


def _post(alert: Alert, now: datetime) -> bool:
    attempts = alert.webhook_attempts
    unchanged = Alert.objects.filter(pk=alert.pk, raised_at=alert.raised_at, webhook_attempts=attempts)
    if not unchanged.update(webhook_due_at=now + _LEASE, webhook_attempts=attempts + 1):
        return False
    accepted = _post_to_webhook(alert)
    finished = accepted or attempts + 1 >= _MAX_ATTEMPTS
    again = None if finished else now + timedelta(seconds=_RETRIES.delay(attempts + 1))
    Alert.objects.filter(pk=alert.pk, raised_at=alert.raised_at).update(webhook_due_at=again)
    if finished and not accepted:
        log.error("action=alert_not_posted alert=%d", alert.pk)
    return accepted


def _post_to_webhook(alert: Alert) -> bool:
    """Whether the webhook accepted it. Its address comes from the configuration and may be a private one."""
    mailing = alert.mailing
    body = {
        "kind": alert.kind,
        # Chat services show this.
        "text": alert.message,
        "mailing": alert.mailing_id,
        "edition": mailing.edition.slug if mailing else None,
        "at": alert.raised_at.isoformat(),
        "url": _url(alert),
    }
    import requests  # slow to load, and only needed where a webhook is configured

    try:
        with requests.Session() as session:
            # The environment's proxies and .netrc do not apply.
            session.trust_env = False
            response = session.post(
                settings.CONFIG.alerts.webhook, json=body, timeout=_TIMEOUTS, allow_redirects=False
            )
    except requests.RequestException as error:
        log.warning("action=alert_post_failed alert=%d error=%s", alert.pk, type(error).__name__)
        return False
    if not response.ok:
        log.warning("action=alert_post_failed alert=%d status=%d", alert.pk, response.status_code)
    # A redirect is not followed, and not success.
    return 200 <= response.status_code < 300


def connect() -> None:
    """Alert staff on floods of sign-ups. Called once when the application is ready; may be repeated."""
    signup_flood.connect(_on_signup_flood, dispatch_uid="mailer.delivery.outbox.alerts")


def _on_signup_flood(now: datetime, **_: Any) -> None:
    raise_alert("signup_flood", _SIGNUP_FLOOD, None, now)
