"""What a check of the doctor gets and returns: its context, its result, and DNS records to publish."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from mailer.config import Config
from mailer.doctor.dns_client import Dns, DnsError, ascii_name

# problem: mail or pages fail, or soon will. warning: staff must decide. skipped: it could not be checked.
Status = Literal["ok", "warning", "problem", "skipped"]


@dataclass(frozen=True)
class DnsRecord:
    """A record to publish in DNS."""

    name: str
    type: str
    value: str


@dataclass(frozen=True)
class CheckResult:
    # Stable: "spf", "relay"…
    check: str
    # Which one, where there are several: a domain, a host.
    subject: str
    status: Status
    # What was found.
    message: str
    # What to change; empty: nothing.
    advice: str = ""
    records: tuple[DnsRecord, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "check": self.check,
            "subject": self.subject,
            "status": self.status,
            "message": self.message,
            "advice": self.advice,
            "records": [{"name": one.name, "type": one.type, "value": one.value} for one in self.records],
        }


DNS_ADVICE = "Check the network. Mail servers that get no answer from DNS defer the messages too."


def check_each(
    check: str, subjects: Iterable[str], function: Callable[[str], Iterable[CheckResult]]
) -> Iterator[CheckResult]:
    """The results of each subject; where DNS fails for one, the others are checked all the same."""
    for subject in subjects:
        try:
            yield from list(function(subject))
        except DnsError as error:
            yield CheckResult(check, subject, "warning", str(error), DNS_ADVICE)


@dataclass(frozen=True)
class Context:
    """What the checks need that is not in the database."""

    config: Config
    dns: Dns
    # Addresses in From.
    senders: tuple[str, ...]
    # Seconds for each step that waits for another server.
    timeout: float = 10
    # The port of other domains' mail servers.
    mx_port: int = 25

    @property
    def domains(self) -> tuple[str, ...]:
        """The senders' domains as DNS has them, without those that are not DNS names."""
        found = dict.fromkeys(ascii_name(sender.rpartition("@")[2]) for sender in self.senders)
        return tuple(domain for domain in found if "." in domain and not domain[-1].isdigit())

    @property
    def bounce_domains(self) -> tuple[str, ...]:
        """The domains of the envelope senders."""
        own = ascii_name(self.config.bounces.domain)
        return (own,) if own else self.domains

    @property
    def esp_with_own_envelope_sender(self) -> str:
        """The title of the ESP if its messages have an envelope sender of its own; else empty.

        Such an ESP publishes the SPF record, and gets the bounces.
        """
        # Needed only where an ESP is configured.
        from mailer.delivery.esp.capabilities import CAPABILITIES

        capability = CAPABILITIES.get(self.config.service.name)
        bounces = self.config.bounces
        if not capability or (capability.envelope_sender and bounces.domain and bounces.has_inbound):
            return ""
        return capability.title
