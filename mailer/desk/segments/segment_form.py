"""A rule as a form that works without scripts: groups of tests; each button is a round trip, and one saves.

join=all  groups=2  0-join=any  0-tests=1  0-0-test=language|one_of|  0-0-values=ru  0-0-values=kk …
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.http import QueryDict

from mailer.desk.base.parse_int import as_written, number_in
from mailer.desk.base.widgets import Choices, office_countries, office_languages
from subscribers.models import MailingList
from subscribers.segments import conditions
from subscribers.segments.models import CustomField, SavedSegment, Tag
from subscribers.segments.rules import Group, Join, Test

_JOINS: dict[str, Join] = {"all": "all", "any": "any", "none": "none"}
_MOST_GROUPS, _MOST_TESTS = 12, 12
# Relations that a field's kind can be asked.
_OF_KIND = {
    "text": ("is", "not_is", "contains", "filled", "not_filled"),
    "choice": ("is", "not_is", "filled", "not_filled"),
    "number": ("is", "at_least", "at_most", "filled", "not_filled"),
    "date": ("since", "before", "filled", "not_filled"),
}


@dataclass(frozen=True)
class Row:
    """A test as the form shows it."""

    # Name of its inputs: "0-2".
    name: str
    test: Test
    # "Language is".
    words: str
    # See kinds.Widget; "number", "date" and "text" are one input, "none" is none, others are checkboxes.
    widget: str
    # (value, words, whether chosen), for checkboxes.
    choices: list[tuple[str, str, bool]]
    # What stands in the one input.
    value: str


def readable(rule: Group) -> bool:
    """Whether the form can show the rule: groups of tests, one deep."""
    return rule.join != "none" and all(
        isinstance(part, Group) and not any(isinstance(one, Group) for one in part.parts)
        for part in _grouped(rule).parts
    )


def rows(rule: Group, segment: int | None) -> list[tuple[Join, list[Row]]]:
    """The groups of a readable rule."""
    offers = _Offers(segment)
    return [
        (
            group.join,
            [_row(f"{place}-{number}", cast(Test, test), offers) for number, test in enumerate(group.parts)],
        )
        for place, group in enumerate(cast("tuple[Group, ...]", _grouped(rule).parts))
    ]


def from_post(data: QueryDict) -> Group:
    """The rule as the form holds it, with what its buttons `add`, `remove`, `add_group` ask for done."""
    groups = [_group(data, str(place)) for place in range(_count(data, "groups", _MOST_GROUPS))]
    pressed, _, where = data.get("press", "").partition(":")
    which, _, row = where.partition("-")
    place = number_in(which)
    if pressed == "add_group" and len(groups) < _MOST_GROUPS:
        groups.append(Group("all"))
    elif place is not None and place < len(groups):
        group = groups[place]
        if pressed == "add" and "|" in (chosen := data.get(f"{place}-new", "")):
            groups[place] = Group(group.join, (*group.parts, _named(chosen)))
        elif pressed == "remove_group":
            del groups[place]
        elif pressed == "remove":
            gone = number_in(row)
            kept = tuple(one for number, one in enumerate(group.parts) if number != gone)
            groups[place] = Group(group.join, kept)
    return Group("any" if data.get("join") == "any" else "all", tuple(groups))


def offered() -> list[tuple[str, Choices]]:
    """What can be asked: heading, and (value of the option, words) of each relation."""
    found: list[tuple[str, Choices]] = []
    for kind in conditions.KINDS.values():
        if kind.name == "field":
            for field in CustomField.objects.all():
                relations = [(name, kind.relations[name][0]) for name in _OF_KIND[field.kind]]
                found.append((field.name, [(f"field|{name}|{field.pk}", words) for name, words in relations]))
            continue
        found.append(
            (kind.label, [(f"{kind.name}|{name}|", words) for name, (words, _) in kind.relations.items()])
        )
    return found


def _grouped(rule: Group) -> Group:
    """The rule with tests that stand alone in a group of their own."""
    return Group(
        rule.join, tuple(part if isinstance(part, Group) else Group("all", (part,)) for part in rule.parts)
    )


def _group(data: QueryDict, place: str) -> Group:
    tests = []
    for number in range(_count(data, f"{place}-tests", _MOST_TESTS)):
        name = f"{place}-{number}"
        test = _named(data.get(f"{name}-test", ""))
        tests.append(Test(test.about, test.relation, tuple(_values(test, data, name)), test.of))
    return Group(_JOINS.get(data.get(f"{place}-join", ""), "all"), tuple(tests))


def _values(test: Test, data: QueryDict, name: str) -> Iterator[str | int]:
    by_number = test.about in ("list", "tag", "segment")
    for written in map(str.strip, data.getlist(f"{name}-values")):
        value = number_in(written) if by_number else written or None
        if value is not None:
            yield value


def _named(written: str) -> Test:
    about, _, rest = written.partition("|")
    relation, _, of = rest.partition("|")
    return Test(about, relation, of=number_in(of))


def _count(data: QueryDict, name: str, most: int) -> int:
    raw = data.get(name, "0")
    return min(int(raw), most) if raw.isascii() and raw.isdigit() and len(raw) < 5 else 0


def _row(name: str, test: Test, offers: _Offers) -> Row:
    kind = conditions.kind_of(test)
    words, widget = kind.relations[test.relation]
    label = kind.label
    if test.about == "field":
        field = offers.fields.get(test.of or 0)
        label = field.name if field else "A field that is gone"
        if field and field.kind == "choice" and widget == "text":
            widget = "choices"
        elif field and field.kind == "number" and widget == "text":
            widget = "number"
    chosen = {str(value) for value in test.values}
    choices = [(value, shown, value in chosen) for value, shown in offers.of(widget, test)]
    return Row(name, test, f"{label}: {words}", widget, choices, next(iter(map(as_written, test.values)), ""))


class _Offers:
    """What the checkboxes of each widget offer, asked for once."""

    def __init__(self, segment: int | None) -> None:
        self.fields = CustomField.objects.in_bulk()
        self._segment = segment
        self._found: dict[str, Choices] = {}

    def of(self, widget: str, test: Test) -> Choices:
        if widget == "choices":
            field = self.fields[test.of or 0]
            return [(one, one) for one in field.options]
        makers: Mapping[str, Any] = {
            "lists": lambda: _numbered(MailingList.objects.all()),
            "tags": lambda: _numbered(Tag.objects.all()),
            "segments": lambda: _numbered(SavedSegment.objects.exclude(pk=self._segment or 0)),
            "countries": office_countries,
            "languages": office_languages,
        }
        if widget not in makers:
            return []
        if widget not in self._found:
            self._found[widget] = list(makers[widget]())
        return self._found[widget]


def _numbered(found: Any) -> Choices:
    return [(str(one.pk), str(one)) for one in found]
