"""Search: the indexed ways find what a scan of all subscribers would."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.addresses import normalise
from subscribers.models import MailingList, Subscriber, Subscription, Suppression, Tag
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.search import search_index, subscriber_search
from subscribers.search.subscriber_search import Query
from subscribers.segments import estimates, subscriber_tags_and_fields
from subscribers.segments.models import RuleCount, Segment
from subscribers.segments.rule_format import Condition, Group
from subscribers.segments.segments import save
from subscribers.suppression import suppress
from tests.conftest import lacking
from tests.environment import examples
from tests.subscribers.conftest import NOW, Join

pytestmark = pytest.mark.both_databases

_WORDS = st.sampled_from(
    [
        "aig",
        "gul",
        "@gmail",
        "mail.ru",
        "нурл",
        "НУРЛ",
        "a",
        "ti",
        "aigul mail",
        "r@mail.ru",
        "%",
        "100%",
        "_",
    ]
)
ASKED = st.builds(
    Query,
    text=st.just("") | _WORDS,
    mailing_list=st.sampled_from([None, 1, 2]),
    state=st.sampled_from(["", *subscriber_search.STATES]),
    language=st.sampled_from(["", "ru", "kk"]),
    country=st.sampled_from(["", "KZ", "TJ", subscriber_search.EVERY_COUNTRY]),
    tag=st.sampled_from([None, 1]),
)


@pytest.fixture
def many(monthly: MailingList, events: MailingList) -> Iterator[list[Subscriber]]:
    """Sixty people of every kind, on the monthly list, on the events, on both or on none."""
    local = ("aigul", "timur", "a_b", "100%", "aigul-2")
    for number in range(60):
        person = Subscriber.objects.create(
            email=f"{local[number % 5]}.{number}@{('gmail.com', 'mail.ru', 'example.org')[number % 3]}",
            name=("", "Айгуль Нурланова", "Timur")[number % 3],
            language=("ru", "kk", "en", "ru")[number % 4],
            countries=((), ("KZ",), ("KZ", "UZ"), ("TJ",))[number % 4],
        )
        for one, state in ((monthly, number % 4), (events, number % 7)):
            if state < 3:
                Subscription.objects.create(
                    subscriber=person, mailing_list=one, state=Subscription.State.values[state]
                )
        if number % 11 == 0:
            suppress(person, Suppression.Reason.MANUAL, "", NOW)
        if number % 7 == 0:
            subscriber_tags_and_fields.set_tags(person, ["donor"])
    yield list(Subscriber.objects.order_by("-pk"))


def fits(person: Subscriber, asked: Query) -> bool:
    """Said plainly, one person at a time."""
    lists = [one for one in person.subscriptions.all() if asked.mailing_list in (None, one.mailing_list_id)]
    stopped = Suppression.objects.filter(address_hash=person.address_hash).exists()
    text = f"{person.email} {person.name}".lower()
    return (
        all(
            word in text if len(word) >= search_index.MIN_LENGTH else person.email.startswith(word)
            for word in asked.text.lower().split()
        )
        and {
            "": bool(lists) or asked.mailing_list is None,
            subscriber_search.SUPPRESSED: stopped and (bool(lists) or asked.mailing_list is None),
            subscriber_search.NO_LIST: not person.subscriptions.all(),
        }.get(asked.state, any(one.state == asked.state for one in lists))
        and (asked.tag is None or person.taggings.exists())
        and asked.language in ("", person.language)
        and (
            not asked.country
            or (not person.countries if asked.country == "every" else asked.country in person.countries)
        )
    )


@pytest.mark.parametrize("few", [10_000, 5, 0])
@settings(max_examples=examples(9))
@given(asked=ASKED, size=st.integers(1, 12))
def test_paging_forward_and_back_shows_every_match_once(
    many: list[Subscriber], monkeypatch: pytest.MonkeyPatch, few: int, asked: Query, size: int
) -> None:
    # Where "few" is little, every way of searching has its turn.
    monkeypatch.setattr(subscriber_search, "CAP", few)
    lists = list(MailingList.objects.order_by("pk"))
    if asked.mailing_list:
        asked = Query(**{**asked.__dict__, "mailing_list": lists[asked.mailing_list - 1].pk})
    if asked.tag:
        asked = Query(**{**asked.__dict__, "tag": Tag.objects.get().pk})
    wanted = [person.pk for person in many if fits(person, asked)]
    seen, page = [], subscriber_search.search_page(asked, size)
    first = page
    while True:
        seen += [person.pk for person in page.subscribers]
        if page.after is None:
            break
        page = subscriber_search.search_page(asked, size, after=page.after)
    assert seen == wanted
    while page.before is not None:
        page = subscriber_search.search_page(asked, size, before=page.before)
    assert [one.pk for one in page.subscribers] == [one.pk for one in first.subscribers]
    assert subscriber_search.count_matches(asked, exact=True) == subscriber_search.CappedCount(
        len(wanted), exact=True
    )
    counted = subscriber_search.count_matches(asked)
    assert counted.number <= max(few, len(wanted))
    assert counted.number == len(wanted) or not counted.exact
    assert sorted(subscriber_search.matching_subscribers(asked).values_list("pk", flat=True)) == sorted(
        wanted
    )


def test_a_count_says_that_it_stopped_at_the_cap(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber_search, "CAP", 2)
    for name in ("aigul", "bolat", "dana"):
        join(name)
    assert subscriber_search.count_matches(Query()) == subscriber_search.CappedCount(2, exact=False)
    assert subscriber_search.count_matches(Query("example.org")) == subscriber_search.CappedCount(
        2, exact=False
    )
    assert subscriber_search.count_matches(Query("bola")) == subscriber_search.CappedCount(1, exact=True)


@pytest.mark.usefixtures("monthly")
def test_a_changed_address_is_found_and_the_old_one_is_not(join: Join) -> None:
    person = join("aigul")
    person.email = "nurlanova@example.org"
    person.save()
    assert [subscriber_search.count_matches(Query(word)).number for word in ("aigul", "rlanova@ex")] == [0, 1]


# PostgreSQL keeps an index with its table.
@pytest.mark.sqlite
def test_nothing_of_an_erased_address_stays_in_the_index(join: Join) -> None:
    if not search_index.HAS_SECURE_DELETE:
        lacking("SQLite 3.42 or newer: an older one forgets only when it merges")
    join("zhuldyz")
    erase_and_suppress("zhuldyz@example.org", NOW)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM subscribers_trigram_data WHERE instr(block, CAST('uld' AS BLOB))"
        )
        assert cursor.fetchone() == (0,)


@pytest.mark.sqlite
@pytest.mark.usefixtures("monthly")
def test_a_dropped_trigger_of_the_index_is_created_again(join: Join) -> None:
    join("aigul")
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER subscribers_trigram_add")
    join("bolat")
    assert subscriber_search.count_matches(Query("bolat")).number == 0
    search_index.create_if_missing()
    assert subscriber_search.count_matches(Query("bolat")).number == 1


@pytest.mark.usefixtures("monthly")
def test_an_address_is_found_in_the_letters_of_its_domain(join: Join) -> None:
    join("other")
    olga = Subscriber.objects.create(email=normalise("olga@почта.рф"))
    for text in ("olga@почта.рф", "Olga@ПОЧТА.рф", "olga@по\u00adчта.рф", "olga@xn--80a1acny.xn--p1ai"):
        assert [one.pk for one in subscriber_search.newest_matches(Query(text), 9)] == [olga.pk]


def test_special_characters_in_a_search_are_literal(join: Join) -> None:
    person = join("olga")
    for words in ("\0", "ol\0", "ol\0ga@"):
        assert list(subscriber_search.search_page(Query(text=words), 10).subscribers) == [person]
    for words in ("NEAR(olga ol)", '"', "%", "_lga", "' OR 1=1 --", "email:olga*", "olga\\"):
        assert list(subscriber_search.search_page(Query(text=words), 10).subscribers) == []


@pytest.mark.usefixtures("monthly")
def test_a_segment_with_a_deleted_tag_finds_no_subscriber(join: Join) -> None:
    join("olga")
    rule = Group(
        "all", (Condition("tag", "not_has", (subscriber_tags_and_fields.get_or_create_tag("donor").pk,)),)
    )
    others = save(Segment(), "Others", rule, "lola", NOW)
    asked = Query(segment=others.pk, as_of=NOW.isoformat())
    assert subscriber_search.count_matches(asked).number == 1
    Tag.objects.all().delete()
    assert subscriber_search.count_matches(asked).number == 0
    others.delete()
    assert subscriber_search.count_matches(asked).number == 0


@pytest.mark.usefixtures("monthly")
def test_the_list_of_a_large_segment_neither_sorts_nor_counts_it(join: Join) -> None:
    person = join("olga")
    rule = Group("all", (Condition("language", "one_of", (person.language,)),))
    segment = Segment()
    save(segment, "Same language", rule, "lola", NOW)
    asked = Query(segment=segment.pk, as_of=NOW.isoformat())
    if connection.vendor == "sqlite":
        rows = subscriber_search._page_queryset(
            list(subscriber_search._conditions(asked)), after=None, before=None
        )
        assert "TEMP B-TREE" not in rows.explain()
    assert list(subscriber_search.search_page(asked, 10).subscribers) == [person]
    counts = {
        "matching": subscriber_search.CAP + 1,
        "reachable": 1,
        "newest": [],
        "counted_at": NOW,
        "seconds": 9,
    }
    RuleCount.objects.create(key=estimates._key(rule), **counts)
    assert subscriber_search.count_matches(asked) == subscriber_search.CappedCount(
        subscriber_search.CAP, exact=False
    )
    # A small one changes while staff look at it, and is counted now.
    RuleCount.objects.update(matching=subscriber_search.CAP)
    assert subscriber_search.count_matches(asked) == subscriber_search.CappedCount(1, exact=True)


def test_a_part_of_a_segment_with_an_index_finds_few_matches(
    many: list[Subscriber], monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = tuple(MailingList.objects.values_list("pk", flat=True))
    tag = Tag.objects.get()
    parts = (
        Condition("tag", "has", (tag.pk,)),
        Condition("list", "on", lists[:1]),
        Condition("list", "on", lists),
        Condition("pending", "within", (36_500,)),
        Condition("suppressed", "is"),
        Condition("language", "one_of", ("ru",)),
    )
    for number, (one, other) in enumerate(itertools.product(parts, parts)):
        segment = Segment()
        save(segment, f"{number}", Group("all", (one, Group("all", (other,)))), "lola", NOW)
        asked = Query(segment=segment.pk, as_of=NOW.isoformat())
        everyone = set(subscriber_search.matching_subscribers(asked).values_list("pk", flat=True))
        for cap in (1, 10_000):
            # With a low cap, no part has few matches.
            monkeypatch.setattr(subscriber_search, "CAP", cap)
            page = subscriber_search.search_page(asked, 100).subscribers
            assert [person.pk for person in page] == sorted(everyone, reverse=True)
        assert subscriber_search.count_matches(asked) == subscriber_search.CappedCount(
            len(everyone), exact=True
        )
