"""Numbers that leave the house in addresses, each with a keyed proof that it was made here."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32decode
from functools import lru_cache

from django.conf import settings

# Octets of the proof: 80 bits.
_PROOF = 10
_NUMBER = 8
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)


def token(purpose: str, *numbers: int) -> str:
    """Unsigned 64-bit numbers in lower-case base32, a dot, 16 characters of proof; one number gives 30."""
    return _written(purpose, b"".join(number.to_bytes(_NUMBER) for number in numbers))


def read(purpose: str, written: str) -> int | None:
    """The number in a lower-case token of one number, or None when it was not made here for this purpose."""
    found = read_all(purpose, written)
    return found[0] if found and len(found) == 1 else None


def read_all(purpose: str, written: str) -> tuple[int, ...] | None:
    """The numbers in a lower-case token, or None when it was not made here for this purpose."""
    payload = _unpack(written.partition(".")[0])
    if not payload or len(payload) % _NUMBER:
        return None
    if not hmac.compare_digest(_written(purpose, payload).encode(), written.encode()):
        return None
    return tuple(int.from_bytes(payload[at : at + _NUMBER]) for at in range(0, len(payload), _NUMBER))


def _written(purpose: str, payload: bytes) -> str:
    mac = _hasher(settings.SECRET_KEY, purpose).copy()
    mac.update(payload)
    return f"{_pack(payload)}.{_pack(mac.digest())}"


def _pack(raw: bytes) -> str:
    """Base32 without padding, ten bits at a time: every message carries six of these."""
    bits = len(raw) * 8
    filled = bits + -bits % 10
    number = int.from_bytes(raw) << (filled - bits)
    text = "".join([_PAIRS[number >> shift & 1023] for shift in range(filled - 10, -1, -10)])
    return text[: -(-bits // 5)]


def _unpack(text: str) -> bytes:
    try:
        return b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError:
        return b""


@lru_cache(maxsize=32)
def _hasher(secret: str, purpose: str) -> hashlib.blake2b:
    """Keyed for a purpose; to be copied, which costs less than keying."""
    key = hashlib.blake2b(secret.encode(), digest_size=32, person=b"delivery-proof").digest()
    return hashlib.blake2b(key=key, digest_size=_PROOF, person=purpose.encode())
