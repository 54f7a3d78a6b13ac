"""What is counted of a mailing: its account, and the same readers again by language, country and provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from operator import add
from typing import Any

from mailer.reports.totals import Account

# The providers that are not told of one by one.
OTHERS = "*"
# Fields of Counts that hold fates.
_TABLES = ("languages", "countries", "providers")


@dataclass(frozen=True)
class Fate:
    """What became of some readers. The first four add up to all of them."""

    accepted: int = 0
    refused: int = 0
    # Planned, being sent, to be sent later, or in doubt.
    waiting: int = 0
    left_out: int = 0
    # Marks on the accepted: came back later, and marked as unwanted.
    bounced: int = 0
    complained: int = 0

    @property
    def readers(self) -> int:
        return self.accepted + self.refused + self.waiting + self.left_out

    @property
    def reached(self) -> int:
        """Accepted, and not come back."""
        return self.accepted - self.bounced

    @property
    def counts(self) -> tuple[int, ...]:
        """In the order of the fields, as JSON keeps it."""
        return (
            self.accepted,
            self.refused,
            self.waiting,
            self.left_out,
            self.bounced,
            self.complained,
        )

    def __add__(self, other: Fate) -> Fate:
        return Fate(*map(add, self.counts, other.counts))


@dataclass(frozen=True)
class Failure:
    """One way in which mail failed."""

    # hard, soft, block or unknown.
    bounce_class: str
    # A key of [reasons] in feedback/rules.toml.
    reason: str
    # Readers whose server said no at once, for good.
    refused: int = 0
    # Readers whose server took it and sent it back.
    bounced: int = 0

    @property
    def readers(self) -> int:
        return self.refused + self.bounced


@dataclass(frozen=True)
class Counts:
    """The tables of a mailing; each tells of all its readers, or of those that it names."""

    account: Account = field(default_factory=Account)
    # By the language of the copy; "": no copy was made.
    languages: Mapping[str, Fate] = field(default_factory=dict)
    # By the countries that were chosen, "KZ,UZ"; "": every country.
    countries: Mapping[str, Fate] = field(default_factory=dict)
    # By who runs the reader's mail; "": the reader was erased since; OTHERS: all the smaller ones.
    providers: Mapping[str, Fate] = field(default_factory=dict)
    # All that were refused, and all that came back.
    failures: tuple[Failure, ...] = ()
    # The same by provider, and then by class; most first.
    troubles: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    # Accepted by the minute, "2021-12-03 04:05" in UTC.
    minutes: Mapping[str, int] = field(default_factory=dict)
    # Those not reached, by why; see unreached.
    unreached: Mapping[str, int] = field(default_factory=dict)
    # Accepted readers who unsubscribed since, by the reason that they gave ("": none).
    left: Mapping[str, int] = field(default_factory=dict)
    # When counting began.
    at: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON keeps it: a fate as the list of its counts."""
        fates = {name: {key: fate.counts for key, fate in getattr(self, name).items()} for name in _TABLES}
        return {**asdict(self), **fates, "at": self.at.isoformat() if self.at else None}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Counts:
        """The inverse of `as_dict`."""
        changed: dict[str, Any] = {
            **{name: {key: Fate(*fate) for key, fate in raw[name].items()} for name in _TABLES},
            "account": Account(**raw["account"]),
            "failures": tuple(Failure(**one) for one in raw["failures"]),
            "at": datetime.fromisoformat(raw["at"]) if raw["at"] else None,
        }
        return cls(**{**raw, **changed})


def total(fates: Mapping[str, Fate]) -> Fate:
    """All of them together."""
    return sum(fates.values(), Fate())
