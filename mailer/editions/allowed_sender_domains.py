"""Which domains may be senders of newsletters and lists."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext


def is_allowed(address: str) -> bool:
    """Whether mail may be sent from this address; each, where the site's own pages have no domain."""
    domain = address.rpartition("@")[2].strip().rstrip(".").lower()
    site = settings.CONFIG.site
    if site.sender_domains:
        return any(_within(domain, one.lower().lstrip("@.")) for one in site.sender_domains)
    own = list(_own_domains())
    return not own or any(_within(domain, one) or _is_parent(domain, one) for one in own)


def validate_sender(address: str) -> None:
    """Raises ValidationError where mail may not be sent from this address."""
    if address and not is_allowed(address):
        domain = address.rpartition("@")[2]
        raise ValidationError(
            gettext(
                "Sending from %(domain)s is not allowed. The key sender_domains in [site] of "
                "the configuration lists the allowed domains."
            )
            % {"domain": domain},
            code="sender_domain",
        )


def _own_domains() -> Iterator[str]:
    """The domains of the site's address and of its pages, where they are real ones."""
    site = settings.CONFIG.site
    for domain in (site.email.rpartition("@")[2], urlsplit(site.url).hostname or ""):
        with suppress(ValueError):
            ipaddress.ip_address(domain)
            continue
        if "." in domain:
            yield domain.lower()


def _within(domain: str, allowed: str) -> bool:
    return domain == allowed or domain.endswith(f".{allowed}")


def _is_parent(domain: str, own: str) -> bool:
    """Whether it is above the site's own domain, but no top-level domain."""
    return "." in domain and own.endswith(f".{domain}")
