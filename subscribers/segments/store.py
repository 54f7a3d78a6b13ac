"""Saves segments with a version, and loads their rules complete with the segments that they use."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from subscribers.segments import compiler
from subscribers.segments.models import Segment
from subscribers.segments.rules import Group, InvalidRule, from_json, to_json
from subscribers.signals import segment_changed


def save(segment: Segment, name: str, rule: Group, by: str, now: datetime) -> Segment:
    """Save the segment under this name and rule; a changed rule is a new version. Raises InvalidRule."""
    name = name.strip()
    if not name:
        raise InvalidRule("Give the segment a name.")
    if Segment.objects.filter(name=name).exclude(pk=segment.pk).exists():
        raise InvalidRule("Another segment has this name.")
    written = to_json(compiler.validate(rule, now, segment.pk))
    with transaction.atomic():
        changed = segment.pk is None or segment.rule != written
        if changed:
            segment.version += 0 if segment.pk is None else 1
            segment.rule, segment.changed_by, segment.changed_at = written, by, now
        segment.name = name
        segment.save()
        if changed:
            segment_changed.send(Segment, segment=segment)
    return segment


def load_rule(segment: Segment) -> Group:
    """The rule with those of other segments in their places; raises InvalidRule, also for deleted targets."""
    rule = compiler.expand(from_json(segment.rule), (segment.pk,))
    compiler.require_targets(rule)
    return rule
