"""Files as other systems write them are read row by row, and broken files are refused."""

from __future__ import annotations

import errno
import io
import os
import re
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

import openpyxl
import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from subscribers.imports import table_file
from subscribers.imports import workbook as workbook_reader
from subscribers.imports.csv_file import MAX_LINE_LENGTH
from subscribers.imports.row_types import InvalidRow, UnreadableFile, ValidRow
from subscribers.imports.validate import row_validator, warning_for
from subscribers.imports.workbook import rows_in_this_process as table_rows
from subscribers.limited_process import ProcessLimits
from subscribers.segments.models import CustomField
from subscribers.translate_stored_texts import translated

# The names of custom fields are in the database.
pytestmark = pytest.mark.django_db


def read(file: str | bytes, encoding: str = "", **columns: str) -> list[ValidRow | InvalidRow]:
    """Every row below the headings, checked."""
    stream = io.BytesIO(file.encode() if isinstance(file, str) else file)
    with table_file.open_table(stream, {"encoding": encoding, "columns": columns}) as table:
        check = row_validator(table.columns)
        return [check(line, cells) for line, cells in table.rows]


def people(file: str | bytes, **options: str) -> list[tuple[str, str, str, str]]:
    rows = read(file, **options)
    assert all(isinstance(row, ValidRow) for row in rows), rows
    return [(row.email, row.name, row.language, row.countries) for row in rows if isinstance(row, ValidRow)]


def reason(row: ValidRow | InvalidRow) -> str:
    assert isinstance(row, InvalidRow), row
    return row.reason


@pytest.mark.parametrize(
    ("yes", "no"),
    [
        *(("да", "нет"), ("yes", "no"), ("+", "-"), ("x", "✗"), ("ИСТИНА", "ЛОЖЬ"), ("АҚИҚАТ", "ЖАЛҒАН")),
        *(("иә", "жоқ"), ("ооба", "жок"), ("ha", "yo‘q"), ("ha", "yoʻq"), ("Ҳа", "Йўқ"), ("ҳа", "не")),
        *(("hawa", "ýok"), ("Evet", "Hayır"), ("EVET", "HAYIR"), ("DOĞRU", "YANLIŞ")),
    ],
)
def test_yes_and_no_are_read_in_every_language(yes: str, no: str) -> None:
    assert people(f"email;Kazakhstan;Uzbekistan\na@example.org;{yes};{no}\n")[0][3] == "KZ"
    rows = read(f"email;Подписан\na@example.org;{yes}\nb@example.org;{no}\n")
    assert [isinstance(row, ValidRow) for row in rows] == [True, False]


@pytest.mark.parametrize(
    "rows",
    [
        'a@example.org,Ann,"met in May\nb@example.org,Bob,\nc@example.org,Cy,later"\n',
        'a@example.org,Ann,"met in May\nb@example.org,Bob,in June"\n',
        'a@example.org,"Ann,May\nb@example.org,Bob,June\nc@example.org,Cy",July\n',
    ],
)
def test_rows_that_a_quotation_mark_swallows_are_not_lost_in_silence(rows: str) -> None:
    (row,) = read(f"email,nick,note\n{rows}")
    assert "quotation mark" in reason(row)


def test_the_end_of_a_row_that_a_quotation_mark_swallows_is_not_lost_in_silence() -> None:
    (row,) = read('note,nick,email\n"met in May,Ann,a@example.org\nin June",Bob,b@example.org\n')
    assert "quotation mark" in reason(row)


@pytest.mark.parametrize(
    "note",
    [
        "1 Abay Ave,\nAlmaty, 050000",
        "Write to:\nivan@example.org\nor to ann@example.org, please",
        "Ann, director\nann@example.org, ivan@example.org",
        "\n",
    ],
)
def test_a_cell_of_several_lines_is_no_rows(note: str) -> None:
    assert people(f'email,nick,note\na@example.org,Ann,"{note}"\n')


def test_the_number_of_a_column_means_it_also_where_headings_are_numbers() -> None:
    file = "email,3,2024,2\na@example.org,Ann,en,kk\n"
    assert people(file, **{"2": "name", "4": "language"}) == [("a@example.org", "Ann", "kk", "")]
    assert people(file, **{"2024": "language"}) == [("a@example.org", "", "en", "")]


