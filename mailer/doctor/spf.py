"""SPF (RFC 7208): what a domain's record allows, how many questions it costs, and how it ends."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mailer.doctor.dns import Address, Names

# Questions to DNS that a record may cost, those without an answer, and hosts of one `mx` (§4.6.4).
MOST_LOOKUPS = 10
_MOST_VOID = 2
_MOST_HOSTS = 10
# Deeper than any record within the limits.
_DEPTH = 20
_TERM = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)([:/].*)?\Z", re.IGNORECASE)
_MODIFIER = re.compile(r"([A-Za-z][\w.-]*)=(.*)\Z")
_RESULTS = {"": "pass", "+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


@dataclass
class Spf:
    """What became of looking at a domain."""

    domain: str
    # The record; empty: there is none.
    record: str = ""
    # What is wrong for every receiver.
    problems: list[str] = field(default_factory=list)
    # Questions that the whole record costs.
    lookups: int = 0
    # The qualified `all` at its end, "-all"; empty: it has none.
    ending: str = ""
    # "pass", "softfail"… for each address that was asked about.
    results: dict[Address, str] = field(default_factory=dict)


def look(names: Names, domain: str, addresses: Iterable[Address]) -> Spf:
    """Read a domain's record, and say what it gives for mail from these addresses. Raises NoAnswer."""
    whole = _Walk(names)
    whole.check(domain, None)
    found = Spf(domain, _record(names, domain, []), whole.problems, whole.lookups, whole.ending)
    if whole.lookups > MOST_LOOKUPS:
        found.problems.append(
            f"It costs {whole.lookups} DNS lookups; receivers stop at {MOST_LOOKUPS} and treat it as broken."
        )
    if whole.void > _MOST_VOID:
        found.problems.append(f"{whole.void} of its lookups find nothing; receivers stop after {_MOST_VOID}.")
    found.results = {address: _Walk(names).check(domain, address) for address in addresses}
    return found


def _record(names: Names, domain: str, problems: list[str]) -> str:
    records = [text for text in names.texts(domain) if re.match(r"v=spf1( |\Z)", text, re.IGNORECASE)]
    if len(records) > 1:
        problems.append(f"{domain} has {len(records)} SPF records; receivers want exactly one.")
    return records[0] if records else ""


class _Walk:
    """One way through a record and what it refers to."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self.lookups = self.void = 0
        self.problems: list[str] = []
        self.ending = ""

    def check(self, domain: str, address: Address | None, depth: int = 0, final: bool = True) -> str:
        """The result for an address; None matches nothing, so that everything is visited.

        `final`: whether the record's `all` decides, as it does not in an include.
        """
        record = _record(self._names, domain, self.problems)
        if not record:
            return "none"
        redirect = ""
        for term in record.split()[1:]:
            if found := _TERM.match(term):
                qualifier, name, rest = found[1], found[2].lower(), found[3] or ""
                if name == "all" and final:
                    self.ending = f"{qualifier or '+'}all"
                if self._matches(name, rest, domain, address, depth):
                    return _RESULTS[qualifier]
                if name == "all":
                    return "neutral"
            elif modifier := _MODIFIER.match(term):
                if modifier[1].lower() == "redirect":
                    redirect = modifier[2]
            else:
                self.problems.append(f"“{term}” in the record of {domain} is no SPF term.")
        if redirect and self._count(depth):
            result = self.check(redirect, address, depth + 1, final)
            if result == "none":
                self.problems.append(f"redirect={redirect} leads to a domain without SPF.")
            return result
        return "neutral"

    def _matches(self, name: str, rest: str, domain: str, address: Address | None, depth: int) -> bool:
        if name == "all":
            return address is not None
        if name in ("ip4", "ip6"):
            return self._in_network(rest.removeprefix(":"), address)
        if not self._count(depth):
            return False
        target, _, lengths = rest.removeprefix(":").partition("/")
        target = target or domain
        if "%" in target:
            # A macro: what it comes to depends on each message.
            return False
        if name == "include":
            result = self.check(target, address, depth + 1, final=False)
            if result == "none":
                self.problems.append(f"include:{target} leads to a domain without SPF.")
            return address is not None and result == "pass"
        if name in ("a", "mx"):
            return self._is_host(name, target, lengths, address)
        if name == "exists":
            return self._answered(self._names.addresses(target)) and address is not None
        return False

    def _is_host(self, name: str, target: str, lengths: str, address: Address | None) -> bool:
        hosts = [target]
        if name == "mx":
            hosts = [host for host in self._names.exchangers(target) if host]
            self._answered(hosts)
            if len(hosts) > _MOST_HOSTS:
                self.problems.append(f"mx:{target} has {len(hosts)} hosts; receivers stop at {_MOST_HOSTS}.")
        four, _, six = lengths.partition("//") if not lengths.startswith("/") else ("", "", lengths[1:])
        for host in hosts:
            found = self._names.addresses(host)
            if name == "a":
                self._answered(found)
            for one in found:
                length = (four or "32") if one.version == 4 else (six or "128")
                if self._in_network(f"{one}/{length}", address):
                    return True
        return False

    def _in_network(self, network: str, address: Address | None) -> bool:
        try:
            found = ipaddress.ip_network(network, strict=False)
        except ValueError:
            self.problems.append(f"“{network}” is no address range.")
            return False
        return address is not None and address in found

    def _answered(self, found: Sequence[object]) -> bool:
        self.void += not found
        return bool(found)

    def _count(self, depth: int) -> bool:
        self.lookups += 1
        return depth < _DEPTH
