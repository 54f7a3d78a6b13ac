"""Deletes personal data when its retention period is over.

That is unconfirmed sign-ups, details of consent records, counters and data of imports.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from subscribers import consent, rate_limit
from subscribers.bulk import apply_and_undo_bulk_actions as bulk_jobs
from subscribers.imports import job_lifecycle
from subscribers.models import (
    AddressChange,
    DataLink,
    Subscriber,
    Subscription,
)
from subscribers.privacy.reversible_erasure import delete_expired

log = logging.getLogger(__name__)
# Longer than any link of an address change, or to data, works.
_ADDRESS_CHANGES_KEPT, _DATA_LINKS_KEPT = timedelta(days=60), timedelta(days=2)
# Subscribers deleted in one transaction.
_BATCH = 500


def apply_retention(now: datetime) -> None:
    """Delete what is older than `[retention]` allows. May run twice, and stop at any point."""
    config = settings.CONFIG.retention
    unconfirmed = _delete_unconfirmed(now - timedelta(days=config.unconfirmed_days))
    cleared = consent.clear_old_details(now, config.consent_details_months)
    rate_limit.delete_expired(now)
    job_lifecycle.discard_or_purge_expired(now)
    bulk_jobs.delete_expired_changes(now)
    AddressChange.objects.filter(requested_at__lt=now - _ADDRESS_CHANGES_KEPT).delete()
    DataLink.objects.filter(requested_at__lt=now - _DATA_LINKS_KEPT).delete()
    delete_expired(now)
    if unconfirmed or cleared:
        log.info("action=retention unconfirmed=%d details=%d", unconfirmed, cleared)


def _delete_unconfirmed(before: datetime) -> int:
    """Delete sign-ups that were not confirmed, and subscribers without any other subscription."""
    waiting = Subscription.objects.filter(
        state=Subscription.State.PENDING, created_at__lt=before, ended_at__isnull=True
    )
    count = 0
    while rows := list(waiting.values_list("pk", "subscriber")[:_BATCH]):
        with transaction.atomic():
            count += waiting.filter(pk__in=[pk for pk, _ in rows]).delete()[0]
            others = Subscription.objects.filter(subscriber=OuterRef("pk"))
            subscribers = Subscriber.objects.filter(pk__in={subscriber for _, subscriber in rows})
            subscribers.filter(~Exists(others)).delete()
    return count
