"""Alerts and warnings: staff are told what to look at, by mail and where configured by a webhook."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, Q

from mailer.delivery.models import Alert, Mailing

log = logging.getLogger(__name__)

# Of one kind and mailing, staff hear once in this time, or once more after somebody resumed it.
_QUIET = timedelta(hours=1)
# How long the desk shows a warning.
_SHOWN = timedelta(days=1)
# Seconds for connecting and for the answer: a webhook that hangs costs no more.
_PATIENCE = (3.05, 10)
_TRIES = 10
# How long another worker leaves a row alone that one has begun to tell.
_LEASE = timedelta(minutes=2)


def raise_alert(kind: str, words: str, mailing_id: int | None, now: datetime) -> None:
    """Tell staff that sending stopped; of one kind and mailing at most once an hour. Waits for no network."""
    log.error("action=alert kind=%s mailing=%s", kind, mailing_id or "-")
    _tell(Alert(kind=kind, words=words[:500], mailing_id=mailing_id), now)


def warn(kind: str, words: str, mailing_id: int | None, now: datetime, path: str = "") -> None:
    """Tell staff of something that goes on, likewise; `path` is the page to look at, "/desk/…"."""
    log.warning("action=warning kind=%s mailing=%s", kind, mailing_id or "-")
    _tell(Alert(kind=kind, words=words[:500], mailing_id=mailing_id, stopped=False, path=path), now)


def post_due(now: datetime) -> int:
    """Tell the webhook what it has not heard; returns how many it took."""
    due = Alert.objects.filter(post_at__lte=now).select_related("mailing__edition").order_by("post_at")
    return sum(_post(alert, now) for alert in due[:20])


def standing(now: datetime) -> list[Alert]:
    """What still concerns staff: alerts about mailings that stand still, and the last hour's others."""
    still = Q(mailing__state__in=[Mailing.State.HELD, Mailing.State.PAUSED])
    recent = Q(mailing=None, stopped=True, at__gt=now - _QUIET)
    warnings = Q(stopped=False, at__gt=now - _SHOWN)
    return list(Alert.objects.filter(still | recent | warnings).select_related("mailing__edition"))


def _tell(alert: Alert, now: datetime) -> None:
    with transaction.atomic():
        if _is_news(alert, now):
            _mail(alert)


def _is_news(alert: Alert, now: datetime) -> bool:
    """Claim the telling: one row of a kind and mailing, taken by moving its time."""
    key = f"{alert.kind}:{alert.mailing_id or 0}"
    columns: dict[str, Any] = {
        "words": alert.words,
        "stopped": alert.stopped,
        "path": alert.path,
        "at": now,
        "post_at": now if settings.CONFIG.alerts.webhook else None,
        "posts": 0,
    }
    _, new = Alert.objects.get_or_create(
        key=key, defaults={"kind": alert.kind, "mailing_id": alert.mailing_id, **columns}
    )
    # Who resumed it since then has seen that one.
    again = Q(at__lte=now - _QUIET) | Q(at__lt=F("mailing__counted_from"))
    return new or bool(Alert.objects.filter(again, key=key).update(**columns))


def _mail(alert: Alert) -> None:
    about = str(alert.mailing.edition) if alert.mailing else settings.CONFIG.site.name
    what = "Sending has stopped" if alert.stopped else "Please look"
    lines = [alert.words, ""]
    if alert.mailing and alert.stopped:
        lines += ["Nothing more of it leaves until somebody has looked at it:", _link(alert), ""]
    elif alert.mailing or alert.path:
        lines += ["Look at it here:", _link(alert), ""]
    for address in _recipients():
        headers = {"Auto-Submitted": "auto-generated"}
        EmailMessage(f"{what}: {about}", "\n".join(lines), to=[address], headers=headers).send()


def _recipients() -> list[str]:
    """Who is told: the configured addresses, else everybody who manages accounts."""
    if settings.CONFIG.alerts.email:
        return list(settings.CONFIG.alerts.email)
    admins = User.objects.with_perm(
        "auth.change_user", backend="django.contrib.auth.backends.ModelBackend"
    ).exclude(email="")
    return sorted(set(admins.values_list("email", flat=True)))


def _link(alert: Alert) -> str:
    report = f"/desk/editions/{alert.mailing.edition_id}/report/" if alert.mailing else ""
    return f"{settings.CONFIG.site.url}{alert.path or report}"


def _post(alert: Alert, now: datetime) -> bool:
    mine = Alert.objects.filter(pk=alert.pk, at=alert.at, posts=alert.posts)
    if not mine.update(post_at=now + _LEASE, posts=F("posts") + 1):
        return False
    told = _told(alert)
    again = None if told or alert.posts + 1 >= _TRIES else now + timedelta(minutes=2**alert.posts)
    Alert.objects.filter(pk=alert.pk, at=alert.at).update(post_at=again)
    if not told and again is None:
        log.error("action=alert_not_told alert=%d", alert.pk)
    return told


def _told(alert: Alert) -> bool:
    """Whether the webhook took it. Its address is the configuration's own and may be inside the house."""
    mailing = alert.mailing
    body = {
        "kind": alert.kind,
        # What chat services show.
        "text": alert.words,
        "mailing": alert.mailing_id,
        "edition": mailing.edition.slug if mailing else None,
        "at": alert.at.isoformat(),
        "url": _link(alert),
    }
    import requests  # slow to load, and only needed where a webhook is configured

    try:
        with requests.Session() as session:
            # Neither a proxy nor a password file of the environment has a say.
            session.trust_env = False
            response = session.post(
                settings.CONFIG.alerts.webhook, json=body, timeout=_PATIENCE, allow_redirects=False
            )
    except requests.RequestException as error:
        log.warning("action=alert_post_failed alert=%d error=%s", alert.pk, type(error).__name__)
        return False
    if not response.ok:
        log.warning("action=alert_post_failed alert=%d status=%d", alert.pk, response.status_code)
    # A redirect is no answer.
    return 200 <= response.status_code < 300
