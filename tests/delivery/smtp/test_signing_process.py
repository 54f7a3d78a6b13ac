"""Many RSA signatures at a time: by a double of Intel's library, and by the library where it is installed."""

from __future__ import annotations

import ctypes
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from mailer.delivery.smtp import signing_process
from mailer.delivery.smtp.signing_process import DigestSigner, RsaLanes, sign_round_robin
from tests.conftest import lacking

DIGESTS = [sha256(b"%d" % number).digest() for number in range(21)]


@cache
def usual_key() -> rsa.RSAPrivateKey:
    """Of most tests: made for the first of them, and not where the module is only loaded."""
    return rsa.generate_private_key(65537, 2048)


class Library:
    """Computes as the multi-buffer library does, on the memory that it gets; or wrongly in one lane."""

    def __init__(self, wrong: bool = False) -> None:
        self.calls = 0

        def sign(padded, signed, *arguments) -> int:
            self.calls += 1
            p, q = (int.from_bytes(ctypes.string_at(one[0], 128), "little") for one in arguments[:2])
            d = pow(65537, -1, (p - 1) * (q - 1))
            for lane in range(8):
                number = int.from_bytes(ctypes.string_at(padded[lane], 256), "big")
                ctypes.memmove(signed[lane], pow(number, d, p * q).to_bytes(256, "big"), 256)
            if wrong:
                last = signed[1] + 255
                ctypes.memset(last, ctypes.string_at(last, 1)[0] ^ 1, 1)
            return 0

        def verify(signed, opened, modulus, *arguments) -> int:
            for lane in range(8):
                number = int.from_bytes(ctypes.string_at(signed[lane], 256), "big")
                n = int.from_bytes(ctypes.string_at(modulus[lane], 256), "little")
                ctypes.memmove(opened[lane], pow(number, 65537, n).to_bytes(256, "big"), 256)
            return 0

        self.mbx_rsa_private_crt_mb8, self.mbx_rsa_public_mb8 = sign, verify
        self.mbx_RSA_private_crt_Method = self.mbx_RSA_pub65537_Method = lambda bits: bits
        self.mbx_RSA_Method_BufSize = lambda method: 64
        self.mbx_get_algo_info = lambda algorithm: 8


def check(signatures) -> None:
    digest = Prehashed(hashes.SHA256())
    for signature, octets in zip(signatures, DIGESTS, strict=True):
        usual_key().public_key().verify(signature, octets, padding.PKCS1v15(), digest)


@pytest.fixture
def installed(monkeypatch):
    def install(library):
        monkeypatch.setattr(signing_process, "_library", lambda: library)
        return library

    return install


def test_eight_are_signed_at_a_time(installed):
    library = installed(Library())
    check(DigestSigner(usual_key()).sign(DIGESTS))
    # The last five share a call as well.
    assert library.calls == 3


def test_two_are_not_worth_a_call(installed):
    library = installed(Library())
    DigestSigner(usual_key()).sign(DIGESTS[:2])
    assert library.calls == 0


def test_a_wrong_signature_is_never_returned(installed):
    library = installed(Library(wrong=True))
    signer = DigestSigner(usual_key())
    check(signer.sign(DIGESTS))
    check(signer.sign(DIGESTS))
    assert library.calls == 1


def test_without_the_library_openssl_signs(installed):
    installed(None)
    check(DigestSigner(usual_key()).sign(DIGESTS))


@pytest.mark.parametrize(("exponent", "bits"), [(3, 2048), (65537, 2056)])
def test_openssl_signs_with_keys_that_do_not_fit(installed, exponent, bits):
    installed(Library())
    assert DigestSigner(rsa.generate_private_key(exponent, bits)).lanes is None


def test_each_key_signs_its_own_digests(installed):
    installed(Library())
    other = ed25519.Ed25519PrivateKey.generate()
    both = [digest for digest in DIGESTS for _ in range(2)]
    signatures = sign_round_robin([DigestSigner(usual_key()).sign, DigestSigner(other).sign], both)
    check(signatures[::2])
    assert signatures[1::2] == [other.sign(digest) for digest in DIGESTS]


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_the_library_signs_as_openssl_does(bits, installed):
    if "avx512ifma" not in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        pytest.skip("this processor has no AVX-512 IFMA")
    if RsaLanes.for_key(usual_key()) is None:
        lacking("the package libcrypto-mb11")
    key = rsa.generate_private_key(65537, bits)
    signer = DigestSigner(key)
    assert signer.lanes is not None
    by_library = signer.sign(DIGESTS)
    assert signer.lanes is not None
    installed(None)
    assert by_library == DigestSigner(key).sign(DIGESTS)