@pytest.mark.parametrize("cell", ["не интересует", "Not interested", "нет, спасибо"])
def test_a_country_that_does_not_interest_is_not_chosen(cell: str) -> None:
    assert people(f"email;Kazakhstan;Uzbekistan\na@example.org;x;{cell}\n")[0][3] == "KZ"


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("'olga@example.org", ""),
        ("'olga@example.org'", ""),
        ("«Olga@Example.org»", ""),
        ("[olga@example.org]", ""),
        ("olga@example.org.", ""),
        ("olga@example.org; ", ""),
        ("\ufeffolga@example.org\u200b", ""),
        ("MAILTO:olga@example.org?subject=Hello", ""),
        ("Olga Kim <mailto:olga@example.org>,", "Olga Kim"),
        ("'Olga Kim' <olga@example.org>", "Olga Kim"),
        ("olga@example.org <olga@example.org>", ""),
        ("Olga Kim (Almaty) <olga@example.org>", "Olga Kim (Almaty)"),
        ("Olga @ Work <olga@example.org>", "Olga @ Work"),
    ],
)
def test_an_address_is_read_without_what_is_around_it(cell: str, name: str) -> None:
    assert people(f'email\tnote\n"{cell}"\tx\n')[0][:2] == ("olga@example.org", name)


@pytest.mark.parametrize(
    "cell",
    [
        "Olga <olga@example.org>, Ivan <ivan@example.org>",
        "olga@example.org; Ivan <ivan@example.org>",
        "olga@example.org, ivan@example.org",
        "olga@example.org ivan@example.org",
        "olga@example.org\nivan@example.org",
        "olga@example.org/ivan@example.org",
    ],
)
def test_a_cell_with_several_addresses_is_refused(cell: str) -> None:
    assert reason(read(f'email\tnote\n"{cell}"\tx\n')[0])


@pytest.mark.parametrize(
    "row",
    [
        *("nobody,Ann", ",Ann", f"{'a' * 500},Ann", "a@[192.0.2.1],Ann", f"{'a' * 70}@example.org,Ann"),
        *(f"a@example.org,{'n' * 1000}", "a@example.org,An\x07n", "a@example.org,Ann,more,and more"),
    ],
)
def test_staff_read_in_their_language_why_a_row_is_rejected(row: str) -> None:
    (rejected,) = read(f"email,name\n{row}\n")
    with override("ru"):
        assert re.findall("[A-Za-z]+", translated(reason(rejected))) in ([], ["RFC"], ["IP"])


