"""Whatever a file says about people who left decides, or the import asks; it is never ignored."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import zipfile
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from subscribers.imports import job_lifecycle, zip_archive
from subscribers.imports.models import ImportRow, RejectedRow
from subscribers.imports.row_types import UnreadableFile
from subscribers.imports.staff_questions import Unanswered
from subscribers.limited_process import ProcessLimits
from subscribers.models import MailingList, Subscriber, Subscription, Suppression
from subscribers.privacy.erasure import erase_and_suppress
from tests.environment import examples
from tests.subscribers.conftest import NOW
from tests.subscribers.imports.test_other_systems_formats import pack, read

pytestmark = pytest.mark.django_db


def two_columns(heading: str, *cells: str) -> str:
    """A file of the addresses p0@, p1@, … with these cells under this heading."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["email", heading])
    writer.writerows([f"p{number}@example.org", cell] for number, cell in enumerate(cells))
    return text.getvalue()


@pytest.mark.parametrize(
    ("heading", "stays", "leaves", "status"),
    [
        ("subscribed_to_emails", "true", "false", "unsubscribed"),
        ("deleted_at", "", "2022-01-02T03:04:05Z", "unsubscribed"),
        ("email_disabled", "false", "TRUE", "blocked"),
        ("EMAIL_BLACKLIST", "0", "1", "blocked"),
        ("unreachable", "no", "yes", "bounced"),
        ("unsub_date", "0000-00-00", "02.01.2022", "unsubscribed"),
        ("do_not_email", "", "x", "unsubscribed"),
        ("hasOptedOutOfEmail", "FALSE", "TRUE", "unsubscribed"),
        ("Отписан", "нет", "да", "unsubscribed"),
        ("Статус", "Активен", "Отписан", "unsubscribed"),
        ("Статус подписки", "подтверждён", "не подтверждён", "unconfirmed"),
        ("hard_bounced_at", "null", "1641092645", "bounced"),
        ("confirmed", "1", "0", "unconfirmed"),
        ("is_active", "True", "False", "not_subscribed"),
        ("suppressed", "", "Jan 2, 2022", "blocked"),
        ("Reason for leaving", "", "too many mails", "unsubscribed"),
        ("Жалоба на спам", "", "2022-01-02", "complained"),
        ("В чёрном списке", "-", "+", "blocked"),
        ("Не беспокоить", "", "да", "unsubscribed"),
        ("Validity", "valid", "invalid mailbox", "bounced"),
        ("Newsletter", "yes", "no", "not_subscribed"),
        ("On the mailing list", "Y", "N", "not_subscribed"),
        ("Lost interest", "", "x", "not_subscribed"),
        ("Email Marketing Consent", "SUBSCRIBED", "NEVER_SUBSCRIBED", "not_subscribed"),
        ("", "active", "unsubscribed", "unsubscribed"),
        ("Группа", "подписан", "заблокирован", "blocked"),
        ("Жазылымнан бас тартқан", "жоқ", "иә", "unsubscribed"),
        ("Obunani bekor qilgan", "yo‘q", "ha", "unsubscribed"),
    ],
)
def test_a_column_that_speaks_of_leaving_decides(heading: str, stays: str, leaves: str, status: str) -> None:
    found = read(two_columns(heading, stays, leaves))
    assert not found.questions and not found.unused
    assert (list(found.added), found.refused) == (["p0"], {"p1": status})


def test_invisible_characters_hide_no_status() -> None:
    file = "E\u200bmail;Ста\u00adтус;О\u00adтписан;заметка\n"
    found = read(f"{file}a@example.org;актив\u00adен;;\nb@example.org;отпи\u00adсан;;\nc@example.org;;1;\n")
    assert not found.questions and list(found.added) == ["a"]
    assert found.refused == {"b": "unsubscribed", "c": "unsubscribed"}
    (question,) = read("email;заметка\na@example.org;просила отпи\u00adсать\n").questions
    assert question.proposed == "mentions"


