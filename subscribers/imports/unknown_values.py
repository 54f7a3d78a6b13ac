"""Values of columns of countries and languages that are not known, and what staff chose that they mean.

A row with a value that is not known is rejected unless a choice says what to do with it. Choices are kept
with the import by value, as the file writes it, and offered for later files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from subscribers import iso_codes
from subscribers.csv_cells import unescape
from subscribers.imports.countries_and_languages import (
    fold_case_and_apostrophes,
    parse_countries,
    parse_language,
    split_countries,
)
from subscribers.imports.models import ImportJob

# Fields whose values are looked up, and the codes that a value can mean.
KINDS: dict[str, frozenset[str]] = {"countries": iso_codes.COUNTRIES, "language": iso_codes.LANGUAGES}
# What a value can mean besides a code: the cell is read as if the value were not in it; the row is rejected.
EMPTY, SKIP = "empty", "skip"
# Different values that are counted, and that staff see, of each kind; and characters of each.
_COUNTED, SHOWN, LONGEST = 2_000, 40, 60
# Imports whose choices are offered again.
_EARLIER = 100

# By kind, the value as the file writes it to a code, EMPTY or SKIP.
Choices = Mapping[str, Mapping[str, str]]


class UnknownValue(NamedTuple):
    """A value that is not known, whether staff chose what it means or not."""

    # One of KINDS.
    kind: str
    # As the first row with it writes it.
    value: str
    rows: int


class ValueReader:
    """Reads cells of countries and languages with staff's choices, and counts values that are not known."""

    def __init__(self, choices: Choices | None = None) -> None:
        self._choices = folded_choices(choices or {})
        self._rows: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
        self._written: dict[tuple[str, str], str] = {}

    def countries(self, cell: str) -> str:
        """ "KZ,UZ" of a cell. Raises ValueError naming a value that is not known, for the user."""
        try:
            return _known_countries(cell)
        except ValueError as error:
            codes, unknown = split_countries(unescape(cell.strip()))
            meant = [self._meaning("countries", word) for word in dict.fromkeys(unknown)]
            if SKIP in meant:
                raise ValueError(str(error)) from None
            return ",".join(sorted({*codes, *(code for code in meant if code != EMPTY)}))

    def language(self, cell: str) -> str:
        """The language code of a cell, "" for an empty one. Raises ValueError like `countries`."""
        try:
            return parse_language(cell)
        except ValueError:
            meant = self._meaning("language", unescape(cell.strip()))
            if meant == SKIP:
                raise
            return "" if meant == EMPTY else meant

    def _meaning(self, kind: str, word: str) -> str:
        key = fold_case_and_apostrophes(word)
        rows = self._rows[kind]
        if key in rows or len(rows) < _COUNTED:
            rows[key] += 1
            self._written.setdefault((kind, key), word.strip()[:LONGEST])
        return self._choices.get(kind, {}).get(key, SKIP)

    def unknown(self) -> list[UnknownValue]:
        """The values that are not known, those in most rows first, at most SHOWN of each kind."""
        return [
            UnknownValue(kind, self._written[kind, key], count)
            for kind, rows in self._rows.items()
            for key, count in rows.most_common(SHOWN)
        ]

    def unlisted(self) -> int:
        """How many different values `unknown` leaves out."""
        return sum(max(0, len(rows) - SHOWN) for rows in self._rows.values())


@lru_cache(maxsize=4096)
def _known_countries(cell: str) -> str:
    return ",".join(parse_countries(unescape(cell.strip())))


def folded_choices(choices: Choices) -> dict[str, dict[str, str]]:
    """The choices by the value without case and doubled spaces."""
    return {
        kind: {fold_case_and_apostrophes(value): code for value, code in found.items()}
        for kind, found in choices.items()
    }


def clean_choices(choices: Choices) -> dict[str, dict[str, str]]:
    """The choices, copied. Raises ValueError for a kind or a code that does not exist."""
    for kind, found in choices.items():
        possible = KINDS.get(kind, frozenset())
        for code in found.values():
            if code not in possible and code not in (EMPTY, SKIP):
                raise ValueError(f"“{code}” is not a code of {kind}, “{EMPTY}” or “{SKIP}”.")
    return {kind: {value[:LONGEST]: code for value, code in found.items()} for kind, found in choices.items()}


def group_choices_by_kind(code_by_value: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Choices from a command line: "KZ" is a country, "ru" a language, EMPTY and SKIP are about both.

    Raises ValueError.
    """
    found: dict[str, dict[str, str]] = {}
    for value, code in code_by_value.items():
        fits = [kind for kind, codes in KINDS.items() if code in codes or code in (EMPTY, SKIP)]
        if not fits:
            raise ValueError(
                f"“{code}” is not a country such as KZ, a language such as ru, {EMPTY} or {SKIP}."
            )
        for kind in fits:
            found.setdefault(kind, {})[value] = code
    return found


def choices_of_other_imports(job: ImportJob) -> dict[str, dict[str, str]]:
    """What was chosen for values in other imports, the latest first, by the folded value."""
    others = ImportJob.objects.exclude(pk=job.pk).order_by("-pk").values_list("options", flat=True)
    found: dict[str, dict[str, str]] = {}
    for options in others[:_EARLIER]:
        for kind, choices in folded_choices(options.get("values") or {}).items():
            found[kind] = {**choices, **found.get(kind, {})}
    return found


def values_in_several_rows(unknown: Iterable[Iterable[object]]) -> list[list[object]]:
    """Of stored `UnknownValue`s, those in several rows: such a value is not about one person."""
    return [list(one) for one in unknown if UnknownValue(*one).rows > 1]  # type: ignore[arg-type]
