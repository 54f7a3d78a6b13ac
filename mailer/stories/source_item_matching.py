"""Compares new entries of sources with stored ones that share a key with them, see stories.duplicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import islice
from typing import Any

from mailer.stories import duplicates
from mailer.stories.draft_fields_from_source_entry import entry_of
from mailer.stories.duplicates import Match
from mailer.stories.models import StorySourceItem, StorySourceItemKey

# The newest entries that one entry is compared with.
_MOST = 50
# Pairs of key and entry that one query gives: a number such as 1,000 may be in every text.
_MOST_PAIRS = 5_000
# Keys or entries of one query.
_PART = 500


def find_match(entry: duplicates.Entry) -> tuple[Match | None, StorySourceItem | None]:
    """The best match among the stored entries: the same story before a translation."""
    keys = frozenset(duplicates.keys_of(entry))
    return Candidates([keys]).best(lambda: entry, keys)


class Candidates:
    """The entries that new ones are compared with, loaded for all of them at once."""

    def __init__(self, keys: Sequence[Collection[str]]) -> None:
        """`keys`: of each new entry. Those that are stored afterwards are added by `add`."""
        self._numbers: dict[str, list[int]] = defaultdict(list)
        self._rows: dict[int, tuple[StorySourceItem, Callable[[], duplicates.Entry]]] = {}
        for number, key in _pairs(keys):
            self._numbers[key].append(number)
        # Rows that are not stored yet are newer than all others.
        self._newest_number = max((one for there in self._numbers.values() for one in there), default=0)
        self._load({number for one in keys for number in self._newest(one)})

    def add(self, row: StorySourceItem, entry: Callable[[], duplicates.Entry], keys: Iterable[str]) -> None:
        """Let later entries be compared with this one too, which is stored after them.

        `entry`: asked for where another one shares a key, which is rare.
        """
        self._newest_number += 1
        self._rows[self._newest_number] = row, entry
        for key in keys:
            self._numbers[key].append(self._newest_number)

    def best(
        self, entry: Callable[[], duplicates.Entry], keys: Collection[str]
    ) -> tuple[Match | None, StorySourceItem | None]:
        """The best match: the same story before a translation, the newest before older ones."""
        translation: tuple[Match | None, StorySourceItem | None] = (None, None)
        for number in self._newest(keys):
            if number not in self._rows:
                continue
            other, there = self._rows[number]
            match = duplicates.match_entries(entry(), there())
            if match is not None and match.kind == "same":
                return match, other
            if match is not None and translation[0] is None and other.story is not None:
                translation = match, other
        return translation

    def _newest(self, keys: Iterable[str]) -> list[int]:
        numbers = {number for key in keys for number in self._numbers.get(key, ())}
        return sorted(numbers, reverse=True)[:_MOST]

    def _load(self, numbers: Iterable[int]) -> None:
        for part in query_batches(numbers, _PART):
            for row in StorySourceItem.objects.filter(pk__in=part).select_related("story"):
                self._rows[row.pk] = row, cache(partial(_stored_entry, row))


def _stored_entry(row: StorySourceItem) -> duplicates.Entry:
    return entry_of(row.source_id, row.language, row.content, row.picture_digest, row.published)


def _pairs(keys: Sequence[Collection[str]]) -> Iterator[tuple[int, str]]:
    """(id of an entry, key) of the stored entries that share a key."""
    for part in query_batches({key for one in keys for key in one}, _PART):
        listed = StorySourceItemKey.objects.filter(key__in=part).values_list("item_id", "key")
        found = list(listed[:_MOST_PAIRS])
        if len(found) < _MOST_PAIRS:
            yield from found
            continue
        # Keys that many entries have: the newest of each.
        for key in part:
            yield from listed.filter(key=key).order_by("-item_id")[:_MOST]


def query_batches(listed: Iterable[Any], size: int = _PART) -> Iterator[list[Any]]:
    """Few enough values for one query."""
    values = iter(listed)
    while part := list(islice(values, size)):
        yield part
