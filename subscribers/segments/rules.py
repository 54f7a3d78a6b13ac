"""Rules about people as plain data: read from JSON, written back, and refused in words where they are wrong.

    {"version": 1, "all": [
        {"about": "list", "is": "on", "values": [3]},
        {"none": [{"about": "country", "is": "wants", "values": ["KZ", "UZ"]},
                  {"about": "field", "of": 2, "is": "at_least", "values": [10]}]}]}

A group asks for all, any or none of its parts; a part is a group again, or a test of one kind (see `kinds`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

VERSION = 1
# Groups within groups, and tests in all.
DEEPEST = 6
MOST = 60
# Letters of a value.
LONGEST = 200

Join = Literal["all", "any", "none"]
Value = str | int | float


class BadRule(ValueError):  # noqa: N818  (a verdict on a rule, in words for the person who made it)
    """A rule that says nothing that could be asked."""


@dataclass(frozen=True)
class Test:
    """One question about a person."""

    # Name of a kind, and of one of its relations.
    about: str
    relation: str
    values: tuple[Value, ...] = ()
    # Primary key of the custom field, where it is about one.
    of: int | None = None

    # What pytest would take for a test by its name.
    __test__ = False


@dataclass(frozen=True)
class Group:
    """Several questions, and how many of them must be answered with yes."""

    join: Join
    # None at all: everybody, or with "any" nobody.
    parts: tuple[Test | Group, ...] = ()


def from_json(raw: Any) -> Group:
    """The inverse of `as_json`; raises BadRule. Whether lists and tags exist is asked when it is compiled."""
    if not isinstance(raw, dict) or raw.get("version") != VERSION:
        raise BadRule(f"A rule is an object with “version”: {VERSION}.")
    group = _part({key: value for key, value in raw.items() if key != "version"}, 1)
    if not isinstance(group, Group):
        raise BadRule("A rule begins with “all”, “any” or “none”.")
    if sum(1 for _ in tests(group)) > MOST:
        raise BadRule(f"A rule holds {MOST} tests at most.")
    return group


def as_json(group: Group) -> dict[str, Any]:
    """The rule as JSON keeps it."""
    return {"version": VERSION, **_written(group)}


def tests(group: Group) -> Iterator[Test]:
    """Every test, however deep."""
    for part in group.parts:
        if isinstance(part, Group):
            yield from tests(part)
        else:
            yield part


def _part(raw: Any, depth: int) -> Test | Group:
    if depth > DEEPEST:
        raise BadRule(f"Groups stand {DEEPEST} deep at most.")
    if not isinstance(raw, dict):
        raise BadRule("Every part of a rule is an object.")
    if "about" in raw:
        return _test(raw)
    for join in get_args(Join):
        if raw.keys() == {join}:
            if not isinstance(raw[join], list):
                raise BadRule(f"“{join}” is followed by a list.")
            return Group(join, tuple(_part(one, depth + 1) for one in raw[join]))
    raise BadRule("A part of a rule has “about”, or one of “all”, “any” and “none”.")


def _test(raw: dict[str, Any]) -> Test:
    about, relation, values, of = raw.get("about"), raw.get("is"), raw.get("values", []), raw.get("of")
    if raw.keys() - {"about", "is", "values", "of"}:
        raise BadRule("A test has “about”, “is”, “values” and, for a field, “of”.")
    if not isinstance(about, str) or not isinstance(relation, str):
        raise BadRule("“about” and “is” are words.")
    if not isinstance(values, list) or not all(_is_value(one) for one in values):
        raise BadRule("“values” is a list of words and numbers.")
    if of is not None and (isinstance(of, bool) or not isinstance(of, int) or not 0 <= of < 2**63):
        raise BadRule("“of” is the number of a field.")
    return Test(about, relation, tuple(values), of)


def _is_value(one: Any) -> bool:
    if isinstance(one, int | float):
        # Beyond this no database has a number.
        return not isinstance(one, bool) and math.isfinite(one) and abs(one) < 2**63
    return isinstance(one, str) and len(one) <= LONGEST and "\0" not in one


def _written(part: Test | Group) -> dict[str, Any]:
    if isinstance(part, Group):
        return {part.join: [_written(one) for one in part.parts]}
    of = {} if part.of is None else {"of": part.of}
    return {"about": part.about, **of, "is": part.relation, "values": list(part.values)}