@pytest.mark.parametrize(
    ("heading", "cells", "about", "proposed"),
    [
        ("bounce_count", ["0", "7"], "column", "opted_out"),
        ("email_unsubscribed_list_ids", ["", "17,18"], "column", "opted_out"),
        ("Blocked", ["✗", "■"], "column", "opted_out"),
        ("Notes", ["", "asked to be unsubscribed"], "column", "mentions"),
        ("Примечание", ["", "просила отписать её"], "column", "mentions"),
        ("Примечание", ["", "больше не хочет получать рассылку"], "column", "mentions"),
        ("Примечание", ["", "просит ничего не присылать"], "column", "mentions"),
        ("Примечание", ["", "исключить её из списка рассылки"], "column", "mentions"),
        ("Примечание", ["", "снята с рассылки 3 мая"], "column", "mentions"),
        ("Примечание", ["", "отозвала согласие"], "column", "mentions"),
        ("Примечание", ["", "стоп-лист"], "column", "mentions"),
        ("Ескерту", ["", "жазылымнан бас тартты"], "column", "mentions"),
        ("Эскертүү", ["", "жазылуудан баш тартты"], "column", "mentions"),
        ("Izoh", ["", "obunani bekor qildi"], "column", "mentions"),
        ("Эзоҳ", ["", "обунани бекор қилди"], "column", "mentions"),
        ("Эзоҳ", ["", "обунаро бекор кард"], "column", "mentions"),
        ("Bellik", ["", "ýazylmagy ýatyrdy"], "column", "mentions"),
        ("Not", ["", "aboneliği iptal etti"], "column", "mentions"),
        ("Notes", ["", "please don’t email"], "column", "mentions"),
        ("Notes", ["", "remove him from the mailing list"], "column", "mentions"),
        ("Notes", ["", "no longer wants our news"], "column", "mentions"),
        ("tags", ["press", "press, bounced"], "column", "mentions"),
        ("confirmed_at", ["2021-03-04", ""], "column", "opted_in"),
        ("Subscribed", ["x", ""], "column", "opted_in"),
        ("Not bounced", ["1", "0"], "column", "opted_in"),
        ("mail_ok", ["1", "0"], "column", "opted_in"),
        ("optedin", ["0", "0"], "column", "opted_in"),
        ("reception", ["mail", "nomail"], "column", "mentions"),
        ("Name", ["Olga Kim", "Olga Kim (отписалась)"], "column", "mentions"),
        ("Status", ["active", "zombie"], "words", "unsubscribed"),
        ("Status", ["1", "2"], "words", "unsubscribed"),
        ("State", ["active", "unsubscribed", "limbo"], "words", "unsubscribed"),
    ],
)
def test_what_is_not_clear_is_asked_with_the_cells_and_a_safe_answer(
    heading: str, cells: list[str], about: str, proposed: str
) -> None:
    (question,) = read(two_columns(heading, *cells)).questions
    assert (question.column, question.heading, question.about) == (2, heading, about)
    assert question.proposed == proposed and set(question.values) & set(cells)
    # The safe answer adds nobody whose cell says so; the other adds all.
    if about == "column":
        safe = read(two_columns(heading, *cells), columns={"2": proposed})
        assert not safe.questions and f"p{len(cells) - 1}" in safe.refused
        other = read(two_columns(heading, *cells), columns={heading: "ignore"})
        assert not other.questions and not other.refused
    else:
        word = {cells[-1]: proposed}
        safe = read(two_columns(heading, *cells), words=word)
        assert not safe.questions and safe.refused[f"p{len(cells) - 1}"] == proposed
        other = read(two_columns(heading, *cells), words={cells[-1]: "subscribed"})
        assert not other.questions and f"p{len(cells) - 1}" in other.added


@pytest.mark.parametrize(
    ("heading", "cells"),
    [
        ("City", ["Almaty", "Bishkek"]),
        ("State", ["NY", "CA"]),
        ("SMS_BLACKLIST", ["Yes", "No"]),
        ("Phone status", ["blocked", "active"]),
        ("created_at", ["2021-03-04", ""]),
        ("Subscription date", ["2021-03-04", ""]),
        ("Last active", ["2021-03-04", ""]),
        ("CONFIRM_IP", ["192.0.2.1", ""]),
        ("unsubscribe_url", ["https://example.org/u/1", "https://example.org/u/2"]),
        ("Company", ["Office of Statistics", ""]),
        ("Consent to track", ["No", "Yes"]),
    ],
)
def test_a_column_about_something_else_is_named_and_asks_nothing(heading: str, cells: list[str]) -> None:
    found = read(two_columns(heading, *cells))
    assert not found.questions and not found.refused
    assert found.unused == {heading: cells[0]}


