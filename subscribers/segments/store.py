"""Segments as they are kept: made, changed under a new version, and whoever listens is told."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from subscribers.segments import compile
from subscribers.segments.models import SavedSegment
from subscribers.segments.rules import BadRule, Group, as_json, from_json
from subscribers.signals import segment_changed


def save(segment: SavedSegment, name: str, rule: Group, by: str, now: datetime) -> SavedSegment:
    """Keep the segment under this name and rule; a changed rule is a new version. Raises BadRule."""
    name = name.strip()
    if not name:
        raise BadRule("Give the segment a name.")
    if SavedSegment.objects.filter(name=name).exclude(pk=segment.pk).exists():
        raise BadRule("Another segment has this name.")
    written = as_json(compile.checked(rule, now, segment.pk))
    with transaction.atomic():
        changed = segment.pk is None or segment.rule != written
        if changed:
            segment.version += 0 if segment.pk is None else 1
            segment.rule, segment.changed_by, segment.changed_at = written, by, now
        segment.name = name
        segment.save()
        if changed:
            segment_changed.send(SavedSegment, segment=segment)
    return segment


def rule_of(segment: SavedSegment) -> Group:
    """The rule, with those of other segments in their places; raises BadRule, also for what is gone."""
    rule = compile.expanded(from_json(segment.rule), (segment.pk,))
    compile.refuse_gone(rule)
    return rule
