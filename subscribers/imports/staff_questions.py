"""Looks at every row of a file for what its first rows did not show, and asks what only a person can decide.

Work is done once for a thousand rows of a column, and not for every cell: an import must stay quick.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from subscribers.imports.column_mapping import Columns
from subscribers.imports.row_types import TableRow
from subscribers.imports.status_cells import (
    Status,
    explicit_status_or_subscribed,
    may_mention_status,
    normalise_words,
)
from subscribers.imports.status_columns import infer_reading, make_cell_reader, status_column_of_heading
from subscribers.translate_stored_texts import stored

# Rows that are looked at together.
_CHUNK = 1_000
# Values that a question shows, and characters of each.
_SHOWN, _SHOWN_LENGTH = 5, 80
# Words that are asked about in one column.
_MAX_WORDS = 20
# Fields of columns that may say what nobody expects there.
_WATCHED = ("ignore", "tags", "name", "first_name", "last_name")
_PARTS = re.compile("[,;|]")


class Question(NamedTuple):
    """Something about who must get no mail that the file does not say clearly."""

    # From 1, and its heading.
    column: int
    heading: str
    # Some of its cells, or the words that are not understood.
    values: tuple[str, ...]
    # "column": what the column is about; "words": what these words in it mean.
    about: str
    # What is safe: a field, or a Status.
    proposed: str


class Unanswered(Exception):  # noqa: N818  (a finding about the file)
    """The file was read to its end, and nobody can be imported before these questions are answered."""

    def __init__(self, questions: Sequence[Question]) -> None:
        super().__init__(describe_questions_for_cli(questions))
        self.questions = tuple(questions)


@dataclass(frozen=True)
class UnusedColumn:
    """A column that is not imported, with one of its cells."""

    heading: str
    sample: str


class Survey:
    """Takes the rows of a file one after another; `questions` and `unused` are complete after the last."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._samples: dict[int, str] = {}
        # Cells of columns to ask about, by place, in the order of the file.
        self._doubtful: dict[int, dict[str, None]] = {place: {} for place in sorted(columns.doubtful)}
        self._proposed = {place: columns.fields[place] for place in columns.doubtful}
        self._words: dict[int, dict[str, None]] = {}
        self._known: dict[int, set[str]] = {}
        self._readers = {
            place: make_cell_reader("status", columns.refused[place], columns.words[place])
            for place, field in enumerate(columns.fields)
            if field == "status"
        }
        self._watched = [
            place
            for place, field in enumerate(columns.fields)
            if (field in _WATCHED or field.startswith("field:"))
            and place not in columns.settled
            and place not in columns.expanded
            and place not in columns.doubtful
        ]
        self._unused = [
            place
            for place, field in enumerate(columns.fields)
            if field == "ignore" and place not in columns.expanded
        ]

    def watch(self, rows: Iterator[TableRow]) -> Iterator[TableRow]:
        """The same rows, looked at on the way."""
        chunk: list[Sequence[str]] = []
        for row in rows:
            chunk.append(row[1])
            if len(chunk) == _CHUNK:
                self.look(chunk)
                chunk = []
            yield row
        self.look(chunk)

    def look(self, rows: Sequence[Sequence[str]]) -> None:
        """Look at some rows."""
        for place in [place for place in self._unused if place not in self._samples]:
            cell = next((row[place].strip() for row in rows if place < len(row) and row[place].strip()), "")
            if cell:
                self._samples[place] = cell[:_SHOWN_LENGTH]
        for place, reader in self._readers.items():
            self._look_at_words(place, _values(rows, place), reader)
        for place, shown in self._doubtful.items():
            if len(shown) < _SHOWN:
                self._show(place, [row[place] for row in rows if place < len(row)])
        for place in self._watched:
            self._look_for_more(place, _values(rows, place))

    def questions(self, late_keys: Mapping[str, str] | None = None) -> list[Question]:
        """What a person must decide, from left to right; `late_keys`: see `Table`. Their column is 0."""
        found = [
            Question(place + 1, self._columns.headings[place], tuple(shown), "column", self._proposed[place])
            for place, shown in self._doubtful.items()
        ]
        found += [
            Question(
                place + 1, self._columns.headings[place], tuple(words), "words", Status.UNSUBSCRIBED.value
            )
            for place, words in self._words.items()
        ]
        for heading, value in (late_keys or {}).items():
            kind = status_column_of_heading(heading.partition(".")[2])
            proposed = kind.field if kind else "mentions"
            if kind or explicit_status_or_subscribed(value) is not Status.SUBSCRIBED:
                found.append(Question(0, heading, (value[:_SHOWN_LENGTH],), "column", proposed))
        return sorted(found)

    def unused(self, late_keys: Mapping[str, str] | None = None) -> list[UnusedColumn]:
        """The columns that are not imported and are not empty."""
        headings = self._columns.headings
        return [
            UnusedColumn(headings[place] or f"column {place + 1}", self._samples[place])
            for place in self._unused
            if place in self._samples
        ] + [
            UnusedColumn(heading, value[:_SHOWN_LENGTH])
            for heading, value in (late_keys or {}).items()
            if value
        ]

    def _look_at_words(self, place: int, values: set[str], reader: Any) -> None:
        known = self._known.setdefault(place, set())
        for value in sorted(values - known):
            if reader(value) is None:
                words = self._words.setdefault(place, {})
                if len(words) < _MAX_WORDS:
                    words[value.strip()[:_SHOWN_LENGTH]] = None
            if len(known) < 10_000:
                known.add(value)

    def _look_for_more(self, place: int, values: set[str]) -> None:
        kind, words = self._columns.kinds[place], self._columns.words[place]
        if kind is None or self._columns.fields[place] != "ignore":
            if not may_mention_status(values):
                return
            parts = {part for value in values for part in _PARTS.split(value)} | values
            said = sorted(one for one in parts if explicit_status_or_subscribed(one) is not Status.SUBSCRIBED)
            if said:
                self._ask(place, "mentions", said)
            return
        if (reading := infer_reading(kind, values, words)).field != "ignore" and any(
            value.strip() for value in values
        ):
            self._ask(place, reading.field, sorted(values))

    def _ask(self, place: int, proposed: str, values: Sequence[str]) -> None:
        self._doubtful.setdefault(place, {})
        self._proposed.setdefault(place, proposed)
        self._show(place, values)
        self._watched = [one for one in self._watched if one != place]

    def _show(self, place: int, cells: Sequence[str]) -> None:
        shown = self._doubtful[place]
        for cell in cells:
            if len(shown) == _SHOWN:
                return
            if cell.strip():
                shown[cell.strip()[:_SHOWN_LENGTH]] = None


