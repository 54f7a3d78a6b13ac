"""Rules of segments as plain data: read from JSON, written back, and refused where they are wrong.

    {"version": 1, "all": [
        {"attribute": "list", "operator": "on", "values": [3]},
        {"none": [{"attribute": "country", "operator": "wants", "values": ["KZ", "UZ"]},
                  {"attribute": "field", "field": 2, "operator": "at_least", "values": [10]}]}]}

A group requires all, any or none of its parts; a part is a group again, or a condition (see
`segments.conditions`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from django.utils.translation import gettext

VERSION = 1
# Groups within groups, and conditions in all.
MAX_DEPTH = 6
MAX_CONDITIONS = 60
# Characters of a value.
MAX_VALUE_LENGTH = 200

Join = Literal["all", "any", "none"]
Value = str | int | float


class InvalidRule(ValueError):  # noqa: N818  (a message for the user who made the rule)
    """The rule cannot be evaluated; the message says why."""


@dataclass(frozen=True)
class Condition:
    """One condition on a subscriber."""

    # Name of a condition type, and of one of its operators.
    attribute: str
    operator: str
    values: tuple[Value, ...] = ()
    # Primary key of the custom field, where the condition is about one.
    field: int | None = None


@dataclass(frozen=True)
class Group:
    """Several parts, and how many of them must be true."""

    join: Join
    # No part: every subscriber, or with "any" none.
    parts: tuple[Condition | Group, ...] = ()


def from_json(raw: Any) -> Group:
    """The inverse of `to_json`; raises InvalidRule. The compiler checks whether lists and tags exist."""
    if not isinstance(raw, dict) or raw.get("version") != VERSION:
        raise InvalidRule(
            gettext("A segment's rule in JSON is an object with “version”: %(version)s.")
            % {"version": VERSION}
        )
    group = _part({key: value for key, value in raw.items() if key != "version"}, 1)
    if not isinstance(group, Group):
        raise InvalidRule(gettext("A segment's rule in JSON begins with “all”, “any” or “none”."))
    if sum(1 for _ in all_conditions(group)) > MAX_CONDITIONS:
        raise InvalidRule(
            gettext("A segment's rule can have at most %(max_conditions)s conditions.")
            % {"max_conditions": MAX_CONDITIONS}
        )
    return group


def to_json(group: Group) -> dict[str, Any]:
    """The rule as JSON stores it."""
    return {"version": VERSION, **_part_to_json(group)}


def all_conditions(group: Group) -> Iterator[Condition]:
    """Every condition, at any depth."""
    for part in group.parts:
        if isinstance(part, Group):
            yield from all_conditions(part)
        else:
            yield part


def _part(raw: Any, depth: int) -> Condition | Group:
    if depth > MAX_DEPTH:
        raise InvalidRule(
            gettext("Groups of conditions can be nested at most %(max_depth)s levels deep.")
            % {"max_depth": MAX_DEPTH}
        )
    if not isinstance(raw, dict):
        raise InvalidRule(gettext("Every part of a segment's rule in JSON must be an object."))
    if "attribute" in raw:
        return _condition(raw)
    for join in get_args(Join):
        if raw.keys() == {join}:
            if not isinstance(raw[join], list):
                raise InvalidRule(
                    gettext("In a segment's rule, “%(join)s” must be followed by a list.") % {"join": join}
                )
            return Group(join, tuple(_part(one, depth + 1) for one in raw[join]))
    raise InvalidRule(
        gettext("A part of a segment's rule must have “attribute”, or one of “all”, “any” and “none”.")
    )


def _condition(raw: dict[str, Any]) -> Condition:
    attribute, operator = raw.get("attribute"), raw.get("operator")
    values, field = raw.get("values", []), raw.get("field")
    if raw.keys() - {"attribute", "operator", "values", "field"}:
        raise InvalidRule(
            gettext("A condition of a rule has “attribute”, “operator”, “values” and optionally “field”.")
        )
    if not isinstance(attribute, str) or not isinstance(operator, str):
        raise InvalidRule(gettext("In a rule, “attribute” and “operator” must be text."))
    if not isinstance(values, list) or not all(_is_value(one) for one in values):
        raise InvalidRule(gettext("In a rule, “values” must be a list of texts and numbers."))
    if field is not None and (
        isinstance(field, bool) or not isinstance(field, int) or not 0 <= field < 2**63
    ):
        raise InvalidRule(gettext("In a rule, “field” must be the number of a custom field."))
    return Condition(attribute, operator, tuple(values), field)


def _is_value(one: Any) -> bool:
    if isinstance(one, int | float):
        # Databases store no larger number.
        return not isinstance(one, bool) and math.isfinite(one) and abs(one) < 2**63
    return isinstance(one, str) and len(one) <= MAX_VALUE_LENGTH and "\0" not in one


def _part_to_json(part: Condition | Group) -> dict[str, Any]:
    if isinstance(part, Group):
        return {part.join: [_part_to_json(one) for one in part.parts]}
    field = {} if part.field is None else {"field": part.field}
    return {"attribute": part.attribute, **field, "operator": part.operator, "values": list(part.values)}
