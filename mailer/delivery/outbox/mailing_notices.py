"""Notices about mailings: an edition is sent, or its sending is paused or held. Each is given once."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext

from mailer.approval.models import StaffNotice
from mailer.approval.notification_preferences_and_dispatch import notify_and_count_emails
from mailer.approval.outcome_notices import active_authors_and_submitter
from mailer.approval.staff_by_permission import users_with_permission_and_email
from mailer.delivery.models import Alert, Mailing
from mailer.delivery.outbox.staff_alerts import languages_by_alert_recipient
from subscribers import translate_stored_texts

_RECENT = timedelta(days=1)
_STOPPED = (Mailing.State.PAUSED, Mailing.State.HELD)


def notify_of_mailings_and_count_emails(now: datetime) -> int:
    """Notify of mailings that ended or stopped; how many emails were queued. A job of the worker."""
    ended = Q(state=Mailing.State.DONE, finished_at__gt=now - _RECENT)
    found = Mailing.objects.real().filter(ended | Q(state__in=_STOPPED))
    found = found.select_related("edition__newsletter", "snapshot__submitted_by")
    listed = {_key(one): one for one in found.defer("snapshot__content", "snapshot__manifest")}
    known = set(StaffNotice.objects.filter(key__in=list(listed)).values_list("key", flat=True))
    return sum(_notify(key, mailing, now) for key, mailing in listed.items() if key not in known)


def _key(mailing: Mailing) -> str:
    """One for the end; one for each stop."""
    if mailing.state == Mailing.State.DONE:
        return f"sent:{mailing.pk}"
    # In milliseconds.
    since = int(mailing.stopped_at.timestamp() * 1000) if mailing.stopped_at else 0
    return f"stopped:{mailing.pk}:{since}"


def _notify(key: str, mailing: Mailing, now: datetime) -> int:
    path = f"/desk/editions/{mailing.edition_id}/report/"
    values = {
        "edition": mailing.edition,
        "url": f"{settings.CONFIG.site.url}{path}",
    }

    def sent() -> tuple[str, str]:
        subject = gettext("Edition sent: %(edition)s") % values
        return subject, gettext("The edition %(edition)s was sent. The report is here:\n%(url)s\n") % values

    def stopped() -> tuple[str, str]:
        subject = gettext("Sending of an edition is stopped: %(edition)s") % values
        body = gettext(
            "No more emails of %(edition)s are sent. %(reason)s\n\nResume or cancel sending:\n%(url)s\n"
        )
        return subject, body % {**values, "reason": translate_stored_texts.translated(mailing.reason)}

    deciding = users_with_permission_and_email("mailer.schedule_edition")
    with transaction.atomic():
        StaffNotice.objects.create(key=key, at=now)
        if mailing.state == Mailing.State.DONE:
            return notify_and_count_emails(
                "sent", deciding | active_authors_and_submitter(mailing.snapshot), sent, path, now
            )
        if Alert.objects.filter(mailing=mailing, sending_stopped=True).exists():
            # They got the alert.
            alerted = set(languages_by_alert_recipient())
            deciding = {user for user in deciding if user.email not in alerted}
        return notify_and_count_emails("paused", deciding, stopped, path, now)
