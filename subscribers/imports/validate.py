"""Validates rows: each becomes a ValidRow, perhaps with a warning, or an InvalidRow with a reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache

from subscribers import iso_codes
from subscribers.addresses import address_hasher, normalise
from subscribers.csv_cells import unescape
from subscribers.imports import tags_and_fields
from subscribers.imports.column_mapping import Columns
from subscribers.imports.csv_file import DELIMITERS
from subscribers.imports.row_types import InvalidRow, ValidRow
from subscribers.imports.status_cells import (
    DO_NOT_MAIL,
    Status,
    is_negated,
    is_no_or_empty,
    most_severe,
    normalise_words,
)
from subscribers.imports.status_columns import GATES, make_cell_reader
from subscribers.imports.unknown_values import ValueReader
from subscribers.translate_stored_texts import stored

Validate = Callable[[int, Sequence[str]], ValidRow | InvalidRow]

_MAX_NAME_LENGTH = 200
# What programs write in place of a letter that an encoding does not have: Excel, and decoders.
_LOST_LETTER = re.compile(r"[^\W\d_]\?|\?[^\W\d_]|\ufffd")
# They set the direction of the text after them: a name with one would turn the sentence around it.
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

# What a cell may have around an address, and after it.
_AROUND, _AFTER = " \t\"'`‘’“”„«»<>()[]", " \t\r\n.,;:"
_QUOTED = re.compile(r"""\A(["'])(.*)\1\Z""")
_ONE_OF_SEVERAL = re.compile(r"(?<![^@\s<>()\[\],;|/])[^@\s<>()\[\],;|/]++@[^@\s<>()\[\],;|/]+")
_SEPARATOR, _ADDRESS = re.compile("[<>,;]"), re.compile(r"[^@\s]+@[^@\s]+")

# Mailboxes of an office and not of a person (RFC 2142, and common use).
_ROLES = frozenset(
    {
        *(
            "abuse",
            "admin",
            "administrator",
            "billing",
            "contact",
            "contacts",
            "enquiries",
            "feedback",
            "ftp",
        ),
        *("help", "helpdesk", "hostmaster", "hr", "info", "inquiries", "jobs", "mail", "mailer-daemon"),
        *("marketing", "media", "news", "no-reply", "noc", "noreply", "office", "postmaster", "press"),
        *("priemnaya", "reception", "root", "sales", "secretary", "security", "service", "spam", "subscribe"),
        *("support", "team", "unsubscribe", "webmaster"),
    }
)
# Providers whose names are often mistyped.
_PROVIDERS = (
    *("gmail.com", "hotmail.com", "yahoo.com", "outlook.com", "icloud.com", "live.com", "aol.com"),
    *("mail.ru", "yandex.ru", "rambler.ru", "yandex.kz", "ukr.net", "inbox.ru", "list.ru"),
)
# Domains that look like a typo of one of them and are not.
_NOT_TYPOS = frozenset(
    {
        *("mail.com", "email.com", "ymail.com", "gmx.com", "bk.ru", "ya.ru", "live.ru"),
        *("yandex.by", "yandex.uz", "yandex.com", "yandex.ua", "yahoo.co"),
        *("mail.kz", "mail.kg", "mail.tj", "mail.uz", "mail.tm", "mail.ua", "mail.de", "mail.bg", "mail.by"),
        *("gmail.ru", "hotmail.ru", "yahoo.ru", "aol.de", "live.cn", "live.ca"),
    }
)

WARNINGS = ("typo", "disposable", "role", "name")


class _Refused(ValueError):  # noqa: N818  (a finding about the row)
    """The file says that this person must get no mail, or never asked for any."""

    def __init__(self, status: Status, heading: str, cell: str) -> None:
        where = (
            stored("“%(cell)s” in the column “%(heading)s”", cell=cell.strip()[:40], heading=heading[:40])
            if cell.strip()
            else stored("an empty cell in the column “%(heading)s”", heading=heading[:40])
        )
        super().__init__(
            stored(
                "the file marks this address as %(called)s (%(where)s)", called=_CALLED[status], where=where
            )
        )
        self.status = status


_CALLED = {
    Status.UNSUBSCRIBED: stored("unsubscribed"),
    Status.BOUNCED: stored("bounced"),
    Status.COMPLAINED: stored("a spam complaint"),
    Status.BLOCKED: stored("blocked"),
    Status.UNCONFIRMED: stored("never confirmed"),
    Status.NOT_SUBSCRIBED: stored("not subscribed"),
}


def row_validator(columns: Columns, values: ValueReader | None = None) -> Validate:
    """The function that validates one row (its line, its cells) of a table with these columns.

    `values` reads cells of countries and languages.
    """
    values = values or ValueReader()
    read_countries, read_language = values.countries, values.language
    at: dict[str, int] = {field: place for place, field in enumerate(columns.fields)}
    email = at["email"]
    name, first, last = at.get("name"), at.get("first_name"), at.get("last_name")
    language, countries = at.get("language"), at.get("countries")
    by_country = [
        (place, field[8:]) for place, field in enumerate(columns.fields) if field.startswith("country:")
    ]
    width, hash_of = len(columns.fields), address_hasher()
    require_active = _active_check(columns)
    parse_attributes = tags_and_fields.make_parser(columns.fields)

    def validate(line: int, cells: Sequence[str]) -> ValidRow | InvalidRow:
        address_hash = None
        try:
            count = len(cells)
            try:
                address, name_beside = parse_address_and_name(cells[email] if email < count else "")
            except ValueError:
                if require_active is not None and addresses_in(cells[email] if email < count else ""):
                    # Several addresses, of a person who must get no mail at any of them.
                    require_active(cells)
                raise
            address_hash = hash_of(address)
            if require_active is not None:
                require_active(cells)
            if _has_rows_in_a_cell(cells, email, width):
                raise ValueError(stored("a quotation mark is opened here and not closed."))
            if count > width and any(cell.strip() for cell in cells[width:]):
                raise ValueError(
                    stored("there are %(count)s cells under %(width)s headings", count=count, width=width)
                )
            full_name = unescape(cells[name].strip()) if name is not None and name < count else ""
            if first is not None or last is not None:
                full_name = _full_name(full_name, _cell(cells, first), _cell(cells, last))
            codes, has_language = "", language is not None and language < count
            try:
                if countries is not None and countries < count:
                    codes = read_countries(cells[countries])
            except ValueError:
                if language is not None and has_language:
                    # So that a language that is not known is counted as well.
                    read_language(cells[language])
                raise
            if by_country:
                codes = _with_columns(codes, cells, by_country)
            full_name = _name(full_name or name_beside)
            return ValidRow(
                line,
                address_hash,
                address,
                full_name,
                read_language(cells[language]) if language is not None and has_language else "",
                codes,
                warning_for(address) or warning_for_name(full_name),
                parse_attributes(cells) if parse_attributes else "",
            )
        except _Refused as refused:
            kind = "do_not_mail" if refused.status in DO_NOT_MAIL else "invalid"
            return InvalidRow(line, str(refused)[:300], kind, address_hash, refused.status.value)
        except ValueError as error:
            return InvalidRow(line, str(error)[:300], "invalid", address_hash)

    return validate


def _active_check(columns: Columns) -> Callable[[Sequence[str]], None] | None:
    """The function that raises _Refused for a row; None for a file without columns that decide that."""
    gates = [
        (
            place,
            columns.headings[place],
            make_cell_reader(field, columns.refused[place], columns.words[place]),
        )
        for place, field in enumerate(columns.fields)
        if field in GATES
    ]
    if not gates:
        return None

    def check(cells: Sequence[str]) -> None:
        refused: list[tuple[Status, str, str]] = []
        for place, heading, said in gates:
            cell = cells[place] if place < len(cells) else ""
            # Words that are not understood stop the import in the end, and are safe until then.
            status = said(cell) or Status.UNSUBSCRIBED
            if status is not Status.SUBSCRIBED:
                refused.append((status, heading, cell))
        if refused:
            heavy = most_severe([status for status, _, _ in refused])
            raise _Refused(*next(one for one in refused if one[0] is heavy))

    return check


def parse_address_and_name(cell: str) -> tuple[str, str]:
    """The normalised address, and a name beside it ("Olga <olga@example.org>").

    Raises ValueError with a message for the user.
    """
    text, name = unescape(cell.strip()), ""
    if len(text) > 400:
        raise ValueError(stored("the address is longer than 254 characters (RFC 5321)"))
    if not text:
        raise ValueError(stored("there is no address"))
    if " ::: " in text:
        # Google Contacts: several of one kind.
        text = text.partition(" ::: ")[0]
    text = text.rstrip(_AFTER)
    if "<" in text and text.endswith(">"):
        name, _, text = text[:-1].rpartition("<")
        name = _QUOTED.sub(r"\2", name.strip())
    try:
        if "@" in name and _SEPARATOR.search(name):
            # Several addresses: which of them is meant, and whose name it is, nobody knows.
            text = f"{name} {text}"
        if text[:7].lower() == "mailto:":
            text = text[7:].partition("?")[0]
        address = normalise(text.strip(_AROUND))
        # Address books write an address for a name that they do not have.
        return address, "" if _ADDRESS.fullmatch(name) else name
    except ValueError as error:
        raise ValueError(stored("the address %(problem)s", problem=error)) from error


def _has_rows_in_a_cell(cells: Sequence[str], email: int, width: int) -> bool:
    """Whether a cell goes on over rows of the file, up to a quotation mark in a later one."""
    row = "".join(cells)
    # Nearly all rows end here.
    if "\n" not in row and "\r" not in row:
        return False
    return any(
        _has_rows(cell.splitlines(), place, email, width) for place, cell in enumerate(cells) if "@" in cell
    )


def _has_rows(lines: Sequence[str], place: int, email: int, width: int) -> bool:
    """Whether these lines of the cell at `place` are the end of a row, whole rows, or the start of one."""
    first, *whole, last = lines if len(lines) > 1 else ["", ""]
    return (
        _is_row(first, email - place, width - place)
        or _is_row(last, email, place + 1)
        or any(_is_row(line, email, width) for line in whole)
    )


def _is_row(line: str, email: int, width: int) -> bool:
    """Whether a line has so many cells, and in this place an address."""
    parts = [line.split(delimiter) for delimiter in DELIMITERS]
    return 0 <= email < width and any(
        len(cells) == width > 1 and _ADDRESS.fullmatch(cells[email].strip(_AROUND)) for cells in parts
    )


def addresses_in(cell: str) -> list[str]:
    """The normalised addresses in a cell with several, in order."""
    found = []
    for text in _ONE_OF_SEVERAL.findall(unescape(cell)):
        try:
            found.append(parse_address_and_name(text)[0])
        except ValueError:
            continue
    return found


def _cell(cells: Sequence[str], place: int | None) -> str:
    return unescape(cells[place].strip()) if place is not None and place < len(cells) else ""


def _full_name(name: str, first: str, last: str) -> str:
    """A full name; "Name" beside "Last name" is a first name, unless it holds the last one already."""
    if not name or first:
        return name or " ".join(filter(None, (first, last)))
    known = name.casefold().split()
    return name if all(word in known for word in last.casefold().split()) else f"{name} {last}"


def _name(text: str) -> str:
    if not text.isprintable():
        text = _DIRECTION.sub("", text).strip()
    if len(text) > _MAX_NAME_LENGTH:
        raise ValueError(stored("the name is longer than %(number)s characters", number=_MAX_NAME_LENGTH))
    # A line break in a name could become a header of a mail.
    if not text.isprintable() and (_CONTROL.search(text) or not _encodable(text)):
        raise ValueError(stored("the name holds a line break or another control character"))
    return text


def _encodable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _with_columns(codes: str, cells: Sequence[str], by_country: Sequence[tuple[int, str]]) -> str:
    chosen = {code for place, code in by_country if place < len(cells) and not _is_denied(cells[place])}
    return ",".join(iso_codes.parse_countries([*chosen, *filter(None, codes.split(","))]))


@lru_cache(maxsize=4096)
def _is_denied(cell: str) -> bool:
    """Whether a cell under a country says no, perhaps as "not interested"."""
    return is_no_or_empty(cell) or is_negated(normalise_words(cell))


def warning_for(address: str) -> str:
    """ "typo DOMAIN" (the likely one), "disposable", "role", or "" for a normalised address."""
    local, _, domain = address.rpartition("@")
    return _warning_for_domain(domain) or ("role" if local in _ROLES else "")


def warning_for_name(name: str) -> str:
    """ "name" for one in which letters were lost, as "Н?рлан", when the file was saved; or ""."""
    return "name" if ("?" in name or "\ufffd" in name) and _LOST_LETTER.search(name) else ""


@lru_cache(maxsize=65_536)
def _warning_for_domain(domain: str) -> str:
    if domain in _PROVIDERS or domain in _NOT_TYPOS:
        return ""
    likely = next((one for one in _PROVIDERS if _is_one_typo(domain, one)), "")
    if likely:
        return f"typo {likely}"
    return "disposable" if domain in _disposable_domains() else ""


@cache
def _disposable_domains() -> frozenset[str]:
    # Imported here because the list is large, and only imports and sign-ups need it.
    from disposable_email_domains import blocklist

    return frozenset(blocklist)


def _is_one_typo(typed: str, meant: str) -> bool:
    """Whether one letter is missing, added or wrong, or two neighbours are swapped (Damerau)."""
    short, long = sorted((typed, meant), key=len)
    if len(long) - len(short) > 1:
        return False
    start = 0
    while start < len(short) and short[start] == long[start]:
        start += 1
    if len(short) != len(long):
        return short[start:] == long[start + 1 :]
    if short[start + 1 :] == long[start + 1 :]:
        return True
    return (
        short[start + 2 :] == long[start + 2 :] and short[start : start + 2] == long[start : start + 2][::-1]
    )