MANY = b"email\n" + b"".join(b"p%d@example.org\n" % number for number in range(1500))


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "empty"),
        (b"\n \n\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"address book\nx\n", "no column"),
        (b"email,email\na@example.org,b\n", "two columns"),
        (MANY + b"\xe9@example.org\n", "Line 1502 of the file: the byte 0xe9 is not UTF-8"),
        (MANY + b'"open,\n' + MANY, "Line 1502 of the file: a quotation mark is opened"),
        (MANY + b'"a"b,c\n', "Line 1502 of the file: there is a quotation mark inside"),
        (MANY + b"a\0b@example.org\n", "Line 1502 holds a NUL"),
        (MANY + b"x" * (MAX_LINE_LENGTH * 10) + b"\n", "Line 1502 is longer"),
        (MANY + b"y" * 200_000 + b"\n", "Line 1502 of the file: a cell"),
        (
            b",".join(b"c%d" % number for number in range(2000)) + b"\n",
            "Line 1 of the file has 2,000 columns",
        ),
        (MANY + b"," * 1999 + b"x\n", "Line 1502 of the file has 2,000 columns"),
        (
            "Имя,email\n".encode() + "Жанна,a@example.org\n".encode() * 40 + b"\xc6,x\n",
            "Line 42 of the file: the byte 0xc6",
        ),
        ("email\na@example.org\n".encode("utf-16")[:-1], "Line 2 of the file: the byte 0x0a is not UTF-16"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "Line"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_a_broken_file_is_refused_with_its_line(file: bytes, words: str) -> None:
    with pytest.raises(UnreadableFile, match=words):
        read(file)


def test_a_chosen_encoding_is_enforced() -> None:
    file = "email,name\na@example.org,Жанна\n"
    assert people(file.encode("koi8-r"), encoding="koi8-r")[0][1] == "Жанна"
    with pytest.raises(UnreadableFile, match=r"Line 2 of the file: the byte .* is not UTF-8"):
        read(file.encode("cp1251"), encoding="utf-8")
    with pytest.raises(UnreadableFile, match="klingon"):
        read(file, encoding="klingon")


CYRILLIC = ["Ольга Иванова", "Айгуль", "НУРЛАН", "Дмитрий Ким", "Ержан Абдрахманов"]
LATIN = ["José Núñez", "François", "Jürgen Müller", "Zoë"]
KAZAKH = ["Нұрлан Әбдірахманов", "Айгүль Сағатұлы", "Қайрат Төлегенов", "Бағдат Жұмабек", "Жүніс Сұлтанов"]
KYRGYZ = ["Өмүрбек Текебаев", "Түгөлбай Сыдыкбеков", "Чыңгыз Айтматов", "Сүйүнбай"]
UZBEK = ["Ўктам Жўраев", "Гўзал Йўлдошева", "Ўткир Мўминов", "Тўхтаев Норбўта", "Ўлжабоев"]
TAJIK = ["Рахмон Шариф", "Гулчехра Носирова", "Сайфулло Чураев"]
BELARUSIAN = ["Аўген Кавалёў", "Леў Воўк", "Паўлюк Багрым", "Уладзімір Някляеў"]
UKRAINIAN = ["Євген Їжакевич", "Анастасія Матвієнко", "Раїса Гаєва", "Сергій Ґонта", "Олексій Єлисеєв"]
SERBIAN = ["Ђорђе Јовановић", "Љубица Николић", "Његош Петровић"]
TURKISH = ["Ayşe Yılmaz", "Çağrı", "İbrahim Şahin", "Gülşen"]


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        *((one, CYRILLIC) for one in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")),
        *((one, CYRILLIC) for one in ("cp1251", "koi8-r", "cp866")),
        *((one, KAZAKH) for one in ("kz1048", "ptcp154")),
        *((one, KYRGYZ) for one in ("kz1048", "ptcp154")),
        *(("cp1251", names) for names in (UZBEK, TAJIK, BELARUSIAN, UKRAINIAN, SERBIAN)),
        ("cp1252", LATIN),
        ("cp1254", TURKISH),
    ],
)
def test_the_encoding_is_detected_from_the_text(encoding: str, names: Sequence[str]) -> None:
    rows = "".join(f"p{number}@example.org;{name}\r\n" for number, name in enumerate(names))
    assert [row[1] for row in people(f"Email;Name\r\n{rows}".encode(encoding))] == names


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        *((one, name) for one in ("kz1048", "ptcp154") for name in (*KAZAKH, *KYRGYZ)),
        *(("cp1251", name) for names in (UZBEK, BELARUSIAN, UKRAINIAN, SERBIAN) for name in names),
    ],
)
def test_one_name_is_enough_to_tell_the_encodings_of_cyrillic_apart(encoding: str, name: str) -> None:
    file = f"Email;Name\na@example.org;{name}\nb@example.org;{name}\n"
    assert {row[1] for row in people(file.encode(encoding))} == {name}


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "cp866"])
def test_a_file_that_changes_its_encoding_is_refused_and_not_garbled(encoding: str) -> None:
    older = "".join(f"p{number}@example.org;{name}\n" for number, name in enumerate(CYRILLIC))
    with pytest.raises(UnreadableFile, match="Line 2 of the file"):
        read(f"email;name\n{older}".encode(encoding) + "new@example.org;Гүлнара\n".encode())