def test_a_word_far_below_is_asked_about() -> None:
    rows = ["ordinary"] * 4_000
    assert not read(two_columns("Notes", *rows)).questions
    (question,) = read(two_columns("Notes", *rows, "unsubscribed in May")).questions
    assert question.values == ("unsubscribed in May",)
    (word,) = read(two_columns("Status", *["active"] * 4_000, "Left us")).questions or [None]
    assert word is None or word.about == "words"
    (later,) = read(two_columns("Confirmed", *[""] * 4_000, "yes")).questions
    assert (later.about, later.proposed) == ("column", "opted_in")


def test_several_columns_of_statuses_are_all_heard() -> None:
    file = (
        "email,status,unsubscribed_at,bounced\na@example.org,active,,0\nb@example.org,active,2022-01-02,0\n"
    )
    found = read(f"{file}c@example.org,active,,1\nd@example.org,pending,2022-01-02,1\n")
    assert list(found.added) == ["a"]
    assert found.refused == {"b": "unsubscribed", "c": "bounced", "d": "bounced"}


def test_keys_of_json_are_columns_even_if_they_come_late() -> None:
    rows = "".join(f'p{number}@example.org,"{{""city"": ""Osh""}}"\n' for number in range(2_500))
    late = 'x@example.org,"{""consent"": {""unsubscribed"": true}}"\n'
    assert read(f"email,attributes\n{rows}").unused == {"attributes.city": "Osh"}
    (question,) = read(f"email,attributes\n{rows}{late}").questions
    assert (question.column, question.heading) == (0, "attributes.consent.unsubscribed")
    answered = read(f"email,attributes\n{rows}{late}", columns={question.heading: question.proposed})
    assert not answered.questions and answered.refused == {"x": "unsubscribed"}
    early = read(f"email,attributes\n{late}{rows}")
    assert not early.questions and early.refused == {"x": "unsubscribed"}


def test_a_key_of_json_that_is_an_address_is_a_heading() -> None:
    file = 'email,data\np0@example.org,"{""other@example.org"": ""x""}"\n'
    assert list(read(file).added) == ["p0"]
    assert read(file, "bounces.csv").refused == {"p0": "bounced"}


def test_a_late_key_of_json_leaves_the_numbers_of_the_other_columns_as_they_are() -> None:
    rows = 'p0@example.org,"{""city"": ""Osh""}","{""called"": ""Ann""}"\n'
    for keys in ([], ["attributes.consent.unsubscribed"]):
        found = read(f"email,attributes,data\n{rows}", keys=keys, columns={"5": "name"})
        assert found.added == {"p0": ("Ann", "", "")}


def test_a_file_whose_name_speaks_of_leaving_is_asked_about() -> None:
    for name in ("bounces.csv", "Отписавшиеся.csv", "suppression_spam_reports.csv", "nomail.txt"):
        (question,) = read("a@example.org\nb@example.org\n", name).questions
        assert (question.heading, question.proposed) == ("status by file name", "status")
        assert len(read("a@example.org\n", name, columns={question.heading: "status"}).refused) == 1
        assert len(read("a@example.org\n", name, columns={question.heading: "ignore"}).added) == 1


def test_an_archive_is_read_file_by_file_and_other_files_are_named() -> None:
    found = read(
        pack(
            {
                "a/readers.csv": "email;name\nolga@example.org;Olga\n",
                "a/cleaned_members_export_1.csv": "Email Address\ngone@example.org\n",
                "b/list.txt": "plain@example.org\n",
                "b/prices.csv": "what,price\nmap,7\n",
                "empty.csv": "",
                "readme.pdf": b"%PDF",
                "__MACOSX/a/._readers.csv": b"\0\0",
            }
        )
    )
    assert found.added == {"olga": ("Olga", "", ""), "plain": ("", "", "")}
    assert found.refused == {"gone": "bounced"}
    assert set(found.unread) == {"b/prices.csv", "empty.csv", "readme.pdf"} and not found.questions


