"""Reading a file of people: its encoding, its separator, and each row as a person or as a reason why not."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO

from subscribers import places
from subscribers.addresses import normalise
from subscribers.countrynames import read_countries

COLUMNS = ("email", "name", "language", "countries")
_SEPARATORS = ",;\t"
_HEADER_LIMIT = 64 * 1024
_NAME_LIMIT = 200
# What spreadsheets take for a formula; our export puts an apostrophe before it, reading takes it off.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class BrokenFile(Exception):  # noqa: N818  (a verdict on the file)
    """The file as a whole cannot be read; the message says where and what to do. Nothing of it is taken."""


@dataclass(frozen=True)
class Person:
    """One row; an empty value says nothing about what is known already."""

    # Line of the file on which the row begins, from 1.
    line: int
    # In the form of addresses.normalise.
    email: str
    name: str
    language: str
    countries: tuple[str, ...]


@dataclass(frozen=True)
class Refusal:
    line: int
    # In words, without the address.
    reason: str


def read_rows(stream: BinaryIO) -> Iterator[Person | Refusal]:
    """Every row below the header that is not blank. Memory does not grow with the file. Raises BrokenFile."""
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    begins = 1
    try:
        header = text.readline(_HEADER_LIMIT)
        separator, columns = _header(header)
        reader = csv.reader(text, delimiter=separator, strict=True)
        begins = 2
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _row(begins, columns, cells)
            begins = reader.line_num + 2
    except UnicodeDecodeError as error:
        raise BrokenFile(_not_utf8(error)) from error
    except csv.Error as error:
        raise BrokenFile(f"Line {begins}: {_in_words(str(error))}") from error
    finally:
        text.detach()


def _header(line: str) -> tuple[str, dict[str, int]]:
    """The separator, and the place of each known column."""
    for separator in _SEPARATORS:
        names = [name.strip().lower() for name in next(csv.reader([line], delimiter=separator), [])]
        if "email" not in names:
            continue
        twice = [name for name in COLUMNS if names.count(name) > 1]
        if twice:
            raise BrokenFile(f"Line 1: the column “{twice[0]}” stands there twice; keep one.")
        return separator, {name: names.index(name) for name in COLUMNS if name in names}
    raise BrokenFile(
        "Line 1: there is no column “email”. "
        "The first line must name the columns, such as: email,name,language,countries"
    )


def _row(line: int, columns: dict[str, int], cells: Sequence[str]) -> Person | Refusal:
    given = {name: _cell(cells, place) for name, place in columns.items()}
    try:
        if not given["email"]:
            raise ValueError("there is no address")
        return Person(
            line,
            _address(given["email"]),
            _name(given.get("name", "")),
            _language(given.get("language", "")),
            read_countries(given.get("countries", "")),
        )
    except ValueError as error:
        return Refusal(line, str(error))


def _cell(cells: Sequence[str], place: int) -> str:
    text = cells[place].strip() if place < len(cells) else ""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA_STARTS) else text


def _address(text: str) -> str:
    if len(text) > 400:
        raise ValueError("the address is longer than 254 characters (RFC 5321)")
    try:
        return normalise(text)
    except ValueError as error:
        raise ValueError(f"the address {error}") from error


def _name(text: str) -> str:
    if len(text) > _NAME_LIMIT:
        raise ValueError(f"the name is longer than {_NAME_LIMIT} characters")
    # A line break in a name could become a header of a mail.
    if any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in text):
        raise ValueError("the name holds a line break or another control character")
    return text


@lru_cache(maxsize=1024)
def _language(text: str) -> str:
    code = text.replace("_", "-").partition("-")[0].lower()
    if code and code not in places.LANGUAGES:
        raise ValueError(f"“{text[:40]}” is no language code; write one such as en, ru or kk")
    return code


def _not_utf8(error: UnicodeDecodeError) -> str:
    sixteen = error.start == 0 and error.object[:2] in (b"\xff\xfe", b"\xfe\xff")
    found = (
        "UTF-16 text" if sixteen else f"not UTF-8 text (it holds the byte {error.object[error.start]:#04x})"
    )
    return f"The file is {found}: save it as “CSV UTF-8” and try again."


def _in_words(error: str) -> str:
    if "field larger" in error or "unexpected end" in error:
        return "a quotation mark opens here and is not closed."
    if "expected after" in error:
        return "a quotation mark stands inside a quoted cell; write it twice."
    return f"{error}."
