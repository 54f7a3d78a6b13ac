"""Where a tracked link of a mailing leads: only to a URL that stands in the approved snapshot."""

from __future__ import annotations

import logging
from functools import lru_cache

from django.conf import settings

from mailer import link_tracking
from mailer.approval import snapshot_hashes
from mailer.approval.models import Snapshot, SnapshotVariant
from mailer.link_tracking import LinkRef

log = logging.getLogger(__name__)


# Variants and snapshots whose links are cached.
_MAX_VARIANTS, _MAX_SNAPSHOTS = 16_384, 256


def resolve_link(ref: LinkRef) -> str | None:
    """The URL of a link; None when no snapshot has it. Asks the database once per variant."""
    if ref.link_number == link_tracking.HONEYPOT:
        return f"{settings.CONFIG.site.url}/"
    try:
        return _urls(_snapshot_of(ref.variant_id))[ref.link_number - 1]
    except (SnapshotVariant.DoesNotExist, IndexError):
        return None


def clear_link_cache() -> None:
    """Ask the database anew for everything."""
    _snapshot_of.cache_clear()
    _urls.cache_clear()


@lru_cache(maxsize=_MAX_VARIANTS)
def _snapshot_of(variant_id: int) -> int:
    return SnapshotVariant.objects.only("snapshot_id").get(pk=variant_id).snapshot_id


@lru_cache(maxsize=_MAX_SNAPSHOTS)
def _urls(snapshot_id: int) -> tuple[str, ...]:
    """The links in order of their numbers; empty when the stored snapshot is not what was approved."""
    snapshot = Snapshot.objects.only("manifest", "sha256").get(pk=snapshot_id)
    if snapshot_hashes.sha256_hex(snapshot.manifest) != snapshot.sha256:
        log.error("action=snapshot_hash_mismatch snapshot=%d", snapshot_id)
        return ()
    return tuple(link.url for link in link_tracking.policy_from_manifest(snapshot.manifest).links)
