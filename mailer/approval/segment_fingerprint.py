"""The segments of an edition, parts of what is approved: a changed rule breaks the seal and has an author."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from mailer.approval.models import Snapshot
from mailer.editions.models import Edition
from subscribers.segments import conditions
from subscribers.segments.models import SavedSegment
from subscribers.segments.rules import from_json, tests
from subscribers.signals import segment_changed


def connect_segments() -> None:
    """Listen to changed segments."""
    segment_changed.connect(_on_segment_changed, dispatch_uid="mailer.approval.segment_fingerprint")


def segments_of(edition: Edition) -> dict[str, SavedSegment]:
    """Every segment that decides who gets it, also within others, under the names that a manifest uses."""
    chosen = [one for one in (edition.segment, edition.excluded) if one is not None]
    found: dict[str, SavedSegment] = {}
    for segment in chosen:
        found |= {f"segment:{one.pk}": one for one in _with_parts(segment, frozenset())}
    return found


def segment_fingerprint(segment: SavedSegment) -> str:
    """Hex SHA-256 of the rule."""
    text = json.dumps(segment.rule, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _with_parts(segment: SavedSegment, seen: frozenset[int]) -> Iterator[SavedSegment]:
    yield segment
    seen |= {segment.pk}
    named = {
        value
        for test in tests(from_json(segment.rule))
        if test.about == "segment"
        for value in conditions.numbers(test)
    }
    for part in SavedSegment.objects.filter(pk__in=named - seen):
        yield from _with_parts(part, seen)


def _on_segment_changed(segment: SavedSegment, **_: Any) -> None:
    name = f"segment:{segment.pk}"
    copies = Snapshot.objects.sendable()
    held = [
        snapshot.pk
        for snapshot in copies.only("manifest")
        if name in json.loads(snapshot.manifest)["fingerprints"]
    ]
    copies.filter(pk__in=held).invalidate(f"The segment “{segment}” was changed. Submit it again.")
