"""The field of each column of a file: chosen, or detected from its heading and its first cells."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.conf import settings

from subscribers import iso_codes
from subscribers.addresses import without_invisible
from subscribers.imports import other_systems_formats
from subscribers.imports.countries_and_languages import parse_countries
from subscribers.imports.row_types import UnreadableFile
from subscribers.imports.status_cells import Status
from subscribers.imports.status_columns import GATES, Kind, infer_reading, status_column_of_heading
from subscribers.segments.models import CustomField
from subscribers.translate_stored_texts import stored

# What a column can be about; besides these "country:KZ", the column of one country, and "field:NAME", one of
# the custom fields. GATES decide who is added: "status" by its words, "opted_out" where a yes, a date or a
# number means no mail, "opted_in" where only a yes or a date means mail, "mentions" by clear words in a text.
FIELDS = ("email", "name", "first_name", "last_name", "language", "countries", "tags", *GATES, "ignore")
# Fields that several columns may be about.
REPEATABLE = (*GATES, "tags", "ignore")
# Normalised headings, the most reliable first. Where people live is not what they want to read: columns of
# postal addresses, and of places that were derived from an IP address, are not here.
_HEADINGS: dict[str, tuple[str, ...]] = {
    "email": (
        *("email", "email address", "e mail address", "e mail", "mail", "mail address", "subscriber"),
        *("электронная почта", "адрес электронной почты", "эл почта", "e mail адрес", "почта", "e posta"),
        *("emailaddress", "contact email", "lead email", "email id", "адрес email", "емейл", "имейл"),
        *("e mail 1 value", "email 1", "primary email", "member address"),
        *("электрондық пошта", "электрондық мекенжай", "электрондық поштасы", "эл пошта"),
        *("адрес эл почты", "эл адрес", "электронный адрес", "адрес e mail", "email адрес", "мейл"),
        *("электрондук почта", "электрондук дарек", "elektron pochta", "elektron pochta manzili", "e pochta"),
        *("электрон почта", "электрон почта манзили", "почтаи электронӣ", "суроғаи электронӣ"),
        *("elektron poçta", "e poçta", "e posta adresi", "eposta", "eposta adresi", "e mail adresi"),
        *("e mail adresse", "адрес эл почты 1", "электронная почта 1", "эл почта 1", "e mail 1"),
        # Perhaps where people live.
        *("address", "адрес"),
    ),
    "name": (
        *("name", "full name", "display name", "fullname", "e mail display name", "subscriber name"),
        *("имя и фамилия", "фио", "ф и о", "полное имя", "contact name", "аты жөні"),
    ),
    "first_name": (
        "first name",
        "firstname",
        "fname",
        "given name",
        "prenom",
        "имя",
        "ad",
        "аты",
        "ism",
        "исм",
    ),
    "last_name": (
        *(
            "last name",
            "lastname",
            "lname",
            "surname",
            "family name",
            "nom",
            "фамилия",
            "soyad",
            "тегі",
            "familiya",
        ),
    ),
    "language": (
        *(
            "language",
            "lang",
            "locale",
            "preferred language",
            "язык",
            "язык рассылки",
            "dil",
            "тіл",
            "тілі",
            "til",
            "тил",
            "забон",
        ),
    ),
    "countries": (
        *(
            "countries",
            "countries of interest",
            "country of interest",
            "country interest",
            "country interests",
        ),
        *("страны", "страны интереса", "интересующие страны", "ülkeler", "елдер", "қызықтыратын елдер"),
    ),
    "tags": ("tags", "tag", "labels", "метки", "теги", "метка", "тег"),
}
# A column of countries, and a word that makes it a choice of content.
_COUNTRY = re.compile(r"\b(?:countr(?:y|ies)|стран\w*|ülke\w*|мамлекет\w*|давлат\w*|davlat\w*|кишвар\w*)\b")
_CHOICE = re.compile(
    r"\b(?:interest\w*|topics?|follow\w*|prefer\w*|select\w*|chosen|choices?|wants?|about|news|интерес\w*|тем[аы]"
    r"|выбран\w*|выбор|предпоч\w*|новости)\b"
)
# These are a choice of content only where their cells show it: one country may be where a person lives.
_SEVERAL_COUNTRIES = frozenset({"country", "страна", "ülke"})
_TOPICS = frozenset({"interests", "interest", "topics", "groups", "preferences", "интересы", "темы"})
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
    # What the headings say about who must get no mail.
    kinds: tuple[Kind | None, ...] = ()
    # Of each column: what its words mean, by `statuses.normalise_words` word.
    words: tuple[Mapping[str, Status], ...] = ()
    # Of each column: what a yes under "opted_out", or a no under "opted_in", means.
    refused: tuple[Status, ...] = ()
    # Places of columns whose field a person chose, or that the product's format fixes.
    settled: frozenset[int] = frozenset()
    # Places of columns that a person must decide about.
    doubtful: frozenset[int] = frozenset()
    # Places of ignored columns whose cells name one country each: it may be where subscribers live.
    residence: frozenset[int] = frozenset()
    # Places of columns of JSON; their keys are columns of their own.
    expanded: frozenset[int] = frozenset()
    # The product that exported the file, if it is known.
    format: other_systems_formats.Format | None = None


@dataclass(frozen=True)
class Choices:
    """What a person has decided about a file."""

    # Heading, or number from 1, to field.
    columns: Mapping[str, str] = field(default_factory=dict)
    # What words in columns of statuses mean, by `statuses.normalise_words` word.
    words: Mapping[str, Status] = field(default_factory=dict)


def find_columns(
    first: Sequence[str],
    sample: Sequence[Sequence[str]] = (),
    choices: Choices | None = None,
    *,
    require_email: bool = True,
    recognised_names: Mapping[int, str] | None = None,
    expanded: frozenset[int] = frozenset(),
) -> Columns:
    """What the columns are about by the file's first row, a sample of the rows below, and a person's choices.

    `recognised_names`: of columns that come from JSON, by place, the name by which they are recognised.
    Raises UnreadableFile when two columns are about one field, or a required address column is missing.
    """
    choices = choices or Choices()
    # A key of JSON may be an address, which is no first row without headings.
    headed = bool(recognised_names) or is_headed(first)
    headings = tuple(cell.strip() for cell in first) if headed else _made_up(len(first))
    names = [(recognised_names or {}).get(place, heading) for place, heading in enumerate(headings)]
    known = other_systems_formats.recognise([normalise_heading(name) for name in names]) if headed else None
    detection = _Detection(headings, names, sample if headed else [first, *sample], known, choices.words)
    detection.fixed |= dict.fromkeys(expanded, "ignore")
    fields = detection.fields() if headed else detection.guessed(first)
    settled = set(detection.fixed)
    for column, chosen in choices.columns.items():
        place = _place(column, headings)
        if (
            chosen not in FIELDS
            and not _is_country_field(chosen)
            and chosen not in custom_field_targets_by_heading().values()
        ):
            possible = ", ".join((*FIELDS, "country:KZ", *custom_field_targets_by_heading().values()))
            raise UnreadableFile(
                stored(
                    "“%(chosen)s” is not a field of a subscriber; possible fields: %(possible)s.",
                    chosen=chosen,
                    possible=possible,
                )
            )
        if chosen not in REPEATABLE and not chosen.startswith(("country:", "field:")):
            fields = ["ignore" if one == chosen else one for one in fields]
        fields[place] = chosen
        settled.add(place)
    if require_email and "email" not in fields:
        raise UnreadableFile(
            stored(
                "Line 1 of the file has no column “email”. The first line must name the "
                "columns, such as: email,name,language,countries"
            )
        )
    return Columns(
        tuple(fields),
        headings,
        headed,
        tuple(detection.kinds),
        tuple(detection.words),
        tuple(detection.refused),
        frozenset(settled),
        frozenset(detection.doubtful - settled),
        frozenset(place for place in detection.residence - settled if fields[place] == "ignore"),
        expanded,
        known,
    )


def normalise_heading(heading: str) -> str:
    """A heading without case, punctuation and doubled spaces: "E-mail_Address" becomes "e mail address"."""
    plain = without_invisible(unicodedata.normalize("NFKC", heading).casefold())
    return " ".join(re.sub(r"[\W_]+", " ", plain).split())


def is_headed(first: Sequence[str]) -> bool:
    """Whether a file's first row names the columns."""
    return not any(_ADDRESS.fullmatch(_bare(cell)) for cell in first)


