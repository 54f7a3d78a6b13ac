"""Opaque tokens for the links in a mail: keyed, without addresses, the same each time they are made.

A token is a synthetic IV and a masked payload: the tag authenticates purpose and payload, and seeds the mask,
so that nobody without the key can read a number out of it or turn a token for one purpose into another.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from typing import Literal, NamedTuple

from django.conf import settings

Purpose = Literal["leave", "prefs", "confirm"]

# Characters of every token: 12 octets of tag and 12 of payload, base64url without padding.
LENGTH = 32
_TAG = 12
_PAYLOAD = struct.Struct(">QI")


class BadToken(ValueError):  # noqa: N818  (a verdict on input, named as the field names it)
    """The token was not made here, or for another purpose."""


class Claim(NamedTuple):
    # Primary key of the subscriber.
    subscriber: int
    # The newsletter whose mail carried the link (0: none), or for "confirm"
    # the minute since 1970 of its making.
    scope: int


def make(purpose: Purpose, subscriber: int, scope: int) -> str:
    """A token of LENGTH characters that names the subscriber and the scope to us alone."""
    payload = _PAYLOAD.pack(subscriber, scope)
    tag = _tag(purpose, payload)
    return urlsafe_b64encode(tag + _mask(tag, payload)).decode()


def read(purpose: Purpose, token: str) -> Claim:
    """What `make` put into the token; raises BadToken."""
    if len(token) != LENGTH or not token.isascii():
        raise BadToken("not a token")
    try:
        raw = urlsafe_b64decode(token)
    except ValueError as error:
        raise BadToken("not a token") from error
    tag, payload = raw[:_TAG], _mask(raw[:_TAG], raw[_TAG:])
    if len(raw) != _TAG + _PAYLOAD.size or not hmac.compare_digest(tag, _tag(purpose, payload)):
        raise BadToken("not a token of ours")
    return Claim(*_PAYLOAD.unpack(payload))


@lru_cache(maxsize=32)
def _hasher(secret: str, use: bytes, purpose: bytes, size: int) -> hashlib.blake2b:
    """Keyed for its use; to be copied, which costs less than keying."""
    key = hashlib.blake2b(secret.encode(), digest_size=32, person=use).digest()
    return hashlib.blake2b(key=key, digest_size=size, person=purpose)


def _tag(purpose: str, payload: bytes) -> bytes:
    mac = _hasher(settings.SECRET_KEY, b"token-tag", purpose.encode(), _TAG).copy()
    mac.update(payload)
    return mac.digest()


def _mask(tag: bytes, payload: bytes) -> bytes:
    stream = _hasher(settings.SECRET_KEY, b"token-mask", b"", _PAYLOAD.size).copy()
    stream.update(tag)
    mixed = int.from_bytes(payload) ^ int.from_bytes(stream.digest()[: len(payload)])
    return mixed.to_bytes(len(payload))
