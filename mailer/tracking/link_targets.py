"""Where the links of sent mails lead: only to what stands under the seal of their copy."""

from __future__ import annotations

import logging
from functools import lru_cache

from django.conf import settings

from mailer.approval import approve, tracking_policy
from mailer.approval.models import Snapshot, SnapshotVariant
from mailer.delivery import tracking_urls

log = logging.getLogger(__name__)

# Variants, and copies, whose links are kept ready.
_VARIANTS, _COPIES = 16_384, 256


def of(named: tracking_urls.Named) -> str | None:
    """The address that a link leads to; None when no copy has it. Asks the database once per variant."""
    if named.number == tracking_urls.TRAP:
        return f"{settings.CONFIG.site.url}/"
    try:
        return _urls(_copy(named.variant))[named.number - 1]
    except (SnapshotVariant.DoesNotExist, IndexError):
        return None


def forget() -> None:
    """Ask the database anew for everything."""
    _copy.cache_clear()
    _urls.cache_clear()


@lru_cache(maxsize=_VARIANTS)
def _copy(variant: int) -> int:
    return SnapshotVariant.objects.only("snapshot_id").get(pk=variant).snapshot_id


@lru_cache(maxsize=_COPIES)
def _urls(snapshot: int) -> tuple[str, ...]:
    """None at all where the stored copy is not what was sealed."""
    frozen = Snapshot.objects.only("manifest", "sha256").get(pk=snapshot)
    if approve.digest(frozen.manifest) != frozen.sha256:
        log.error("action=links_not_as_sealed copy=%d", snapshot)
        return ()
    return tuple(link.url for link in tracking_policy.of_manifest(frozen.manifest).links)
