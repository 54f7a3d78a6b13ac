"""The network address of the client of a request, also behind reverse proxies.

X-Forwarded-For is read from right to left: the connection's peer and every further hop must be a configured
proxy (`[site] trusted_proxies`), and the first address that is not one is the client. What the client wrote
itself stands further to the left, and is never read.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

# What else proxies add.
_PROXIES_ADD = ("HTTP_X_REAL_IP", "HTTP_VIA")
# Set by `distrust_others` where it removed what an unknown proxy said.
_WAS_FORWARDED = "mailer.was_forwarded"
_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED")
# Some proxies write a port: 203.0.113.9:4711 or [2001:db8::1]:4711.
_WITH_PORT = re.compile(r"(\d+\.\d+\.\d+\.\d+):\d{1,5}|\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?")


def address_from(meta: Mapping[str, Any]) -> str:
    """The client's IP address by a WSGI environment; "" where the proxy wrote something else.

    All requests without an address share the limits of one network.
    """
    proxies = _networks(tuple(settings.CONFIG.site.trusted_proxies))
    peer = str(meta.get("REMOTE_ADDR", ""))
    hops = [hop for hop in str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",") if hop.strip()]
    found = _parse(peer)
    while found is not None and hops and is_within(found, proxies):
        found = _parse(hops.pop())
    return str(found) if found is not None else ""


def is_trusted_proxy(peer: str) -> bool:
    """Whether a connection's peer is a configured proxy."""
    found = _parse(peer)
    return found is not None and is_within(found, _networks(tuple(settings.CONFIG.site.trusted_proxies)))


def is_from_this_machine(meta: Mapping[str, Any]) -> bool:
    """Whether a program on this machine sent the request, and no proxy passed it on.

    A proxy on this machine that adds no header to requests cannot be told from such a program.
    """
    found = _parse(str(meta.get("REMOTE_ADDR", "")))
    forwarded = meta.get(_WAS_FORWARDED) or any(name in meta for name in (*_FORWARDED, *_PROXIES_ADD))
    return found is not None and found.is_loopback and not forwarded


def distrust_others(application: Application) -> Application:
    """The WSGI application, for which only configured proxies say where a request came from, and how."""

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not is_trusted_proxy(environ.get("REMOTE_ADDR", "")):
            removed = [environ.pop(name) for name in _FORWARDED if name in environ]
            environ[_WAS_FORWARDED] = bool(removed)
        return application(environ, start_response)

    return call


def is_within(address: Address, networks: tuple[Network, ...]) -> bool:
    """Whether one of the networks holds the address."""
    return any(address in network for network in networks)


@lru_cache(maxsize=8)
def _networks(written: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(one, strict=False) for one in written)


def _parse(written: str) -> Address | None:
    text = written.strip()
    with_port = _WITH_PORT.fullmatch(text)
    try:
        found = ipaddress.ip_address((with_port[1] or with_port[2]) if with_port else text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def client_address(request: HttpRequest) -> str:
    """The client's IP address, also behind the configured proxies; "" where there is none."""
    return address_from(request.META)
