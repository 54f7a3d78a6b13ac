"""DNS lookups of the doctor, with a timeout and a cache."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable

import dns.exception
import dns.rdatatype
import dns.resolver
import dns.reversename

from subscribers.addresses import to_ascii_domain

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


_PRIVATE = [
    ipaddress.ip_network(one) for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
]


class DnsError(Exception):
    """DNS gave no answer, not even that a record does not exist."""


class Dns:
    """Queries a resolver. Thread-safe; all names are without a final dot. Every lookup raises DnsError."""

    def __init__(self, nameserver: str = "", port: int = 53, seconds: float = 5) -> None:
        """`nameserver`: an IP address; empty: the machine's own. `seconds`: the timeout of a lookup."""
        self._created: dns.resolver.Resolver | None = None
        self._nameserver, self._port, self._seconds = nameserver, port, seconds
        self._cache: dict[tuple[str, str], list[str]] = {}
        self._lock = threading.Lock()

    def txt(self, name: str) -> list[str]:
        """TXT records, the strings of each joined."""
        return self._lookup(name, "TXT", lambda data: b"".join(data.strings).decode("ascii", "replace"))

    def addresses(self, host: str) -> list[Address]:
        """A and AAAA records of a host; an IP address stands for itself."""
        try:
            return [ipaddress.ip_address(host)]
        except ValueError:
            found = [*self._lookup(host, "A", str), *self._lookup(host, "AAAA", str)]
        return [ipaddress.ip_address(one) for one in found]

    def mx(self, domain: str) -> list[str]:
        """Hosts of the MX records, the preferred first. [""]: a null MX, no mail at all (RFC 7505)."""
        found = self._lookup(domain, "MX", lambda data: f"{data.preference:05} {data.exchange}")
        return [one.partition(" ")[2].rstrip(".").lower() for one in sorted(found)]

    def ptr(self, address: Address) -> list[str]:
        """Host names of the address's PTR records."""
        reverse = dns.reversename.from_address(str(address)).to_text()
        return self._lookup(reverse, "PTR", lambda data: str(data.target).rstrip(".").lower())

    def clear_cache(self) -> None:
        self._cache.clear()

    def _lookup(self, name: str, kind: str, read: Callable[..., str]) -> list[str]:
        key = (name.lower(), kind)
        if key not in self._cache:
            self._cache[key] = self._resolve(name, kind, read)
        return self._cache[key]

    def _resolve(self, name: str, kind: str, read: Callable[..., str]) -> list[str]:
        try:
            answer = self._resolver().resolve(
                f"{name.rstrip('.')}.", kind, raise_on_no_answer=False, lifetime=self._seconds
            )
        except dns.resolver.NXDOMAIN:
            return []
        except (dns.exception.DNSException, OSError) as error:
            message = f"The DNS query for {name} failed with an error ({type(error).__name__})."
            if isinstance(error, dns.exception.Timeout):
                message = f"The DNS query for {name} had no answer within {self._seconds:g} seconds."
            raise DnsError(message) from error
        wanted = dns.rdatatype.from_text(kind)
        return [read(data) for data in answer.rrset or () if data.rdtype == wanted]

    def _resolver(self) -> dns.resolver.Resolver:
        with self._lock:
            if self._created is None:
                self._created = dns.resolver.Resolver(configure=not self._nameserver)
                if self._nameserver:
                    self._created.nameservers = [self._nameserver]
                    self._created.port = self._port
            return self._created


def ascii_name(name: str) -> str:
    """A host name in lower case, as DNS has it: with A-labels (RFC 5891)."""
    try:
        return to_ascii_domain(name).lower()
    except UnicodeError:
        return name.lower()


def is_public(address: Address) -> bool:
    """Whether other networks can see the address."""
    if address.is_loopback or address.is_link_local or address.is_unspecified:
        return False
    return not any(address in network for network in _PRIVATE)


def is_loopback_or_empty(host: str | None) -> bool:
    """Whether a host name or address, if there is one, means this machine only (RFC 6761 §6.3)."""
    if not host or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