def test_a_sheet_of_people_who_left_is_read_with_the_first_one_and_others_are_named() -> None:
    book = Workbook()
    book.active.append(["Email", "Name"])
    for name in ("olga", "left", "gone"):
        book.active.append([f"{name}@example.org", name.title()])
    for title, headings, row in (
        ("Отписавшиеся", ["E-mail"], ["left@example.org"]),
        ("2019", ["Email", "Bounced on"], ["gone@example.org", "2022-01-02"]),
        ("Donors", ["Email"], ["donor@example.org"]),
        ("Prices", ["What"], ["map"]),
    ):
        book.create_sheet(title).append(headings)
        book[title].append(row)
    target = io.BytesIO()
    book.save(target)
    found = read(target.getvalue(), "people.xlsx")
    assert set(found.unread) == {"sheet “Donors”", "sheet “Prices”"}
    (question,) = found.questions
    assert (question.heading, question.values) == ("status by file name", ("unsubscribed",))
    assert found.refused == {"left": "unsubscribed", "gone": "bounced"} and "donor" not in found.added


def test_an_archive_in_an_archive_is_refused_and_the_name_of_an_archive_speaks_for_its_files() -> None:
    inner = pack({"a.csv": "email\na@example.org\n"})
    with pytest.raises(UnreadableFile, match=r"b\.csv: An archive inside an archive"):
        read(pack({"b.csv": inner}))
    (question,) = read(inner, "bounces.zip").questions
    assert question.values == ("bounced",)


def test_russian_names_in_an_archive_of_windows_are_read() -> None:
    packed = pack({"OTPISAN.csv": "email\na@example.org\n"}).replace(b"OTPISAN", "Отписан".encode("cp866"))
    assert read(packed).questions[0].values == ("unsubscribed",)


_ENCRYPTED = bytearray(pack({"a.csv": "email\na@example.org\n"}))
_ENCRYPTED[6] |= 1
_ENCRYPTED[_ENCRYPTED.find(b"PK\x01\x02") + 8] |= 1


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (pack({"a.txt": b"a@example.org\n" * 1_000_000}), "too large when unpacked"),
        (pack({f"{number}.csv": "email\n" for number in range(51)}), "too large when unpacked"),
        (pack({"readme.pdf": b"%PDF"}), "contains no CSV"),
        (pack({"prices.csv": "what,price\nmap,7\n"}), "No file in the archive"),
        (pack({"a.csv": 'email\na@example.org\n"open\n'}), r"a\.csv: Line 3|Line 3"),
        (pack({"a.csv": os.urandom(3_000)})[:2_000], "damaged"),
        (bytes(_ENCRYPTED), "password"),
    ],
    ids=["ratio", "number", "no table", "no address", "open quote", "cut", "password"],
)
def test_an_archive_that_is_no_set_of_tables_is_refused(file: bytes, words: str) -> None:
    with pytest.raises(UnreadableFile, match=words):
        read(file)


def test_a_hidden_sheet_is_not_the_first_one() -> None:
    book = Workbook()
    book.active.append(["Email"])
    book.active.append(["old@example.org"])
    book.active.sheet_state = "hidden"
    for title, local in (("Readers", "olga"), ("Отписавшиеся", "left")):
        book.create_sheet(title).append(["Email"])
        book[title].append([f"{local}@example.org"])
    book["Отписавшиеся"].sheet_state = "veryHidden"
    book.active = 1
    target = io.BytesIO()
    book.save(target)
    found = read(target.getvalue(), "people.xlsx")
    assert (list(found.added), found.refused) == (["olga"], {"left": "unsubscribed"})
    assert found.unread == ("sheet “Sheet”",)


@pytest.mark.parametrize("sheets", [1, 2])
@pytest.mark.parametrize("headings", [["Email", "Name"], None])
def test_hidden_rows_of_a_sheet_are_asked_about(sheets: int, headings: list[str] | None) -> None:
    book = Workbook()
    for row in [
        *([headings] if headings else []),
        ["a@example.org", "Ann"],
        ["b@example.org"],
        ["c@example.org"],
    ]:
        book.active.append(row)
    book.active.row_dimensions[book.active.max_row - 1].hidden = True
    # Without a value, and so without a question.
    book.active.row_dimensions[40].hidden = True
    if sheets == 2:
        book.create_sheet("Отписавшиеся").append(["c@example.org"])
    target = io.BytesIO()
    book.save(target)
    found = read(target.getvalue(), "people.xlsx")
    left = {"c": "unsubscribed"} if sheets == 2 else {}
    assert "b" not in found.added and found.refused == {"b": "not_subscribed", **left}
    question = next(one for one in found.questions if one.heading == "status by hidden rows")
    assert question.proposed == "status" and len(found.questions) == sheets
    answered = read(target.getvalue(), "people.xlsx", columns={question.heading: "ignore"})
    assert list(answered.added)[:2] == ["a", "b"] and len(answered.questions) == sheets - 1


