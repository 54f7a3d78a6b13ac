"""Where a request came from, as a hash that is another each day and is kept for minutes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from django.conf import settings


def address_of(environment: Mapping[str, str]) -> str:
    """Where a request came from, by its WSGI environment; behind a proxy on this machine, by its word."""
    address = environment.get("REMOTE_ADDR", "")
    if address in ("", "127.0.0.1", "::1"):
        return environment.get("HTTP_X_FORWARDED_FOR", address).rpartition(",")[2].strip()
    return address


def hashed(address: str, program: str, day: date) -> str:
    """16 hexadecimal characters for an address and the name of a program on this day."""
    mac = _keyed(settings.SECRET_KEY, day).copy()
    mac.update(f"{address}\n{program}".encode())
    return mac.hexdigest()


@lru_cache(maxsize=4)
def _keyed(secret: str, day: date) -> hashlib.blake2b:
    key = hashlib.blake2b(f"{secret}\n{day}".encode(), digest_size=32, person=b"click client").digest()
    return hashlib.blake2b(key=key, digest_size=8)