def describe_questions_for_cli(questions: Sequence[Question]) -> str:
    """The questions for the command line, with the options that answer them."""
    lines = [stored("The file does not say clearly who must not get emails, so nothing was imported.")]
    for one in questions:
        values = ", ".join(f"“{value}”" for value in one.values) or "nothing in the first rows"
        heading = one.heading or str(one.column)
        if one.about == "words":
            word = one.values[0] if one.values else "WORD"
            lines.append(
                f"Column “{heading}”: it is not known what these words mean: {values}. "
                f'Say it with --status "{word}=unsubscribed" (or =subscribed, =bounced, …) for each.'
            )
        else:
            lines.append(
                f"Column “{heading}” may say who must get no mail: {values}. "
                f'Say it with --map "{heading}={one.proposed}", or --map "{heading}=ignore" if it does not.'
            )
    return "\n".join(lines)


def parse_status_words(words: Mapping[str, str]) -> dict[str, Status]:
    """What words mean, from texts. Raises ValueError naming what is no status."""
    found = {}
    for word, text in words.items():
        try:
            found[normalise_words(word)] = Status(text.strip().replace(" ", "_").casefold())
        except ValueError:
            known = ", ".join(one.value for one in Status)
            raise ValueError(f"“{text}” is not a status; known: {known}.") from None
    return found


def _values(rows: Sequence[Sequence[str]], place: int) -> set[str]:
    try:
        return {row[place] for row in rows}
    except IndexError:
        return {row[place] if place < len(row) else "" for row in rows}
