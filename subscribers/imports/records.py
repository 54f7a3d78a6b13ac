"""What passes between the steps of an import: plain records, and the one error that ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple


class BrokenFile(Exception):  # noqa: N818  (a verdict on the file)
    """The file as a whole cannot be read; the message says where and what to do. Nothing of it is taken."""


class Person(NamedTuple):
    """One row; an empty value says nothing about what is known already."""

    # Line of the file on which the row begins, or the row of a sheet, from 1.
    line: int
    # See addresses.address_hash and addresses.normalise.
    address_hash: bytes
    email: str
    name: str
    # A language code.
    language: str
    # As CountriesField keeps them: "KZ,UZ".
    countries: str
    # What a person should look at: "role", "disposable", "typo gmail.com"; mostly empty.
    flag: str = ""
    # Tags and values of custom fields, JSON: see notes.
    notes: str = ""


class Refusal(NamedTuple):
    """A row that is nobody who can be added."""

    line: int
    # In words, without the address.
    reason: str
    # An ImportRefusal.Kind.
    kind: str = "refused"
    # Where the address could be read.
    address_hash: bytes | None = None


@dataclass
class Figures:
    """Every row that was read stands in exactly one of the figures from `added` to `duplicates`."""

    # Rows below the header that are not blank; the sum of the following.
    read: int = 0
    # People who were not on the list before, new to us or not.
    added: int = 0
    # People on the list about whom the file said something new, or whose consent it brought.
    updated: int = 0
    # People on the list as the file says, and people who once left, whom a file never brings back.
    unchanged: int = 0
    # Always 0: an import revives nobody.
    revived: int = 0
    # Addresses with a suppression in force; nothing about them is changed.
    suppressed: int = 0
    # Rows that are nobody who can be added; each is kept with its line and a reason.
    refused: int = 0
    # Rows whose address an earlier row of the file has; the earlier row counts.
    duplicates: int = 0
    # How many of `unchanged` had left: whom the file would revive if it could.
    unsubscribed: int = 0
    # How many of `added` were known before, from another list.
    known: int = 0
    # How many of `updated` were waiting for confirmation, which the file gives.
    confirmed: int = 0
    # How many of `refused` have an address of which the file says that no mail may go there.
    gone: int = 0
    # How many of `gone` were suppressed, because a person wanted that.
    stopped: int = 0
    # How many rows a person should look at, by what for: role, disposable, typo.
    flagged: dict[str, int] = field(default_factory=dict)

    def count(self, verdicts: dict[str, int]) -> None:
        """Add people by their verdict, see comparing."""
        get = verdicts.get
        self.added += get("new", 0) + get("joins", 0)
        self.known += get("joins", 0)
        self.confirmed += get("confirms", 0)
        self.updated += get("confirms", 0) + get("changes", 0)
        self.unchanged += get("same", 0) + get("left", 0)
        self.unsubscribed += get("left", 0)
        self.suppressed += get("suppressed", 0)

    def as_dict(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self)


# Called with how much is done and how much there is, in units of the step: bytes read, lines, changes.
Progress = Callable[[str, int, int], None]


def unseen(step: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
