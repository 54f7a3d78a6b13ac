"""The relay that the configuration names."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings

from mailer.delivery.smtp import Relay


def configured() -> Relay:
    """The configured relay, greeted with the host of the site's address."""
    smtp = settings.CONFIG.smtp
    host = urlsplit(settings.CONFIG.site.url).hostname or "localhost"
    return Relay(smtp.host, smtp.port, smtp.security, smtp.username, smtp.password, ehlo=_literal(host))


def _literal(host: str) -> str:
    """A host as EHLO says it: an IP address stands in brackets (RFC 5321 §4.1.3)."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"
