"""Numbers that leave the house in addresses, each with a keyed proof that it was made here."""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings

# Hexadecimal digits of a proof: 80 bits.
_PROOF = 20
# One keyed hash proves a number for every purpose, each by digits of its own.
_PLACES = {"verp": 0, "message": _PROOF, "probe": 2 * _PROOF}
# What a token looks like, in lower case: at most 16 digits, a dot, the proof.
SHAPE = r"[0-9a-f]{1,16}\.[0-9a-f]{20}"
_SHAPE = re.compile(SHAPE)


class Tokens(NamedTuple):
    """The tokens of a delivery's number."""

    verp: str
    message: str


def tokens(number: int) -> Tokens:
    """A delivery's two tokens at once, which costs less than one after the other."""
    written = f"{number:x}"
    proofs = _proofs(written)
    return Tokens(f"{written}.{proofs[:_PROOF]}", f"{written}.{proofs[_PROOF : 2 * _PROOF]}")


def token(purpose: str, number: int) -> str:
    """An unsigned 64-bit number in hexadecimal, a dot, and its proof for this purpose."""
    written = f"{number:x}"
    return f"{written}.{_proof(purpose, written)}"


def read(purpose: str, token: str) -> int | None:
    """The number in a token of lower case, or None when it was not made here for this purpose."""
    if not _SHAPE.fullmatch(token):
        return None
    written, _, proof = token.partition(".")
    if written.startswith("0") or not hmac.compare_digest(_proof(purpose, written), proof):
        return None
    return int(written, 16)


def _proof(purpose: str, written: str) -> str:
    at = _PLACES[purpose]
    return _proofs(written)[at : at + _PROOF]


def _proofs(written: str) -> str:
    mac = _hasher(settings.SECRET_KEY).copy()
    mac.update(written.encode())
    return mac.hexdigest()


@lru_cache(maxsize=8)
def _hasher(secret: str) -> hashlib.blake2b:
    """Keyed once; to be copied, which costs less than keying."""
    key = hashlib.blake2b(secret.encode(), digest_size=32, person=b"delivery-proof").digest()
    return hashlib.blake2b(key=key, digest_size=_PROOF * len(_PLACES) // 2)
