"""Rows that are inserted many at a time are those that `bulk_create` would store."""

from __future__ import annotations

from datetime import datetime

import pytest

from mailer.insert_rows import insert_objects, insert_rows
from mailer.stories.models import StorySource, StorySourceItem, StorySourceItemKey

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

NOW = datetime.fromisoformat("2021-12-01T09:00:00+06:00")


def an_item(source: StorySource, name: str) -> StorySourceItem:
    return StorySourceItem(
        source=source,
        item_id=name,
        language="kk",
        first_seen_at=NOW,
        seen_at=NOW,
        content={"headline-kk": "Тегі\t\\N\n\N{SNOWMAN}", "of": [1, None, True]},
    )


def test_objects_are_as_bulk_create_stores_them() -> None:
    sources = [StorySource(name=name, countries=("KZ", "UZ"), active=name == "a") for name in "ab"]
    insert_objects(sources)
    StorySource.objects.bulk_create([StorySource(name="c", countries=("KZ", "UZ"))])
    stored = list(StorySource.objects.order_by("pk").values())
    assert [row.pop("id") for row in stored[:2]] == [source.pk for source in sources]
    del stored[2]["id"]
    assert [row.pop("name") for row in stored] == ["a", "b", "c"]
    assert [row.pop("active") for row in stored] == [True, False, True]
    assert stored[0] == stored[1] == stored[2]

    ours, theirs = an_item(sources[0], "ours"), an_item(sources[0], "theirs")
    insert_objects([ours])
    StorySourceItem.objects.bulk_create([theirs])
    (first, second) = StorySourceItem.objects.order_by("pk").values()
    assert {**first, "id": 0, "item_id": ""} == {**second, "id": 0, "item_id": ""}
    ours.refresh_from_db()
    assert (ours.content, ours.first_seen_at) == (theirs.content, NOW)


def test_more_rows_than_one_statement_takes_have_their_keys_in_order() -> None:
    source = StorySource.objects.create(name="a")
    item = an_item(source, "1")
    item.save()
    names = [f"link:{number}" for number in range(1_300)]
    ids = insert_rows(StorySourceItemKey, ("item_id", "key"), ((item.pk, name) for name in names))
    stored = dict(StorySourceItemKey.objects.values_list("pk", "key"))
    assert [stored[one] for one in ids] == names
    # The next row of a model gets a key of its own.
    assert StorySourceItemKey.objects.create(item=item, key="next").pk not in ids
    assert insert_rows(StorySourceItemKey, ("item_id", "key"), []) == []
