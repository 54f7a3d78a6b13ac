"""Tags and values of custom fields in a file: parsed, saved when it is applied, and reverted by undoing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Any

from django.db.backends.utils import CursorWrapper

from subscribers.imports.models import ImportChange, ImportJob
from subscribers.segments.models import CustomField, FieldValue, Tag, Tagging
from subscribers.segments.subscriber_tags_and_fields import get_or_create_tag, parse_value
from subscribers.translate_stored_texts import stored

# Characters of a tag, and tags of a row.
_MAX_TAG_LENGTH, _MAX_TAGS = 60, 20
_SEPARATOR = re.compile(r"[,;|]")
# Rows of one statement.
_BATCH_SIZE = 500

Parse = Callable[[Sequence[str]], str]


def make_parser(fields: Sequence[str]) -> Parse | None:
    """The function that turns a row's cells into `ImportRow.attributes`; None when no column is about any.

    It raises ValueError for a value that the field cannot hold.
    """
    tags = [place for place, field in enumerate(fields) if field == "tags"]
    known = {f"field:{one.name}": one for one in CustomField.objects.all()}
    values = [(place, known[field]) for place, field in enumerate(fields) if field in known]
    if not tags and not values:
        return None

    def parse(cells: Sequence[str]) -> str:
        found: dict[str, Any] = {}
        names = [name for place in tags if place < len(cells) for name in _tag_names(cells[place])]
        if names:
            found["tags"] = list(dict.fromkeys(names))
        written = {
            str(field.pk): _to_text(parse_value(field, cells[place].strip()))
            for place, field in values
            if place < len(cells) and cells[place].strip()
        }
        if written:
            found["fields"] = written
        return json.dumps(found, ensure_ascii=False) if found else ""

    return parse


def has_tags_or_fields(job: ImportJob) -> bool:
    """Whether the file has a column of tags or of a custom field."""
    return any(field == "tags" or field.startswith("field:") for field in job.options.get("fields", ()))


def mark_changed(cursor: CursorWrapper) -> None:
    """Make "changes" the outcome of unchanged rows whose attributes are new."""
    rows = [(line, person, given) for line, person, given in _compared(cursor, ("unchanged",)) if person]
    current = _CurrentAttributes([person for _, person, _ in rows])
    lines = [line for line, person, given in rows if current.lacks(person, given)]
    for start in range(0, len(lines), _BATCH_SIZE):
        some = lines[start : start + _BATCH_SIZE]
        places = ", ".join(["%s"] * len(some))
        cursor.execute(f"UPDATE import_compared SET outcome = 'changes' WHERE line IN ({places})", some)  # noqa: S608


def save_and_record_for_undo(cursor: CursorWrapper, job: ImportJob) -> None:
    """Save the attributes of the compared rows, and keep with each ImportChange what was new."""
    rows = [
        (person, given) for _, person, given in _compared(cursor, ("new", "joins", "confirms", "changes"))
    ]
    current = _CurrentAttributes([person for person, _ in rows])
    saved = {person: fresh for person, given in rows if (fresh := current.fresh(person, given))}
    Tagging.objects.bulk_create(
        (Tagging(tag_id=tag, subscriber_id=pk) for pk, fresh in saved.items() for tag in fresh["tags"]),
        batch_size=_BATCH_SIZE,
        ignore_conflicts=True,
    )
    FieldValue.objects.bulk_create(
        (
            current.value(pk, int(field), new)
            for pk, fresh in saved.items()
            for field, (_, new) in fresh["fields"].items()
        ),
        batch_size=_BATCH_SIZE,
        update_conflicts=True,
        unique_fields=["field", "subscriber"],
        update_fields=["text", "number", "date"],
    )
    for some in _batches(saved):
        changes = list(ImportChange.objects.filter(job=job.pk, subscriber__in=some))
        for change in changes:
            change.attributes = json.dumps(saved[change.subscriber])
        ImportChange.objects.bulk_update(changes, ["attributes"], batch_size=100)


def undo_tags_and_fields(changes: Collection[ImportChange]) -> set[int]:
    """Revert the attributes that still are what these changes made of them; returns whose those were."""
    saved = [(change.subscriber, json.loads(change.attributes)) for change in changes if change.attributes]
    current = _CurrentAttributes([person for person, _ in saved])
    reverted = set()
    for person, fresh in saved:
        deleted, _ = Tagging.objects.filter(subscriber=person, tag__in=fresh["tags"]).delete()
        if deleted:
            reverted.add(person)
        for field, (old, new) in fresh["fields"].items():
            if current.values.get((person, int(field))) != new:
                continue
            reverted.add(person)
            row = FieldValue.objects.filter(subscriber=person, field=int(field))
            if old is None:
                row.delete()
            else:
                value = current.value(person, int(field), old)
                row.update(text=value.text, number=value.number, date=value.date)
    return reverted


class _CurrentAttributes:
    """The tags and values that these subscribers have now."""

    def __init__(self, people: Collection[int]) -> None:
        self._fields = {one.pk: one for one in CustomField.objects.all()}
        self._tag_ids: dict[str, int] = {}
        self.tags: set[tuple[int, int]] = set()
        self.values: dict[tuple[int, int], str] = {}
        for some in _batches(people):
            self.tags.update(Tagging.objects.filter(subscriber__in=some).values_list("subscriber", "tag"))
            for row in FieldValue.objects.filter(subscriber__in=some):
                value = getattr(row, self._fields[row.field_id].column)
                self.values[row.subscriber_id, row.field_id] = _to_text(value)

    def lacks(self, person: int, given: dict[str, Any]) -> bool:
        """Whether any of the given attributes is new; creates no tag."""
        if self._fresh_fields(person, given):
            return True
        known = {tag.casefold(): pk for tag, pk in self._known_tags().items()}
        return any((person, known.get(name.casefold())) not in self.tags for name in given.get("tags", ()))

    def fresh(self, person: int, given: dict[str, Any]) -> dict[str, Any] | None:
        """{tags: [ids], fields: {id: [old or None, new]}} of what is new; None for nothing."""
        tags = [tag for name in given.get("tags", ()) if (person, tag := self._tag(name)) not in self.tags]
        fields = self._fresh_fields(person, given)
        return {"tags": tags, "fields": fields} if tags or fields else None

    def value(self, person: int, field: int, text: str) -> FieldValue:
        """A row of the value, not saved."""
        column = self._fields[field].column
        return FieldValue(subscriber_id=person, field_id=field, **{column: _from_text(column, text)})

    def _fresh_fields(self, person: int, given: dict[str, Any]) -> dict[str, list[str | None]]:
        """{id: [old or None, new]} of values that differ from the current ones."""
        fields = given.get("fields", {}).items()
        known = {field: self.values.get((person, int(field))) for field, _ in fields}
        return {
            field: [known[field], value]
            for field, value in fields
            if self._accepts(int(field), value) and known[field] != value
        }

    def _accepts(self, field: int, text: str) -> bool:
        """Whether the field still exists and holds such values; the file may have been read days ago."""
        if field not in self._fields:
            return False
        try:
            _from_text(self._fields[field].column, text)
        except ValueError:
            return False
        return True

    def _tag(self, name: str) -> int:
        if name not in self._tag_ids:
            self._tag_ids[name] = get_or_create_tag(name).pk
        return self._tag_ids[name]

    def _known_tags(self) -> dict[str, int]:
        if not self._tag_ids:
            self._tag_ids = dict(Tag.objects.values_list("name", "pk"))
        return self._tag_ids


def _tag_names(cell: str) -> list[str]:
    """The tags in "vip, press"; some systems put each in quotation marks."""
    names = [" ".join(part.strip().strip("\"'").split()) for part in _SEPARATOR.split(cell)]
    found = [name for name in names if name]
    if len(found) > _MAX_TAGS:
        raise ValueError(stored("there are more than %(number)s tags", number=_MAX_TAGS))
    for name in found:
        if len(name) > _MAX_TAG_LENGTH:
            raise ValueError(stored("a tag has more than %(number)s characters", number=_MAX_TAG_LENGTH))
    return found


def _to_text(value: Any) -> str:
    """A value in the one form that `parse_value` reads again."""
    return value.isoformat() if isinstance(value, date) else str(value)


def _from_text(column: str, text: str) -> Any:
    """The inverse of `_to_text`; raises ValueError where the column is of another kind by now."""
    parse: dict[str, Callable[[str], Any]] = {"number": float, "date": date.fromisoformat}
    return parse.get(column, str)(text)


def _compared(cursor: CursorWrapper, outcomes: Sequence[str]) -> list[tuple[int, int, dict[str, Any]]]:
    """Line, subscriber and attributes of the compared rows with these outcomes."""
    places = ", ".join(["%s"] * len(outcomes))
    cursor.execute(
        "SELECT line, subscriber, attributes FROM import_compared "  # noqa: S608
        f"WHERE attributes <> '' AND outcome IN ({places}) ORDER BY line",
        list(outcomes),
    )
    return [(line, person, json.loads(given)) for line, person, given in cursor.fetchall()]


def _batches(people: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(people)
    while some := list(islice(rest, _BATCH_SIZE)):
        yield some
