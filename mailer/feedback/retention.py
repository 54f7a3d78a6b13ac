"""Forgets what came back, word for word, when it was kept long enough as evidence.

What was concluded stays: each event with the server's words, its rule and its date, and so each verdict with
its reasons. So what comes once more still counts once.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings

from mailer.feedback.models import ReturnedMessage

log = logging.getLogger(__name__)

# Messages deleted at a time.
_BATCH = 200


def delete_old(now: datetime) -> int:
    """Delete messages and services' events that came before `[bounces] keep_days`; returns how many."""
    until = now - timedelta(days=settings.CONFIG.bounces.keep_days)
    old = ReturnedMessage.objects.filter(received_at__lt=until).order_by("received_at")
    deleted = 0
    while pks := list(old.values_list("pk", flat=True)[:_BATCH]):
        ReturnedMessage.objects.filter(pk__in=pks).delete()
        deleted += len(pks)
    if deleted:
        log.info("action=returned_mail_deleted messages=%d", deleted)
    return deleted
