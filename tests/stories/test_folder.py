"""A watched folder: Markdown with front matter and Word files become items; errors name file and line."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from mailer.rendering import sanitize
from mailer.stories.sources import folder
from mailer.stories.sources.reader_interface import Fetch, SourceError, SourceResult, SourceSettings
from tests.stories import word_files

_NO_FETCH = cast(Fetch, None)
YAML = """---
title: The new office opens
date: 2021-11-16
countries: [KZ, Uzbekistan]
language: en
kind: event
link: https://example.org/office
picture: pictures/hall.png
alt: A hall
starts: 2021-12-18 18:30
ends: 2021-12-18 20:30
place: House of Cinema, Almaty
layout: post
---
The **first** text, with [a link](https://example.org/more).

## A part

- one
- two
"""


@pytest.fixture
def office(tmp_path: Path, settings: Any) -> Path:
    stories = dataclasses.replace(settings.CONFIG.stories, folders=str(tmp_path / "watched"))
    settings.CONFIG = dataclasses.replace(settings.CONFIG, stories=stories)
    found = tmp_path / "watched" / "office"
    (found / "pictures").mkdir(parents=True)
    (found / "pictures" / "hall.png").write_bytes(word_files.picture("navy"))
    return found


def write(path: Path, content: str | bytes) -> None:
    """A file that was finished an hour ago."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (time.time() - 3_600,) * 2)


def read(validators: Mapping[str, str] | None = None, where: str = "office") -> SourceResult:
    return folder.read(SourceSettings("folder", folder=where), validators or {}, _NO_FETCH)


def test_markdown_with_front_matter_becomes_an_item(office: Path) -> None:
    write(office / "opening.md", YAML)
    (item,) = read().items
    assert (item.id, item.title, item.kind) == ("opening.md", "The new office opens", "event")
    assert item.countries == ("KZ", "UZ")
    assert item.published == datetime(2021, 11, 16, 12, tzinfo=UTC)
    assert item.starts == datetime.fromisoformat("2021-12-18T18:30")
    assert (item.place, item.link) == ("House of Cinema, Almaty", "https://example.org/office")
    assert (item.picture, item.picture_alt) == (word_files.picture("navy"), "A hall")
    assert "<strong>first</strong>" in item.html and '<a href="https://example.org/more">' in item.html
    assert "<p><b>A part</b></p>" in item.html and "<li>one</li>" in item.html


def test_toml_translations_and_word_files_come_in_too(office: Path) -> None:
    write(office / "grant.md", '+++\ntitle = "A grant"\ndate = 2021-12-01\ncountries = ["NO"]\n+++\nText.\n')
    write(office / "grant.ru.md", "# Грант\n\nТекст.\n\n![Зал](pictures/hall.png)\n")
    write(office / "edition.docx", word_files.by_libreoffice())
    items = {item.id: item for item in read().items}
    assert items["grant.md"].countries == ("NO",)
    russian = items["grant.ru.md"]
    assert (russian.title, russian.language, russian.translation_of) == ("Грант", "ru", "grant.md")
    assert russian.picture and russian.picture_alt == "Зал"
    assert len([name for name in items if name.startswith("edition.docx#")]) == 8


def test_a_translation_belongs_to_its_original_also_where_both_name_an_id(office: Path) -> None:
    for original, translation, ids in (
        ("id: 7\n", "id: 7\n", ("7", "7.ru", "7")),
        ("id: 7\n", "", ("7", "story.ru.md", "7")),
        ("", "id: 8\n", ("story.md", "8", "story.md")),
    ):
        write(office / "story.md", f"---\ntitle: A story\n{original}---\nText.\n")
        write(office / "story.ru.md", f"---\ntitle: Рассказ\n{translation}---\nТекст.\n")
        items = {item.language: item for item in read().items}
        assert (items[""].id, items["ru"].id, items["ru"].translation_of) == ids


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("![Зал](зал.png)", "зал.png"),
        ("![Зал](%D0%B7%D0%B0%D0%BB.png)", "зал.png"),
        ("![A hall](<big hall.png>)", "big hall.png"),
        ("![A hall](big%20hall.png)", "big hall.png"),
        ("![A hall](pictures/../100%.png)", "100%.png"),
        ("![A hall](a%20b.png)", "a%20b.png"),
    ],
)
def test_a_picture_is_found_by_any_name(office: Path, written: str, name: str) -> None:
    (office / name).write_bytes(word_files.picture("navy"))
    write(office / "a.md", f"---\ntitle: A\n---\nText.\n\n{written}\n")
    write(office / "b.md", f"---\ntitle: B\npicture: {name}\n---\nText.\n")
    found = read()
    assert found.warnings == ()
    assert [(item.picture, item.picture_name) for item in found.items] == [
        (word_files.picture("navy"), name)
    ] * 2