def test_a_hidden_row_far_down_is_asked_about_with_the_safe_answer_too() -> None:
    book, target = Workbook(), io.BytesIO()
    book.active.append(["Email"])
    for number in range(2_100):
        book.active.append([f"p{number}@example.org"])
    book.active.row_dimensions[2_050].hidden = True
    book.save(target)
    found = read(target.getvalue(), "people.xlsx")
    (question,) = found.questions
    assert question.proposed == "status" and found.refused == {"p2048": "not_subscribed"}


def test_hidden_rows_without_a_value_are_not_asked_about() -> None:
    book = Workbook()
    for row in (["Email", "Name"], ["a@example.org", "Ann"], ["", None]):
        book.active.append(row)
    for number in (3, 4, 40):
        book.active.row_dimensions[number].hidden = True
    target = io.BytesIO()
    book.save(target)
    found = read(target.getvalue(), "people.xlsx")
    assert list(found.added) == ["a"] and not found.questions


def test_a_row_of_which_only_the_status_is_left_is_no_title() -> None:
    rows = (
        "a@example.org,Ann,active\n,,unsubscribed\nb@example.org,Bob,active\nc@example.org,Cy,unsubscribed\n"
    )
    found = read(f"email,name,status\n{rows}")
    assert list(found.added) == ["a", "b"] and found.refused["c"] == "unsubscribed"
    with pytest.raises(UnreadableFile, match="Line 2 "):
        read("email,name,status\nUnsubscribed,,\n,,unsubscribed\nb@example.org,Bob,active\n")
    with pytest.raises(UnreadableFile, match="Line 2 "):
        read("status,email,name\nUnsubscribed,,\n,b@example.org,Bob\n")


def sheet_of(*rows: Sequence[str | None], merged: Sequence[str] = ()) -> bytes:
    """A workbook of one sheet with these rows, and with these ranges of it merged."""
    book, target = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    for cells in merged:
        book.active.merge_cells(cells)
    book.save(target)
    return target.getvalue()


def with_cells(file: bytes, old: bytes, new: bytes, workbook: bytes = b"") -> bytes:
    """The workbook with other XML in its sheet, and perhaps at the place of its setting for calculation."""
    with zipfile.ZipFile(io.BytesIO(file)) as packed:
        parts: dict[str, str | bytes] = {name: packed.read(name) for name in packed.namelist()}
    sheet, book = parts["xl/worksheets/sheet1.xml"], parts["xl/workbook.xml"]
    assert isinstance(sheet, bytes) and isinstance(book, bytes) and old in sheet
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(old, new)
    parts["xl/workbook.xml"] = book.replace(b' fullCalcOnLoad="1"', workbook)
    return pack(parts)


def test_merged_cells_are_the_value_of_every_row_that_they_reach_over() -> None:
    file = sheet_of(
        ["Email", "Name", "Status", "Language"],
        ["a@example.org", "Ann", "Unsubscribed", "ru"],
        ["b@example.org", "Bob"],
        ["c@example.org"],
        [],
        ["d@example.org", "Dan", "Active"],
        ["e@example.org", "Eve", "Unsubscribed"],
        [None, None, "Bounced"],
        merged=["C2:C4", "D2:D1000", "A7:A8"],
    )
    found = read(file, "people.xlsx")
    assert found.added == {"d": ("Dan", "ru", "")} and not found.questions
    assert found.refused == {
        "a": "unsubscribed",
        "b": "unsubscribed",
        "c": "unsubscribed",
        # Of its two rows, the later one.
        "e": "bounced",
    }


def test_merged_cells_over_several_columns_are_the_value_of_each() -> None:
    rows = (["Email", "Name", "Status"], ["a@example.org", "Unsubscribed"], ["b@example.org"])
    assert not read(sheet_of(*rows, merged=["B2:C3"]), "people.xlsx").added


@pytest.mark.parametrize("merged", ["A1:XFD1", "B3:C3", "E2:F4", "B5:XFD9", "C1:C2"])
def test_cells_that_are_merged_without_harm_are_read(merged: str) -> None:
    rows = (["Email", "Name"], *([f"{local}@example.org"] for local in "abc"))
    assert list(read(sheet_of(*rows, merged=[merged]), "people.xlsx").added) == ["a", "b", "c"]