@pytest.mark.parametrize(
    "file",
    [
        "a@example.org, b@example.org, c@example.org",
        "a@example.org;b@example.org;c@example.org;\n d@example.org;e@example.org; \n\n",
        "Kim, Ann <a@example.org>; <b@example.org>; Cy <c@example.org>;\n",
        "Ann <a@example.org>, b@example.org,\n'Cy' <c@example.org>, D <d@example.org>, E <e@example.org>\n",
    ],
)
def test_a_list_with_several_addresses_on_a_line_is_read_to_its_end(file: str) -> None:
    rows = read(file)
    expected = ["a@example.org", "b@example.org", "c@example.org", "d@example.org", "e@example.org"]
    assert [row.email for row in rows if isinstance(row, ValidRow)] == expected[: len(rows)]
    assert [row.line for row in rows] == list(range(1, len(rows) + 1)) and len(rows) in (3, 5)


def test_a_long_list_on_one_line_is_read_to_its_end() -> None:
    assert len(people(",".join(f"person{number}@example.org" for number in range(9_000)))) == 9_000


def test_two_addresses_on_each_line_are_those_of_one_person() -> None:
    rows = people("a@example.org,home.a@example.net\nb@example.org,home.b@example.net\n")
    assert [row[0] for row in rows] == ["a@example.org", "b@example.org"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected_and_a_quoted_line_break_is_part_of_a_cell(delimiter: str) -> None:
    row = delimiter.join(['"1 Long Street\nAlmaty"', "a@example.org", '"Kim, Olga; the ""second"" | x\t"'])
    headings = delimiter.join(["Address", "Email Address", "Full name"])
    rows = read(f"{headings}\r\n{row}\r\n{delimiter.join(['', 'x', ''])}\r\n")
    assert isinstance(rows[0], ValidRow) and rows[0].name.startswith('Kim, Olga; the "second" |')
    assert rows[1].line == 4


def test_the_sep_line_of_excel_sets_the_delimiter() -> None:
    assert people("sep=|\nemail|name\na@example.org|a,b;c\n") == [("a@example.org", "a,b;c", "", "")]


MAILCHIMP = (
    '"Email Address","First Name","Last Name",Address,Countries,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CC,'
    "TIMEZONE,LAST_CHANGED,LEID,EUID,NOTES,TAGS"
)


def test_an_export_of_mailchimp() -> None:
    row = (
        'olga@example.org,Olga,Kim,"1 Street  Almaty 050000 KZ","Kazakhstan, Uzbekistan",2,'
        '"2021-03-04 10:00:00",192.0.2.1,DE,Europe/Berlin,"2021-03-04 10:00:00",1,ab,,"""vip"""'
    )
    assert people(f"{MAILCHIMP}\n{row}\n") == [("olga@example.org", "Olga Kim", "", "KZ,UZ")]


@pytest.mark.parametrize("column", ["UNSUB_TIME", "CLEAN_TIME"])
def test_unsubscribed_members_of_mailchimp_are_do_not_mail(column: str) -> None:
    (row,) = read(f"{MAILCHIMP},{column}\na@example.org{',' * 14},2021-03-04 10:00:00\n".replace(",,", ",,"))
    assert isinstance(row, InvalidRow) and row.kind == "do_not_mail"


def test_an_export_of_listmonk() -> None:
    rows = read(
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        '5f0e,olga@example.org,Olga Kim,"{""city"": ""Almaty, KZ""}",enabled,2021-01-01,2021-01-01\n'
        "5f0f,gone@example.org,Gone,{},blocklisted,2021-01-01,2021-01-01\n"
    )
    assert isinstance(rows[0], ValidRow) and (rows[0].email, rows[0].name) == ("olga@example.org", "Olga Kim")
    assert isinstance(rows[1], InvalidRow) and rows[1].kind == "do_not_mail"


@pytest.mark.parametrize(
    "heading",
    [
        *("Адрес эл. почты", "Эл. почта", "Электронный адрес", "Эл. пошта", "Электрондук почта"),
        *("Elektron pochta", "Почтаи электронӣ", "Elektron poçta", "E-posta Adresi", "E-Mail-Adresse"),
    ],
)
def test_the_address_is_found_beside_where_people_live(heading: str) -> None:
    file = f"Адрес;{heading};Имя\nг. Алматы, пр. Абая, 1;olga@example.org;Ольга\n"
    assert people(file) == [("olga@example.org", "Ольга", "", "")]


def test_a_member_list_of_mailman_has_no_headings() -> None:
    found = people('olga@example.org\nOlga Kim <olga2@example.org>\n"Ким, Ольга" <olga3@example.org>\n')
    assert found[0] == ("olga@example.org", "", "", "")
    assert found[1][:2] == ("olga2@example.org", "Olga Kim")


def test_an_export_of_brevo() -> None:
    rows = read(
        "﻿EMAIL;FIRSTNAME;LASTNAME;SMS;BLACKLISTED;ADDED_TIME;MODIFIED_TIME\n"
        "olga@example.org;Olga;Kim;;0;01-03-2021;01-03-2021\n"
        "gone@example.org;Gone;;;1;01-03-2021;01-03-2021\n"
    )
    assert isinstance(rows[0], ValidRow) and rows[0].name == "Olga Kim"
    assert isinstance(rows[1], InvalidRow) and rows[1].kind == "do_not_mail"


def test_an_outlook_export_has_no_countries_of_interest() -> None:
    file = (
        '"First Name","Middle Name","Last Name","Business Country/Region","Home Country/Region",'
        '"E-mail Address","E-mail Type","E-mail Display Name","E-mail 2 Address","Notes","Language"\r\n'
        '"Ольга","","Ким","Germany","Germany","olga@example.org","SMTP","Ким Ольга (olga@example.org)","",'
        '"first line\r\nsecond line","Russian"\r\n'
    )
    assert people(file.encode("cp1251")) == [("olga@example.org", "Ольга Ким", "ru", "")]


def test_a_column_per_country_by_name_or_code() -> None:
    file = "ID;e-mail;Kazakhstan;Узбекистан;interest_kg;CC\n"
    file += "7;a@example.org;x;нет;1;DE\n8;b@example.org;;да;0;KZ\n"
    assert [row[3] for row in people(file)] == ["KG,KZ", "UZ"]


def test_the_fields_of_columns_can_be_overridden() -> None:
    file = "Who,Mail of the office,Email,Which\nAnn,a@example.org,b@example.org,KZ\n"
    overrides = {"Mail of the office": "email", "1": "name", "which": "countries"}
    assert people(file, **overrides) == [("a@example.org", "Ann", "", "KZ")]
    with pytest.raises(UnreadableFile, match="no column “Nope”"):
        read(file, Nope="email")
    with pytest.raises(UnreadableFile, match="“colour”"):
        read(file, Who="colour")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("nonsense,,,", "no @"),
        (",Name,,", "no address"),
        ("a@example.org,,xx,", "language"),
        ("a@example.org,,,Atlantis", "Atlantis"),
        ('a@example.org,"Two\nlines",,', "line break"),
        (f"a@example.org,{'x' * 201},,", "longer than 200"),
        ("a@[127.0.0.1],,,", "IP address"),
        ("a@example.org,Kim, Olga,ru,KZ", "5 cells under 4"),
        (f"{'x' * 65}@example.org,,,", "64 characters"),
        ("a@exa mple.org,,,", "not a valid"),
    ],
)
def test_an_invalid_row_has_its_line_and_a_reason_without_the_address(row: str, words: str) -> None:
    found = read(f"email,name,language,countries\nfine@example.org,,,\n{row}\n")
    assert isinstance(found[0], ValidRow)
    assert found[1].line == 3
    assert words in reason(found[1])
    assert "a@example.org" not in reason(found[1])


