"""A process that signs digests for the process that started it, until that closes the connection.

Run as a file, with a socket as standard input: it imports nothing of this package, so that it starts within
a tenth of a second and takes little memory. `signer_pool` is the other end. All numbers are unsigned, of four
bytes, big-endian.

- First the keys: their number, and each as its length and PKCS #8 in DER.
- Then requests: the number of digests, and the digests, SHA-256 of 32 bytes each, with each key in turn.
- The response to a request: the signatures in the same order, nothing between them.
"""

from __future__ import annotations

import signal
import socket
import struct
from collections.abc import Callable
from itertools import cycle

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_private_key

NUMBER = struct.Struct(">I")
DIGEST_BYTES = 32


def main() -> None:
    # The parent decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with socket.socket(fileno=0) as connection, connection.makefile("rb") as stream:
        (count,) = NUMBER.unpack(stream.read(NUMBER.size))
        signers = [_signer(stream.read(*NUMBER.unpack(stream.read(NUMBER.size)))) for _ in range(count)]
        while head := stream.read(NUMBER.size):
            (count,) = NUMBER.unpack(head)
            digests = stream.read(count * DIGEST_BYTES)
            starts = range(0, len(digests), DIGEST_BYTES)
            connection.sendall(
                b"".join(
                    [
                        sign(digests[start : start + DIGEST_BYTES])
                        for start, sign in zip(starts, cycle(signers), strict=False)
                    ]
                )
            )


def _signer(der: bytes) -> Callable[[bytes], bytes]:
    key = load_der_private_key(der, password=None)
    if isinstance(key, RSAPrivateKey):
        padding, digest = PKCS1v15(), Prehashed(hashes.SHA256())
        return lambda octets: key.sign(octets, padding, digest)
    assert isinstance(key, Ed25519PrivateKey)
    return key.sign


if __name__ == "__main__":
    main()
