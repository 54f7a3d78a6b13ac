"""DKIM: signs our own mail (RFC 6376, 8301, 8463), with relaxed canonicalisation of headers and body.

The part that all messages of a variant share is canonicalised and hashed once. A message then costs its
own headers, the body from its first personal value on, and the signature itself.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from django.conf import settings

from mailer.config import ConfigError, Dkim

# Signed header fields, besides every List- field. Relays may change or drop the others.
_SIGNED = frozenset(
    b"from reply-to to cc subject date message-id in-reply-to references mime-version content-type "
    b"content-transfer-encoding feedback-id cfbl-address x-mailru-msgtype x-postmaster-msgtype".split()
)
# Listed once more than they occur, so that a second one added in transit breaks the signature (RFC 6376
# §8.15).
_OVERSIGNED = (b"from", b"to", b"subject")
_MIN_RSA_BITS = 2048
_LINE_LENGTH = 76
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\Z")
_SPACES = re.compile(rb"[ \t]+")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_PADDING = PKCS1v15()
_DIGEST = Prehashed(hashes.SHA256())

if TYPE_CHECKING:
    from hashlib import _Hash


class _SignedFields(NamedTuple):
    """Header fields that are signed."""

    # In lower case.
    names: tuple[bytes, ...]
    # In the same order, each as "name:value" with CRLF.
    canonical: bytes


@dataclass(frozen=True)
class Key:
    """A private key, and where its public key is published in DNS."""

    domain: str
    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey

    @property
    def algorithm(self) -> str:
        """The value of k= in the record: rsa or ed25519 (RFC 6376 §3.6.1, RFC 8463 §4)."""
        return "rsa" if isinstance(self.private, RSAPrivateKey) else "ed25519"

    @property
    def dns_name(self) -> str:
        """The DNS name at which `dns_record` must be published."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def dns_record(self) -> str:
        """The value of the TXT record."""
        if isinstance(self.private, RSAPrivateKey):
            public = self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        else:
            public = self.private.public_key().public_bytes_raw()
        return f"v=DKIM1; k={self.algorithm}; p={b64encode(public).decode()}"

    def sign(self, digest: bytes) -> bytes:
        """The signature of a SHA-256 digest. OpenSSL releases the GIL meanwhile."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(digest, _PADDING, _DIGEST)
        return self.private.sign(digest)


class Signer:
    """Signs mail with one key or two."""

    def __init__(self, config: Dkim) -> None:
        """Raises ConfigError, naming the config key, if a key or name cannot be used."""
        self.keys = tuple(_keys(config))
        self._tag_prefixes = [
            f"v=1; a={key.algorithm}-sha256; c=relaxed/relaxed; d={key.domain};\r\n"
            f" s={key.selector}; t=".encode()
            for key in self.keys
        ]

    def for_variant(self, own_headers: str, shared: bytes) -> VariantSigner:
        """A signer of messages that begin with `own_headers` filled in (mime.MessageTemplate.own_headers),
        followed by `shared` (mime.MessageTemplate.shared): all other headers, and the beginning of a body
        that relaxed canonicalisation leaves unchanged."""
        return VariantSigner(self, own_headers, shared)

    def sign(self, message: bytes, at: int) -> bytes:
        """The message in CRLF lines with its signatures in front; `at`: time of signing in Unix seconds."""
        message = _LINE_END.sub(b"\r\n", message)
        if not message.endswith(b"\r\n"):
            message += b"\r\n"
        head, _, body = message.partition(b"\r\n\r\n")
        fields = _signed_fields(head + b"\r\n")
        body_digest = sha256(_relaxed_body(body)).digest()
        return self.request(sha256(fields.canonical), fields.names, body_digest, at).sign() + message

    def request(self, headers: _Hash, names: tuple[bytes, ...], body: bytes, at: int) -> SignatureRequest:
        """For the hash state of the canonical fields `names`, and the body's digest."""
        tags_after = b"%d;\r\n h=%s;\r\n bh=%s;\r\n b=" % (at, _h_tag(names), b64encode(body))
        all_tags, digests = [], []
        for prefix in self._tag_prefixes:
            tags = prefix + tags_after
            digest = headers.copy()
            digest.update(b"dkim-signature:" + tags.replace(b"\r\n ", b" "))
            all_tags.append(tags)
            digests.append(digest.digest())
        return SignatureRequest(self.keys, all_tags, digests)


@dataclass(slots=True, eq=False)
class SignatureRequest:
    """What has to be signed for one message: with each key the digest at the same place."""

    keys: tuple[Key, ...]
    # The tags of each DKIM-Signature field, to the beginning of the signature.
    tags: list[bytes]
    # SHA-256.
    digests: list[bytes]

    def sign(self) -> bytes:
        """The DKIM-Signature fields, signed in this thread."""
        return self.fields(map(Key.sign, self.keys, self.digests))

    def fields(self, signatures: Iterable[bytes]) -> bytes:
        """The DKIM-Signature fields with the signatures of the digests."""
        fields: list[bytes] = []
        for tags, signature in zip(self.tags, signatures, strict=True):
            fields += (b"DKIM-Signature: ", tags, _fold_base64(signature))
        return b"".join(fields)


