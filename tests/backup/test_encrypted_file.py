"""The encrypted file: only what was written is read, whatever was done to it."""

from __future__ import annotations

import io
import os

import pytest

from mailer.backup import encrypted_file
from mailer.backup.encrypted_file import (
    Damaged,
    DecryptingReader,
    EncryptingWriter,
    NewerVersion,
    WrongPassphrase,
    authenticate_and_digest,
)

PASSPHRASE = "a passphrase of the tests"
CHUNK = 100


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of a few bytes, and a key that is derived in no time."""
    monkeypatch.setattr(encrypted_file, "_CHUNK", CHUNK)
    monkeypatch.setattr(encrypted_file, "_LOG_N", 10)


def encrypted(data: bytes) -> bytes:
    file = io.BytesIO()
    with EncryptingWriter(file, PASSPHRASE) as writer:
        for start in range(0, len(data), 33):
            writer.write(data[start : start + 33])
    return file.getvalue()


def decrypted(data: bytes, passphrase: str = PASSPHRASE) -> bytes:
    return io.BufferedReader(DecryptingReader(io.BytesIO(data), passphrase)).read()


HEADER = len(encrypted_file._MAGIC) + encrypted_file._HEADER.size
SEALED = CHUNK + encrypted_file._TAG


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 1000])
def test_what_was_written_is_read(size: int) -> None:
    data = os.urandom(size)
    assert decrypted(encrypted(data)) == data


@pytest.mark.parametrize("size", [0, CHUNK, 3 * CHUNK + 5])
def test_every_truncation_is_recognised(size: int) -> None:
    data = encrypted(os.urandom(size))
    for length in range(len(data)):
        with pytest.raises(Damaged):
            decrypted(data[:length])


def test_every_changed_byte_is_recognised() -> None:
    data = encrypted(os.urandom(2 * CHUNK + 5))
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises((Damaged, WrongPassphrase, NewerVersion)):
            decrypted(bytes(changed))


def test_moved_repeated_and_left_out_chunks_are_recognised() -> None:
    data = encrypted(os.urandom(4 * CHUNK))
    header, chunks = data[:HEADER], [data[at : at + SEALED] for at in range(HEADER, len(data), SEALED)]
    assert len(chunks) == 4
    one, two, three, four = chunks
    for order in (
        [two, one, three, four],
        [one, one, two, three, four],
        [one, three, four],
        [one, two, three],
    ):
        with pytest.raises(Damaged):
            decrypted(header + b"".join(order))
    with pytest.raises(Damaged):
        decrypted(data + four)


def test_another_passphrase_and_another_version_are_named() -> None:
    data = encrypted(b"x")
    with pytest.raises(WrongPassphrase):
        decrypted(data, "another passphrase")
    version = len(encrypted_file._MAGIC)
    with pytest.raises(NewerVersion):
        decrypted(data[:version] + b"\x02" + data[version + 1 :])


def test_a_header_cannot_demand_all_memory() -> None:
    data = bytearray(encrypted(b"x"))
    data[len(encrypted_file._MAGIC) + 1] = 40
    with pytest.raises(Damaged):
        decrypted(bytes(data))


def test_reading_through_returns_the_digest_of_what_was_written() -> None:
    file = io.BytesIO()
    with EncryptingWriter(file, PASSPHRASE) as writer:
        writer.write(os.urandom(3 * CHUNK))
    file.seek(0)
    assert authenticate_and_digest(DecryptingReader(file, PASSPHRASE)) == writer.digest.digest()
