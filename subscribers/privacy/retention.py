"""Deletes personal data when its retention period is over.

That is unconfirmed sign-ups, details of consent records, counters and data of imports.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from subscribers import consent, rate_limit
from subscribers.bulk import apply_and_undo_bulk_actions as bulk_jobs
from subscribers.imports import job_lifecycle
from subscribers.models import (
    AddressChange,
    DataLink,
    FieldValue,
    Subscriber,
    Subscription,
    Tagging,
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
    unconfirmed = _end_unconfirmed(now - timedelta(days=config.unconfirmed_days))
    cleared = consent.clear_old_details(now, config.consent_details_months)
    rate_limit.delete_expired(now)
    job_lifecycle.discard_or_purge_expired(now)
    bulk_jobs.delete_expired_changes(now)
    AddressChange.objects.filter(requested_at__lt=now - _ADDRESS_CHANGES_KEPT).delete()
    DataLink.objects.filter(requested_at__lt=now - _DATA_LINKS_KEPT).delete()
    delete_expired(now)
    if unconfirmed or cleared:
        log.info("action=retention unconfirmed=%d details=%d", unconfirmed, cleared)


def _end_unconfirmed(before: datetime) -> int:
    """Delete sign-ups that were not confirmed, and subscribers of whom nothing else is known.

    Who had unsubscribed before the sign-up is unsubscribed again. A sign-up whose link in the latest
    confirmation email may still be opened stays.
    """
    unconfirmed = Subscription.objects.filter(
        state=Subscription.State.PENDING, created_at__lt=before
    ).exclude(subscriber__signup_email_at__gte=before)
    count = unconfirmed.filter(ended_at__isnull=False).update(state=Subscription.State.UNSUBSCRIBED)
    waiting = unconfirmed.filter(ended_at__isnull=True)
    while rows := list(waiting.values_list("pk", "subscriber", "created_at")[:_BATCH]):
        with transaction.atomic():
            latest_first = sorted(rows, key=lambda row: row[2], reverse=True)
            known_before = _known_before_signup({pk: signed_up_at for _, pk, signed_up_at in latest_first})
            count += waiting.filter(pk__in=[pk for pk, _, _ in rows]).delete()[0]
            others = Subscription.objects.filter(subscriber=OuterRef("pk"))
            subscribers = Subscriber.objects.filter(pk__in={pk for _, pk, _ in rows} - known_before)
            subscribers.filter(~Exists(others)).delete()
    return count


def _known_before_signup(signed_up_at: Mapping[int, datetime]) -> set[int]:
    """Those of these ids whose subscriber had a name, tags or fields before the sign-up, added by staff."""
    described = ~Q(name="") | Q(Exists(_rows(Tagging))) | Q(Exists(_rows(FieldValue)))
    added = Subscriber.objects.filter(described, pk__in=signed_up_at).values_list("pk", "created_at")
    return {pk for pk, created_at in added if created_at < signed_up_at[pk]}


def _rows(model: type[Tagging | FieldValue]) -> QuerySet[Any]:
    return model._default_manager.filter(subscriber=OuterRef("pk"))
