"""The field of each column of a file: detected from its heading as other systems write it, or chosen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings

from subscribers import iso_codes
from subscribers.csv_cells import parse_countries
from subscribers.imports.row_types import UnreadableFile
from subscribers.segments.models import CustomField

# What a column can be about; besides these "country:KZ", the column of one country, and "field:NAME", one of
# the custom fields.
FIELDS = (
    "email",
    "name",
    "first_name",
    "last_name",
    "language",
    "countries",
    "tags",
    "status",
    "ended",
    "ignore",
)
# Normalised headings, the most reliable first. Where people live is not what they want to read: columns of
# postal addresses, and of places that were derived from an IP address, are not here.
_HEADINGS: dict[str, tuple[str, ...]] = {
    "email": (
        *("email", "email address", "e mail address", "e mail", "mail", "mail address", "subscriber"),
        *("электронная почта", "адрес электронной почты", "эл почта", "e mail адрес", "почта", "e posta"),
        *("e mail 1 value", "email 1", "primary email", "member address", "address", "адрес"),
    ),
    "name": (
        *("name", "full name", "display name", "fullname", "e mail display name", "subscriber name"),
        *("имя и фамилия", "фио", "ф и о", "полное имя", "contact name"),
    ),
    "first_name": ("first name", "firstname", "fname", "given name", "prenom", "имя", "ad"),
    "last_name": ("last name", "lastname", "lname", "surname", "family name", "nom", "фамилия", "soyad"),
    "language": ("language", "lang", "locale", "preferred language", "язык", "язык рассылки", "dil"),
    "countries": (
        *("countries", "countries of interest", "country of interest", "interests", "country", "страны"),
        *("страны интереса", "интересующие страны", "страна", "ülkeler", "ülke"),
    ),
    "tags": ("tags", "tag", "labels", "метки", "теги", "метка", "тег"),
    "status": (
        *("status", "subscription status", "email status", "member status", "contact status", "state"),
        *("email marketing", "subscribed", "статус", "статус подписки"),
    ),
}
# A value in one of these marks the address as do-not-mail; there may be several.
_ENDED = frozenset(
    {
        *("unsub time", "unsubscribe time", "unsubscribed at", "unsubscribed", "clean time", "ended"),
        *("email blacklisted", "blacklisted", "email blocklisted", "blocklisted", "blocked", "opted out"),
        *("email opt out", "opt out", "bounced", "unsubscribe date", "отписан", "дата отписки"),
    }
)
_BEFORE_A_COUNTRY = re.compile(r"^(?:country|interest|interests|страна|want|wants)\b\s*")
_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+")


@dataclass(frozen=True)
class Columns:
    """What the columns are about, from left to right, each one of FIELDS, "country:XX" or "field:NAME"."""

    fields: tuple[str, ...]
    # The headings as they are in the file; made up where it has none.
    headings: tuple[str, ...]
    # Whether the first row names the columns.
    headed: bool


def find_columns(
    first: Sequence[str], overrides: Mapping[str, str] | None = None, *, require_email: bool = True
) -> Columns:
    """What the columns are about by the file's first row; `overrides` (heading or number from 1: field) win.

    Raises UnreadableFile when two columns are about one field, or a required address column is missing.
    """
    headed = not any(_ADDRESS.fullmatch(_bare(cell)) for cell in first)
    headings = tuple(cell.strip() for cell in first) if headed else _made_up(len(first))
    fields = _detected(headings) if headed else _guessed(first)
    for column, field in (overrides or {}).items():
        place = _place(column, headings)
        if field not in FIELDS and not _is_country_field(field) and field not in custom_fields().values():
            known = ", ".join((*FIELDS, "country:KZ", *custom_fields().values()))
            raise UnreadableFile(f"“{field}” is not a field of a subscriber; these are: {known}.")
        if field in _HEADINGS:
            fields = ["ignore" if one == field else one for one in fields]
        fields[place] = field
    if require_email and "email" not in fields:
        raise UnreadableFile(
            "Line 1: there is no column “email”. "
            "The first line must name the columns, such as: email,name,language,countries"
        )
    return Columns(tuple(fields), headings, headed)


def normalise_heading(heading: str) -> str:
    """A heading without case, punctuation and doubled spaces: "E-mail_Address" becomes "e mail address"."""
    plain = unicodedata.normalize("NFKC", heading).casefold()
    return " ".join(re.sub(r"[\W_]+", " ", plain).split())


def custom_fields() -> dict[str, str]:
    """The custom fields of this office: "field:NAME" by normalised name."""
    names = CustomField.objects.values_list("name", flat=True)
    return {normalise_heading(name): f"field:{name}" for name in names}


def _detected(headings: Sequence[str]) -> list[str]:
    fields = ["ignore"] * len(headings)
    names = [normalise_heading(heading) for heading in headings]
    for field, known in _HEADINGS.items():
        ranks = [(known.index(name), place) for place, name in enumerate(names) if name in known]
        if not ranks:
            continue
        best, place = min(ranks)
        if sum(rank == best and headings[other] == headings[place] for rank, other in ranks) > 1:
            raise UnreadableFile(f"Line 1: there are two columns “{headings[place]}”; keep one.")
        fields[place] = field
    ours = custom_fields()
    for place, name in enumerate(names):
        if fields[place] == "ignore":
            other = "ended" if name in _ENDED else _country_field(headings[place])
            fields[place] = ours.pop(name, other)
    return fields


def _country_field(heading: str) -> str:
    """ "country:KZ" for a column that is headed by a country, else "ignore"."""
    name = _BEFORE_A_COUNTRY.sub("", " ".join(heading.casefold().replace("_", " ").replace(":", " ").split()))
    try:
        (code,) = parse_countries(name)
    except ValueError:
        return "ignore"
    # Two letters are one of the office's countries, or mean something else: "id", "cc", "no".
    ours = len(name) > 3 or code in settings.CONFIG.site.countries
    return f"country:{code}" if ours else "ignore"


def _is_country_field(field: str) -> bool:
    return field.startswith("country:") and field[8:] in iso_codes.COUNTRIES


def _made_up(count: int) -> tuple[str, ...]:
    return tuple(f"column {number}" for number in range(1, count + 1))


def _guessed(first: Sequence[str]) -> list[str]:
    """A file without headings, such as a list of members: the address, and of two columns the name."""
    place = next(place for place, cell in enumerate(first) if _ADDRESS.fullmatch(_bare(cell)))
    fields = ["ignore"] * len(first)
    fields[place] = "email"
    others = [other for other in range(len(first)) if other != place]
    if len(others) == 1:
        fields[others[0]] = "name"
    return fields


def _bare(cell: str) -> str:
    """The address of "Olga <olga@example.org>"."""
    return cell.rpartition("<")[2].strip().removesuffix(">").strip()


def _place(column: str, headings: Sequence[str]) -> int:
    wanted = normalise_heading(column)
    for place, heading in enumerate(headings):
        if heading == column or normalise_heading(heading) == wanted:
            return place
    if column.isdecimal() and 1 <= int(column) <= len(headings):
        return int(column) - 1
    raise UnreadableFile(f"Line 1: there is no column “{column}”; there are: {', '.join(headings[:30])}.")
