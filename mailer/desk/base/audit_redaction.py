"""Removes the addresses of erased subscribers from the audit log."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Q
from wagtail.models import ModelLogEntry

from subscribers.addresses import mentions
from subscribers.models import Subscriber
from subscribers.signals import erased


def connect() -> None:
    """Connects to the signal `erased`; called once when the application is ready."""
    erased.connect(_erased, dispatch_uid="mailer.desk.base.audit_redaction")


def _erased(subscriber_ids: Collection[int], addresses: Collection[str], **_: Any) -> None:
    kind = ContentType.objects.get_for_model(Subscriber)
    about = Q(content_type=kind, object_id__in=[str(number) for number in subscriber_ids])
    for address in addresses:
        about |= Q(label__icontains=address)
    ids = {str(number) for number in subscriber_ids}
    for entry in ModelLogEntry.objects.filter(about):
        is_theirs = entry.content_type_id == kind.pk and entry.object_id in ids
        if not is_theirs and not any(mentions(entry.label, address) for address in addresses):
            continue
        entry.label = (
            f"Subscriber {entry.object_id}" if entry.content_type_id == kind.pk else "(an erased address)"
        )
        entry.save(update_fields=["label"])
