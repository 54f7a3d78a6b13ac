"""What the public may see: editions whose mailing has begun, and nothing before that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Mailing
from mailer.rendering import records

# A mailing that was cancelled on its way has readers too, whose links must not be dead.
_BEGUN = Q(started_at__isnull=False) | Q(
    state__in=[Mailing.State.SENDING, Mailing.State.PAUSED, Mailing.State.DONE]
)


@dataclass(frozen=True)
class SentEdition:
    """One line of the archive."""

    slug: str
    newsletter: str
    # "2021-12"
    period: str
    began_at: datetime
    # The snapshot that was mailed.
    snapshot: int


def editions(limit: int | None = None) -> list[SentEdition]:
    """Editions that were sent or are being sent, latest period first."""
    mailings = (
        Mailing.objects.real()
        .filter(_BEGUN)
        .exclude(state=Mailing.State.CANCELLED)
        .select_related("edition__newsletter")
        .order_by("-edition__period", "-created_at")
    )
    found: dict[str, SentEdition] = {}
    for mailing in mailings[:limit]:
        found.setdefault(mailing.edition.slug, _sent(mailing))
    return list(found.values())


def edition(slug: str) -> SentEdition | None:
    """The latest mailing of one edition that has begun, cancelled or not."""
    mailing = _of(slug).select_related("edition__newsletter").first()
    return _sent(mailing) if mailing else None


def variant(slug: str, key: str) -> SnapshotVariant | None:
    """The web copy's source, from the latest mailing that has it: every mail's link finds its own."""
    found = SnapshotVariant.objects.filter(key=key, snapshot__mailings__in=_of(slug))
    return found.order_by("-snapshot__mailings__created_at").first()


def widest(snapshot: int) -> list[SnapshotVariant]:
    """For each language of a snapshot, the variant with the most stories."""
    chosen: dict[str, SnapshotVariant] = {}
    columns = SnapshotVariant.objects.filter(snapshot=snapshot).defer("html", "text").order_by("key")
    for candidate in columns:
        known = chosen.get(candidate.language)
        if known is None or _stories(candidate) > _stories(known):
            chosen[candidate.language] = candidate
    return list(chosen.values())


def event(slug: str, story: str) -> tuple[records.Content, records.Story, Mailing] | None:
    """An event of a sent edition, as it was approved."""
    for mailing in _of(slug).select_related("snapshot"):
        content = records.from_json(mailing.snapshot.content)
        found = next((one for one in content.stories if one.key == story and one.kind == "event"), None)
        if found:
            return content, found, mailing
    return None


def in_order(variants: Sequence[SnapshotVariant], languages: Sequence[str]) -> list[SnapshotVariant]:
    """The site's languages first, in its order; others by code."""
    places = {code: place for place, code in enumerate(languages)}
    return sorted(variants, key=lambda one: (places.get(one.language, len(places)), one.language))


def _of(slug: str) -> QuerySet[Mailing]:
    return Mailing.objects.real().filter(_BEGUN, edition__slug=slug).order_by("-created_at")


def _sent(mailing: Mailing) -> SentEdition:
    return SentEdition(
        slug=mailing.edition.slug,
        newsletter=mailing.edition.newsletter.name,
        period=mailing.edition.period,
        began_at=mailing.started_at or mailing.created_at,
        snapshot=mailing.snapshot_id,
    )


def _stories(variant: SnapshotVariant) -> int:
    return len(variant.stories.split(",")) if variant.stories else 0
