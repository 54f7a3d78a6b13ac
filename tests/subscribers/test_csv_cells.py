from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from subscribers.csv_cells import escape, unescape
from subscribers.imports.countries_and_languages import parse_countries, parse_language


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("", ()),
        ("kz", ("KZ",)),
        ("UZ;KZ|UZ", ("KZ", "UZ")),
        ("Kazakhstan; Uzbekistan", ("KZ", "UZ")),
        ("Казахстан, Кыргызстан", ("KG", "KZ")),
        ("Киргизия|туркменистан", ("KG", "TM")),
        ("O‘zbekiston", ("UZ",)),
        ("Республика Казахстан", ("KZ",)),
        ("Kyrgyz Republic; Республика Таджикистан", ("KG", "TJ")),
        ("O‘zbekiston Respublikasi | Ҷумҳурии Тоҷикистон", ("TJ", "UZ")),
        ("Qazaqstan; Kyrgyz Rep.", ("KG", "KZ")),
        ("Респ. Узбекистан; the Netherlands", ("NL", "UZ")),
        ("United Kingdom of Great Britain and Northern Ireland", ("GB",)),
        ("\u200bKazakh\u00adstan\ufeff", ("KZ",)),
    ],
)
def test_countries_are_parsed_as_people_write_them(text: str, codes: tuple[str, ...]) -> None:
    assert parse_countries(text) == codes


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", ""),
        ("RU", "ru"),
        ("en-GB", "en"),
        ("Russian", "ru"),
        ("казахский", "kk"),
        ("қазақ тілі", "kk"),
        ("Кыргызский", "ky"),
        ("Uzbek", "uz"),
        ("KZ", "kk"),
        ("English (UK)", "en"),
        ("по-русски", "ru"),
        ("на казахском языке", "kk"),
        ("кыргызча", "ky"),
        ("KG", "ky"),
        ("kg-KG", "ky"),
        ("TJ", "tg"),
        ("tm", "tk"),
        ("кыргыз тили", "ky"),
        ("O‘zbek tili", "uz"),
        ("забони тоҷикӣ", "tg"),
        ("ру\u00adсский", "ru"),
    ],
)
def test_languages_are_parsed_as_people_write_them(text: str, code: str) -> None:
    assert parse_language(text) == code


@pytest.mark.parametrize("code", ["und", "mul", "zxx"])
def test_a_code_for_no_language_is_none(code: str) -> None:
    with pytest.raises(ValueError, match=code):
        parse_language(code)


@pytest.mark.parametrize("parse", [parse_countries, parse_language])
def test_an_unknown_name_is_named(parse: object) -> None:
    with pytest.raises(ValueError, match="Atlantis"):
        parse("Atlantis")  # type: ignore[operator]


FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
CELLS = st.text(alphabet="=+-@＝'\"; \t\n\rax,|", max_size=12)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@given(cell=CELLS)
@example(cell="Kim;=cmd|' /C calc'!A0")
@example(cell='a\t=HYPERLINK("http://x")')
@example(cell='Kim"; @SUM(1)')
@example(cell="x\n+1")
def test_no_exported_cell_is_a_formula_whatever_delimiter_a_spreadsheet_expects(
    cell: str, delimiter: str
) -> None:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(["a@example.org", escape(cell), "b"])
    for row in csv.reader(io.StringIO(line.getvalue(), newline=""), delimiter=delimiter):
        for found in row:
            assert not found.startswith(FORMULA), row


@given(cell=CELLS)
def test_an_import_reads_what_was_exported(cell: str) -> None:
    assert unescape(escape(cell)) == cell
