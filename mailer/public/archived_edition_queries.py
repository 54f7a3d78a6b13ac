"""The archive, which the public may see: editions whose mailing has started, and nothing before that."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.db.models import Q, QuerySet

from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Mailing
from mailer.editions.models import Newsletter
from mailer.rendering import data_types, localization
from mailer.rendering.story_selection import Selector, country_choices_and_completeness, variant_key

# A mailing that was cancelled after its first message left has recipients, too, whose links must work.
_STARTED = Q(cancelled_unsent=False) & (
    Q(started_at__isnull=False)
    | Q(state__in=[Mailing.State.SENDING, Mailing.State.PAUSED, Mailing.State.DONE])
)

_MAX_REMEMBERED = 10_000
# Story sets of an edition that are looked at.
_MOST_SETS = 500
_public_pictures: set[str] = set()


@dataclass(frozen=True)
class ArchivedEdition:
    """One line of the archive."""

    slug: str
    newsletter: str
    # "2021-12"
    period: str
    # Of an edition outside of the schedule; otherwise empty.
    name: str
    started_at: datetime
    # The snapshot that was mailed.
    snapshot_id: int

    def title(self, language: str) -> str:
        """The edition's name, or its period: "December 2021"."""
        return self.name or localization.period_title(self.period, language)


def archived_editions(limit: int | None = None) -> list[ArchivedEdition]:
    """Editions that were sent or are being sent, latest period first.

    Those of newsletters without a public list are not listed: only who has a link to their pages can read
    them.
    """
    offered = Newsletter.objects.filter(lists__public=True)
    mailings = (
        Mailing.objects.real()
        .filter(_STARTED, edition__newsletter__in=offered)
        .exclude(state=Mailing.State.CANCELLED)
        .select_related("edition__newsletter")
        .order_by("-edition__period", "-created_at")
    )
    found: dict[str, ArchivedEdition] = {}
    for mailing in mailings[:limit]:
        found.setdefault(mailing.edition.slug, _archived(mailing))
    return list(found.values())


def archived_edition(slug: str) -> ArchivedEdition | None:
    """The latest mailing of one edition that has started; also one that was cancelled since, unless no
    message had left."""
    mailing = _mailings(slug).select_related("edition__newsletter").first()
    return _archived(mailing) if mailing else None


def latest_variant(slug: str, key: str) -> SnapshotVariant | None:
    """The variant of a web version, from the latest mailing that has it: every message's link works."""
    found = SnapshotVariant.objects.filter(key=key, snapshot__mailings__in=_mailings(slug))
    return found.order_by("-snapshot__mailings__created_at").first()


def other_languages(variant: SnapshotVariant) -> list[SnapshotVariant]:
    """The variants with the same story set in other languages; without their HTML and text.

    Several variants of a language have the same stories where blocks differ that only readers of some
    countries see, or their order.
    """
    same = SnapshotVariant.objects.filter(snapshot=variant.snapshot_id, stories=variant.stories)
    found = list(same.defer("html", "text").order_by("key"))
    if len(found) > len({one.language for one in found}):
        keys = _keys_of_same_set(variant, {one.language for one in found})
        found = [one for one in found if one.key in keys]
    return [one for one in found if one.language != variant.language]


def _keys_of_same_set(variant: SnapshotVariant, languages: Collection[str]) -> set[str]:
    """The keys in these languages of the variant's story set; none where it is not among the edition's."""
    content = variant.snapshot.content
    stories = next(
        (one for one in _story_sets(content) if variant_key(one, variant.language) == variant.key), None
    )
    return set() if stories is None else {variant_key(stories, language) for language in languages}


@lru_cache(maxsize=8)
def _story_sets(content_json: str) -> list[tuple[str, ...]]:
    """The story sets of an approved content; first that of readers who chose no countries."""
    content = data_types.from_json(content_json)
    selector = Selector(content)
    choices, _complete = country_choices_and_completeness(content, _MOST_SETS)
    return [selector.story_set(countries) for countries in ((), *choices)]


def was_picture_sent(path: str) -> bool:
    """Whether a picture, by its path below /media/, is in a message that was sent, be it to a colleague.

    What is public stays so, so that each process asks once.
    """
    if path in _public_pictures:
        return True
    sent = Mailing.objects.filter(_STARTED, snapshot__content__contains=path)
    if not sent.exists():
        return False
    if len(_public_pictures) >= _MAX_REMEMBERED:
        _public_pictures.clear()
    _public_pictures.add(path)
    return True


def fullest_variants(snapshot_id: int) -> list[SnapshotVariant]:
    """For each language of a snapshot, the variant with the most stories; without their HTML and text.

    Of several, that of readers who chose no countries.
    """
    rows = SnapshotVariant.objects.filter(snapshot=snapshot_id).defer("html", "text").order_by("key")
    by_language: dict[str, list[SnapshotVariant]] = {}
    for one in rows:
        by_language.setdefault(one.language, []).append(one)
    return [_fullest(of_language) for of_language in by_language.values()]


def _fullest(variants: Sequence[SnapshotVariant]) -> SnapshotVariant:
    """Of the variants in one language."""
    most = max(map(_story_count, variants))
    full = [one for one in variants if _story_count(one) == most]
    if len(full) == 1:
        return full[0]
    everything = variant_key(_story_sets(full[0].snapshot.content)[0], full[0].language)
    return next((one for one in full if one.key == everything), full[0])


def archived_event(slug: str, story: str) -> tuple[data_types.Content, data_types.Story, Mailing] | None:
    """An event of a sent edition by the story's key, as it was approved."""
    for mailing in _mailings(slug).select_related("snapshot"):
        content = data_types.from_json(mailing.snapshot.content)
        found = next((one for one in content.stories if one.key == story and one.kind == "event"), None)
        if found:
            return content, found, mailing
    return None


def sort_by_language(variants: Sequence[SnapshotVariant], languages: Sequence[str]) -> list[SnapshotVariant]:
    """The site's languages first, in its order; others by code."""
    order = {code: index for index, code in enumerate(languages)}
    return sorted(variants, key=lambda one: (order.get(one.language, len(order)), one.language))


def _mailings(slug: str) -> QuerySet[Mailing]:
    return Mailing.objects.real().filter(_STARTED, edition__slug=slug).order_by("-created_at")


def _archived(mailing: Mailing) -> ArchivedEdition:
    return ArchivedEdition(
        slug=mailing.edition.slug,
        newsletter=mailing.edition.newsletter.name,
        period=mailing.edition.period,
        name=mailing.edition.name,
        started_at=mailing.started_at or mailing.created_at,
        snapshot_id=mailing.snapshot_id,
    )


def _story_count(variant: SnapshotVariant) -> int:
    return len(variant.stories.split(",")) if variant.stories else 0
