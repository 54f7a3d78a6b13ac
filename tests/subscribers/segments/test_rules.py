"""Rules about people: what the database answers is what reading them aloud would give."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.merge import merge
from subscribers.models import MailingList, Subscriber, Subscription
from subscribers.privacy.data_access import collect
from subscribers.segments import attributes, compile
from subscribers.segments.models import CustomField, SavedSegment
from subscribers.segments.rules import DEEPEST, BadRule, Group, Test, as_json, from_json
from subscribers.segments.store import rule_of, save
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases

_COUNTRIES, _LANGUAGES = ("KZ", "UZ", "TJ"), ("ru", "kk", "en")


@pytest.fixture
def office(db: None) -> Iterator[dict[str, Any]]:
    """Thirty people on two lists, with two tags and a field of each kind; the keys are small numbers."""
    lists = [MailingList.objects.create(slug=f"list-{n}", name=f"List {n}") for n in range(2)]
    tags = [attributes.tag_named(name) for name in ("donor", "press")]
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
        attributes.set_tags(person, [tag.name for place, tag in enumerate(tags) if number % (place + 2) == 0])
        written = (
            f"Note {number % 5}",
            str(number / 2),
            f"2020-01-{number + 1:02d}",
            ("red", "green")[number % 2],
        )
        for place, field in enumerate(fields):
            if number % (place + 2):
                attributes.set_value(person, field, written[place])
    yield {"lists": lists, "tags": tags, "fields": fields}


def questions() -> st.SearchStrategy[Test]:
    some = st.lists(st.integers(0, 1), min_size=1, max_size=2, unique=True).map(tuple)
    days = st.sampled_from(["2020-01-05", "2020-01-20", "2025-12-01", "2026-02-01"])

    def values(strategy: Any) -> st.SearchStrategy[tuple[Any, ...]]:
        return st.lists(strategy, min_size=1, max_size=2, unique=True).map(tuple)

    return st.one_of(
        st.builds(Test, st.just("list"), st.sampled_from(["on", "not_on"]), some),
        st.builds(Test, st.just("tag"), st.sampled_from(["has", "not_has"]), some),
        st.builds(
            Test,
            st.just("country"),
            st.sampled_from(["wants", "not_wants"]),
            values(st.sampled_from(_COUNTRIES)),
        ),
        st.builds(
            Test,
            st.just("language"),
            st.sampled_from(["one_of", "not_one_of"]),
            values(st.sampled_from(_LANGUAGES)),
        ),
        st.builds(Test, st.just("joined"), st.sampled_from(["since", "before"]), st.tuples(days)),
        st.builds(
            Test, st.just("joined"), st.sampled_from(["within", "not_within"]), st.tuples(st.integers(0, 300))
        ),
        st.builds(
            Test,
            st.just("field"),
            st.sampled_from(["is", "not_is", "contains"]),
            st.tuples(st.sampled_from(["Note 1", "note", "Note"])),
            st.just(0),
        ),
        st.builds(
            Test,
            st.just("field"),
            st.sampled_from(["is", "not_is", "at_least", "at_most"]),
            st.tuples(st.sampled_from([3, 7.5, -1])),
            st.just(1),
        ),
        st.builds(
            Test,
            st.just("field"),
            st.sampled_from(["is", "not_is", "since", "before"]),
            st.tuples(days),
            st.just(2),
        ),
        st.builds(
            Test, st.just("field"), st.sampled_from(["is", "not_is"]), st.tuples(st.just("red")), st.just(3)
        ),
        st.builds(
            Test, st.just("field"), st.sampled_from(["filled", "not_filled"]), st.just(()), st.integers(0, 3)
        ),
    )


GROUPS: st.SearchStrategy[Group] = st.recursive(
    st.builds(Group, st.sampled_from(["all", "any", "none"]), st.lists(questions(), max_size=3).map(tuple)),
    lambda inner: st.builds(
        Group,
        st.sampled_from(["all", "any", "none"]),
        st.lists(inner | questions(), max_size=3).map(tuple),
    ),
    max_leaves=4,
)


def renumbered(part: Test | Group, office: dict[str, Any]) -> Any:
    """The rule with the keys that the tables gave."""
    if isinstance(part, Group):
        return Group(part.join, tuple(renumbered(one, office) for one in part.parts))
    if part.about in ("list", "tag"):
        rows = office["lists" if part.about == "list" else "tags"]
        return Test(part.about, part.relation, tuple(rows[int(one)].pk for one in part.values))
    if part.about == "field":
        return Test("field", part.relation, part.values, office["fields"][part.of or 0].pk)
    return part


def answer(part: Test | Group, person: Subscriber) -> bool:
    """The rule read aloud to one person."""
    if isinstance(part, Group):
        answers = [answer(one, person) for one in part.parts]
        return {"all": all(answers), "any": any(answers), "none": not any(answers)}[part.join]
    positive = part.relation not in ("not_on", "not_has", "not_wants", "not_one_of", "not_is", "not_filled")
    return said(part, person) == positive


def said(test: Test, person: Subscriber) -> bool:
    if test.about == "list":
        rows = person.subscriptions.all()
        return any(row.mailing_list_id in test.values and row.state == "confirmed" for row in rows)
    if test.about == "tag":
        return any(row.tag_id in test.values for row in person.taggings.all())
    if test.about == "country":
        return not person.countries or bool(set(person.countries) & set(test.values))
    if test.about == "language":
        return person.language in test.values
    if test.about == "joined" and test.relation.endswith("within"):
        inside = person.created_at >= NOW - timedelta(days=int(test.values[0]))
        return inside if test.relation == "within" else not inside
    value: Any
    if test.about == "joined":
        value = person.created_at
        bound: Any = datetime.fromisoformat(str(test.values[0])).replace(tzinfo=UTC)
    else:
        value = next((row.value for row in person.values.all() if row.field_id == test.of), None)
        if test.relation.endswith("filled") or value is None:
            return value is not None and test.relation.endswith("filled")
        bound = date.fromisoformat(str(test.values[0])) if isinstance(value, date) else test.values[0]
    return bool(
        {
            "since": lambda: value >= bound,
            "before": lambda: value < bound,
            "at_least": lambda: value >= bound,
            "at_most": lambda: value <= bound,
            "contains": lambda: bound.lower() in value.lower(),
        }.get(test.relation, lambda: value == bound)()
    )


@settings(max_examples=60)
@given(drawn=GROUPS)
def test_the_database_answers_as_the_rule_reads(office: dict[str, Any], drawn: Group) -> None:
    rule = from_json(as_json(renumbered(drawn, office)))
    people = Subscriber.objects.prefetch_related("subscriptions", "taggings", "values__field")
    wanted = {person.pk for person in people if answer(rule, person)}
    assert set(compile.people(rule, NOW).values_list("pk", flat=True)) == wanted
    outside = Group("none", (rule,))
    assert compile.people(outside, NOW).count() == 30 - len(wanted)


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["version", "all", "about", "is", "values", "of", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@pytest.mark.django_db
@settings(max_examples=60)
@given(raw=_ANY | _ANY.map(lambda one: {"version": 1, "all": [one]}))
def test_a_definition_from_anywhere_is_a_rule_or_refused_in_words(raw: Any) -> None:
    try:
        rule = from_json(raw)
        assert from_json(as_json(rule)) == rule
        compile.people(compile.checked(rule, NOW), NOW).count()
    except BadRule as error:
        assert str(error)[0].isupper() or str(error).startswith("“")


def test_a_rule_is_neither_too_deep_nor_in_a_circle(join: Join) -> None:
    raw: dict[str, Any] = {"all": []}
    for _ in range(DEEPEST):
        raw = {"all": [raw]}
    with pytest.raises(BadRule, match="deep"):
        from_json({"version": 1, **raw})
    first = save(SavedSegment(), "First", Group("all"), "lola", NOW)
    second = save(SavedSegment(), "Second", Group("all", (Test("segment", "in", (first.pk,)),)), "lola", NOW)
    with pytest.raises(BadRule, match="part of itself"):
        save(first, "First", Group("all", (Test("segment", "in", (second.pk,)),)), "lola", NOW)


def test_a_segment_within_another_is_asked_with_it(join: Join, monthly: MailingList) -> None:
    russian = join("olga", language="ru")
    join("john", language="en")
    inner = save(SavedSegment(), "Russian", Group("all", (Test("language", "one_of", ("ru",)),)), "", NOW)
    outer = save(SavedSegment(), "Not", Group("all", (Test("segment", "not_in", (inner.pk,)),)), "", NOW)
    assert compile.people(from_json(inner.rule), NOW).get() == russian
    assert [one.email for one in compile.people(rule_of(outer), NOW)] == ["john@example.org"]


def test_only_a_changed_rule_is_a_new_version(join: Join) -> None:
    segment = save(SavedSegment(), "All", Group("all"), "lola", NOW)
    save(segment, "Everybody", Group("all"), "dana", NOW)
    assert (segment.name, segment.version, segment.changed_by) == ("Everybody", 1, "lola")
    save(segment, "Everybody", Group("any"), "dana", NOW)
    assert (segment.version, segment.changed_by) == (2, "dana")


def test_a_list_that_is_gone_makes_nobody_everybody(join: Join, monthly: MailingList) -> None:
    join("aigul")
    segment = save(SavedSegment(), "Others", Group("all", (Test("list", "not_on", (monthly.pk,)),)), "", NOW)
    monthly.delete()
    with pytest.raises(BadRule, match="gone"):
        rule_of(segment)


def test_what_was_noted_of_two_who_become_one_is_kept_and_told(join: Join) -> None:
    kept, gone = join("aigul"), join("aigul.n")
    field = CustomField.objects.create(name="Office", kind="text")
    attributes.set_tags(kept, ["donor"])
    attributes.set_tags(gone, ["Donor", "press"])
    attributes.set_value(gone, field, "Almaty")
    merge(kept, gone, NOW)
    known = collect(kept)
    assert (known["tags"], known["fields"]) == (["donor", "press"], {"Office": "Almaty"})