def test_a_missing_picture_is_named_as_it_is_written_with_its_line(office: Path) -> None:
    write(office / "a.md", "---\ntitle: зал.png\n---\n\nText,\nmore of it\n![Зал](зал.png)\n")
    (warning,) = read().warnings
    assert "“зал.png”" in warning and "line 7" in warning


@pytest.mark.parametrize("name", ["../../out.png", "..%2F..%2Fout.png", "%2e%2e/%2e%2e/out.png", "a%00.png"])
def test_a_picture_outside_of_the_folder_is_not_taken(office: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "watched" / "out.png").write_bytes(word_files.picture("navy"))
    (tmp_path / "out.png").write_bytes(word_files.picture("navy"))
    write(office / "a.md", f"---\ntitle: A\n---\nText.\n\n![out]({name})\n")
    found = read()
    assert (found.items, len(found.warnings)) == ((), 1)
    assert "line 6" in found.warnings[0]


def test_front_matter_of_static_sites_says_what_is_published(office: Path) -> None:
    write(office / "held.md", "---\ntitle: Held back\npublished: false\ndate: 2021-11-16\n---\nText.\n")
    write(office / "shown.md", "---\ntitle: Shown\npublished: true\n...\nText.\n\n---\n\nMore.\n")
    found = read()
    (item,) = found.items
    assert (item.id, item.published, found.warnings) == ("shown.md", None, ())
    assert "<p>Text.</p>" in item.html and "<p>More.</p>" in item.html


def test_a_number_of_many_digits_keeps_no_other_file_out(office: Path) -> None:
    write(office / "a.md", f"+++\ntitle = 'A'\nweight = {'9' * 5_000}\n+++\nText.\n")
    write(office / "b.md", "# B\n\nText.\n")
    found = read()
    (warning,) = found.warnings
    assert [item.id for item in found.items] == ["b.md"] and "a.md, line 3" in warning


def test_a_file_whose_name_is_not_utf8_is_reported(office: Path) -> None:
    for name in (b"\xcd\xee\xe2.md", b"ok.md"):
        with open(os.path.join(os.fsencode(office), name), "wb") as file:
            file.write(b"---\ntitle: A\n---\nText.\n")
        os.utime(file.name, (0, 0))
    found = read()
    assert [item.id for item in found.items] == ["ok.md"]
    # It may be one that was read under another name.
    assert (len(found.warnings), found.listing) == (1, None)
    assert "\ufffd\ufffd\ufffd.md" in found.warnings[0]


@pytest.mark.parametrize(
    "line",
    ['countries: ["\\ud800\\0"]', 'picture: "\\ud800\\0"', 'starts: "\\ud800\\0x"', 'id: "\\ud800\\0x"'],
)
def test_escapes_write_nothing_that_no_database_takes(office: Path, line: str) -> None:
    write(office / "a.md", f"---\ntitle: A\n{line}\n---\nText.\n")
    found = read()
    for text in (*found.warnings, *(item.id for item in found.items)):
        assert text == sanitize.without_unprintable(text)


@pytest.mark.parametrize(("mark", "sign"), [("---", ":"), ("+++", " =")])
def test_empty_lines_above_front_matter_are_left_out(office: Path, mark: str, sign: str) -> None:
    above = f"\n \r\n{mark}\ntitle{sign} 'A'\n"
    write(office / "a.md", f"{above}{mark}\nText.\n")
    write(office / "b.md", f"{above}starts{sign} '0001-01-01'\n{mark}\nText.\n")
    write(office / "c.md", f"{above}x{sign} @\n{mark}\nText.\n")
    write(office / "d.md", f"{above}Text.\n")
    found = read()
    assert [(item.title, item.html) for item in found.items] == [("A", "<p>Text.</p>")]
    places = [warning.partition(":")[0] for warning in found.warnings]
    assert places == ["b.md, line 5", "c.md, line 5", "d.md, line 3"]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("starts: 9999-12-31T23:00:00-12:00", "starts"),
        ("start: 0001-01-01", "starts"),
        ("ends: 0001-01-01T00:00:00+14:00", "ends"),
    ],
)
def test_an_event_at_the_end_of_the_calendar_is_reported(office: Path, line: str, field: str) -> None:
    write(office / "a.md", f"---\ntitle: A\nkind: event\n{line}\n---\nText.\n")
    found = read()
    (warning,) = found.warnings
    assert found.items == () and "line 4" in warning and f"“{field}”" in warning


