"""What commands print is printed as it is."""

from __future__ import annotations

from functools import lru_cache

import pytest
from rich.table import Table

from mailer.cli import output


@pytest.mark.parametrize("text", ["ip6:2a01:db8:a:b::2", "[bold]", "https://example.org/?a[/b]=1", ":key:"])
def test_text_is_printed_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.print_text(text)
    output.print_whole(text)
    table = Table.grid()
    table.add_row(text)
    output.console().print(table)
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [text] * 3


def test_text_for_people_is_wrapped_to_the_width_of_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    # The width is that of when the first line is wrapped.
    monkeypatch.setattr(output, "console", lru_cache(output.console.__wrapped__))
    for text in ("nineteen characters", "word " * 6, "слово " * 6):
        output.print_text(text)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "nineteen characters" and len(lines) == 5
    assert max(map(len, lines)) <= 20 and " ".join(lines[1:3]).split() == ["word"] * 6


def test_text_to_copy_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    long = "word " * 100 + "end"
    output.print_whole(long)
    assert capsys.readouterr().out == f"{long}\n"
