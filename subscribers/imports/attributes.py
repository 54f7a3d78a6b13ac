"""Tags and values of custom fields that a file brings: noted, and taken back when the import is undone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Any

from django.db.backends.utils import CursorWrapper

from subscribers.imports.models import ImportChange, ImportRun
from subscribers.segments.attributes import parsed, tag_named
from subscribers.segments.models import CustomField, FieldValue, Tag, Tagging

# Letters of a tag, and how many tags a row may bring.
_LETTERS, _TAGS = 60, 20
_BETWEEN = re.compile(r"[,;|]")
# Lines named in one statement.
_BATCH = 500

Read = Callable[[Sequence[str]], str]


def reader(fields: Sequence[str]) -> Read | None:
    """Reads the notes of a row, as `ImportRow.notes` keeps them; None when no column is about any.

    What it returns raises ValueError for a value that the field cannot hold.
    """
    tags = [place for place, field in enumerate(fields) if field == "tags"]
    known = {f"field:{one.name}": one for one in CustomField.objects.all()}
    values = [(place, known[field]) for place, field in enumerate(fields) if field in known]
    if not tags and not values:
        return None

    def read(cells: Sequence[str]) -> str:
        found: dict[str, Any] = {}
        names = [name for place in tags if place < len(cells) for name in _names(cells[place])]
        if names:
            found["tags"] = list(dict.fromkeys(names))
        written = {
            str(field.pk): _written(parsed(field, cells[place].strip()))
            for place, field in values
            if place < len(cells) and cells[place].strip()
        }
        if written:
            found["fields"] = written
        return json.dumps(found, ensure_ascii=False) if found else ""

    return read


def has(run: ImportRun) -> bool:
    """Whether the file brings any."""
    return any(field == "tags" or field.startswith("field:") for field in run.reading.get("fields", ()))


def mark(cursor: CursorWrapper) -> None:
    """Among the judged rows, those of people about whom only their notes are new are changes too."""
    rows = [(line, person, notes) for line, person, notes in _brought(cursor, ("same",)) if person]
    there = _There([person for _, person, _ in rows])
    lines = [line for line, person, notes in rows if there.lacks(person, notes)]
    for start in range(0, len(lines), _BATCH):
        some = lines[start : start + _BATCH]
        places = ", ".join(["%s"] * len(some))
        cursor.execute(f"UPDATE import_judged SET verdict = 'changes' WHERE line IN ({places})", some)  # noqa: S608


def write(cursor: CursorWrapper, run: ImportRun) -> None:
    """Note what the judged rows bring, and keep with each change what that was."""
    taken = ("new", "joins", "confirms", "changes")
    rows = [(person, notes) for _, person, notes in _brought(cursor, taken)]
    there = _There([person for person, _ in rows])
    done = {person: fresh for person, notes in rows if (fresh := there.fresh(person, notes))}
    Tagging.objects.bulk_create(
        (Tagging(tag_id=tag, subscriber_id=who) for who, fresh in done.items() for tag in fresh["tags"]),
        batch_size=_BATCH,
        ignore_conflicts=True,
    )
    FieldValue.objects.bulk_create(
        (
            there.value(who, int(field), new)
            for who, fresh in done.items()
            for field, (_, new) in fresh["fields"].items()
        ),
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["field", "subscriber"],
        update_fields=["text", "number", "date"],
    )
    people = iter(done)
    while some := list(islice(people, _BATCH)):
        changes = list(ImportChange.objects.filter(run=run.pk, subscriber__in=some))
        for change in changes:
            change.notes = json.dumps(done[change.subscriber])
        ImportChange.objects.bulk_update(changes, ["notes"], batch_size=100)


def take_back(changes: Collection[ImportChange]) -> set[int]:
    """Undo what these changes noted, where it still is what they made of it; whose notes that were."""
    noted = [(change.subscriber, json.loads(change.notes)) for change in changes if change.notes]
    there = _There([person for person, _ in noted])
    touched = set()
    for person, fresh in noted:
        gone, _ = Tagging.objects.filter(subscriber=person, tag__in=fresh["tags"]).delete()
        if gone:
            touched.add(person)
        for field, (old, new) in fresh["fields"].items():
            if there.values.get((person, int(field))) != new:
                continue
            touched.add(person)
            row = FieldValue.objects.filter(subscriber=person, field=int(field))
            if old is None:
                row.delete()
            else:
                value = there.value(person, int(field), old)
                row.update(text=value.text, number=value.number, date=value.date)
    return touched


class _There:
    """What is noted of these people already."""

    def __init__(self, people: Collection[int]) -> None:
        self._fields = {one.pk: one for one in CustomField.objects.all()}
        self._tags: dict[str, int] = {}
        self.tags: set[tuple[int, int]] = set()
        self.values: dict[tuple[int, int], str] = {}
        for some in _batches(people):
            self.tags.update(Tagging.objects.filter(subscriber__in=some).values_list("subscriber", "tag"))
            for row in FieldValue.objects.filter(subscriber__in=some):
                value = getattr(row, self._fields[row.field_id].column)
                self.values[row.subscriber_id, row.field_id] = _written(value)

    def lacks(self, person: int, notes: dict[str, Any]) -> bool:
        """Whether the notes say anything new; no tag is made for that."""
        if self._fresh_fields(person, notes):
            return True
        known = {tag.casefold(): number for tag, number in self._known_tags().items()}
        return any((person, known.get(name.casefold())) not in self.tags for name in notes.get("tags", ()))

    def _fresh_fields(self, person: int, notes: dict[str, Any]) -> dict[str, list[str | None]]:
        """{id: [old or None, new]}, where what the notes bring is not what is known."""
        brought = notes.get("fields", {}).items()
        known = {field: self.values.get((person, int(field))) for field, _ in brought}
        return {
            field: [known[field], value]
            for field, value in brought
            if self._holds(int(field), value) and known[field] != value
        }

    def fresh(self, person: int, notes: dict[str, Any]) -> dict[str, Any] | None:
        """{tags: [ids], fields: {id: [old or None, new]}} of what is new; None for nothing."""
        tags = [tag for name in notes.get("tags", ()) if (person, tag := self._tag(name)) not in self.tags]
        fields = self._fresh_fields(person, notes)
        return {"tags": tags, "fields": fields} if tags or fields else None

    def value(self, person: int, field: int, written: str) -> FieldValue:
        column = self._fields[field].column
        return FieldValue(subscriber_id=person, field_id=field, **{column: _read(column, written)})

    def _holds(self, field: int, written: str) -> bool:
        """Whether there is a field still for what was read of the file, perhaps days ago."""
        if field not in self._fields:
            return False
        try:
            _read(self._fields[field].column, written)
        except ValueError:
            return False
        return True

    def _tag(self, name: str) -> int:
        if name not in self._tags:
            self._tags[name] = tag_named(name).pk
        return self._tags[name]

    def _known_tags(self) -> dict[str, int]:
        if not self._tags:
            self._tags = dict(Tag.objects.values_list("name", "pk"))
        return self._tags


def _names(cell: str) -> list[str]:
    """ "vip, press" as tags; some systems put each in quotation marks."""
    names = [" ".join(part.strip().strip("\"'").split()) for part in _BETWEEN.split(cell)]
    found = [name for name in names if name]
    if len(found) > _TAGS:
        raise ValueError(f"there are more than {_TAGS} tags")
    for name in found:
        if len(name) > _LETTERS:
            raise ValueError(f"a tag has more than {_LETTERS} letters")
    return found


def _read(column: str, written: str) -> Any:
    """What `_written` wrote; ValueError where the column is of another kind by now."""
    read: dict[str, Callable[[str], Any]] = {"number": float, "date": date.fromisoformat}
    return read.get(column, str)(written)


def _written(value: Any) -> str:
    """A value in the one form that `parsed` reads again."""
    return value.isoformat() if isinstance(value, date) else str(value)


def _brought(cursor: CursorWrapper, which: Sequence[str]) -> list[tuple[int, int, dict[str, Any]]]:
    """Line, person and notes of the judged rows with these verdicts."""
    places = ", ".join(["%s"] * len(which))
    cursor.execute(
        "SELECT line, subscriber, notes FROM import_judged "  # noqa: S608
        f"WHERE notes <> '' AND verdict IN ({places}) ORDER BY line",
        list(which),
    )
    return [(line, person, json.loads(notes)) for line, person, notes in cursor.fetchall()]


def _batches(people: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(people)
    while some := list(islice(rest, _BATCH)):
        yield some