@pytest.mark.parametrize(
    "line", ["link: http://[bad", "date: 9999-12-31T23:59:00-10:00", "date: 0001-01-01T00:00:00+06:00"]
)
def test_what_no_address_or_calendar_has_keeps_no_file_out(office: Path, line: str) -> None:
    write(office / "a.md", f"---\ntitle: A\n{line}\n---\nText.\n")
    write(office / "b.md", "---\ntitle: B\n---\nText.\n")
    items = read().items
    assert [(item.id, item.link, item.published) for item in items] == [
        ("a.md", "", None),
        ("b.md", "", None),
    ]


def test_only_changed_files_are_read_again_and_unfinished_ones_wait(office: Path) -> None:
    write(office / "one.md", "# One\n\nText.")
    first = read()
    assert [item.title for item in first.items] == ["One"]
    again = read(first.validators)
    assert again.unchanged and not again.items
    # Being written.
    (office / "two.md").write_text("# Two\n\nHalf of")
    waiting = read(again.validators)
    assert not waiting.items and len(waiting.warnings) == 1
    assert [item.title for item in read(waiting.validators).items] == ["Two"]
    write(office / "one.md", "# One\n\nAnother text.")
    assert [item.html for item in read(first.validators).items if item.id == "one.md"] == [
        "<p>Another text.</p>"
    ]


def test_a_copied_file_with_the_id_of_another_one_replaces_no_story(office: Path) -> None:
    write(office / "a.md", "---\ntitle: A\nid: 7\n---\nText.\n")
    write(office / "b.md", "---\ntitle: B\nid: 7\n---\nText.\n")
    first = read()
    assert [item.title for item in first.items] == ["A"]
    assert len(first.warnings) == 1 and "b.md" in first.warnings[0]
    again = read(first.validators)
    assert not again.items and again.warnings == first.warnings
    write(office / "b.md", "---\ntitle: B\nid: 88\n---\nText.\n")
    (office / "a.md").rename(office / "c.md")
    last = read(again.validators)
    assert [(item.id, item.title) for item in last.items] == [("88", "B"), ("7", "A")]
    assert not last.warnings


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("---\ntitle: A\ncountries: [Narnia]\n---\n", 3),
        ("---\ntitle: A\ndate: yesterday\n---\n", 3),
        ("---\ntitle: A\n b: [\n---\n", 3),
        ("+++\ntitle = 'A'\nb = \n+++\n", 3),
        ("---\na: &a [x]\nb: *a\n---\n", 3),
        ("---\ntitle: A\n", 1),
        ("---\ntitle: A\npicture: ../../secret.png\n---\n", 3),
        ("---\ntitle: A\n---\n\n![x](/etc/passwd)\n", 5),
        (b"# A\n\nText \xff", 3),
        ("Text without a title", 1),
    ],
)
def test_errors_name_file_and_line_and_other_files_are_read(
    office: Path, content: str | bytes, line: int
) -> None:
    write(office.parent / "secret.png", word_files.picture("green"))
    write(office / "bad.md", content)
    write(office / "good.md", "# Good\n")
    found = read()
    assert [item.title for item in found.items] == ["Good"]
    (warning,) = found.warnings
    assert warning.startswith("bad.md") and f"line {line}:" in warning
    # Until it is corrected.
    assert read(found.validators).warnings == found.warnings


def test_a_source_does_not_leave_the_folders_that_are_configured(office: Path, settings: Any) -> None:
    outside = office.parent.parent / "outside"
    outside.mkdir()
    write(outside / "secret.md", "# Secret\n")
    (office / "link.md").symlink_to(outside / "secret.md")
    (office / "way").symlink_to(outside)
    (office.parent / "elsewhere").symlink_to(outside)
    assert read().items == ()
    for where in ("elsewhere", "..", "../outside", str(outside), "no such folder", "a\0b"):
        with pytest.raises(SourceError):
            read(where=where)
    settings.CONFIG = dataclasses.replace(
        settings.CONFIG, stories=dataclasses.replace(settings.CONFIG.stories, folders="")
    )
    with pytest.raises(SourceError):
        read()
