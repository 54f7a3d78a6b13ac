"""Opaque tokens for the links in a mail: keyed, without addresses, the same each time they are made.

A token is a keyed hash that proves its payload for one purpose, and the payload in a block of AES, which
hides it: nobody without the key can read a number out of it or make of it a token for another purpose.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from django.conf import settings

# "move" and "disown" name an AddressChange where others name a subscriber.
Purpose = Literal["leave", "prefs", "confirm", "move", "disown", "own", "stay"]
_PURPOSES = get_args(Purpose)

# Characters of every token: 8 octets of proof and a block of 16, base64url without padding.
LENGTH = 32
_PROOF = 8
# As many purposes as one keyed hash has room for: with another one, tokens that were sent stay good.
_ROOM = 8
# A claim, and zeros that are looked for again.
_BLOCK = struct.Struct(">QI4s")
_ZEROS = bytes(4)


class BadToken(ValueError):  # noqa: N818  (a verdict on input, named as the field names it)
    """The token was not made here, or for another purpose."""


class Claim(NamedTuple):
    # Primary key of the subscriber.
    subscriber: int
    # The newsletter whose mail carried the link (0: none), or for a letter of ours the minute since 1970 of
    # its making.
    scope: int

    def is_fresh(self, valid: timedelta, now: datetime) -> bool:
        """Whether a letter's link, made by `make_dated`, is no older than that, nor made in the future."""
        return 0 <= now.timestamp() - self.scope * 60 <= valid.total_seconds()


class Links(NamedTuple):
    """The tokens of a reader's mail."""

    leave: str
    prefs: str
    # The one to leave, as an address carries it: 48 hexadecimal digits.
    leave_by_mail: str


def make(purpose: Purpose, subscriber: int, scope: int) -> str:
    """A token of LENGTH characters that names the subscriber and the scope to us alone."""
    keys, block = _keys(settings.SECRET_KEY), _BLOCK.pack(subscriber, scope, _ZEROS)
    return urlsafe_b64encode(_proof(keys, purpose, block) + keys.hide(block)).decode()


def make_dated(purpose: Purpose, subscriber: int, now: datetime) -> str:
    """A token whose scope is the minute of its making, for a link that is good for a while."""
    return make(purpose, subscriber, int(now.timestamp() // 60))


def links(subscribers: Iterable[int], newsletter: int) -> list[Links]:
    """The tokens of each reader's mail, in their order; of many at once they cost half as much."""
    keys = _keys(settings.SECRET_KEY)
    blocks = [_BLOCK.pack(subscriber, newsletter, _ZEROS) for subscriber in subscribers]
    hidden = keys.hide(b"".join(blocks))
    leave, prefs = [], []
    for start, block in zip(range(0, len(hidden), _BLOCK.size), blocks, strict=True):
        proofs, own = _proofs(keys, block), hidden[start : start + _BLOCK.size]
        leave.append(proofs[:_PROOF] + own)
        prefs.append(proofs[_PROOF : 2 * _PROOF] + own)
    by_mail = [one.hex() for one in leave]
    return [Links(*each) for each in zip(_written(leave), _written(prefs), by_mail, strict=True)]


def _written(raw: list[bytes]) -> list[str]:
    """Tokens as characters. Each has as many octets as fill its characters, so that they part there."""
    characters = urlsafe_b64encode(b"".join(raw)).decode()
    return [characters[start : start + LENGTH] for start in range(0, len(characters), LENGTH)]


def read(purpose: Purpose, token: str) -> Claim:
    """What `make` put into the token; raises BadToken."""
    if len(token) != LENGTH or not token.isascii():
        raise BadToken("not a token")
    try:
        raw = urlsafe_b64decode(token)
    except ValueError as error:
        raise BadToken("not a token") from error
    return _read(purpose, raw)


def read_mail(written: str) -> Claim:
    """Who wishes to leave what, from `leave_by_mail`; raises BadToken."""
    return _read("leave", bytes.fromhex(written))


def _read(purpose: Purpose, raw: bytes) -> Claim:
    if len(raw) != _PROOF + _BLOCK.size:
        raise BadToken("not a token")
    keys = _keys(settings.SECRET_KEY)
    block = keys.show(raw[_PROOF:])
    subscriber, scope, zeros = _BLOCK.unpack(block)
    if not hmac.compare_digest(raw[:_PROOF] + _ZEROS, _proof(keys, purpose, block) + zeros):
        raise BadToken("not a token of ours")
    return Claim(subscriber, scope)


class _Keys(NamedTuple):
    # Puts a block under AES, and takes it off.
    hide: Callable[[bytes], bytes]
    show: Callable[[bytes], bytes]
    # Keyed once; to be copied, which costs less than keying.
    proving: hashlib.blake2b


@lru_cache(maxsize=8)
def _keys(secret: str) -> _Keys:
    # With one block at a time there is no pattern for the mode to show, and nothing kept between two calls:
    # any thread may use it.
    cipher = Cipher(algorithms.AES(_key(secret, b"token-block")), modes.ECB())  # noqa: S305
    proving = hashlib.blake2b(key=_key(secret, b"token-proof"), digest_size=_PROOF * _ROOM)
    return _Keys(cipher.encryptor().update, cipher.decryptor().update, proving)


def _key(secret: str, use: bytes) -> bytes:
    return hashlib.blake2b(secret.encode(), digest_size=32, person=use).digest()


def _proof(keys: _Keys, purpose: Purpose, block: bytes) -> bytes:
    at = _PURPOSES.index(purpose) * _PROOF
    return _proofs(keys, block)[at : at + _PROOF]


def _proofs(keys: _Keys, block: bytes) -> bytes:
    """One keyed hash proves the block for every purpose, each by octets of its own."""
    mac = keys.proving.copy()
    mac.update(block)
    return mac.digest()
