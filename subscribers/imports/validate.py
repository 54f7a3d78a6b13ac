"""Checking rows: each becomes a person, perhaps with something to look at, or a reason why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from subscribers import iso_codes
from subscribers.addresses import address_hasher, normalise
from subscribers.csv_injection import as_meant
from subscribers.imports import address_warnings, attributes
from subscribers.imports.mapping import Columns, simple
from subscribers.imports.parse_language import read_language
from subscribers.imports.records import Person, Refusal
from subscribers.parse_countries import read_countries

Check = Callable[[int, Sequence[str]], Person | Refusal]

_NAME_LIMIT = 200
_FALSE = frozenset({"", "0", "no", "n", "false", "f", "off", "нет", "null", "none", "-", "–"})
# What other systems call people who must not be mailed, and those who never confirmed.
_GONE = {
    **dict.fromkeys(
        ("unsubscribed", "unsubscribe", "opted out", "optout", "отписан", "отписался"), "unsubscribed"
    ),
    **dict.fromkeys(("cleaned", "bounced", "bounce", "hard bounce", "invalid"), "bounced"),
    **dict.fromkeys(("blocklisted", "blacklisted", "blocked", "disabled", "banned", "suppressed"), "blocked"),
    **dict.fromkeys(("complained", "complaint", "spam", "abuse", "junk"), "complained"),
    **dict.fromkeys(("pending", "unconfirmed", "not confirmed", "never confirmed"), "not confirmed"),
    **dict.fromkeys(
        ("non subscribed", "nonsubscribed", "not subscribed", "archived", "inactive"), "not subscribed"
    ),
    **dict.fromkeys(("no", "0", "false", "нет"), "not subscribed"),
}
# Whoever only never confirmed, or is not on the other list, did not ask for silence.
_WAITING = frozenset({"not confirmed", "not subscribed"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class _Gone(ValueError):  # noqa: N818  (a verdict of the file)
    """The file says that no mail may go to this address."""


def checker(columns: Columns) -> Check:
    """The check of one row (its line, its cells) of a table with these columns."""
    at: dict[str, int] = {field: place for place, field in enumerate(columns.fields)}
    email = at["email"]
    name, first, last = at.get("name"), at.get("first_name"), at.get("last_name")
    language, countries, status = at.get("language"), at.get("countries"), at.get("status")
    ended = [place for place, field in enumerate(columns.fields) if field == "ended"]
    each = [(place, field[8:]) for place, field in enumerate(columns.fields) if field.startswith("country:")]
    width, hash_of = len(columns.fields), address_hasher()
    # Most files have no more than these, and their rows need no more looks.
    plain = status is None and not ended and not each
    read_notes = attributes.reader(columns.fields)

    def check(line: int, cells: Sequence[str]) -> Person | Refusal:
        known = None
        try:
            have = len(cells)
            if have > width and any(cell.strip() for cell in cells[width:]):
                raise ValueError(f"there are {have} cells under {width} headings")
            written, given = address_in(cells[email] if email < have else "")
            known = hash_of(written)
            if not plain:
                _still_there(cells, status, ended)
            called = as_meant(cells[name].strip()) if name is not None and name < have else ""
            if not called and (first is not None or last is not None):
                called = " ".join(filter(None, (_cell(cells, first), _cell(cells, last))))
            wanted = _countries(cells[countries]) if countries is not None and countries < have else ""
            if each:
                wanted = _with_columns(wanted, cells, each)
            return Person(
                line,
                known,
                written,
                _name(called or given),
                read_language(cells[language]) if language is not None and language < have else "",
                wanted,
                address_warnings.of(written),
                read_notes(cells) if read_notes else "",
            )
        except ValueError as error:
            kind = "gone" if isinstance(error, _Gone) else "refused"
            return Refusal(line, str(error)[:300], kind, known)

    return check


def _cell(cells: Sequence[str], place: int | None) -> str:
    return as_meant(cells[place].strip()) if place is not None and place < len(cells) else ""


def address_in(cell: str) -> tuple[str, str]:
    """The address, normalised, and a name that stood beside it. Raises ValueError in words."""
    text, name = as_meant(cell.strip()), ""
    if len(text) > 400:
        raise ValueError("the address is longer than 254 characters (RFC 5321)")
    if not text:
        raise ValueError("there is no address")
    if "<" in text and text.endswith(">"):
        name, _, text = text[:-1].rpartition("<")
        name = name.strip().strip('"')
    try:
        return normalise(text.removeprefix("mailto:")), name
    except ValueError as error:
        raise ValueError(f"the address {error}") from error


def _name(text: str) -> str:
    if len(text) > _NAME_LIMIT:
        raise ValueError(f"the name is longer than {_NAME_LIMIT} characters")
    # A line break in a name could become a header of a mail.
    if not text.isprintable() and (_CONTROL.search(text) or not _encodable(text)):
        raise ValueError("the name holds a line break or another control character")
    return text


def _encodable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


@lru_cache(maxsize=4096)
def _countries(cell: str) -> str:
    return ",".join(read_countries(as_meant(cell.strip())))


def _with_columns(wanted: str, cells: Sequence[str], each: Sequence[tuple[int, str]]) -> str:
    chosen = {
        code for place, code in each if place < len(cells) and cells[place].strip().casefold() not in _FALSE
    }
    return ",".join(iso_codes.parse_countries([*chosen, *filter(None, wanted.split(","))]))


def _still_there(cells: Sequence[str], status: int | None, ended: Sequence[int]) -> None:
    if status is not None and status < len(cells) and (gone := _GONE.get(simple(cells[status]))):
        why = f"the file says that this person is {gone} (“{cells[status].strip()[:40]}”)"
        raise ValueError(why) if gone in _WAITING else _Gone(why)
    for place in ended:
        if place < len(cells) and cells[place].strip().casefold() not in _FALSE:
            raise _Gone("the file says that this person is gone: they unsubscribed, bounced or were blocked")
