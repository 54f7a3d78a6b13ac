"""A process that signs digests for the process that started it, until that closes the connection.

Run as a file, with a socket as standard input: it imports nothing of this package, so that it starts within
a tenth of a second and takes little memory. `signer_pool` is the other end. All numbers are unsigned, of four
bytes, big-endian.

- First the keys: their number, and each as its length and PKCS #8 in DER.
- Then requests: the number of digests, and the digests, SHA-256 of 32 bytes each, with each key in turn.
- The response to a request: the signatures in the same order, nothing between them.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_private_key

NUMBER = struct.Struct(">I")
DIGEST_BYTES = 32
_PADDING, _DIGEST = PKCS1v15(), Prehashed(hashes.SHA256())

# Intel's Cryptography Primitives Library, Multi-buffer; in Debian and Ubuntu the package libcrypto-mb11.
_LIBRARIES = ("libcrypto_mb.so.11", "libcrypto_mb.so.12", "libcrypto_mb.so.13")
# Signatures that it makes at a time.
_LANES = 8
# For fewer digests, OpenSSL takes less time.
_LEAST_LANES = 3
# Its numbers for algorithms, by the bits of a key.
_ALGORITHMS = {2048: 1, 3072: 2, 4096: 3}
_EXPONENT = 65537
# Sending what is signed has priority. Otherwise signed messages pile up while this process keeps the
# processor from the thread that sends them; then that one alone is busy, and two cores lose a tenth.
_NICENESS = 7
# DER of a SHA-256 DigestInfo up to the digest (RFC 8017 §9.2, note 1).
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class DigestSigner:
    """Signs digests with one key: RSA of 2048, 3072 or 4096 bits eight at a time where that is possible."""

    def __init__(self, key: RSAPrivateKey | Ed25519PrivateKey) -> None:
        self._key = key
        self.lanes = RsaLanes.for_key(key) if isinstance(key, RSAPrivateKey) else None

    def sign(self, digests: Sequence[bytes]) -> list[bytes]:
        """The signatures of SHA-256 digests, in the same order."""
        signatures: list[bytes] = []
        while self.lanes is not None and len(digests) - len(signatures) >= _LEAST_LANES:
            made = self.lanes.sign(digests[len(signatures) : len(signatures) + _LANES])
            if made is None:
                # It cannot be relied on.
                self.lanes = None
            else:
                signatures += made
        return signatures + [self._sign_one(digest) for digest in digests[len(signatures) :]]

    def _sign_one(self, digest: bytes) -> bytes:
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(digest, _PADDING, _DIGEST)
        return self._key.sign(digest)


class RsaLanes:
    """Eight RSA signatures (PKCS #1 v1.5, SHA-256) at a time, by AVX-512 IFMA instructions.

    One takes a quarter of the processor time that OpenSSL needs. The library works in constant time. Every
    signature is verified before it is returned: a wrong one could reveal the key.
    """

    def __init__(self, library: ctypes.CDLL, key: RSAPrivateKey) -> None:
        bits, self._size = key.key_size, key.key_size // 8
        numbers = key.private_numbers()
        before_digest = self._size - len(_DIGEST_INFO) - DIGEST_BYTES
        self._prefix = b"\x00\x01".ljust(before_digest - 1, b"\xff") + b"\x00" + _DIGEST_INFO
        self._bits = ctypes.c_int(bits)
        own = (numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
        self._private = [_Lanes.of_number(number, self._size // 2) for number in own]
        self._modulus = _Lanes.of_number(numbers.public_numbers.n, self._size)
        self._padded, self._signed, self._opened = (_Lanes(self._size) for _ in range(3))
        self._sign, self._verify = library.mbx_rsa_private_crt_mb8, library.mbx_rsa_public_mb8
        self._sign_method = _method(library, "mbx_RSA_private_crt_Method", bits)
        self._verify_method = _method(library, "mbx_RSA_pub65537_Method", bits)
        self._scratch = [
            ctypes.create_string_buffer(library.mbx_RSA_Method_BufSize(method))
            for method in (self._sign_method, self._verify_method)
        ]

    @classmethod
    def for_key(cls, key: RSAPrivateKey) -> RsaLanes | None:
        """None unless the library is installed, and this processor and the key fit it."""
        numbers, library = key.private_numbers(), _library()
        halves = (numbers.p.bit_length(), numbers.q.bit_length())
        fits = numbers.public_numbers.e == _EXPONENT and halves == (key.key_size // 2,) * 2
        algorithm = _ALGORITHMS.get(key.key_size)
        if library is None or algorithm is None or not fits:
            return None
        return cls(library, key) if library.mbx_get_algo_info(algorithm) & _LANES else None

    def sign(self, digests: Sequence[bytes]) -> list[bytes] | None:
        """The signatures of up to eight digests; None if any of them is wrong."""
        padded = b"".join([self._prefix + digest for digest in digests])
        padded += padded[: self._size] * (_LANES - len(digests))
        self._padded.fill(padded)
        private = (number.addresses for number in self._private)
        method, scratch = self._sign_method, self._scratch[0]
        failed = self._sign(
            self._padded.addresses, self._signed.addresses, *private, self._bits, method, scratch
        )
        method, scratch = self._verify_method, self._scratch[1]
        modulus, opened = self._modulus.addresses, self._opened
        failed |= self._verify(self._signed.addresses, opened.addresses, modulus, self._bits, method, scratch)
        if failed or opened.octets() != padded:
            return None
        signed = self._signed.octets()
        return [
            signed[start : start + self._size] for start in range(0, len(digests) * self._size, self._size)
        ]


class _Lanes:
    """An operand of each lane, as the library takes it: memory, and a pointer to each operand."""

    def __init__(self, size: int, step: int | None = None) -> None:
        """Of `size` bytes each; `step`: from one to the next, 0 where all lanes have the same."""
        step = size if step is None else step
        self._memory = ctypes.create_string_buffer(step * (_LANES - 1) + size)
        start = ctypes.addressof(self._memory)
        self.addresses = (ctypes.c_void_p * _LANES)(*[start + lane * step for lane in range(_LANES)])

    @classmethod
    def of_number(cls, number: int, size: int) -> _Lanes:
        """The same number in every lane, little-endian."""
        lanes = cls(size, step=0)
        lanes.fill(number.to_bytes(size, "little"))
        return lanes

    def fill(self, octets: bytes) -> None:
        self._memory.raw = octets

    def octets(self) -> bytes:
        return self._memory.raw


@cache
def _library() -> ctypes.CDLL | None:
    """The multi-buffer library; None if it is not installed."""
    for name in _LIBRARIES:
        try:
            library = ctypes.CDLL(name)
            library.mbx_get_algo_info.restype = ctypes.c_uint64
        except (OSError, AttributeError):
            continue
        return library
    return None


def _method(library: ctypes.CDLL, name: str, bits: int) -> ctypes.c_void_p:
    function = getattr(library, name)
    function.restype = ctypes.c_void_p
    return ctypes.c_void_p(function(bits))


def sign_round_robin(
    signers: Sequence[Callable[[Sequence[bytes]], list[bytes]]], digests: Sequence[bytes]
) -> list[bytes]:
    """The signatures of digests, the first by the first signer, the second by the second, and so on."""
    by_signer = [sign(digests[number :: len(signers)]) for number, sign in enumerate(signers)]
    return [*chain.from_iterable(zip(*by_signer, strict=True))]


def main() -> None:
    os.nice(_NICENESS)
    # The parent decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with socket.socket(fileno=0) as connection, connection.makefile("rb") as stream:
        (count,) = NUMBER.unpack(stream.read(NUMBER.size))
        signers = [_signer(stream.read(*NUMBER.unpack(stream.read(NUMBER.size)))) for _ in range(count)]
        while head := stream.read(NUMBER.size):
            (count,) = NUMBER.unpack(head)
            octets = stream.read(count * DIGEST_BYTES)
            digests = [octets[start : start + DIGEST_BYTES] for start in range(0, len(octets), DIGEST_BYTES)]
            connection.sendall(b"".join(sign_round_robin(signers, digests)))


def _signer(der: bytes) -> Callable[[Sequence[bytes]], list[bytes]]:
    # The process that sent it has validated it, which takes longer than all other preparation.
    key = load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, RSAPrivateKey | Ed25519PrivateKey)
    return DigestSigner(key).sign


if __name__ == "__main__":
    main()