class VariantSigner:
    """Signs the messages of one variant. Any thread may use it."""

    def __init__(self, signer: Signer, own_headers: str, shared: bytes) -> None:
        head, _, body = shared.partition(b"\r\n\r\n")
        fields = _signed_fields(head + b"\r\n")
        # Canonical values leave a canonical template canonical.
        own = _signed_fields(own_headers.encode())
        self._own_headers = own.canonical.decode()
        self._signer = signer
        self._headers = sha256(fields.canonical)
        self._names = fields.names + own.names
        self._body = sha256(body)

    def request(self, header_values: dict[str, str], pieces: Sequence[bytes], at: int) -> SignatureRequest:
        """For the DKIM-Signature fields that go before `pieces`: own headers, the shared piece, and the rest
        of the body.

        `header_values`: what own headers were filled with. `at`: time of signing in Unix seconds.
        """
        headers, body = self._headers.copy(), self._body.copy()
        own = (self._own_headers % header_values).encode()
        # A name, which only a dry run has, may be folded.
        plain = header_values["to"].startswith("<")
        headers.update(own if plain else _signed_fields(pieces[0]).canonical)
        # One call, because each releases the GIL, which costs more than joining them.
        body.update(b"".join(pieces[2:]))
        return self._signer.request(headers, self._names, body.digest(), at)


def configured_signer() -> Signer | None:
    """The configured signer; None if [dkim] is empty, or an ESP signs. Raises ConfigError."""
    found = signer_for(settings.CONFIG.dkim)
    return None if settings.CONFIG.service.name else found


@lru_cache(maxsize=4)
def signer_for(config: Dkim) -> Signer | None:
    """The signer of a [dkim] section; None if it has no domain. Raises ConfigError."""
    return Signer(config) if config.domain else None


def _keys(config: Dkim) -> Iterable[Key]:
    if not _NAME.match(config.domain):
        raise ConfigError(f"[dkim] domain is {config.domain!r}; write it as example.org, in ASCII.")
    for prefix, kind in (("", RSAPrivateKey), ("ed25519_", Ed25519PrivateKey)):
        selector, pem = getattr(config, f"{prefix}selector"), getattr(config, f"{prefix}key")
        if not pem and not selector:
            continue
        if not pem or not selector:
            missing, there = ("key", "selector") if selector else ("selector", "key")
            raise ConfigError(f"[dkim] has `{prefix}{there}` but no `{prefix}{missing}`.")
        if not _NAME.match(selector):
            raise ConfigError(
                f"[dkim] {prefix}selector is {selector!r}; use letters, digits and hyphens, such as news2026."
            )
        yield Key(config.domain, selector, _load_private_key(pem, f"[dkim] {prefix}key", kind))


def _load_private_key(pem: str, where: str, kind: type[RSAPrivateKey | Ed25519PrivateKey]) -> Any:
    advice = "`mailer dkim-key` creates one."
    try:
        found = load_pem_private_key(pem.encode(), password=None)
    except TypeError as error:
        raise ConfigError(
            f"{where}: the private key is encrypted with a password; store it without one."
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{where}: is not a private key in PEM; {advice}") from error
    name = "RSA" if kind is RSAPrivateKey else "Ed25519"
    if not isinstance(found, kind):
        raise ConfigError(f"{where}: is not an {name} key; {advice}")
    if isinstance(found, RSAPrivateKey) and found.key_size < _MIN_RSA_BITS:
        raise ConfigError(
            f"{where}: has {found.key_size} bits; at least {_MIN_RSA_BITS} are required (RFC 8301). {advice}"
        )
    return found


def _signed_fields(block: bytes) -> _SignedFields:
    """The signed fields of a header block, from the last to the first.

    A verifier searches fields of one name in that order (RFC 6376 §5.4.2).
    """
    unfolded = block.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    if b"  " in unfolded or b"\t" in unfolded:
        unfolded = _SPACES.sub(b" ", unfolded)
    names: list[bytes] = []
    canonical: list[bytes] = []
    for line in reversed(unfolded.split(b"\r\n")):
        written, colon, value = line.partition(b":")
        if colon and (name := _signed_name(written)):
            names.append(name)
            canonical += (name, colon, value.strip(b" "), b"\r\n")
    return _SignedFields(tuple(names), b"".join(canonical))


@lru_cache(maxsize=256)
def _signed_name(written: bytes) -> bytes:
    """The canonical name of a field; empty if it is not signed."""
    name = written.rstrip(b" ").lower()
    return name if name in _SIGNED or name.startswith(b"list-") else b""


def _relaxed_body(body: bytes) -> bytes:
    """The canonical form of the body (RFC 6376 §3.4.4)."""
    body = _SPACES.sub(b" ", body).replace(b" \r\n", b"\r\n").rstrip(b"\r\n")
    return body + b"\r\n" if body else b""


@lru_cache(maxsize=64)
def _h_tag(names: tuple[bytes, ...]) -> bytes:
    """The folded value of h=."""
    lines = [b""]
    for name in (*names, *_OVERSIGNED):
        if len(lines[-1]) + len(name) > _LINE_LENGTH - 4:
            lines.append(b"")
        lines[-1] += name + b":"
    return b"\r\n ".join(lines).removesuffix(b":")


def _fold_base64(octets: bytes) -> bytes:
    """The octets in base64, in folded lines, the first of which follows " b="."""
    text = b64encode(octets)
    return b"\r\n ".join(_base64_lines(len(text)).unpack(text)) + b"\r\n"


@lru_cache(maxsize=16)
def _base64_lines(length: int) -> Struct:
    """Unpacks so many characters as lines."""
    full, rest = divmod(length, _LINE_LENGTH - 4)
    return Struct(f"{_LINE_LENGTH - 4}s" * full + f"{rest}s" * bool(rest))
