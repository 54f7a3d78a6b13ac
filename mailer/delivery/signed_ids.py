"""Numbers that leave the house in addresses, each with a keyed proof that it was made here.

In mail addresses, which are of lower case, the number can be read; in the addresses of pages it is hidden.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings

# Hexadecimal digits of a proof: 80 bits.
_PROOF = 20
# One keyed hash proves a number for every purpose, each by digits of its own.
_PLACES = {"verp": 0, "message": _PROOF, "probe": 2 * _PROOF}
# Octets of a hidden number's proof, and of the number.
_TAG, _NUMBER = 10, 8
# Characters of a hidden number, of base64url.
HIDDEN = 24
# What a token looks like, in lower case: at most 16 digits, a dot, the proof.
SHAPE = r"[0-9a-f]{1,16}\.[0-9a-f]{20}"
_SHAPE = re.compile(SHAPE)
# By its end a token is found in a whole message many times as fast as by its beginning.
_TOKEN_END = re.compile(r"\.[0-9a-f]{20}(?![0-9a-z])")
_TOKEN_NUMBER = re.compile(r"(?<![0-9a-z])[0-9a-f]{1,16}\Z")


class Tokens(NamedTuple):
    """The tokens of a delivery's number."""

    verp: str
    message: str


def tokens(numbers: Iterable[int]) -> list[Tokens]:
    """The two tokens of each delivery, which costs less than one after the other."""
    hasher, made = _hasher(settings.SECRET_KEY), []
    for number in numbers:
        written = f"{number:x}"
        proofs = _proofs(hasher, written)
        made.append(Tokens(f"{written}.{proofs[:_PROOF]}", f"{written}.{proofs[_PROOF : 2 * _PROOF]}"))
    return made


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


def within(text: str) -> Iterator[str]:
    """Everything in a text of lower case that has the shape of a token and stands by itself."""
    for end in _TOKEN_END.finditer(text):
        number = _TOKEN_NUMBER.search(text[max(end.start() - 17, 0) : end.start()])
        if number is not None:
            yield number[0] + end[0]


def _proof(purpose: str, written: str) -> str:
    at = _PLACES[purpose]
    return _proofs(_hasher(settings.SECRET_KEY), written)[at : at + _PROOF]


def _proofs(hasher: hashlib.blake2b, written: str) -> str:
    mac = hasher.copy()
    mac.update(written.encode())
    return mac.hexdigest()


@lru_cache(maxsize=8)
def _hasher(secret: str) -> hashlib.blake2b:
    """Keyed once; to be copied, which costs less than keying."""
    key = hashlib.blake2b(secret.encode(), digest_size=32, person=b"delivery-proof").digest()
    return hashlib.blake2b(key=key, digest_size=_PROOF * len(_PLACES) // 2)


def hidden(purpose: str, number: int) -> str:
    """An unsigned 64-bit number as HIDDEN characters that say it to us alone, the same each time.

    The proof of the number for this purpose seeds the mask that the number is under.
    """
    octets = number.to_bytes(_NUMBER)
    tag = _keyed(settings.SECRET_KEY, purpose, _TAG, octets)
    return urlsafe_b64encode(tag + _masked(purpose, tag, octets)).decode()


def read_hidden(purpose: str, token: str) -> int | None:
    """The number in a token of `hidden`, or None when it was not made here for this purpose."""
    if len(token) != HIDDEN or not token.isascii():
        return None
    try:
        raw = urlsafe_b64decode(token)
    except ValueError:
        return None
    tag, octets = raw[:_TAG], _masked(purpose, raw[:_TAG], raw[_TAG:])
    if len(raw) != _TAG + _NUMBER or not hmac.compare_digest(
        _keyed(settings.SECRET_KEY, purpose, _TAG, octets), tag
    ):
        return None
    return int.from_bytes(octets)


def _masked(purpose: str, tag: bytes, octets: bytes) -> bytes:
    """The octets with their mask put on, or taken off."""
    mask = _keyed(settings.SECRET_KEY, f"{purpose} mask", _NUMBER, tag)
    return (int.from_bytes(octets) ^ int.from_bytes(mask)).to_bytes(_NUMBER)


def _keyed(secret: str, use: str, size: int, octets: bytes) -> bytes:
    mac = _keyed_for(secret, use, size).copy()
    mac.update(octets)
    return mac.digest()


@lru_cache(maxsize=16)
def _keyed_for(secret: str, use: str, size: int) -> hashlib.blake2b:
    key = hashlib.blake2b(secret.encode(), digest_size=32, person=use.encode()).digest()
    return hashlib.blake2b(key=key, digest_size=size)
