"""Places in the search index for many new stories at once, as the search backend itself would store them.

The backend reads each story several times, and all of the index after each batch to weigh titles; a story has
none (Story.search_fields).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.contrib.contenttypes.models import ContentType
from django.db import connection
from wagtail.search.models import IndexEntry

from mailer.insert_rows import insert_rows
from mailer.stories.models import Story, StoryText

# The configuration of texts that are matched by the beginnings of their words.
_AUTOCOMPLETE = "simple"


class _Texts(NamedTuple):
    object_id: str
    autocomplete: list[str]
    body: list[str]


def add_new(stories: Iterable[tuple[Story, Sequence[StoryText]]]) -> None:
    """Add stories with their texts, which are stored already and have no place yet."""
    kind = ContentType.objects.get_for_model(Story).pk
    found = [_texts_of(*one) for one in stories]
    if connection.vendor == "sqlite":
        columns = ("content_type_id", "object_id", "title", "autocomplete", "body")
        rows = ((kind, one.object_id, "", " ".join(one.autocomplete), " ".join(one.body)) for one in found)
        insert_rows(IndexEntry, columns, rows)
        return
    # One statement for all that have as many texts.
    alike: dict[tuple[int, int], list[_Texts]] = defaultdict(list)
    for one in found:
        written = _Texts(one.object_id, _written(one.autocomplete), _written(one.body))
        alike[len(written.autocomplete), len(written.body)].append(written)
    for (autocomplete, body), ones in alike.items():
        _insert_vectors(kind, autocomplete, body, ones)


def _texts_of(story: Story, texts: Sequence[StoryText]) -> _Texts:
    return _Texts(
        str(story.pk),
        [story.key, *(text.headline for text in texts)],
        [part for text in texts for part in (text.headline, text.summary)],
    )


def _written(texts: Sequence[str]) -> list[str]:
    return [text.strip() for text in texts if text.strip()]


def _insert_vectors(kind: int, autocomplete: int, body: int, ones: Sequence[_Texts]) -> None:
    # One array for each column, because statements of many values take long to parse.
    begun, full = [f"a{at}" for at in range(autocomplete)], [f"b{at}" for at in range(body)]
    names = ["object_id", *begun, *full, "plain"]
    vectors = [
        " || ".join(f"to_tsvector('{_AUTOCOMPLETE}', {name})" for name in begun) or "''",
        " || ".join(f"to_tsvector({name})" for name in full) or "''",
    ]
    columns = "content_type_id, object_id, title, autocomplete, body, title_norm, title_text, body_text"
    table = connection.ops.quote_name(IndexEntry._meta.db_table)
    statement = (
        f"INSERT INTO {table} ({columns})"  # noqa: S608
        f" SELECT %s, object_id, ''::tsvector, {vectors[0]}, {vectors[1]}, 1.0, '', plain"
        f" FROM unnest({', '.join(['%s::text[]'] * len(names))}) AS texts ({', '.join(names)})"
    )
    rows = ((one.object_id, *one.autocomplete, *one.body, " ".join(one.body)) for one in ones)
    with connection.cursor() as cursor:
        cursor.execute(statement, [kind, *map(list, zip(*rows, strict=True))])