def test_a_value_that_merged_cells_hide_is_not_lost_in_silence() -> None:
    rows = (["Email", "Status"], ["a@example.org", "Active"], ["b@example.org", "Unsubscribed"])
    file = with_cells(
        sheet_of(*rows), b"</sheetData>", b'</sheetData><mergeCells><mergeCell ref="B2:B3"/></mergeCells>'
    )
    with pytest.raises(UnreadableFile, match="Row 3: merged cells"):
        read(file, "people.xlsx")


@pytest.mark.parametrize("place", ["status", "whole row"])
@pytest.mark.parametrize("empty", [b"<v></v>", b"<v/>", b"<v />", b"", b"<v>0</v>"])
def test_a_formula_without_a_value_is_not_taken_for_nothing(place: str, empty: bytes) -> None:
    address = "=Other!A1" if place == "whole row" else "b@example.org"
    file = sheet_of(["Email", "Status"], ["a@example.org"], [address, '=IF(1>0,"Unsubscribed","")'])
    with pytest.raises(UnreadableFile, match=r"Row 3 .*formula"):
        read(with_cells(file, b"<v></v>", empty, b' fullCalcOnLoad="1"'), "people.xlsx")


@pytest.mark.parametrize(
    ("cell", "added"),
    [
        # Excel and LibreOffice write an empty text so.
        (b' t="str"><f>X</f><v></v>', True),
        (b' t="str"><f>X</f><v>Unsubscribed</v>', False),
        (b' t="str"><f t="shared" si="0"/><v>Active</v>', True),
        (b"><f>X</f><v>0</v>", False),
    ],
)
def test_a_formula_with_a_value_is_read_as_that(cell: bytes, added: bool) -> None:
    file = sheet_of(["Email", "Status"], ["a@example.org", "=X"])
    found = read(with_cells(file, b"><f>X</f><v></v>", cell), "people.xlsx")
    assert list(found.added) == (["a"] if added else []) and not found.questions


@pytest.mark.parametrize("title", ["Отписались", "Unsubscribed (2)", "Black list", "Больше не писать"])
@pytest.mark.parametrize("ending", ["", "Казахстан\n"])
def test_people_below_a_row_that_says_that_they_left_are_not_imported(title: str, ending: str) -> None:
    file = f"Email;Name\nПодписчики;\na@example.org;Ann\n;{title}\n{ending}b@example.org;Bob\n"
    cells = [line.split(";") for line in file.splitlines()]
    for form, name in (
        (file, "people.csv"),
        (sheet_of(*cells), "people.xlsx"),
        (pack({"a.csv": file}), "a.zip"),
    ):
        with pytest.raises(UnreadableFile, match=f"Line 4 .*{re.escape(title)}"):
            read(form, name)
    # Without headings, and without people.
    with pytest.raises(UnreadableFile, match=f"Line 1 .*{re.escape(title)}"):
        read(f"{title}\nb@example.org\n", columns={"1": "email"})
    assert list(read(f"Email;Name\na@example.org;Ann\n{title};\n").added) == ["a"]


@pytest.mark.parametrize("part", ["worksheet", "Sheet", "лист"])
def test_all_sheets_are_read_whatever_their_parts_are_called(part: str) -> None:
    book = Workbook()
    for sheet, local in ((book.active, "olga"), (book.create_sheet("Unsubscribed"), "left")):
        sheet.append(["Email"])
        sheet.append([f"{local}@example.org"])
    target = io.BytesIO()
    book.save(target)
    with zipfile.ZipFile(target) as old:
        files = {
            name.replace("worksheets/sheet", f"worksheets/{part}"): old.read(name).replace(
                b"worksheets/sheet", f"worksheets/{part}".encode()
            )
            for name in old.namelist()
        }
    found = read(pack(files), "people.xlsx")
    assert (list(found.added), found.refused) == (["olga"], {"left": "unsubscribed"})


def test_an_archive_that_takes_too_much_ends_its_reader_and_not_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_archive, "ProcessLimits", partial(ProcessLimits, memory=16 << 20))
    with pytest.raises(UnreadableFile, match="too large when unpacked"):
        read(pack({"a.csv": os.urandom(3_000_000)}, zipfile.ZIP_STORED))


