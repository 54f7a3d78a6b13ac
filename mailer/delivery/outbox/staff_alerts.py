"""Alerts and warnings to staff, by email and by the configured webhooks."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext, override

from mailer.approval import notification_preferences_and_dispatch
from mailer.delivery.models import Alert, Mailing
from mailer.delivery.outbox import alert_webhooks
from mailer.delivery.outbox.alert_webhooks import desk_url_of
from mailer.staff_localization import language_of, office_desk_language
from mailer.stories.models import StorySource
from mailer.stories.signals import source_failing
from subscribers.signals import signup_flood
from subscribers.translate_stored_texts import stored, translated

log = logging.getLogger(__name__)

# At most one notification of a kind and mailing in this time, and one more after staff resumed the mailing.
_MIN_INTERVAL = timedelta(hours=1)
# How long the desk shows a warning.
_WARNING_SHOWN_FOR = timedelta(days=1)
_SIGNUP_FLOOD = stored(
    "Very many sign-ups are arriving, perhaps from a bot. The sign-up form now asks a question, and no more "
    "confirmation emails are sent than [signup] allows. Raise its limits if these are your readers."
)


def alert_sending_stopped(kind: str, message: str, mailing_id: int | None, now: datetime) -> None:
    """Notify staff that sending stopped, at most once an hour per kind and mailing. Uses no network."""
    log.error("action=alert kind=%s mailing=%s", kind, mailing_id or "-")
    _notify(Alert(kind=kind, message=message[:500], mailing_id=mailing_id), now)


def warn(kind: str, message: str, mailing_id: int | None, now: datetime, path: str = "") -> None:
    """Notify staff of a problem while sending goes on, likewise; `path` is the page to open, "/desk/…"."""
    log.warning("action=warning kind=%s mailing=%s", kind, mailing_id or "-")
    _notify(
        Alert(kind=kind, message=message[:500], mailing_id=mailing_id, sending_stopped=False, path=path), now
    )


def active_alerts(now: datetime) -> list[Alert]:
    """Alerts about mailings that are held or paused, and the recent other ones."""
    stopped = Q(mailing__state__in=[Mailing.State.HELD, Mailing.State.PAUSED])
    recent = Q(mailing=None, sending_stopped=True, raised_at__gt=now - _MIN_INTERVAL)
    warnings = Q(sending_stopped=False, raised_at__gt=now - _WARNING_SHOWN_FOR)
    return list(Alert.objects.filter(stopped | recent | warnings).select_related("mailing__edition"))


def _notify(alert: Alert, now: datetime) -> None:
    with transaction.atomic():
        if _claim_notification(alert, now):
            alert_webhooks.queue_alert(Alert.objects.get(key=_key(alert)), now)
            _send_emails(alert, now)


def _key(alert: Alert) -> str:
    return f"{alert.kind}:{alert.mailing_id or 0}"


def _claim_notification(alert: Alert, now: datetime) -> bool:
    """Claim the right to notify: one row per kind and mailing, claimed by updating its time."""
    key = _key(alert)
    columns: dict[str, Any] = {
        "message": alert.message,
        "sending_stopped": alert.sending_stopped,
        "path": alert.path,
        "raised_at": now,
    }
    _, new = Alert.objects.get_or_create(
        key=key, defaults={"kind": alert.kind, "mailing_id": alert.mailing_id, **columns}
    )
    # Staff who resumed the mailing since then have seen the last one.
    again = Q(raised_at__lte=now - _MIN_INTERVAL) | Q(raised_at__lt=F("mailing__counted_from"))
    return new or bool(Alert.objects.filter(again, key=key).update(**columns))


def _send_emails(alert: Alert, now: datetime) -> None:
    for address, language in languages_by_alert_recipient().items():
        with override(language):
            about = str(alert.mailing.edition) if alert.mailing else settings.CONFIG.site.name
            subject = (
                gettext("Sending has stopped: %(about)s")
                if alert.sending_stopped
                else gettext("Please check this problem: %(about)s")
            )
            lines = [translated(alert.message), ""]
            if alert.mailing and alert.sending_stopped:
                again = gettext(
                    "No more emails of this edition are sent unless staff resume sending. "
                    "Resume or cancel sending here:"
                )
                lines += [again, desk_url_of(alert), ""]
            elif alert.mailing or alert.path:
                lines += [gettext("Details of the alert:"), desk_url_of(alert), ""]
            _email(subject % {"about": about}, "\n".join(lines), address)
    path = desk_url_of(alert).removeprefix(settings.CONFIG.site.url)
    notification_preferences_and_dispatch.add_desk_notifications_if_chosen(
        "alert", _admins(), alert.message, path, now
    )


def send_test_emails() -> list[str]:
    """Write a test to everybody who gets alerts; their addresses."""
    addresses = languages_by_alert_recipient()
    for address, language in addresses.items():
        with override(language):
            subject = gettext("Test of alerts by email: %(site)s") % {"site": settings.CONFIG.site.name}
            text = gettext("This is a test of alerts; nothing is wrong.")
            _email(subject, f"{text}\n", address)
    return list(addresses)


def _email(subject: str, text: str, address: str) -> None:
    headers = {"Auto-Submitted": "auto-generated"}
    EmailMessage(subject, text, to=[address], headers=headers).send()


def languages_by_alert_recipient() -> dict[str, str]:
    """The configured addresses, else those of all users who manage accounts and want alerts by email.

    With their languages.
    """
    if settings.CONFIG.alerts.email:
        return dict.fromkeys(settings.CONFIG.alerts.email, office_desk_language())
    ways = notification_preferences_and_dispatch.notification_ways(admins := _admins(), "alert")
    wanting = [
        user for user in admins if user.email and notification_preferences_and_dispatch.EMAIL in ways[user.pk]
    ]
    return dict(sorted((user.email, language_of(user)) for user in wanting))


def _admins() -> list[User]:
    found = User.objects.with_perm("auth.change_user", backend="django.contrib.auth.backends.ModelBackend")
    return list(found.select_related("wagtail_userprofile"))


def connect_signals() -> None:
    """Alert staff on floods of sign-ups and sources of stories that fail.

    Called once when the application is ready; may be repeated.
    """
    signup_flood.connect(_on_signup_flood, dispatch_uid="mailer.delivery.outbox.staff_alerts")
    source_failing.connect(_on_source_failing, dispatch_uid="mailer.delivery.outbox.staff_alerts")


def _on_signup_flood(now: datetime, **_: Any) -> None:
    warn("signup_flood", _SIGNUP_FLOOD, None, now)


def _on_source_failing(source: StorySource, now: datetime, **_: Any) -> None:
    text = stored(
        "No stories can be imported from the source “%(name)s”. The last %(count)s attempts "
        "failed: %(problem)s",
        name=source.name,
        count=source.failures,
        problem=source.problem,
    )
    warn(f"story_source_{source.pk}", text, None, now, f"/desk/sources/{source.pk}/")
