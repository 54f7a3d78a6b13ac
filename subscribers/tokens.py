"""Opaque tokens for links and mail addresses: ids encrypted with AES-SIV (RFC 5297), each for one purpose.

The cipher is deterministic, so a link is the same each time it is made, and authenticated, so without the
key no id is read out of a token, and no token made or used for another purpose (the associated data).

A token is the last digit of its key's id and 24 octets: the synthetic IV and an unsigned 64-bit number. In a
URL they are base64url, 33 characters in all; in a mail address, whose case servers may fold, hexadecimal, 49.

The setting TOKEN_KEYS holds the id and secret of each key: the first one encrypts, and all of them decrypt.
"""

from __future__ import annotations

import re
import struct
from array import array
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import and_, xor
from typing import Literal, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

# In links to the pages of a subscriber. For change_address (emailed to the new address), agree_change and
# reject_change (to the old one) the id is an AddressChange's, for data_access a DataLink's. The scope of
# unsubscribe_list is a list's id.
# docs/subscribers.md says what each opens; no page holds a token that opens more than its own.
PagePurpose = Literal[
    "unsubscribe",
    "unsubscribe_list",
    "preferences",
    "confirm",
    "change_address",
    "agree_change",
    "reject_change",
    "data_access",
    "reconfirm",
]
# In Message-IDs and envelope senders (delivery, probe), and in tracked links.
MailPurpose = Literal["delivery", "probe", "link", "open", "subscriber"]
# In the cursor of a page of the REST API: the last row of the page, and a digest of what was asked.
ApiPurpose = Literal["api_cursor"]
# In the mailed link to an external approver, and in the address of a calendar of a member of staff.
StaffPurpose = Literal["approval_link", "staff_calendar"]
# In the address of a picture in a test send: a digest of its path, and the last day of the address.
PicturePurpose = Literal["test_picture"]
Purpose = PagePurpose | MailPurpose | ApiPurpose | StaffPurpose | PicturePurpose

# Characters of a token in a URL, and the regular expression of one in a mail address.
URL_LENGTH = 33
MAIL_TOKEN = r"[0-9][0-9a-f]{48}"  # noqa: S105  (a pattern)
_URL_TOKEN, _MAIL_TOKEN = re.compile(r"[0-9][A-Za-z0-9_-]{32}"), re.compile(MAIL_TOKEN)
# What may be a token of either form, or a tracked link's two, in a text for people.
_LIKE_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{33,}(?![A-Za-z0-9_-])")
_ID_OCTETS = 8
# Octets of a token: the synthetic IV, and the encrypted id.
_TOKEN_OCTETS = 24
# Octets of the key: AES-256 twice (RFC 5297 §2.2).
_KEY_OCTETS = 64
# Octets of a block of AES.
_BLOCK = 16
# Bits that the counter mode of AES-SIV clears (RFC 5297 §2.5).
_COUNTER_MASK = bytes.fromhex("ffffffff ffffffff 7fffffff 7fffffff")
# How far our clock may have been ahead when a token was made.
_MAX_CLOCK_SKEW = timedelta(days=1)
# A claim's scope takes the last bits of its id; 36 bits are left for the subscriber.
_SCOPE_BITS = 28


class InvalidToken(ValueError):  # noqa: N818  (as cryptography names its own)
    """The token was not made here, or for another purpose."""


class LinkExpired(InvalidToken):
    """The token was used, rejected or replaced, or is too old."""


class Claim(NamedTuple):
    """What the token in a link to a page says."""

    # Primary key of the subscriber, or of the row that the purpose is about.
    subscriber: int
    # The newsletter whose mail carried the link (0: none); for a link that expires, the minute since 1970 in
    # which it was made.
    scope: int

    def is_fresh(self, valid: timedelta, now: datetime) -> bool:
        """Whether a token of `make_dated` is no older than that, and made a day in the future at most.

        A clock that was ahead may have been corrected since the token was made. Only we make tokens, so that
        this lets nobody prolong one.
        """
        age = timedelta(seconds=now.timestamp() - self.scope * 60)
        return -_MAX_CLOCK_SKEW <= age <= valid

    @property
    def made_at(self) -> datetime:
        """The minute in which a token of `make_dated` was made (aware, UTC)."""
        return datetime.fromtimestamp(self.scope * 60, UTC)

    def earliest_made_at(self, now: datetime) -> datetime:
        """`made_at`; a day before where that is in the future, because the clock was ahead."""
        return self.made_at if self.made_at <= now else self.made_at - _MAX_CLOCK_SKEW


