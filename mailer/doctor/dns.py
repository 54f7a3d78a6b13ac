"""Questions to DNS, with a time-out, and one answer for whoever asks again."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable

import dns.exception
import dns.rdatatype
import dns.resolver
import dns.reversename

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NoAnswer(Exception):  # noqa: N818
    """DNS gave no answer: not even that there is nothing."""


class Names:
    """Asks a resolver. Any thread may; all names are given without a final dot. Raises NoAnswer."""

    def __init__(self, nameserver: str = "", port: int = 53, seconds: float = 5) -> None:
        """`nameserver`: an IP address; empty: what this machine is set to."""
        self._made: dns.resolver.Resolver | None = None
        self._nameserver, self._port, self._seconds = nameserver, port, seconds
        self._known: dict[tuple[str, str], list[str]] = {}
        self._lock = threading.Lock()

    def texts(self, name: str) -> list[str]:
        """TXT records, the strings of each joined."""
        return self._ask(name, "TXT", lambda data: b"".join(data.strings).decode("ascii", "replace"))

    def addresses(self, host: str) -> list[Address]:
        """Of a host, or of an address itself."""
        try:
            return [ipaddress.ip_address(host)]
        except ValueError:
            found = [*self._ask(host, "A", str), *self._ask(host, "AAAA", str)]
        return [ipaddress.ip_address(one) for one in found]

    def exchangers(self, domain: str) -> list[str]:
        """Hosts of the MX records, the preferred first. [""]: a null MX, no mail at all (RFC 7505)."""
        found = self._ask(domain, "MX", lambda data: f"{data.preference:05} {data.exchange}")
        return [one.partition(" ")[2].rstrip(".").lower() for one in sorted(found)]

    def pointers(self, address: Address) -> list[str]:
        """Names that the address's PTR records give."""
        reverse = dns.reversename.from_address(str(address)).to_text()
        return self._ask(reverse, "PTR", lambda data: str(data.target).rstrip(".").lower())

    def _ask(self, name: str, kind: str, read: Callable[..., str]) -> list[str]:
        key = (name.lower(), kind)
        if key not in self._known:
            self._known[key] = self._resolve(name, kind, read)
        return self._known[key]

    def _resolve(self, name: str, kind: str, read: Callable[..., str]) -> list[str]:
        try:
            answer = self._resolver().resolve(
                f"{name.rstrip('.')}.", kind, raise_on_no_answer=False, lifetime=self._seconds
            )
        except dns.resolver.NXDOMAIN:
            return []
        except (dns.exception.DNSException, OSError) as error:
            slow = isinstance(error, dns.exception.Timeout)
            words = f"within {self._seconds:g} seconds" if slow else f"but an error ({type(error).__name__})"
            raise NoAnswer(f"DNS gave no answer about {name} {words}.") from error
        wanted = dns.rdatatype.from_text(kind)
        return [read(data) for data in answer.rrset or () if data.rdtype == wanted]

    def _resolver(self) -> dns.resolver.Resolver:
        with self._lock:
            if self._made is None:
                self._made = dns.resolver.Resolver(configure=not self._nameserver)
                if self._nameserver:
                    self._made.nameservers = [self._nameserver]
                    self._made.port = self._port
            return self._made
