"""What a check says, and what it looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mailer.config import Config
from mailer.doctor.dns import Names

# problem: mail or pages fail, or soon will. warning: for a person to weigh. skipped: could not be looked at.
Verdict = Literal["ok", "warning", "problem", "skipped"]


@dataclass(frozen=True)
class Record:
    """A record to publish in DNS."""

    name: str
    type: str
    value: str


@dataclass(frozen=True)
class Finding:
    # Stable: "spf", "relay"…
    check: str
    # Which one, where there are several: a domain, a host.
    subject: str
    verdict: Verdict
    # What was seen, in words.
    seen: str
    # What to change; empty: nothing.
    advice: str = ""
    records: tuple[Record, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "subject": self.subject,
            "verdict": self.verdict,
            "seen": self.seen,
            "advice": self.advice,
            "records": [{"name": one.name, "type": one.type, "value": one.value} for one in self.records],
        }


@dataclass(frozen=True)
class World:
    """What checks outside the database look at."""

    config: Config
    names: Names
    # Addresses that mail comes from, as From shows them.
    senders: tuple[str, ...]
    # Seconds for each step that waits for somebody else.
    patience: float = 10
    # Where mail servers of other domains listen.
    mx_port: int = 25

    @property
    def domains(self) -> tuple[str, ...]:
        """Of the senders, in lower case, without those that are not names in DNS."""
        found = dict.fromkeys(sender.rpartition("@")[2].lower() for sender in self.senders)
        return tuple(domain for domain in found if "." in domain and not domain[-1].isdigit())

    @property
    def bounce_domains(self) -> tuple[str, ...]:
        """Of the envelope senders."""
        own = self.config.bounces.domain.lower()
        return (own,) if own else self.domains