@pytest.mark.parametrize(
    ("name", "stored_name"),
    [
        *((f"{mark}Ann \u202cKim{mark}", "Ann Kim") for mark in "\u202a\u202e\u2066\u2069"),
        ("\u202e \u202c", ""),
        # Parts of words, in Persian for one.
        ("نرگس\u200cجان", "نرگس\u200cجان"),
    ],
)
def test_controls_of_the_text_direction_are_no_part_of_a_name(name: str, stored_name: str) -> None:
    assert people(f"email,name\na@example.org,{name}\n")[0][1] == stored_name
    if stored_name == "Ann Kim":
        assert people(f"email\n{name} <a@example.org>\n")[0][1] == stored_name


def test_a_domain_in_another_script_is_stored_as_a_labels() -> None:
    assert people("email\nольга.x@example.org\n".replace("ольга.x", "olga")) == [
        ("olga@example.org", "", "", "")
    ]
    assert people("email\nolga@пример.рф\n")[0][0] == "olga@xn--e1afmkfd.xn--p1ai"


@pytest.mark.parametrize(
    ("name", "doubt"),
    [
        *((one, "name") for one in ("Н?рлан", "?бдірахманов", "Серы?", "???ар А.", "A\ufffdgul")),
        *((one, "") for one in ("Нұрлан", "?", "Ann (?)", "2?")),
    ],
)
def test_a_name_in_which_letters_were_lost_gets_a_warning(name: str, doubt: str) -> None:
    (row,) = read(f"email;name\na@example.org;{name}\n")
    assert isinstance(row, ValidRow) and (row.name, row.warning) == (name, doubt)


