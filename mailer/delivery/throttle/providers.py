"""Whose mail system takes a reader's mail: the domain's family, or the domain itself; families are data."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib import resources


def provider_of(address: str) -> str:
    """The provider of an address: the best-known domain of its family, in lower case."""
    return provider_of_domain(address.rpartition("@")[2])


# Most readers share a few domains.
@lru_cache(maxsize=8192)
def provider_of_domain(domain: str) -> str:
    """The provider of a domain."""
    domain = domain.lower()
    families = _families()
    return families.get(domain) or families.get(f"{domain.partition('.')[0]}.*") or domain


@lru_cache(maxsize=1)
def _families() -> dict[str, str]:
    """Member, or beginning of members, to family."""
    table = tomllib.loads(resources.files(__package__).joinpath("providers.toml").read_text(encoding="utf-8"))
    return {member: family for family, members in table.items() for member in (family, *members)}
