"""From a rule to one condition on people, which the database answers in one query."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet

from subscribers.models import MailingList, Subscriber
from subscribers.segments import conditions as kinds
from subscribers.segments.models import SavedSegment, Tag
from subscribers.segments.rules import BadRule, Group, Test, as_json, from_json, tests

# Tests in a rule with all that it is made of.
_MOST = 300
_NOBODY = Q(pk__in=())
_EVERYBODY = Q(pk__isnull=False)


def condition(rule: Group, now: datetime) -> Q:
    """The condition that a Subscriber fits the rule as of `now`; raises BadRule."""
    whole = expanded(rule)
    if sum(1 for _ in tests(whole)) > _MOST:
        raise BadRule("With the segments that it is made of, this rule is too long to be asked.")
    return _group(whole, now)


def people(rule: Group, now: datetime) -> QuerySet[Subscriber]:
    """Who fits, one row each, in any state and suppressed or not; raises BadRule."""
    return Subscriber.objects.filter(condition(rule, now))


def expanded(rule: Group, within: tuple[int, ...] = ()) -> Group:
    """The rule with the rules of other segments put in their places: it needs nothing but itself then.

    `within`: the numbers of segments that it is part of. Raises BadRule for one that is gone or in a circle.
    """
    parts: list[Test | Group] = []
    for part in rule.parts:
        if isinstance(part, Group):
            parts.append(expanded(part, within))
        elif part.about == "segment":
            parts.append(_of_segments(part, within))
        else:
            parts.append(part)
    return Group(rule.join, tuple(parts))


def checked(rule: Group, now: datetime, number: int | None = None) -> Group:
    """The rule, if it can be asked; `number`: of the segment that it is for. Raises BadRule."""
    expanded(rule, () if number is None else (number,))
    refuse_gone(rule)
    condition(rule, now)
    # What is kept must be read again.
    return from_json(as_json(rule))


def refuse_gone(rule: Group) -> None:
    """Raises BadRule for a list or a tag that is not there: "not on" one would be everybody."""
    for model, about in ((MailingList, "list"), (Tag, "tag")):
        named = {value for test in tests(rule) if test.about == about for value in kinds.numbers(test)}
        if len(named) != model._default_manager.filter(pk__in=named).count():
            raise BadRule(f"A rule asks about a {about} that is gone.")


def _of_segments(test: Test, within: tuple[int, ...]) -> Group:
    kinds.kind_of(test)
    groups = []
    for number in kinds.numbers(test):
        if number in within:
            raise BadRule("A segment cannot be part of itself.")
        found = SavedSegment.objects.filter(pk=number).first()
        if found is None:
            raise BadRule("A rule asks about a segment that is gone.")
        groups.append(expanded(from_json(found.rule), (*within, number)))
    return Group("none" if test.relation.startswith("not") else "any", tuple(groups))


def _group(group: Group, now: datetime) -> Q:
    conditions = [
        _group(part, now) if isinstance(part, Group) else kinds.kind_of(part).condition(part, now)
        for part in group.parts
    ]
    if group.join == "all":
        return Q(*conditions) if conditions else _EVERYBODY
    if not conditions:
        return _NOBODY if group.join == "any" else _EVERYBODY
    anyone = conditions[0]
    for one in conditions[1:]:
        anyone |= one
    return ~anyone if group.join == "none" else anyone