def email_place(names: Sequence[str]) -> int | None:
    """The place of the column of addresses by its normalised heading; None where no heading says it."""
    known = (*_HEADINGS["email"], "member email")
    ranks = [(known.index(name), place) for place, name in enumerate(names) if name in known]
    return min(ranks)[1] if ranks else None


def guess_headings(first_row: Sequence[str]) -> list[str]:
    """Headings for a file without any, by its first row."""
    guessed = [
        "email" if _ADDRESS.fullmatch(_bare(cell)) else f"column {n}" for n, cell in enumerate(first_row, 1)
    ]
    if len(first_row) == 2 and guessed.count("email") == 1:
        guessed[1 - guessed.index("email")] = "name"
    return guessed


def custom_field_targets_by_heading() -> dict[str, str]:
    """The custom fields of this office: "field:NAME" by normalised name."""
    names = CustomField.objects.values_list("name", flat=True)
    return {normalise_heading(name): f"field:{name}" for name in names}


class _Detection:
    """Finds the field of each column from its heading, its first cells and the product's format."""

    def __init__(
        self,
        headings: Sequence[str],
        names: Sequence[str],
        sample: Sequence[Sequence[str]],
        known: other_systems_formats.Format | None,
        words: Mapping[str, Status],
    ) -> None:
        self._headings = headings
        self._names = [normalise_heading(name) for name in names]
        self._sample = sample
        self.fixed: dict[int, str] = {}
        self.doubtful: set[int] = set()
        # Of columns whose heading is about countries, and whose cells name one each.
        self.residence: set[int] = set()
        # A heading that the program made up says nothing.
        self.kinds = [status_column_of_heading(name) if name else None for name in names]
        self.words: list[Mapping[str, Status]] = [words] * len(names)
        self.refused = [kind.status if kind else Status.UNSUBSCRIBED for kind in self.kinds]
        if known is None:
            return
        for place, name in enumerate(self._names):
            if name in known.columns:
                self.fixed[place] = known.columns[name]
            self.words[place] = {**other_systems_formats.known_words(known, name), **words}
            self.refused[place] = known.refused.get(name, self.refused[place])

    def fields(self) -> list[str]:
        """The fields; `doubtful` is complete then."""
        fields = [self.fixed.get(place, "ignore") for place in range(len(self._names))]
        self._add_known(fields)
        self._add_countries(fields)
        ours = custom_field_targets_by_heading()
        for place, name in enumerate(self._names):
            if place in self.fixed or fields[place] not in ("ignore", "tags"):
                continue
            other = "ignore" if fields[place] == "tags" else _country_field(self._headings[place])
            if self._add_gate(fields, place, ours.get(name, other)):
                continue
            if fields[place] == "ignore":
                fields[place] = ours.pop(name, other)
        return fields

    def guessed(self, first: Sequence[str]) -> list[str]:
        """A file without headings, such as a list of members: the address, and of two columns the name."""
        self.kinds = [None] * len(first)
        place = next(place for place, cell in enumerate(first) if _ADDRESS.fullmatch(_bare(cell)))
        fields = ["ignore"] * len(first)
        fields[place] = "email"
        for other in range(len(first)):
            if other != place and not self._add_gate(fields, other, "") and len(first) == 2:
                fields[other] = "name"
        return fields

    def _add_known(self, fields: list[str]) -> None:
        for field_name, known in _HEADINGS.items():
            if field_name in fields:
                continue
            ranks = [
                (known.index(name), place)
                for place, name in enumerate(self._names)
                if name in known and place not in self.fixed
            ]
            if not ranks:
                continue
            best, place = min(ranks)
            same = sum(rank == best and self._headings[one] == self._headings[place] for rank, one in ranks)
            if same > 1:
                raise UnreadableFile(
                    stored(
                        "Line 1 of the file has two columns “%(headings)s”; keep one.",
                        headings=self._headings[place],
                    )
                )
            fields[place] = field_name

    def _add_countries(self, fields: list[str]) -> None:
        """Where people live is not what they want to read."""
        for place, name in enumerate(self._names):
            if fields[place] != "ignore" or place in self.fixed:
                continue
            chosen = _COUNTRY.search(name) and _CHOICE.search(name)
            if not (_COUNTRY.search(name) or name in _TOPICS):
                continue
            read, most = self._countries(place)
            may_choose = chosen or name in _TOPICS or (most > 1 and name in _SEVERAL_COUNTRIES)
            if read and may_choose and "countries" not in fields:
                fields[place] = "countries"
            elif read and most == 1 and name not in _TOPICS:
                self.residence.add(place)

    def _countries(self, place: int) -> tuple[bool, int]:
        """Whether the cells are countries, and how many a cell names at most."""
        cells = [cell for cell in self._cells(place) if cell.strip()]
        found = [_countries_in(cell) for cell in cells]
        return 2 * sum(map(bool, found)) >= len(cells), max(map(len, found), default=0)

    def _add_gate(self, fields: list[str], place: int, other: str) -> bool:
        """Make a column decide who is added, if its heading or its cells say so."""
        kind = self.kinds[place]
        if other.startswith("country:"):
            return False
        cells = self._cells(place)
        if fields[place] == "tags":
            cells = [part for cell in cells for part in re.split("[,;|]", cell)]
        reading = infer_reading(kind, cells, self.words[place])
        if reading.field == "ignore":
            return False
        fields[place] = reading.field
        if reading.doubtful:
            self.doubtful.add(place)
        return True

    def _cells(self, place: int) -> list[str]:
        return [row[place] if place < len(row) else "" for row in self._sample]


def _countries_in(cell: str) -> tuple[str, ...]:
    try:
        return parse_countries(cell.strip())
    except ValueError:
        return ()


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


def _bare(cell: str) -> str:
    """The address of "Olga <olga@example.org>"."""
    return cell.rpartition("<")[2].strip().removesuffix(">").strip()


def _place(column: str, headings: Sequence[str]) -> int:
    # Before the headings, which may be numbers as well: the desk and the API name columns by their number.
    if column.isdecimal() and 1 <= int(column) <= len(headings):
        return int(column) - 1
    wanted = normalise_heading(column)
    for place, heading in enumerate(headings):
        if heading == column or normalise_heading(heading) == wanted:
            return place
    raise UnreadableFile(
        stored(
            "Line 1 of the file has no column “%(column)s”; it has: %(headings)s.",
            column=column,
            headings=", ".join(headings[:30]),
        )
    )
