"""The form of a segment's rule: groups of conditions. It works without JavaScript: each button submits it.

join=all  groups=2  0-join=any  0-conditions=1  0-0-condition=language|one_of|  0-0-values=ru  0-0-values=kk …
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.http import QueryDict

from mailer.desk.base.forms import Choices, content_languages, country_choices, input_value, parse_int
from subscribers.models import MailingList
from subscribers.segments import conditions
from subscribers.segments.models import CustomField, Segment, Tag
from subscribers.segments.rules import Condition, Group, Join

_JOINS: dict[str, Join] = {"all": "all", "any": "any", "none": "none"}
_MAX_GROUPS, _MAX_CONDITIONS = 12, 12
# Operators of each type of custom field.
_FIELD_OPERATORS = {
    "text": ("is", "not_is", "contains", "filled", "not_filled"),
    "choice": ("is", "not_is", "filled", "not_filled"),
    "number": ("is", "at_least", "at_most", "filled", "not_filled"),
    "date": ("since", "before", "filled", "not_filled"),
}


@dataclass(frozen=True)
class Row:
    """A condition as the form shows it."""

    # Name of its inputs: "0-2".
    name: str
    test: Condition
    # "Language: is".
    label: str
    # See conditions.Widget; "number", "date" and "text" are one input, "none" is none, others are checkboxes.
    widget: str
    # (value, label, whether selected), for checkboxes.
    choices: list[tuple[str, str, bool]]
    # The value of the single input.
    value: str


def is_editable(rule: Group) -> bool:
    """Whether the form can show the rule: groups of conditions, without nested groups."""
    return rule.join != "none" and all(
        isinstance(part, Group) and not any(isinstance(one, Group) for one in part.parts)
        for part in _with_groups(rule).parts
    )


def rows(rule: Group, segment: int | None) -> list[tuple[Join, list[Row]]]:
    """The groups of an editable rule, each as (join, rows)."""
    choices = _Choices(segment)
    return [
        (
            group.join,
            [
                _row(f"{index}-{position}", cast(Condition, test), choices)
                for position, test in enumerate(group.parts)
            ],
        )
        for index, group in enumerate(cast("tuple[Group, ...]", _with_groups(rule).parts))
    ]


def from_post(data: QueryDict) -> Group:
    """The rule in the posted form, with the action of the pressed button (`add`, `remove` …) applied."""
    groups = [_group(data, str(index)) for index in range(_count(data, "groups", _MAX_GROUPS))]
    button, _, target = data.get("action", "").partition(":")
    group_index, _, row = target.partition("-")
    index = parse_int(group_index)
    if button == "add_group" and len(groups) < _MAX_GROUPS:
        groups.append(Group("all"))
    elif index is not None and index < len(groups):
        group = groups[index]
        if button == "add" and "|" in (chosen := data.get(f"{index}-new", "")):
            groups[index] = Group(group.join, (*group.parts, _parse_condition(chosen)))
        elif button == "remove_group":
            del groups[index]
        elif button == "remove":
            removed = parse_int(row)
            rest = tuple(one for position, one in enumerate(group.parts) if position != removed)
            groups[index] = Group(group.join, rest)
    return Group("any" if data.get("join") == "any" else "all", tuple(groups))


def available_conditions() -> list[tuple[str, Choices]]:
    """The available conditions: a heading with its options (value, label)."""
    found: list[tuple[str, Choices]] = []
    for kind in conditions.CONDITION_TYPES.values():
        if kind.name == "field":
            for field in CustomField.objects.all():
                relations = [(name, kind.operators[name][0]) for name in _FIELD_OPERATORS[field.kind]]
                found.append((field.name, [(f"field|{name}|{field.pk}", label) for name, label in relations]))
            continue
        found.append(
            (kind.label, [(f"{kind.name}|{name}|", label) for name, (label, _) in kind.operators.items()])
        )
    return found


def _with_groups(rule: Group) -> Group:
    """The rule with every top-level condition wrapped in a group."""
    return Group(
        rule.join, tuple(part if isinstance(part, Group) else Group("all", (part,)) for part in rule.parts)
    )


def _group(data: QueryDict, index: str) -> Group:
    tests = []
    for position in range(_count(data, f"{index}-conditions", _MAX_CONDITIONS)):
        name = f"{index}-{position}"
        test = _parse_condition(data.get(f"{name}-condition", ""))
        tests.append(Condition(test.attribute, test.operator, tuple(_values(test, data, name)), test.field))
    return Group(_JOINS.get(data.get(f"{index}-join", ""), "all"), tuple(tests))


def _values(test: Condition, data: QueryDict, name: str) -> Iterator[str | int]:
    by_id = test.attribute in ("list", "tag", "segment")
    for text in map(str.strip, data.getlist(f"{name}-values")):
        value = parse_int(text) if by_id else text or None
        if value is not None:
            yield value


def _parse_condition(written: str) -> Condition:
    about, _, rest = written.partition("|")
    relation, _, of = rest.partition("|")
    return Condition(about, relation, field=parse_int(of))


def _count(data: QueryDict, name: str, most: int) -> int:
    raw = data.get(name, "0")
    return min(int(raw), most) if raw.isascii() and raw.isdigit() and len(raw) < 5 else 0


def _row(name: str, test: Condition, available: _Choices) -> Row:
    kind = conditions.type_of(test)
    operator, widget = kind.operators[test.operator]
    subject = kind.label
    if test.attribute == "field":
        field = available.fields.get(test.field or 0)
        subject = field.name if field else "Deleted field"
        if field and field.kind == "choice" and widget == "text":
            widget = "choices"
        elif field and field.kind == "number" and widget == "text":
            widget = "number"
    selected = {str(value) for value in test.values}
    choices = [(value, label, value in selected) for value, label in available.of(widget, test)]
    return Row(
        name, test, f"{subject}: {operator}", widget, choices, next(iter(map(input_value, test.values)), "")
    )


class _Choices:
    """The choices of each widget, queried once."""

    def __init__(self, segment: int | None) -> None:
        self.fields = CustomField.objects.in_bulk()
        self._segment = segment
        self._found: dict[str, Choices] = {}

    def of(self, widget: str, test: Condition) -> Choices:
        if widget == "choices":
            field = self.fields[test.field or 0]
            return [(one, one) for one in field.options]
        sources: Mapping[str, Any] = {
            "lists": lambda: _by_id(MailingList.objects.all()),
            "tags": lambda: _by_id(Tag.objects.all()),
            "segments": lambda: _by_id(Segment.objects.exclude(pk=self._segment or 0)),
            "countries": country_choices,
            "languages": content_languages,
        }
        if widget not in sources:
            return []
        if widget not in self._found:
            self._found[widget] = list(sources[widget]())
        return self._found[widget]


def _by_id(found: Any) -> Choices:
    return [(str(one.pk), str(one)) for one in found]
