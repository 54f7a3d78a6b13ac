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
from typing import Literal, NamedTuple, get_args

from django.conf import settings

Purpose = Literal["leave", "prefs", "confirm"]
_PURPOSES = get_args(Purpose)

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


class Links(NamedTuple):
    """The tokens of a reader's mail."""

    leave: str
    prefs: str
    # The one to leave, as an address carries it: 48 hexadecimal digits.
    leave_by_mail: str


def make(purpose: Purpose, subscriber: int, scope: int) -> str:
    """A token of LENGTH characters that names the subscriber and the scope to us alone."""
    payload = _PAYLOAD.pack(subscriber, scope)
    secret = settings.SECRET_KEY
    return urlsafe_b64encode(_raw(secret, _tag(secret, purpose, payload), payload)).decode()


def links(subscriber: int, newsletter: int) -> Links:
    """All tokens of a reader's mail at once, which costs less than one after another."""
    payload = _PAYLOAD.pack(subscriber, newsletter)
    secret = settings.SECRET_KEY
    tags = _tags(secret, payload)
    leave, prefs = _raw(secret, tags[:_TAG], payload), _raw(secret, tags[_TAG : 2 * _TAG], payload)
    return Links(urlsafe_b64encode(leave).decode(), urlsafe_b64encode(prefs).decode(), leave.hex())


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
    secret = settings.SECRET_KEY
    payload = _masked(secret, raw[:_TAG], raw[_TAG:])
    proved = hmac.compare_digest(raw[:_TAG], _tag(secret, purpose, payload))
    if len(raw) != _TAG + _PAYLOAD.size or not proved:
        raise BadToken("not a token of ours")
    return Claim(*_PAYLOAD.unpack(payload))


def _raw(secret: str, tag: bytes, payload: bytes) -> bytes:
    return tag + _masked(secret, tag, payload)


def _tag(secret: str, purpose: Purpose, payload: bytes) -> bytes:
    at = _PURPOSES.index(purpose) * _TAG
    return _tags(secret, payload)[at : at + _TAG]


def _tags(secret: str, payload: bytes) -> bytes:
    """One keyed hash proves the payload for every purpose, each by octets of its own."""
    mac = _hasher(secret, b"token-tag", len(_PURPOSES) * _TAG).copy()
    mac.update(payload)
    return mac.digest()


def _masked(secret: str, tag: bytes, payload: bytes) -> bytes:
    """The payload with its mask put on, or taken off."""
    stream = _hasher(secret, b"token-mask", _PAYLOAD.size).copy()
    stream.update(tag)
    mixed = int.from_bytes(payload) ^ int.from_bytes(stream.digest()[: len(payload)])
    return mixed.to_bytes(len(payload))


@lru_cache(maxsize=32)
def _hasher(secret: str, use: bytes, size: int) -> hashlib.blake2b:
    """Keyed for its use; to be copied, which costs less than keying."""
    key = hashlib.blake2b(secret.encode(), digest_size=32, person=use).digest()
    return hashlib.blake2b(key=key, digest_size=size)