@pytest.mark.parametrize(
    ("heading", "cell", "countries"),
    [
        ("COUNTRY_INTEREST", "Казахстан, Узбекистан", "KZ,UZ"),
        ("Countries", "Қазақстан|Өзбекстан", "KZ,UZ"),
        ("countries", "Qozogʻiston; Oʻzbekiston", "KZ,UZ"),
        ("Countries", "Қазоқистон/Ӯзбекистон", "KZ,UZ"),
        ("Topics of interest (countries)", "kaz / UZB", "KZ,UZ"),
        ("Интересующие страны", "Кыргызстан и Таджикистан", "KG,TJ"),
        ("Country", "Kazakhstan; Uzbekistan", "KZ,UZ"),
        ("interests", "Turkmenistan", "TM"),
        # Where somebody lives, and topics.
        ("Country", "Kazakhstan", ""),
        ("CC", "KZ", ""),
        ("Location", "Kazakhstan", ""),
        ("Business Country/Region", "Kazakhstan", ""),
        ("Страна", "Казахстан", ""),
        ("Interests", "Water; Energy", ""),
    ],
)
def test_countries_of_interest_are_read_and_countries_of_residence_are_not(
    heading: str, cell: str, countries: str
) -> None:
    found = read(two_columns(heading, cell))
    assert found.added["p0"][2] == countries
    assert heading in found.unused or countries


@pytest.mark.parametrize(
    ("headings", "cells", "name"),
    [
        ("Name,Last name", "Olga,Kim", "Olga Kim"),
        ("Name,Last name", "Olga Kim,Kim", "Olga Kim"),
        ("Имя,Фамилия", "Ольга,Ким", "Ольга Ким"),
        ("Full name,First name,Last name", "Dr Olga Kim,Olga,Kim", "Dr Olga Kim"),
        ("Name,Surname", ",Kim", "Kim"),
    ],
)
def test_a_name_beside_a_last_name_is_joined(headings: str, cells: str, name: str) -> None:
    assert read(f"email,{headings}\na@example.org,{cells}\n").added["a"][0] == name


def read_job(text: str, mailing_list: MailingList, **options: Any) -> Any:
    job = job_lifecycle.create(
        "people.csv", job_lifecycle.ImportOptions(mailing_list, "a form", "lola", **options), NOW
    )
    job_lifecycle.read_file(job, io.BytesIO(text.encode()), lambda: NOW)
    return job


@pytest.mark.both_databases
def test_one_row_that_says_that_somebody_left_counts_for_all_of_theirs(monthly: MailingList) -> None:
    file = "email,status,name\na@example.org,active,Ann\nA@example.org,unsubscribed,\nb@example.org,active,\n"
    job = read_job(file, monthly)
    assert (job.expected["added"], job.expected["refused"]) == (1, 2)
    assert [row.email for row in ImportRow.objects.all()] == ["b@example.org"]
    assert set(RejectedRow.objects.values_list("line", "status")) == {(2, ""), (3, "unsubscribed")}


@pytest.mark.both_databases
def test_cells_that_are_shown_are_deleted_with_a_subscriber_and_when_the_import_is_applied(
    monthly: MailingList,
) -> None:
    Subscriber.objects.create(email="erased@example.org")
    for end in (
        lambda job: erase_and_suppress("erased@example.org", NOW),
        lambda job: job_lifecycle.start_apply(job, "lola", NOW),
        lambda job: job_lifecycle.discard(job, "lola", NOW),
    ):
        job = read_job(two_columns("Street", "1 Abay Avenue"), monthly)
        assert job.options["unused"] == [["Street", "1 Abay Avenue"]]
        end(job)
        job.refresh_from_db()
        assert job.options["unused"] == [["Street", ""]]


@pytest.mark.both_databases
def test_an_import_that_asks_keeps_nothing(monthly: MailingList) -> None:
    with pytest.raises(Unanswered) as stopped:
        read_job(two_columns("Notes", "", "unsubscribed"), monthly)
    assert [one.heading for one in stopped.value.questions] == ["Notes"]
    assert not ImportRow.objects.exists() and not RejectedRow.objects.exists()
    assert read_job(two_columns("Notes", "", "unsubscribed"), monthly, columns={"Notes": "mentions"})


