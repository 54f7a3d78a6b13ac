"""Where an edition stands: one word, read from its snapshot and their mailings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db.models import FilteredRelation, Q

from mailer.approval.models import Snapshot
from mailer.delivery.models import Mailing
from mailer.editions.models import Edition

# Every word that `edition_state` can say, in the order of an edition's life.
STATES = (
    "draft",
    "submitted",
    "approved",
    "scheduled",
    "planning",
    "held",
    "sending",
    "paused",
    "sent",
    "cancelled",
)
_WORD = {state.value: state.value for state in Mailing.State} | {Mailing.State.DONE.value: "sent"}


class Copy(NamedTuple):
    """What is known of one snapshot."""

    sha256: str
    # A Snapshot.State.
    state: str
    # A Mailing.State, or None before release.
    mailing: str | None


class Standing(NamedTuple):
    # One of STATES.
    state: str
    # SHA-256 of the open or mailed copy; None for a draft.
    hash: str | None


def standing(copies: Sequence[Copy]) -> Standing:
    """Where an edition with these copies stands, oldest copy first.

    An open copy that has not left yet comes first, then the latest mailing; broken and withdrawn copies count
    for nothing unless they were mailed.
    """
    for snapshot in reversed(copies):
        if snapshot.mailing is None and snapshot.state in Snapshot.OPEN:
            return Standing(snapshot.state, snapshot.sha256)
    for snapshot in reversed(copies):
        if snapshot.mailing is not None:
            return Standing(_WORD[snapshot.mailing], snapshot.sha256)
    return Standing("draft", None)


def edition_state(edition: Edition) -> str:
    """One of STATES; one query."""
    return _standings([edition.pk])[edition.pk].state


def edition_states(editions: Iterable[Edition]) -> dict[int, str]:
    """The state of each edition by its id; one query."""
    found = _standings([edition.pk for edition in editions])
    return {pk: where.state for pk, where in found.items()}


def edition_summary(edition: Edition) -> dict[str, Any]:
    """{id, slug, newsletter, period, state, hash}, as every `mailer edition … --json` prints it."""
    return _summary(edition, _standings([edition.pk])[edition.pk])


def edition_summaries(editions: Iterable[Edition]) -> list[dict[str, Any]]:
    """`edition_summary` of each, in order; one query beside those that load edition and newsletter."""
    listed = list(editions)
    found = _standings([edition.pk for edition in listed])
    return [_summary(edition, found[edition.pk]) for edition in listed]


def _standings(ids: list[int]) -> dict[int, Standing]:
    copies: dict[int, list[Copy]] = defaultdict(list)
    rows = (
        Snapshot.objects.filter(edition__in=ids)
        .annotate(real=FilteredRelation("mailings", condition=Q(mailings__dry_run_to="")))
        .order_by("submitted_at", "pk")
        .values_list("edition_id", "sha256", "state", "real__state")
    )
    for edition_id, *columns in rows:
        copies[edition_id].append(Copy(*columns))
    return {pk: standing(copies[pk]) for pk in ids}


def _summary(edition: Edition, where: Standing) -> dict[str, Any]:
    return {
        "id": edition.pk,
        "slug": edition.slug,
        "newsletter": edition.newsletter.slug,
        "period": edition.period,
        "state": where.state,
        "hash": where.hash,
    }
