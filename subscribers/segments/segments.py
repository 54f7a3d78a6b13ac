"""Segments: saved with a version, loaded with the segments that they use, compiled to one database condition.

A rule is answered by one query. `estimates` has how many subscribers match.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from subscribers.models import MailingList, Subscriber
from subscribers.segments import conditions
from subscribers.segments.models import Segment, Tag
from subscribers.segments.rule_format import Condition, Group, InvalidRule, all_conditions, from_json, to_json

# Conditions in a rule with the segments that it uses.
_MAX_CONDITIONS = 300
_NO_ONE = Q(pk__in=())
_EVERYONE = Q(pk__isnull=False)


def save(segment: Segment, name: str, rule: Group, by: str, now: datetime) -> Segment:
    """Save the segment under this name and rule; a changed rule is a new version. Raises InvalidRule."""
    name = name.strip()
    if not name:
        raise InvalidRule(gettext("Give the segment a name."))
    if Segment.objects.filter(name=name).exclude(pk=segment.pk).exists():
        raise InvalidRule(gettext("Another segment already has this name."))
    written = to_json(validate(rule, now, segment.pk))
    with transaction.atomic():
        changed = segment.pk is None or segment.rule != written
        if changed:
            segment.version += 0 if segment.pk is None else 1
            segment.rule, segment.changed_by, segment.changed_at = written, by, now
        segment.name = name
        segment.save()
    return segment


def load_expanded_rule(segment: Segment) -> Group:
    """The rule with those of other segments in their places; raises InvalidRule, also for deleted targets."""
    rule = expand(from_json(segment.rule), (segment.pk,))
    require_lists_and_tags_exist(rule)
    return rule


def to_q(rule: Group, now: datetime) -> Q:
    """The condition that a Subscriber matches the rule as of `now`; raises InvalidRule."""
    whole = expand(rule)
    if sum(1 for _ in all_conditions(whole)) > _MAX_CONDITIONS:
        raise InvalidRule(
            gettext("Together with the segments that it uses, this rule is too long to be evaluated.")
        )
    return _group(whole, now)


def matching_subscribers(rule: Group, now: datetime) -> QuerySet[Subscriber]:
    """Who matches, one row each, in any state and suppressed or not; raises InvalidRule."""
    return Subscriber.objects.filter(to_q(rule, now))


def expand(rule: Group, within: tuple[int, ...] = ()) -> Group:
    """The rule with the rules of other segments in place of their names, so that it depends on nothing else.

    `within`: primary keys of the segments that it is part of. Raises InvalidRule for one that does not exist
    or contains itself.
    """
    parts: list[Condition | Group] = []
    for part in rule.parts:
        if isinstance(part, Group):
            parts.append(expand(part, within))
        elif part.attribute == "segment":
            parts.append(_other_segments(part, within))
        else:
            parts.append(part)
    return Group(rule.join, tuple(parts))


def validate(rule: Group, now: datetime, segment: int | None = None) -> Group:
    """The rule, if it can be evaluated; `segment`: primary key of its own segment. Raises InvalidRule."""
    expand(rule, () if segment is None else (segment,))
    require_lists_and_tags_exist(rule)
    to_q(rule, now)
    # What is stored must be readable again.
    return from_json(to_json(rule))


def require_lists_and_tags_exist(rule: Group) -> None:
    """Raises InvalidRule for a list or a tag that does not exist: "not on" one would match everyone."""
    for model, attribute in ((MailingList, "list"), (Tag, "tag")):
        named = {
            value
            for condition in all_conditions(rule)
            if condition.attribute == attribute
            for value in conditions.int_values(condition)
        }
        if len(named) != model._default_manager.filter(pk__in=named).count():
            raise InvalidRule(
                gettext("The segment's rule uses a %(attribute)s that was deleted.")
                % {"attribute": attribute}
            )


def _other_segments(condition: Condition, within: tuple[int, ...]) -> Group:
    conditions.type_of(condition)
    groups = []
    for pk in conditions.int_values(condition):
        if pk in within:
            raise InvalidRule(gettext("A segment cannot be part of itself."))
        segment = Segment.objects.filter(pk=pk).first()
        if segment is None:
            raise InvalidRule(gettext("The segment's rule uses another segment that was deleted."))
        groups.append(expand(from_json(segment.rule), (*within, pk)))
    return Group("none" if condition.operator.startswith("not") else "any", tuple(groups))


def _group(group: Group, now: datetime) -> Q:
    parts = [
        _group(part, now) if isinstance(part, Group) else conditions.type_of(part).to_q(part, now)
        for part in group.parts
    ]
    if group.join == "all":
        return Q(*parts) if parts else _EVERYONE
    if not parts:
        return _NO_ONE if group.join == "any" else _EVERYONE
    any_part = parts[0]
    for one in parts[1:]:
        any_part |= one
    return ~any_part if group.join == "none" else any_part
