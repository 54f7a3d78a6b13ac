"""Exports are complete, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterator, Sequence

import pytest
from openpyxl import load_workbook

from mailer.reports.spreadsheet_export import (
    MAX_ROWS,
    Sheet,
    csv_lines,
    long_format_sheet,
    table_sheet_without_totals,
    write_xlsx,
)
from mailer.reports.stats import OutcomeCounts, Stats, Totals
from mailer.reports.tables import Cell, Column, report_tables

TEXT, COUNT = Column("name", "Name", "text"), Column("readers", "Readers")
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1"]


def sheet(*rows: Sequence[Cell], name: str = "List") -> Sheet:
    return Sheet(name, (TEXT, COUNT), rows)


def workbook(*made: Sheet, max_rows: int = MAX_ROWS) -> dict[str, list[tuple[object, ...]]]:
    """Rows of cells by the name of the sheet, as a spreadsheet program reads them."""
    into = io.BytesIO()
    write_xlsx(made, into, max_rows)
    book = load_workbook(into)
    return {page.title: list(page.iter_rows(values_only=True)) for page in book.worksheets}


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_is_a_formula(formula: str) -> None:
    (line,) = list(csv.reader(io.StringIO("".join(csv_lines(sheet((formula, 1)))))))[1:]
    # A tab may begin a cell as well, so that there are two in "\t=1".
    assert line == [f"'{formula}".replace("\t=", "\t'="), "1"]
    into = io.BytesIO()
    write_xlsx([sheet((formula, 1))], into)
    cell = load_workbook(into).worksheets[0]["A2"]
    assert (cell.data_type, cell.value) == ("s", f"'{formula}".replace("\t=", "\t'="))


def test_negative_and_missing_numbers_stay_numbers_and_empty() -> None:
    assert list(csv_lines(sheet(("a", -1), ("b", None))))[1:] == ["a,-1\r\n", "b,\r\n"]
    assert workbook(sheet(("a", -1), ("b", None)))["List"][1:] == [("a", -1), ("b", None)]


def test_control_characters_of_a_server_break_no_workbook() -> None:
    assert workbook(sheet(("550 \x00\x0b no", 1)))["List"][1] == ("550    no", 1)


def test_a_report_is_a_workbook_of_its_tables_and_one_long_list_of_its_figures() -> None:
    counts = Stats(
        Totals(audience=3, accepted=2, excluded={"suppressed": 1}),
        languages={"ru": OutcomeCounts(accepted=2), "": OutcomeCounts(excluded=1)},
    )
    made = report_tables(counts, "UTC").values()
    book = workbook(*map(table_sheet_without_totals, made))
    assert book["By reader's language"][1][:3] == ("Russian", 2, 2)
    assert book["Totals"][0] == ("State", "Subscribers", "Share")
    lines = list(csv.reader(io.StringIO("".join(csv_lines(long_format_sheet(made))))))
    assert lines[0] == ["Table", "Row", "Column", "Value"]
    assert ["languages", "Russian", "accepted", "2"] in lines
    assert len(lines) == 1 + sum(len(table.rows) * (len(table.columns) - 1) for table in made)


def test_a_long_sheet_is_continued_in_the_next() -> None:
    book = workbook(sheet(*((f"r{number}", number) for number in range(5))), max_rows=3)
    assert {name: len(rows) - 1 for name, rows in book.items()} == {"List": 2, "List (2)": 2, "List (3)": 1}


def test_sheet_names_are_made_valid_and_unique() -> None:
    long = "Clicks: by countries / languages [all]"
    assert list(workbook(sheet(name=long), sheet(name=long))) == [
        "Clicks- by countries - language",
        "Clicks- by countries - lang (2)",
    ]


def test_memory_stays_flat_for_long_tables() -> None:
    def rows(count: int) -> Iterator[tuple[Cell, ...]]:
        return ((f"reader {number}", number) for number in range(count))

    def peak(count: int) -> int:
        tracemalloc.start()
        for _ in csv_lines(Sheet("List", (TEXT, COUNT), rows(count))):
            pass
        write_xlsx([Sheet("List", (TEXT, COUNT), rows(count))], io.BytesIO())
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(10)
    # What the workbook itself takes when packed grows with it: about a byte a cell.
    assert peak(4_000) < peak(400) + 200_000
