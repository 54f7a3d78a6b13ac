"""Validates rows: each becomes a ValidRow, perhaps with a warning, or an InvalidRow with a reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache

from subscribers import iso_codes
from subscribers.addresses import address_hasher, normalise
from subscribers.csv_cells import parse_countries, parse_language, unescape
from subscribers.imports import tags_and_fields
from subscribers.imports.column_mapping import Columns, normalise_heading
from subscribers.imports.row_types import InvalidRow, ValidRow

Validate = Callable[[int, Sequence[str]], ValidRow | InvalidRow]

_MAX_NAME_LENGTH = 200
_FALSE = frozenset({"", "0", "no", "n", "false", "f", "off", "нет", "null", "none", "-", "–"})
# What other systems call people who must not be mailed, and those who never confirmed.
_INACTIVE = {
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
# People who only never confirmed, or are not on the other list, did not ask to get no mail.
_NOT_OPTED_OUT = frozenset({"not confirmed", "not subscribed"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

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

WARNINGS = ("typo", "disposable", "role")


class _DoNotMail(ValueError):  # noqa: N818  (a finding about the row)
    """The file marks the address as do-not-mail."""


def row_validator(columns: Columns) -> Validate:
    """The function that validates one row (its line, its cells) of a table with these columns."""
    at: dict[str, int] = {field: place for place, field in enumerate(columns.fields)}
    email = at["email"]
    name, first, last = at.get("name"), at.get("first_name"), at.get("last_name")
    language, countries, status = at.get("language"), at.get("countries"), at.get("status")
    ended = [place for place, field in enumerate(columns.fields) if field == "ended"]
    by_country = [
        (place, field[8:]) for place, field in enumerate(columns.fields) if field.startswith("country:")
    ]
    width, hash_of = len(columns.fields), address_hasher()
    # Most files have none of these columns, and their rows need fewer checks.
    plain = status is None and not ended and not by_country
    parse_attributes = tags_and_fields.parser(columns.fields)

    def validate(line: int, cells: Sequence[str]) -> ValidRow | InvalidRow:
        address_hash = None
        try:
            count = len(cells)
            if count > width and any(cell.strip() for cell in cells[width:]):
                raise ValueError(f"there are {count} cells under {width} headings")
            address, name_beside = parse_address_cell(cells[email] if email < count else "")
            address_hash = hash_of(address)
            if not plain:
                _require_active(cells, status, ended)
            full_name = unescape(cells[name].strip()) if name is not None and name < count else ""
            if not full_name and (first is not None or last is not None):
                full_name = " ".join(filter(None, (_cell(cells, first), _cell(cells, last))))
            codes = _countries(cells[countries]) if countries is not None and countries < count else ""
            if by_country:
                codes = _with_columns(codes, cells, by_country)
            return ValidRow(
                line,
                address_hash,
                address,
                _name(full_name or name_beside),
                parse_language(cells[language]) if language is not None and language < count else "",
                codes,
                warning_for(address),
                parse_attributes(cells) if parse_attributes else "",
            )
        except ValueError as error:
            kind = "do_not_mail" if isinstance(error, _DoNotMail) else "invalid"
            return InvalidRow(line, str(error)[:300], kind, address_hash)

    return validate


def parse_address_cell(cell: str) -> tuple[str, str]:
    """The normalised address, and a name beside it ("Olga <olga@example.org>").

    Raises ValueError with a message for the user.
    """
    text, name = unescape(cell.strip()), ""
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


def _cell(cells: Sequence[str], place: int | None) -> str:
    return unescape(cells[place].strip()) if place is not None and place < len(cells) else ""


def _name(text: str) -> str:
    if len(text) > _MAX_NAME_LENGTH:
        raise ValueError(f"the name is longer than {_MAX_NAME_LENGTH} characters")
    # A line break in a name could become a header of a mail.
    if not text.isprintable() and (_CONTROL.search(text) or not _encodable(text)):
        raise ValueError("the name holds a line break or another control character")
    return text


def _encodable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


@lru_cache(maxsize=4096)
def _countries(cell: str) -> str:
    return ",".join(parse_countries(unescape(cell.strip())))


def _with_columns(codes: str, cells: Sequence[str], by_country: Sequence[tuple[int, str]]) -> str:
    chosen = {
        code
        for place, code in by_country
        if place < len(cells) and cells[place].strip().casefold() not in _FALSE
    }
    return ",".join(iso_codes.parse_countries([*chosen, *filter(None, codes.split(","))]))


def _require_active(cells: Sequence[str], status: int | None, ended: Sequence[int]) -> None:
    if status is not None and status < len(cells):
        written = cells[status].strip()
        if inactive := _INACTIVE.get(normalise_heading(written)):
            reason = f"the file says that this person is {inactive} (“{written[:40]}”)"
            raise ValueError(reason) if inactive in _NOT_OPTED_OUT else _DoNotMail(reason)
    for place in ended:
        if place < len(cells) and cells[place].strip().casefold() not in _FALSE:
            raise _DoNotMail("the file says that this person unsubscribed, bounced or was blocked")


def warning_for(address: str) -> str:
    """ "typo DOMAIN" (the likely one), "disposable", "role", or "" for a normalised address."""
    local, _, domain = address.rpartition("@")
    return _warning_for_domain(domain) or ("role" if local in _ROLES else "")


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
