"""What passes between the steps of an import: rows, statistics, and the error that ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from subscribers.translate_stored_texts import stored

# The line or row number, from 1, and its cells.
TableRow = tuple[int, list[str]]

# A table of people has no more.
MAX_COLUMNS = 500


class UnreadableFile(Exception):  # noqa: N818  (a finding about the file)
    """The file cannot be read, and nothing of it is imported; the message says where and what to do."""


class EmptyFile(UnreadableFile):
    """The file has no row at all."""


def too_many_columns(line: int, columns: int) -> str:
    """The message about a row with more than MAX_COLUMNS cells."""
    return stored(
        "Line %(line)s of the file has %(columns)s columns; at most %(max_columns)s are read.",
        line=line,
        columns=f"{columns:,}",
        max_columns=MAX_COLUMNS,
    )


class ValidRow(NamedTuple):
    """A row with an address; an empty value leaves what is known unchanged."""

    # Line of the file on which the row begins, or the row of a sheet, from 1.
    line: int
    # See addresses.address_hash and addresses.normalise.
    address_hash: bytes
    email: str
    name: str
    # A language code.
    language: str
    # As CountriesField stores them: "KZ,UZ".
    countries: str
    # A doubt about the address, or the name: "role", "disposable", "typo gmail.com", "name"; mostly empty.
    warning: str = ""
    # Tags and values of custom fields, JSON, see `imports.attributes`.
    attributes: str = ""


class InvalidRow(NamedTuple):
    """A row that cannot be imported."""

    line: int
    # For the user to read; without the address.
    reason: str
    # A RejectedRow.Kind.
    kind: str = "invalid"
    # Where the address could be read.
    address_hash: bytes | None = None
    # What the file says about the person, a `statuses.Status`; empty where that is not the reason.
    status: str = ""


@dataclass
class ImportStats:
    """Counts of rows; each row that was read is in exactly one of `added` to `duplicates`.

    `mailer subscribers import --json` prints these names.
    """

    # Rows below the header that are not blank; the sum of `added` to `duplicates`.
    read: int = 0
    # Subscribers who were not on the list before, known from elsewhere or not.
    added: int = 0
    # Subscribers on the list about whom the file says something new, or whose consent it brings.
    updated: int = 0
    # Subscribers on the list as the file says, and unsubscribed people, whom a file never puts back.
    unchanged: int = 0
    # Always 0: an import resubscribes no one.
    revived: int = 0
    # Addresses with a suppression in force; nothing about them is changed.
    suppressed: int = 0
    # Rows that cannot be imported; each is kept with its line and a reason.
    refused: int = 0
    # Rows whose address is in an earlier row of the file; the earlier row counts.
    duplicates: int = 0
    # How many of `unchanged` had unsubscribed.
    unsubscribed: int = 0
    # How many of `added` were known before, from another list.
    known: int = 0
    # How many of `updated` were waiting for confirmation, which the file gives.
    confirmed: int = 0
    # How many of `refused` the file marks as unsubscribed, bounced, blocked or complained.
    do_not_mail: int = 0
    # How many of `do_not_mail` the import suppressed, because the user asked for that.
    newly_suppressed: int = 0
    # How many rows have a doubtful address or name, by kind: role, disposable, typo, name.
    warnings: dict[str, int] = field(default_factory=dict)

    def count(self, outcomes: dict[str, int]) -> None:
        """Add rows by their outcome, see `imports.diff`."""
        get = outcomes.get
        self.added += get("new", 0) + get("joins", 0)
        self.known += get("joins", 0)
        self.confirmed += get("confirms", 0)
        self.updated += get("confirms", 0) + get("changes", 0)
        self.unchanged += get("unchanged", 0) + get("unsubscribed", 0)
        self.unsubscribed += get("unsubscribed", 0)
        self.suppressed += get("suppressed", 0)

    def as_dict(self) -> dict[str, Any]:
        """The counts by name."""
        return asdict(self)


# Called with the step, how much of it is done and how much there is: bytes read, lines or changes.
Progress = Callable[[str, int, int], None]


def no_progress(step: str, done: int, total: int) -> None:
    """Report progress to no one."""
