"""The state of an edition, derived from its snapshots and their mailings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypedDict, cast, get_args

from django.db.models import FilteredRelation, Q

from mailer.approval.models import Snapshot
from mailer.delivery.models import Mailing
from mailer.editions.models import Edition

# Every state of an edition, in the order of its life.
StateName = Literal[
    "draft",
    "rejected",
    "submitted",
    "approved",
    "scheduled",
    "planning",
    "held",
    "sending",
    "paused",
    "sent",
    "cancelled",
]
STATES: tuple[StateName, ...] = get_args(StateName)
# In these states an edition is with its writers.
WITH_WRITERS: tuple[StateName, ...] = ("draft", "rejected")
_OF_MAILING: dict[str, StateName] = {
    **{state.value: cast(StateName, state.value) for state in Mailing.State},
    Mailing.State.DONE.value: "sent",
}


class SnapshotState(NamedTuple):
    """What decides about a snapshot."""

    sha256: str
    # The snapshot's own state.
    state: str
    # The state of its mailing; None before the mailing.
    mailing: str | None


class StateAndHash(NamedTuple):
    state: StateName
    # SHA-256 of the open or mailed snapshot; None for a draft, and for a rejected edition.
    hash: str | None


class EditionJson(TypedDict):
    """An edition as the command line and the API show it."""

    id: int
    slug: str
    # Its newsletter's slug.
    newsletter: str
    # As `rendering.edition_period` writes it: "2021-12".
    period: str
    name: str
    state: StateName
    # See StateAndHash.
    hash: str | None


def derive_state(snapshots: Sequence[SnapshotState]) -> StateAndHash:
    """The state of an edition with these snapshots, oldest first.

    An open snapshot without a mailing comes first, then the latest mailing. Broken and withdrawn snapshots
    count only where they were mailed. A rejected one counts until the next submission.
    """
    for snapshot in reversed(snapshots):
        if snapshot.mailing is None and snapshot.state in Snapshot.OPEN:
            return StateAndHash(cast(StateName, snapshot.state), snapshot.sha256)
    for snapshot in reversed(snapshots):
        if snapshot.mailing is not None:
            return StateAndHash(_OF_MAILING[snapshot.mailing], snapshot.sha256)
    rejected = bool(snapshots) and snapshots[-1].state == Snapshot.State.REJECTED
    return StateAndHash("rejected" if rejected else "draft", None)


def edition_state(edition: Edition) -> str:
    """One of STATES; one query."""
    return _states([edition.pk])[edition.pk].state


def edition_states(editions: Iterable[Edition]) -> dict[int, str]:
    """The state of each edition by its id; one query."""
    return states_of([edition.pk for edition in editions])


def states_of(ids: list[int]) -> dict[int, str]:
    """The same for editions that are not loaded, by their ids."""
    return {pk: one.state for pk, one in _states(ids).items()}


def edition_as_json(edition: Edition) -> EditionJson:
    """As every `mailer edition … --json` prints it."""
    return _as_json(edition, _states([edition.pk])[edition.pk])


def editions_as_json(editions: Iterable[Edition]) -> list[EditionJson]:
    """`edition_as_json` of each, in order; one query beside those that load edition and newsletter."""
    listed = list(editions)
    found = _states([edition.pk for edition in listed])
    return [_as_json(edition, found[edition.pk]) for edition in listed]


def _states(ids: list[int]) -> dict[int, StateAndHash]:
    snapshots: dict[int, list[SnapshotState]] = defaultdict(list)
    rows = (
        Snapshot.objects.filter(edition__in=ids)
        .annotate(real=FilteredRelation("mailings", condition=Q(mailings__dry_run_to="")))
        .order_by("submitted_at", "pk")
        .values_list("edition_id", "sha256", "state", "real__state")
    )
    for edition_id, *columns in rows:
        snapshots[edition_id].append(SnapshotState(*columns))
    return {pk: derive_state(snapshots[pk]) for pk in ids}


def _as_json(edition: Edition, found: StateAndHash) -> EditionJson:
    return {
        "id": edition.pk,
        "slug": edition.slug,
        "newsletter": edition.newsletter.slug,
        "period": edition.period,
        "name": edition.name,
        "state": found.state,
        "hash": found.hash,
    }