@pytest.mark.parametrize(
    ("address", "flag"),
    [
        ("olga@gmial.com", "typo gmail.com"),
        ("olga@gmail.con", "typo gmail.com"),
        ("olga@mail.ruu", "typo mail.ru"),
        ("olga@gmail.com", ""),
        ("olga@mail.kz", ""),
        ("info@example.org", "role"),
        ("olga@mailinator.com", "disposable"),
        ("olga@example.org", ""),
    ],
)
def test_doubtful_addresses_get_a_warning(address: str, flag: str) -> None:
    assert warning_for(address) == flag


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_a_message(raw: bytes) -> None:
    try:
        rows = read(b"email,name\n" + raw)
    except UnreadableFile as error:
        assert str(error).endswith(".")
    else:
        for row in rows:
            assert row.line > 1
            assert isinstance(row, ValidRow) or row.reason


def workbook(*rows: Sequence[object], **parts: bytes) -> bytes:
    """A workbook of these rows, perhaps with some parts replaced."""
    book = Workbook()
    for row in rows:
        book.active.append(row)
    target = io.BytesIO()
    book.save(target)
    if not parts:
        return target.getvalue()
    changed = io.BytesIO()
    with zipfile.ZipFile(target) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, parts.pop(name.rpartition("/")[2].partition(".")[0], old.read(name)))
        for name, data in parts.items():
            new.writestr(name, data)
    return changed.getvalue()


def test_a_workbook_is_read_as_a_table() -> None:
    file = workbook(
        ["E-mail", "Имя", "Фамилия", "Kazakhstan", "Uzbekistan", "Since"],
        ["olga@example.org", "Ольга", "Ким", True, 0, date(2021, 3, 4)],
        [],
        ["b@example.org", 7.0, None, 0, 1],
    )
    assert people(file) == [
        ("olga@example.org", "Ольга Ким", "", "KZ"),
        ("b@example.org", "7", "", "UZ"),
    ]


def test_a_day_and_a_line_break_in_a_workbook_are_read_as_such() -> None:
    CustomField.objects.create(name="Since", kind="date")
    file = workbook(
        ["Email", "Name", "Since"],
        ["a@example.org_x000D_", "Ann_x000d__x000A_", datetime(2021, 3, 4)],  # noqa: DTZ001  (Excel knows no time zones)
        ["b@example.org", "B_x0041_", "2021-03-04"],
    )
    assert [one[:2] for one in people(file)] == [("a@example.org", "Ann"), ("b@example.org", "B_x0041_")]
    assert all('"2021-03-04"' in row.attributes for row in read(file) if isinstance(row, ValidRow))


