"""Whose hand is in an edition: everybody who changed a part of it since that part was last approved."""

from __future__ import annotations

import json
from collections.abc import Iterable

from django.contrib.auth.models import User

from mailer.approval import segment_fingerprint
from mailer.approval.authorship import Subject, fingerprint, live_fingerprint, title_of
from mailer.approval.models import Approval, Authorship
from mailer.editions.contents import story_ids
from mailer.editions.models import Edition
from mailer.stories.models import Story

_ACTIONS_LISTED = 2


def parts_of(edition: Edition) -> dict[str, Subject]:
    """Everything that an edition is made of, under the names that a manifest uses."""
    stories = Story.objects.filter(pk__in=story_ids(edition)).prefetch_related("texts")
    parts: dict[str, Subject] = {"edition": edition, "newsletter": edition.newsletter}
    return parts | {f"story:{story.key}": story for story in stories}


def fingerprints(edition: Edition) -> dict[str, str]:
    """The fingerprint of every part as it stands."""
    people = {
        name: segment_fingerprint.segment_fingerprint(one)
        for name, one in segment_fingerprint.segments_of(edition).items()
    }
    return people | {name: live_fingerprint(part) for name, part in parts_of(edition).items()}


def authors_of(edition: Edition) -> dict[User, str]:
    """Everybody who may not approve the edition, and why in words: {user: "wrote the story “…”"}."""
    found: dict[User, list[str]] = {}
    approved = list(_approved_manifests(edition))
    for name, part in parts_of(edition).items():
        for note in _changes_since_approval(name, part, approved):
            if note.user is not None:
                found.setdefault(note.user, []).append(f"{note.action} {title_of(part)}")
    for name, segment in segment_fingerprint.segments_of(edition).items():
        mark = segment_fingerprint.segment_fingerprint(segment)
        user = User.objects.filter(username=segment.changed_by).first()
        if user is not None and not any(prints.get(name) == mark for prints in approved):
            found.setdefault(user, []).append(f"changed the segment “{segment}”")
    return {user: _summarise(list(dict.fromkeys(deeds))) for user, deeds in found.items()}


def _summarise(deeds: list[str]) -> str:
    """The first deeds, and how many there are besides: a person reads a sentence, not a list of thirty."""
    told, more = deeds[:_ACTIONS_LISTED], len(deeds) - _ACTIONS_LISTED
    return ", ".join(told) + (f" and changed {more} more parts of it" if more > 0 else "")


def _approved_manifests(edition: Edition) -> Iterable[dict[str, str]]:
    """What each approval of this newsletter sealed, newest first: {part: fingerprint}."""
    given = Approval.objects.filter(snapshot__edition__newsletter=edition.newsletter).select_related(
        "snapshot"
    )
    for approval in given.order_by("-at", "-pk").iterator(chunk_size=50):
        prints: dict[str, str] = json.loads(approval.snapshot.manifest)["fingerprints"]
        # Every edition has an "edition" of its own.
        if approval.snapshot.edition_id != edition.pk:
            prints = {name: mark for name, mark in prints.items() if name != "edition"}
        yield prints


def _changes_since_approval(name: str, part: Subject, approved: list[dict[str, str]]) -> Iterable[Authorship]:
    """Notes after the one that recorded the approved content; all of them when that is not to be found.

    The boundary is the content that was sealed and not the moment of sealing: a draft saved before an
    approval that did not contain it is still unapproved.
    """
    column = name.partition(":")[0]
    notes = list(Authorship.objects.filter(**{column: part}).select_related("user").order_by("pk"))
    # An older draft may have been put in force after a newer one that only repeats what was sealed.
    live = fingerprint(part)
    last = max((place for place, note in enumerate(notes) if note.fingerprint == live), default=len(notes))
    for prints in approved:
        if name not in prints:
            continue
        sealed = [place for place, note in enumerate(notes[: last + 1]) if note.fingerprint == prints[name]]
        return notes[sealed[-1] + 1 :] if sealed else notes
    return notes