class Links(NamedTuple):
    """The tokens in one mailing's message to a subscriber."""

    unsubscribe: str
    preferences: str
    # The unsubscribe token in the form for mail addresses (List-Unsubscribe with mailto, RFC 2369).
    unsubscribe_mailto: str


def encrypt_id_for_url(purpose: Purpose, number: int) -> str:
    """A token for a URL. Raises OverflowError unless `number` fits into 64 bits, unsigned."""
    key, octets = _keys()[0], number.to_bytes(_ID_OCTETS)
    return key.id + urlsafe_b64encode(key.cipher.encrypt(octets, _associated(purpose))).decode()


def encrypt_ids_for_addresses(purpose: Purpose, numbers: Iterable[int]) -> list[str]:
    """A token for a mail address for each number. Raises OverflowError like `encrypt_id_for_url`."""
    key = _keys()[0]
    return _split(key.id, key.encrypt_all(purpose, numbers).hex(), 2 * _TOKEN_OCTETS)


def decrypt_id(purpose: Purpose, token: str) -> int:
    """The number in a token of either form. Raises InvalidToken."""
    if _URL_TOKEN.fullmatch(token):
        octets = urlsafe_b64decode(token[1:])
    elif _MAIL_TOKEN.fullmatch(token):
        octets = bytes.fromhex(token[1:])
    else:
        raise InvalidToken("not a token")
    for key in _keys():
        # Ten digits are few; two keys may share one, and only the right key authenticates.
        if key.id == token[0]:
            try:
                return int.from_bytes(key.cipher.decrypt(octets, _associated(purpose)))
            except InvalidTag:
                continue
    raise InvalidToken("not a token of ours")


def mask_tokens(text: str) -> str:
    """The text without anything that looks like a token: with one, its reader could act for a subscriber."""
    return _LIKE_TOKEN.sub(lambda found: f"{found[0][:3]}…" if _has_digit(found[0]) else found[0], text)


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)


def make_token(purpose: PagePurpose, subscriber: int, scope: int) -> str:
    """A token for a URL. Raises OverflowError for a subscriber beyond 36 bits or a scope beyond 28."""
    return encrypt_id_for_url(purpose, _pack(subscriber, scope))