OUT = [
    "deleted_at",
    "email_disabled",
    "EMAIL_BLACKLIST",
    "unreachable",
    "unsub_date",
    "do_not_email",
    "opt_out",
]
OUT += ["Отписан", "Дата отписки", "bounce_count", "hard_bounced_at", "suppressed", "isBlocked", "Жалоба"]
OUT += [
    "Заблокирован",
    "HasOptedOutOfEmail",
    "Не беспокоить",
    "complaint",
    "Undeliverable",
    "Удалён",
    "nomail",
]
LEFT = [
    "1",
    "true",
    "YES",
    "да",
    "2021-03-04",
    "2021-03-04T10:00:00Z",
    "04.03.2021",
    "3",
    "x",
    "too many mails",
]
IN = ["subscribed_to_emails", "is_active", "confirmed", "Подписан", "opt_in", "Subscribed", "email_verified"]
WORDS = [
    "unsubscribed",
    "Отписан",
    "cleaned",
    "hard bounce",
    "blocklisted",
    "complained",
    "pending",
    "do not mail",
]
WORDS += ["inactive", "Не подтверждён", "заблокирован", "удалён", "unsubscribed by admin", "non-subscribed"]
CLEAR = [
    "unsubscribed",
    "Отписалась в мае",
    "bounced",
    "blocklisted",
    "complained",
    "do not mail",
    "заблокирован",
]
STAYS = ["", "0", "false", "No", "нет", "-", "null"]
# Heading, cells that say that somebody left, and cells that do not.
COLUMNS = [
    *((heading, LEFT, STAYS) for heading in OUT),
    *((heading, ["0", "false", "No", "нет"], ["1", "true", "да", "2021-03-04"]) for heading in IN),
    *(
        (one, WORDS, ["active", "Subscribed", "активен"])
        for one in ("status", "State", "Статус", "member_status")
    ),
    *((one, CLEAR, ["", "Almaty", "7"]) for one in ("", "Notes", "tags", "Группа", "Shoe size")),
]


@st.composite
def files(draw: st.DrawFn) -> tuple[str, set[str]]:
    """A file with one or two such columns, as headings or as keys of JSON; the addresses of "
    "people who left."""
    columns = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=2, unique_by=lambda one: one[0]))
    as_json = draw(st.booleans()) and all(heading for heading, *_ in columns)
    left, rows = set(), []
    for _ in range(draw(st.integers(1, 6))):
        address = f"{draw(st.sampled_from('abcd'))}@example.org"
        cells = []
        for _, leaves, stays in columns:
            if draw(st.booleans()):
                left.add(address)
                cells.append(draw(st.sampled_from(leaves)))
            else:
                cells.append(draw(st.sampled_from(stays)))
        headings = [heading for heading, *_ in columns]
        rows.append([address, *([json.dumps(dict(zip(headings, cells, strict=True)))] if as_json else cells)])
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["email", *(["attributes"] if as_json else headings)])
    writer.writerows(rows)
    return text.getvalue(), left


@pytest.mark.both_databases
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(40), deadline=None
)
@given(files())
def test_nobody_whose_row_says_that_they_left_becomes_mailable(
    monthly: MailingList, file: tuple[str, set[str]]
) -> None:
    text, left = file
    Subscriber.objects.all().delete()
    Suppression.objects.all().delete()
    # One of them is on the list already.
    known = Subscriber.objects.create(email="a@example.org")
    Subscription.objects.create(subscriber=known, mailing_list=monthly, state="confirmed", confirmed_at=NOW)
    try:
        job = read_job(text, monthly)
    except Unanswered as error:
        # The safe answers.
        columns = {
            one.heading or str(one.column): one.proposed for one in error.questions if one.about == "column"
        }
        words = {word: one.proposed for one in error.questions if one.about == "words" for word in one.values}
        job = read_job(text, monthly, columns=columns, words=words)
    job_lifecycle.start_apply(job, "lola", NOW, suppress_do_not_mail=True)
    assert job_lifecycle.RUNNER.run(job, lambda: NOW, lambda: False)
    added = set(Subscriber.objects.values_list("email", flat=True)) - {"a@example.org"}
    assert not added & left
    never = RejectedRow.objects.filter(job=job, kind="do_not_mail").values_list("address_hash", flat=True)
    hashes = Suppression.objects.values_list("address_hash", flat=True)
    assert set(map(bytes, never)) == set(map(bytes, hashes))
