"""Mailbox providers: whose servers take a subscriber's mail.

A provider is a family of domains (providers.toml), or a domain of its own.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib import resources

# Of a longer domain, its end is the provider: the throttle's key has room for no more.
_MAX_NAME = 100


def provider_of(address: str) -> str:
    """The provider of an address: the best-known domain of its family, in lower case."""
    return provider_of_domain(address.rpartition("@")[2])


# Stands for all providers without a family: there are too many of them to count each for ever.
OTHER = "other"


def family_or_other(provider: str) -> str:
    """The provider if it is a family of domains, else OTHER."""
    return provider if provider in family_main_domains() else OTHER


# Most subscribers share a few domains.
@lru_cache(maxsize=8192)
def provider_of_domain(domain: str) -> str:
    """The provider of a domain, likewise."""
    domain = domain.lower()
    families = _families()
    return families.get(domain) or families.get(f"{domain.partition('.')[0]}.*") or domain[-_MAX_NAME:]


@lru_cache(maxsize=1)
def family_main_domains() -> tuple[str, ...]:
    """The best-known domain of each family."""
    return tuple(dict.fromkeys(_families().values()))


@lru_cache(maxsize=1)
def _families() -> dict[str, str]:
    """Member domain, or "prefix.*", to family."""
    table = tomllib.loads(resources.files(__package__).joinpath("providers.toml").read_text(encoding="utf-8"))
    return {member: family for family, members in table.items() for member in (family, *members)}