@pytest.mark.parametrize("limit", ["_MAX_BYTES", "_MAX_OTHER_PART"])
def test_all_parts_of_a_workbook_and_each_beside_the_sheets_have_a_limit(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Smaller limits than those of the product, so that the file need not have a gigabyte."""
    file = workbook(["email"], ["olga@example.org"], extra=os.urandom(2 << 20))
    assert len(list(table_rows(io.BytesIO(file)))) == 2
    monkeypatch.setattr(workbook_reader, limit, 1 << 20)
    with pytest.raises(UnreadableFile, match="too large when unpacked"):
        list(table_rows(io.BytesIO(file)))


def test_a_workbook_whose_parts_are_nested_too_deep_is_refused() -> None:
    def nested(levels: int) -> io.BytesIO:
        part = b"<a>" * levels + b"</a>" * levels
        return io.BytesIO(workbook(["email"], ["olga@example.org"], **{"extra.xml": part}))

    assert len(list(table_rows(nested(90)))) == 2
    with pytest.raises(UnreadableFile, match="damaged"):
        list(table_rows(nested(200)))


SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (workbook(), "empty"),
        (workbook(["who"], ["Ann"]), "no column"),
        (workbook(["email"], [*range(2000)]), "Line 2 of the file has 2,000 columns"),
        (workbook(["email"], sheet1=SHEET + b" " * (20 << 20)), "too large when unpacked"),
        (
            workbook(["email"], sheet1=SHEET + b"<row r='1'><c r='A1' t='str'><v>email</v>"),
            "Row 1: .* damaged",
        ),
        (
            workbook(
                sheet1=SHEET + b"<row r='9999999'><c r='A9999999'><v>1</v></c></row></sheetData></worksheet>"
            ),
            "Row 1,048,577",
        ),
        (workbook(["email"])[:-200], "damaged"),
        (workbook(["email"], workbook=b"<a>" * 300_000), "Row 1: .* damaged"),
        (
            workbook(["email"], **{f"extra{number}": b"" for number in range(1_000)}),
            "too large when unpacked",
        ),
        (
            workbook(
                ["email"], workbook=b'<workbook xmlns="http://purl.oclc.org/ooxml/spreadsheetml/main"/>'
            ),
            "Strict Open XML",
        ),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "old Excel file"),
    ],
    # A workbook contains the time at which it was made, and test ids must be the same everywhere.
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_a_broken_workbook_is_refused(file: bytes, words: str) -> None:
    with pytest.raises(UnreadableFile, match=words):
        read(file)


SMALL = workbook(
    ["email", "name"], *([f"p{number}@example.org", f"Ann {number * 7919}"] for number in range(40))
)


@given(at=st.lists(st.tuples(st.integers(4, len(SMALL) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_workbook_with_any_octets_changed_is_read_or_refused(at: list[tuple[int, int]]) -> None:
    damaged = bytearray(SMALL)
    for place, octet in at:
        damaged[place] = octet
    try:
        # In this process, which is quicker: another one adds limits only.
        list(table_rows(io.BytesIO(bytes(damaged))))
    except UnreadableFile as error:
        assert str(error)


def archive(**members: str) -> bytes:
    """A ZIP archive of these members, uncompressed; "__" stands for a slash, "_" for a point."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/").replace("_", "."), content)
    return written.getvalue()


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        (
            archive(mimetype="application/vnd.oasis.opendocument.spreadsheet", content_xml="<office/>"),
            "OpenDocument",
        ),
        (archive(xl__workbook_bin="x", xl__worksheets__sheet1_bin="x"), "XLSB"),
        (b"\xef\xbb\xbfBEGIN:VCARD\r\nVERSION:3.0\r\nEMAIL:a@example.org\r\nEND:VCARD\r\n", "vCard"),
    ],
    ids=["OpenDocument", "XLSB", "vCard"],
)
def test_a_file_of_another_kind_is_named(file: bytes, kind: str) -> None:
    with pytest.raises(UnreadableFile, match=kind):
        read(file)


@pytest.mark.parametrize("mark", ["", "\ufeff", "\r\n  "])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
@pytest.mark.parametrize(
    ("start", "kind"),
    [
        ("<html xmlns:x='urn:schemas-microsoft-com:office:excel'>", "web page"),
        ("<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'>", "web page"),
        ("<!-- export --><TABLE border=1>", "web page"),
        ("<meta charset=utf-8><table>", "web page"),
        ('<?xml version="1.0"?><html>', "web page"),
        ("MIME-Version: 1.0\nContent-Type: multipart/related", "web page"),
        ('<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n<Workbook>', "XML"),
        ('<ss:Workbook xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">', "XML"),
    ],
)
def test_a_web_page_or_xml_that_is_called_a_workbook_is_named(
    start: str, kind: str, encoding: str, mark: str
) -> None:
    with pytest.raises(UnreadableFile, match=f"This is an? {kind}"):
        read(f"{mark}{start}<tr><td>Email</td></tr><tr><td>a@example.org</td></tr>".encode(encoding))