def make_dated(purpose: PagePurpose, object_id: int, now: datetime) -> str:
    """A token whose scope is the minute in which it is made, for a link that expires."""
    return make_token(purpose, object_id, int(now.timestamp() // 60))


def read_token(purpose: PagePurpose, token: str) -> Claim:
    """What `make_token` or `link_tokens` put into the token, in either form. Raises InvalidToken."""
    number = decrypt_id(purpose, token)
    return Claim(number >> _SCOPE_BITS, number & ((1 << _SCOPE_BITS) - 1))


def link_tokens(subscribers: Iterable[int], newsletter: int) -> list[Links]:
    """The tokens of each subscriber's message, in their order.

    Made for a batch, because a mailing makes them thousands of times a second; the unsubscribe token is
    encrypted once for both of its forms.
    """
    key = _keys()[0]
    scope = _pack(0, newsletter)
    claims = [subscriber << _SCOPE_BITS | scope for subscriber in subscribers]
    unsubscribe, preferences = key.encrypt_all("unsubscribe", claims), key.encrypt_all("preferences", claims)
    # 24 octets are 32 characters of base64 without padding, so that all are encoded in one call.
    pages = _split(key.id, urlsafe_b64encode(unsubscribe).decode(), URL_LENGTH - 1)
    choices = _split(key.id, urlsafe_b64encode(preferences).decode(), URL_LENGTH - 1)
    addresses = _split(key.id, unsubscribe.hex(), 2 * _TOKEN_OCTETS)
    return list(map(Links, pages, choices, addresses))


def _split(key_id: str, text: str, length: int) -> list[str]:
    """The tokens in a text of encoded ciphertexts, each of so many characters."""
    return [key_id + text[start : start + length] for start in range(0, len(text), length)]


def _pack(subscriber: int, scope: int) -> int:
    if scope >> _SCOPE_BITS:
        raise OverflowError(f"scope {scope} does not fit into {_SCOPE_BITS} bits")
    return subscriber << _SCOPE_BITS | scope


class _Key(NamedTuple):
    # The last digit of its id in the keys file.
    id: str
    # Its methods may be called by several threads at once.
    cipher: AESSIV
    # The halves of the key: for the synthetic IV, and for the counter mode.
    mac_key: AES
    counter_key: AES

    def encrypt_all(self, purpose: Purpose, numbers: Iterable[int]) -> bytes:
        """`cipher.encrypt` of many numbers of 64 bits, octet for octet and one behind the other.

        Raises OverflowError. A number is shorter than a block of AES, so its synthetic IV is one block of
        AES, and its ciphertext another (RFC 5297 §2.4, §2.5): a batch takes two calls and 0.1 µs a token,
        where one call of the library for each number takes 1.7 µs while mail is sent.
        """
        numbers = tuple(numbers)
        count = len(numbers)
        try:
            plain = struct.pack(">" + "Q8x" * count, *numbers)
        except struct.error as error:
            raise OverflowError("a token holds an unsigned number of 64 bits") from error
        whitened = _combine(xor, plain, _whitening(self.mac_key, purpose) * count)
        iv = _encrypt_blocks(self.mac_key, whitened)
        stream = _encrypt_blocks(self.counter_key, _combine(and_, iv, _COUNTER_MASK * count))
        # Words of eight octets: two of each synthetic IV, and the ciphertext, the first word of its block.
        words, ivs = array("Q", bytes(_TOKEN_OCTETS * count)), array("Q", iv)
        words[0::3], words[1::3] = ivs[0::2], ivs[1::2]
        words[2::3] = array("Q", _combine(xor, plain, stream))[0::2]
        return words.tobytes()


@lru_cache(maxsize=64)
def _whitening(key: AES, purpose: Purpose) -> bytes:
    """What S2V (RFC 5297 §2.4) and CMAC (RFC 4493 §2.4) add to a padded number before AES."""
    purpose_mac = _combine(xor, _double(_cmac(key, bytes(_BLOCK))), _cmac(key, purpose.encode()))
    subkey = _double(_encrypt_blocks(key, bytes(_BLOCK)))
    padding = bytes(_ID_OCTETS) + b"\x80" + bytes(_BLOCK - _ID_OCTETS - 1)
    return _combine(xor, _combine(xor, _double(purpose_mac), subkey), padding)


def _encrypt_blocks(key: AES, blocks: bytes) -> bytes:
    # ECB is AES itself, for several blocks at once.
    return Cipher(key, modes.ECB()).encryptor().update(blocks)  # noqa: S305


def _cmac(key: AES, message: bytes) -> bytes:
    mac = CMAC(key)
    mac.update(message)
    return mac.finalize()


def _double(block: bytes) -> bytes:
    """The block times two in the field of 2^128 elements (RFC 5297 §2.3)."""
    number = int.from_bytes(block) << 1
    return (number ^ (number >> 128) * ((1 << 128) | 0x87)).to_bytes(_BLOCK)


def _combine(operator: Callable[[int, int], int], left: bytes, right: bytes) -> bytes:
    """An operator on the bits of two equally long texts."""
    return operator(int.from_bytes(left), int.from_bytes(right)).to_bytes(len(left))


def _keys() -> tuple[_Key, ...]:
    """The key that encrypts, and behind it those that only decrypt."""
    return _derived(settings.TOKEN_KEYS)


@lru_cache(maxsize=8)
def _derived(keys: tuple[tuple[int, str], ...]) -> tuple[_Key, ...]:
    return tuple(_derive(number, secret) for number, secret in keys)


def _derive(number: int, secret: str) -> _Key:
    """The token key of a key id and its secret (RFC 5869)."""
    key = HKDF(SHA256(), _KEY_OCTETS, None, b"newsletter tokens, AES-SIV").derive(secret.encode())
    half = _KEY_OCTETS // 2
    return _Key(str(number % 10), AESSIV(key), AES(key[:half]), AES(key[half:]))


@lru_cache(maxsize=32)
def _associated(purpose: Purpose) -> list[bytes | bytearray | memoryview]:
    return [purpose.encode()]
