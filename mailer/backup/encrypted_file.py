"""A file that is encrypted with a passphrase, written and read as a stream.

The key is derived with scrypt (RFC 7914). Chunks of a mebibyte are encrypted with AES-256-GCM. The nonce of a
chunk holds its number and whether it is the last one, and the header is authenticated with every chunk. So a
file that was modified, reordered or truncated is recognised (the STREAM construction of Hoang, Reyhanitabar,
Rogaway and Vizár).
"""

from __future__ import annotations

import hashlib
import hmac
import io
import os
import struct
from collections.abc import Callable
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

_MAGIC = b"mailer-backup\n"
_VERSION = 1
# Version, log2 of scrypt's N, r, p, salt, prefix of the nonces, and the value that proves the passphrase.
_HEADER = struct.Struct(">BBBB16s7s16s")
# 64 MiB of memory, and some tenths of a second.
_LOG_N, _R, _P = 16, 8, 2
# What a header may ask for, so that a forged one takes neither all memory nor hours.
_MAX_LOG_N, _MAX_R, _MAX_P = 18, 8, 4
_CHUNK = 1 << 20
_TAG = 16
_NONCE = struct.Struct(">7sIB")
MIN_PASSPHRASE = 12


class BackupFileError(Exception):
    """The backup file cannot be used."""


class WrongPassphrase(BackupFileError):  # noqa: N818
    """The passphrase is not the one that this backup was encrypted with."""


class Damaged(BackupFileError):  # noqa: N818
    """The file was truncated or modified."""


class NewerVersion(BackupFileError):  # noqa: N818
    """The backup was made by a newer version of this program."""


class EncryptingWriter(io.RawIOBase):
    """Encrypts what is written; `close` writes the last chunk."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        salt, self._prefix = os.urandom(16), os.urandom(7)
        key, proof = _derive(passphrase, salt, _LOG_N, _R, _P)
        self._header = _MAGIC + _HEADER.pack(_VERSION, _LOG_N, _R, _P, salt, self._prefix, proof)
        self._cipher = AESGCM(key)
        self._file = file
        self._buffer = bytearray()
        self._number = 0
        # SHA-256 of everything that was written, unencrypted.
        self.digest = hashlib.sha256()
        file.write(self._header)

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self.digest.update(data)
        self._buffer += data
        # The last chunk is written by `close`, and is never empty where there is any data.
        while len(self._buffer) > _CHUNK:
            self._write_chunk(bytes(self._buffer[:_CHUNK]), last=False)
            del self._buffer[:_CHUNK]
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._write_chunk(bytes(self._buffer), last=True)
            self._buffer.clear()
        super().close()

    def _write_chunk(self, data: bytes, *, last: bool) -> None:
        nonce = _NONCE.pack(self._prefix, self._number, last)
        self._file.write(self._cipher.encrypt(nonce, data, self._header))
        self._number += 1


class DecryptingReader(io.RawIOBase):
    """Decrypts a file; reading raises Damaged where it is not what was written."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        """Raises WrongPassphrase, Damaged (also for any other file) and NewerVersion."""
        start = file.read(len(_MAGIC))
        if start != _MAGIC:
            raise Damaged("This is not a backup of `mailer backup`, or its beginning was overwritten.")
        packed = file.read(_HEADER.size)
        if packed[:1] and packed[0] > _VERSION:
            raise NewerVersion(
                "This backup was made by a newer version of mailer. Install that one, and restore with it."
            )
        if len(packed) < _HEADER.size:
            raise Damaged("The file was truncated: it ends within its header.")
        _, log_n, r, p, salt, self._prefix, proof = _HEADER.unpack(packed)
        if not (10 <= log_n <= _MAX_LOG_N and 1 <= r <= _MAX_R and 1 <= p <= _MAX_P):
            raise Damaged("The header of the file was modified.")
        key, expected = _derive(passphrase, salt, log_n, r, p)
        if not hmac.compare_digest(proof, expected):
            raise WrongPassphrase(
                "The passphrase is not the one that this backup was encrypted with, or the file's header was "
                "modified. Try the passphrase of the time when the backup was made."
            )
        self._header = start + packed
        self._cipher = AESGCM(key)
        self._file = file
        self._number = 0
        self._buffer = b""
        self._position = 0
        self._next = file.read(_CHUNK + _TAG)
        self._ended = False
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, target: bytearray | memoryview, /) -> int:  # type: ignore[override]
        if self._position == len(self._buffer) and not self._ended:
            self._buffer, self._position = self._read_chunk(), 0
            self.digest.update(self._buffer)
        data = self._buffer[self._position : self._position + len(target)]
        target[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _read_chunk(self) -> bytes:
        sealed, self._next = self._next, self._file.read(_CHUNK + _TAG)
        last = not self._next
        offset = len(self._header) + self._number * (_CHUNK + _TAG)
        try:
            data = self._decrypt(sealed, last=last)
        except InvalidTag as error:
            if last and self._is_followed(sealed):
                raise Damaged("The file was truncated: its end is missing.") from error
            raise Damaged(f"The file was modified or truncated near byte {offset:,}.") from error
        self._ended = last
        self._number += 1
        return data

    def _is_followed(self, sealed: bytes) -> bool:
        try:
            self._decrypt(sealed, last=False)
        except InvalidTag:
            return False
        return True

    def _decrypt(self, sealed: bytes, *, last: bool) -> bytes:
        if len(sealed) < _TAG:
            raise Damaged("The file was truncated: its end is missing.")
        return self._cipher.decrypt(_NONCE.pack(self._prefix, self._number, last), sealed, self._header)


def authenticate_and_digest(
    reader: DecryptingReader, on_read: Callable[[int], None] = lambda octets: None
) -> bytes:
    """Read to the end, which authenticates the whole file; the SHA-256 of what it holds. Raises Damaged."""
    buffer = bytearray(_CHUNK)
    while count := reader.readinto(buffer):
        on_read(count)
    return reader.digest.digest()


def _derive(passphrase: str, salt: bytes, log_n: int, r: int, p: int) -> tuple[bytes, bytes]:
    """The key, and a value that proves it without telling anything about it."""
    derived = Scrypt(salt=salt, length=48, n=1 << log_n, r=r, p=p).derive(passphrase.encode())
    return derived[:32], derived[32:]