def test_an_address_in_angle_brackets_is_no_markup() -> None:
    assert people("<table@example.org>\n<html@example.org>\n")[0][0] == "table@example.org"


@pytest.mark.parametrize(
    "title", ["Список подписчиков на 01.12.2021", "Readers; {year} edition", "Readers, 2021"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("padded", [False, True])
def test_titles_above_the_headings_are_left_out(title: str, delimiter: str, padded: bool) -> None:
    rows = [[f'"{title}"'], [""], ["Имя", "E-mail"], ["Ann", "a@example.org"], ["Bob", "b@example.org"]]
    file = "\n".join(delimiter.join([*row, ""] if padded and len(row) == 1 else row) for row in rows)
    assert [row[:2] for row in people(file)] == [("a@example.org", "Ann"), ("b@example.org", "Bob")]
    assert read(file)[0].line == 4


def test_titles_above_the_headings_of_a_workbook_are_left_out() -> None:
    book, target = Workbook(), io.BytesIO()
    for row in (["Readers"], [], [], ["Email", "Name"], ["a@example.org", "Ann"]):
        book.active.append(row)
    book.active.merge_cells("A1:B2")
    book.save(target)
    assert people(target.getvalue()) == [("a@example.org", "Ann", "", "")]


def test_more_than_titles_above_the_headings_is_refused_with_their_line() -> None:
    with pytest.raises(UnreadableFile, match="headings are in line 2"):
        read("Контакты;;Отписался\nEmail;Телефон;\na@example.org;1;да\n")
    book, target = Workbook(), io.BytesIO()
    for sheet in (book.active, book.create_sheet("Left")):
        for row in (["Email"], ["a@example.org"]) if sheet is book.active else (["A", "B"], ["Email"]):
            sheet.append(row)
    book.save(target)
    with pytest.raises(UnreadableFile, match=r"Left: .*line 2"):
        read(target.getvalue())


def test_a_title_above_the_headings_that_says_that_people_left_is_not_left_out() -> None:
    with pytest.raises(UnreadableFile, match=r"Line 1 .*Отписавшиеся"):
        read("Отписавшиеся;\nEmail;Name\na@example.org;Ann\n")


def test_a_row_below_people_does_not_name_the_columns() -> None:
    file = "Contact;How\na@example.org;Phone\n;Mail\nb@example.org;Mail\n"
    assert [isinstance(row, ValidRow) for row in read(file, Contact="email")] == [True, False, True]


def test_an_encrypted_workbook_is_refused() -> None:
    locked = bytearray(SMALL)
    place = locked.find(b"PK\x01\x02")
    while place >= 0:
        locked[place + 8] |= 1
        place = locked.find(b"PK\x01\x02", place + 4)
    with pytest.raises(UnreadableFile, match="damaged"):
        read(bytes(locked))


def test_a_workbook_that_takes_too_much_ends_its_reader_and_not_us(monkeypatch: pytest.MonkeyPatch) -> None:
    # Enough for the program and a small workbook, on any system. A text takes twice its size.
    monkeypatch.setattr(workbook_reader, "ProcessLimits", partial(ProcessLimits, memory=128 << 20))
    assert len(read(SMALL)) == 40
    large = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(SMALL)) as old, zipfile.ZipFile(large, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"p0@example.org", b"p" * (60 << 20)))
    with pytest.raises(UnreadableFile, match="too complex"):
        read(large.getvalue())


@pytest.mark.parametrize("error", [OSError(errno.ENOMEM, ""), ParseError(), MemoryError()], ids=repr)
def test_a_workbook_is_not_called_damaged_because_memory_ran_out(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(error, ParseError):
        error.code = expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(openpyxl, "load_workbook", fail)
    with pytest.raises(MemoryError):
        list(table_rows(io.BytesIO(SMALL)))


def test_a_row_of_many_lines_has_a_limit_too() -> None:
    cell = '"' + "y\n" * 60_000 + '"'
    with pytest.raises(UnreadableFile, match="the row is longer"):
        read("email\n" + ",".join([cell] * 10) + "\n")
