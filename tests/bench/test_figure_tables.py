"""Tables of figures: nothing is cut off at 80 columns."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mailer.bench.figure_tables import tables

RECORDS = [
    {"service": name, **{f"figure_{number}_per_message": number * 1_000.5 for number in range(12)}}
    for name in ("postmark", "mailjet", "mailtrap", "sendgrid", "brevo", "mandrill")
]


def printed(records, width) -> str:
    console = Console(file=io.StringIO(), width=width)
    for table in tables(records, width, title="Services"):
        console.print(table)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 80, 120, 400])
def test_every_figure_is_shown_whole(width):
    text = printed(RECORDS, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for record in RECORDS:
        assert text.count(f" {record['service']} ") == 1
    assert text.count(" 11,005.5 ") == len(RECORDS)


def test_a_narrow_table_has_a_row_for_each_record():
    lines = printed([{"backend": "sqlite", "seconds": 1}, {"backend": "postgresql", "seconds": 2}], 80)
    assert [line for line in lines.splitlines() if "sqlite" in line and "1" in line]


def test_goals_of_several_lines_and_missing_figures_are_shown():
    text = printed([{"rate": 5, "goal": "met: rate\nMISSED: cpu"}, {"seconds": 3}], 80)
    assert "met: rate" in text and "MISSED: cpu" in text


def test_without_records_nothing_is_printed():
    assert printed([], 80) == ""
