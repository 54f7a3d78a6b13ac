"""Segment rules: the database returns who matches by a plain reading of the rule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from subscribers.merge import merge
from subscribers.models import MailingList, Subscriber, Subscription
from subscribers.privacy.data_access import collect_data
from subscribers.segments import segments, subscriber_tags_and_fields
from subscribers.segments.models import CustomField, Segment
from subscribers.segments.rule_format import MAX_DEPTH, Condition, Group, InvalidRule, from_json, to_json
from subscribers.segments.segments import load_expanded_rule, save
from tests.environment import examples
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases

_COUNTRIES, _LANGUAGES = ("KZ", "UZ", "TJ"), ("ru", "kk", "en")


@pytest.fixture
def office(db: None) -> Iterator[dict[str, Any]]:
    """Thirty subscribers on two lists, with two tags and a field of each kind."""
    lists = [MailingList.objects.create(slug=f"list-{n}", name=f"List {n}") for n in range(2)]
    tags = [subscriber_tags_and_fields.get_or_create_tag(name) for name in ("donor", "press")]
    fields = [
        CustomField.objects.create(name=kind, kind=kind, choices="red\ngreen")
        for kind in ("text", "number", "date", "choice")
    ]
    for number in range(30):
        person = Subscriber.objects.create(
            email=f"reader-{number}@example.org",
            language=_LANGUAGES[number % 3],
            countries=((), ("KZ",), ("KZ", "UZ"), ("TJ",))[number % 4],
            created_at=NOW - timedelta(days=10 * number),
        )
        for place, one in enumerate(lists):
            if (number + place) % 3:
                state = Subscription.State.values[(number // 3 + place) % 3]
                Subscription.objects.create(subscriber=person, mailing_list=one, state=state)
        subscriber_tags_and_fields.set_tags(
            person, [tag.name for place, tag in enumerate(tags) if number % (place + 2) == 0]
        )
        written = (
            f"Note {number % 5}",
            str(number / 2),
            f"2020-01-{number + 1:02d}",
            ("red", "green")[number % 2],
        )
        for place, field in enumerate(fields):
            if number % (place + 2):
                subscriber_tags_and_fields.set_value(person, field, written[place])
    yield {"lists": lists, "tags": tags, "fields": fields}


def conditions() -> st.SearchStrategy[Condition]:
    some = st.lists(st.integers(0, 1), min_size=1, max_size=2, unique=True).map(tuple)
    days = st.sampled_from(["2020-01-05", "2020-01-20", "2025-12-01", "2026-02-01"])

    def values(strategy: Any) -> st.SearchStrategy[tuple[Any, ...]]:
        return st.lists(strategy, min_size=1, max_size=2, unique=True).map(tuple)

    return st.one_of(
        st.builds(Condition, st.just("list"), st.sampled_from(["on", "not_on"]), some),
        st.builds(Condition, st.just("tag"), st.sampled_from(["has", "not_has"]), some),
        st.builds(
            Condition,
            st.just("country"),
            st.sampled_from(["wants", "not_wants"]),
            values(st.sampled_from(_COUNTRIES)),
        ),
        st.builds(
            Condition,
            st.just("language"),
            st.sampled_from(["one_of", "not_one_of"]),
            values(st.sampled_from(_LANGUAGES)),
        ),
        st.builds(Condition, st.just("known_since"), st.sampled_from(["since", "before"]), st.tuples(days)),
        st.builds(
            Condition,
            st.just("known_since"),
            st.sampled_from(["within", "not_within"]),
            st.tuples(st.integers(0, 300)),
        ),
        st.builds(
            Condition,
            st.just("field"),
            st.sampled_from(["is", "not_is", "contains"]),
            st.tuples(st.sampled_from(["Note 1", "note", "Note"])),
            st.just(0),
        ),
        st.builds(
            Condition,
            st.just("field"),
            st.sampled_from(["is", "not_is", "at_least", "at_most"]),
            st.tuples(st.sampled_from([3, 7.5, -1])),
            st.just(1),
        ),
        st.builds(
            Condition,
            st.just("field"),
            st.sampled_from(["is", "not_is", "since", "before"]),
            st.tuples(days),
            st.just(2),
        ),
        st.builds(
            Condition,
            st.just("field"),
            st.sampled_from(["is", "not_is"]),
            st.tuples(st.just("red")),
            st.just(3),
        ),
        st.builds(
            Condition,
            st.just("field"),
            st.sampled_from(["filled", "not_filled"]),
            st.just(()),
            st.integers(0, 3),
        ),
    )


GROUPS: st.SearchStrategy[Group] = st.recursive(
    st.builds(Group, st.sampled_from(["all", "any", "none"]), st.lists(conditions(), max_size=3).map(tuple)),
    lambda inner: st.builds(
        Group,
        st.sampled_from(["all", "any", "none"]),
        st.lists(inner | conditions(), max_size=3).map(tuple),
    ),
    max_leaves=4,
)


def with_keys(part: Condition | Group, office: dict[str, Any]) -> Any:
    """The rule with the primary keys of the database."""
    if isinstance(part, Group):
        return Group(part.join, tuple(with_keys(one, office) for one in part.parts))
    if part.attribute in ("list", "tag"):
        rows = office["lists" if part.attribute == "list" else "tags"]
        return Condition(part.attribute, part.operator, tuple(rows[int(one)].pk for one in part.values))
    if part.attribute == "field":
        return Condition("field", part.operator, part.values, office["fields"][part.field or 0].pk)
    return part


def matches(part: Condition | Group, person: Subscriber) -> bool:
    """Whether the subscriber matches, by a plain reading of the rule."""
    if isinstance(part, Group):
        parts = [matches(one, person) for one in part.parts]
        return {"all": all(parts), "any": any(parts), "none": not any(parts)}[part.join]
    positive = part.operator not in ("not_on", "not_has", "not_wants", "not_one_of", "not_is", "not_filled")
    return holds(part, person) == positive


def holds(condition: Condition, person: Subscriber) -> bool:
    if condition.attribute == "list":
        rows = person.subscriptions.all()
        return any(row.mailing_list_id in condition.values and row.state == "confirmed" for row in rows)
    if condition.attribute == "tag":
        return any(row.tag_id in condition.values for row in person.taggings.all())
    if condition.attribute == "country":
        return not person.countries or bool(set(person.countries) & set(condition.values))
    if condition.attribute == "language":
        return person.language in condition.values
    if condition.attribute == "known_since" and condition.operator.endswith("within"):
        inside = person.created_at >= NOW - timedelta(days=int(condition.values[0]))
        return inside if condition.operator == "within" else not inside
    value: Any
    if condition.attribute == "known_since":
        value = person.created_at
        bound: Any = datetime.fromisoformat(str(condition.values[0])).replace(tzinfo=UTC)
    else:
        value = next((row.value for row in person.values.all() if row.field_id == condition.field), None)
        if condition.operator.endswith("filled") or value is None:
            return value is not None and condition.operator.endswith("filled")
        bound = (
            date.fromisoformat(str(condition.values[0])) if isinstance(value, date) else condition.values[0]
        )
    return bool(
        {
            "since": lambda: value >= bound,
            "before": lambda: value < bound,
            "at_least": lambda: value >= bound,
            "at_most": lambda: value <= bound,
            "contains": lambda: bound.lower() in value.lower(),
        }.get(condition.operator, lambda: value == bound)()
    )


@settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=GROUPS)
def test_the_database_returns_who_matches_the_rule(office: dict[str, Any], drawn: Group) -> None:
    rule = from_json(to_json(with_keys(drawn, office)))
    people = Subscriber.objects.prefetch_related("subscriptions", "taggings", "values__field")
    wanted = {person.pk for person in people if matches(rule, person)}
    assert set(segments.matching_subscribers(rule, NOW).values_list("pk", flat=True)) == wanted
    outside = Group("none", (rule,))
    assert segments.matching_subscribers(outside, NOW).count() == 30 - len(wanted)


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["version", "all", "attribute", "operator", "values", "field", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None)
@given(raw=_ANY | _ANY.map(lambda one: {"version": 1, "all": [one]}))
def test_any_json_is_a_rule_or_refused_with_a_message(raw: Any) -> None:
    try:
        rule = from_json(raw)
        assert from_json(to_json(rule)) == rule
        segments.matching_subscribers(segments.validate(rule, NOW), NOW).count()
    except InvalidRule as error:
        assert str(error)[0].isupper() or str(error).startswith("“")


def test_a_rule_is_neither_too_deep_nor_part_of_itself(join: Join) -> None:
    raw: dict[str, Any] = {"all": []}
    for _ in range(MAX_DEPTH):
        raw = {"all": [raw]}
    with pytest.raises(InvalidRule, match="deep"):
        from_json({"version": 1, **raw})
    first = save(Segment(), "First", Group("all"), "lola", NOW)
    second = save(Segment(), "Second", Group("all", (Condition("segment", "in", (first.pk,)),)), "lola", NOW)
    with pytest.raises(InvalidRule, match="part of itself"):
        save(first, "First", Group("all", (Condition("segment", "in", (second.pk,)),)), "lola", NOW)


def test_a_segment_within_another_is_expanded(join: Join, monthly: MailingList) -> None:
    russian = join("olga", language="ru")
    join("john", language="en")
    inner = save(Segment(), "Russian", Group("all", (Condition("language", "one_of", ("ru",)),)), "", NOW)
    outer = save(Segment(), "Not", Group("all", (Condition("segment", "not_in", (inner.pk,)),)), "", NOW)
    assert segments.matching_subscribers(from_json(inner.rule), NOW).get() == russian
    assert [one.email for one in segments.matching_subscribers(load_expanded_rule(outer), NOW)] == [
        "john@example.org"
    ]


def test_only_a_changed_rule_is_a_new_version(join: Join) -> None:
    segment = save(Segment(), "All", Group("all"), "lola", NOW)
    save(segment, "Everybody", Group("all"), "dana", NOW)
    assert (segment.name, segment.version, segment.changed_by) == ("Everybody", 1, "lola")
    save(segment, "Everybody", Group("any"), "dana", NOW)
    assert (segment.version, segment.changed_by) == (2, "dana")


def test_a_deleted_list_makes_the_rule_invalid(join: Join, monthly: MailingList) -> None:
    join("aigul")
    segment = save(Segment(), "Others", Group("all", (Condition("list", "not_on", (monthly.pk,)),)), "", NOW)
    monthly.delete()
    with pytest.raises(InvalidRule, match="deleted"):
        load_expanded_rule(segment)


def test_merging_keeps_the_tags_and_fields_of_both(join: Join) -> None:
    kept, gone = join("aigul"), join("aigul.n")
    field = CustomField.objects.create(name="Office", kind="text")
    subscriber_tags_and_fields.set_tags(kept, ["donor"])
    subscriber_tags_and_fields.set_tags(gone, ["Donor", "press"])
    subscriber_tags_and_fields.set_value(gone, field, "Almaty")
    merge(kept, gone, NOW)
    known = collect_data(kept)
    assert (known["tags"], known["fields"]) == (["donor", "press"], {"Office": "Almaty"})
