"""The audit log without erased subscribers: their addresses and changes are removed from its entries."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Q
from wagtail.models import ModelLogEntry

from mailer.audit_log import chain
from mailer.audit_log.changes import CHANGES
from subscribers.addresses import address_pattern, mentions_address
from subscribers.models import Subscriber
from subscribers.signals import erased
from subscribers.translate_stored_texts import stored

_REDACTED = "(erased address)"


def connect_signals() -> None:
    """Redact entries when subscribers are erased. Called once, when all is loaded."""
    erased.connect(_redact_entries, dispatch_uid="mailer.desk.base.erased_subscribers_in_audit_log")


def _redact_entries(subscriber_ids: Collection[int], addresses: Collection[str], **_: Any) -> None:
    kind = ContentType.objects.get_for_model(Subscriber)
    about = Q(content_type=kind, object_id__in=[str(number) for number in subscriber_ids])
    for address in addresses:
        about |= Q(label__icontains=address) | Q(data__icontains=address)
    ids = {str(number) for number in subscriber_ids}
    for entry in ModelLogEntry.objects.filter(about).order_by("pk"):
        if entry.content_type_id == kind.pk and entry.object_id in ids:
            label = stored("Subscriber number %(id)s", id=entry.object_id)
            # Before and after may be their name or address; which fields changed stays.
            changed = {name: ["", ""] for name in entry.data.get(CHANGES, {})}
            data = {**_without(entry.data, addresses), **({CHANGES: changed} if changed else {})}
        else:
            named = any(mentions_address(entry.label, address) for address in addresses)
            label, data = _REDACTED if named else entry.label, _without(entry.data, addresses)
        if (label, data) != (entry.label, entry.data):
            chain.redact(entry, label, data)


def _without(value: Any, addresses: Collection[str]) -> Any:
    """JSON without these addresses in its texts."""
    if isinstance(value, dict):
        return {key: _without(one, addresses) for key, one in value.items()}
    if isinstance(value, list):
        return [_without(one, addresses) for one in value]
    if isinstance(value, str):
        for address in addresses:
            value = address_pattern(address).sub(_REDACTED, value)
    return value
