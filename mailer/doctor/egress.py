"""Where mail leaves from, as far as that can be known from here."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

from mailer.config import Config
from mailer.doctor.dns import Address, Names

_INSIDE = [ipaddress.ip_network(one) for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]


class Leaving(NamedTuple):
    # Public addresses from which mail leaves, or is taken to leave; none: unknown.
    addresses: tuple[Address, ...]
    # Why these, or why none.
    because: str
    # Whether they are this machine's own.
    ours: bool = False


def leaving(config: Config, names: Names) -> Leaving:
    """The relays' addresses; of a relay on this machine, those of the site. Raises NoAnswer."""
    if config.service.name:
        return Leaving((), f"mail leaves from the addresses of {config.service.name}")
    found: list[Address] = []
    ours = False
    for relay in (config.smtp, *config.relays):
        if not is_loopback(relay.host):
            found += names.addresses(relay.host)
            continue
        site = urlsplit(config.site.url).hostname or ""
        if not is_loopback(site):
            ours = True
            found += names.addresses(site)
    public = tuple(dict.fromkeys(address for address in found if is_public(address)))
    if not public:
        return Leaving((), "it cannot be seen from here under which address mail leaves")
    host = "this machine, where the relay runs" if ours else "the relay"
    return Leaving(public, f"{', '.join(map(str, public))} is the address of {host}", ours)


def is_public(address: Address) -> bool:
    """Whether the address can be one that others see."""
    if address.is_loopback or address.is_link_local or address.is_unspecified:
        return False
    return not any(address in network for network in _INSIDE)


def is_loopback(host: str | None) -> bool:
    if not host or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
