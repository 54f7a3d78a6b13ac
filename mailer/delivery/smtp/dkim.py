"""DKIM: our signature on our own mail (RFC 6376, 8301, 8463), relaxed in headers and body.

What all copies of a variant share is made canonical and hashed once. A message then costs its own headers,
the body from the reader's first own place on, and the signature itself.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from django.conf import settings

from mailer.config import ConfigError, Dkim

# Fields that are signed, and every List- field. Relays may change or drop the others.
_SIGNED = frozenset(
    b"from reply-to to cc subject date message-id in-reply-to references mime-version content-type "
    b"content-transfer-encoding feedback-id".split()
)
# Named once more than they stand there, so that a second one, added on the way, breaks the signature (§8.15).
_OVERSIGNED = (b"from", b"to", b"subject")
_LEAST_BITS = 2048
_LINE = 76
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\Z")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)\r\n")
_SPACES = re.compile(rb"[ \t]+")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_PADDING = PKCS1v15()
_DIGEST = Prehashed(hashes.SHA256())

if TYPE_CHECKING:
    from hashlib import _Hash

# A signed field: its name in lower case, and "name:value" and CRLF in canonical form.
_Field = tuple[bytes, bytes]


@dataclass(frozen=True)
class Key:
    """A private key, and the name under which its public half stands in DNS."""

    domain: str
    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey

    @property
    def kind(self) -> str:
        """As k= of the record says it (RFC 6376 §3.6.1, RFC 8463 §4)."""
        return "rsa" if isinstance(self.private, RSAPrivateKey) else "ed25519"

    @property
    def name(self) -> str:
        """The name in DNS at which `record` is to be published."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """The text of the TXT record."""
        if isinstance(self.private, RSAPrivateKey):
            public = self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        else:
            public = self.private.public_key().public_bytes_raw()
        return f"v=DKIM1; k={self.kind}; p={b64encode(public).decode()}"

    def sign(self, digest: bytes) -> bytes:
        """The signature over a SHA-256. OpenSSL does it without Python's lock."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(digest, _PADDING, _DIGEST)
        return self.private.sign(digest)


class Signer:
    """Signs mail with one key or with two."""

    def __init__(self, config: Dkim) -> None:
        """Raises ConfigError, naming the key, when a key or name cannot be used."""
        self.keys = tuple(_keys(config))
        self._openings = [
            f"v=1; a={key.kind}-sha256; c=relaxed/relaxed; d={key.domain};\r\n s={key.selector}; t=".encode()
            for key in self.keys
        ]

    def variant(self, shared: bytes) -> Variant:
        """For messages whose own headers are followed by this piece (mime.Skeleton.shared): all further
        headers, and the beginning of a body that relaxed canonicalisation leaves as it is."""
        return Variant(self, shared)

    def signed(self, message: bytes, at: int) -> bytes:
        """Any message in CRLF lines, as it is sent, with its signatures made at `at` (seconds since 1970)."""
        message = _LINE_END.sub(b"\r\n", message)
        if not message.endswith(b"\r\n"):
            message += b"\r\n"
        head, _, body = message.partition(b"\r\n\r\n")
        return self._header(_fields(head + b"\r\n"), sha256(_relaxed(body)).digest(), at) + message

    def _header(self, fields: Sequence[_Field], body: bytes, at: int) -> bytes:
        headers = sha256(b"".join(line for _, line in fields))
        return self.header(headers, tuple(name for name, _ in fields), body, at)

    def header(self, headers: _Hash, names: tuple[bytes, ...], body: bytes, at: int) -> bytes:
        """The DKIM-Signature fields over the hashes of the canonical fields `names` and of the body."""
        rest = b"%d;\r\n h=%s;\r\n bh=%s;\r\n b=" % (at, _listed(names), b64encode(body))
        signatures: list[bytes] = []
        for key, opening in zip(self.keys, self._openings, strict=True):
            tags = opening + rest
            digest = headers.copy()
            digest.update(b"dkim-signature:" + tags.replace(b"\r\n ", b" "))
            signatures += (b"DKIM-Signature: ", tags, _wrapped(b64encode(key.sign(digest.digest()))))
        return b"".join(signatures)


class Variant:
    """What the signatures of a variant's copies share. Any thread may use it."""

    def __init__(self, signer: Signer, shared: bytes) -> None:
        head, _, body = shared.partition(b"\r\n\r\n")
        fields = _fields(head + b"\r\n")
        self._signer = signer
        self._headers = sha256(b"".join(line for _, line in fields))
        self._names = tuple(name for name, _ in fields)
        self._body = sha256(body)

    def header(self, pieces: Sequence[bytes], at: int) -> bytes:
        """The DKIM-Signature fields to stand before `pieces`: own headers, the shared piece, and the rest.

        `at` is the moment of signing in seconds since 1970.
        """
        own = _fields(pieces[0])
        headers, body = self._headers.copy(), self._body.copy()
        headers.update(b"".join(line for _, line in own))
        for piece in pieces[2:]:
            body.update(piece)
        names = self._names + tuple(name for name, _ in own)
        return self._signer.header(headers, names, body.digest(), at)


def configured() -> Signer | None:
    """What signs here; None: nothing does, or a service signs by itself. Raises ConfigError."""
    found = signer(settings.CONFIG.dkim)
    return None if settings.CONFIG.service.name else found


@lru_cache(maxsize=4)
def signer(config: Dkim) -> Signer | None:
    """The signer of a configuration; None: it names no domain. Raises ConfigError."""
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
        yield Key(config.domain, selector, _private(pem, f"[dkim] {prefix}key", kind))


def _private(pem: str, where: str, kind: type[RSAPrivateKey | Ed25519PrivateKey]) -> Any:
    advice = "`mailer dkim-key` makes one."
    try:
        found = load_pem_private_key(pem.encode(), password=None)
    except TypeError as error:
        raise ConfigError(f"{where}: the private key is locked with a password; store it without.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{where}: is no private key in PEM; {advice}") from error
    name = "RSA" if kind is RSAPrivateKey else "Ed25519"
    if not isinstance(found, kind):
        raise ConfigError(f"{where}: is not an {name} key; {advice}")
    if isinstance(found, RSAPrivateKey) and found.key_size < _LEAST_BITS:
        raise ConfigError(
            f"{where}: has {found.key_size} bits; at least {_LEAST_BITS} are needed (RFC 8301). {advice}"
        )
    return found


def _fields(block: bytes) -> list[_Field]:
    """The fields of a header that are signed, from the last to the first.

    That is the order in which a verifier looks for those of one name (RFC 6376 §5.4.2).
    """
    found = [
        (name, b"%s:%s\r\n" % (name, _SPACES.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")))
        for name, value in ((match[1].lower(), match[2]) for match in _FIELD.finditer(block))
        if name in _SIGNED or name.startswith(b"list-")
    ]
    return found[::-1]


def _relaxed(body: bytes) -> bytes:
    """The body in canonical form (RFC 6376 §3.4.4)."""
    body = _SPACES.sub(b" ", body).replace(b" \r\n", b"\r\n").rstrip(b"\r\n")
    return body + b"\r\n" if body else b""


@lru_cache(maxsize=64)
def _listed(names: tuple[bytes, ...]) -> bytes:
    """The value of h=, folded."""
    lines = [b""]
    for name in (*names, *_OVERSIGNED):
        if len(lines[-1]) + len(name) > _LINE - 4:
            lines.append(b"")
        lines[-1] += name + b":"
    return b"\r\n ".join(lines).removesuffix(b":")


def _wrapped(text: bytes) -> bytes:
    """Base64 in lines, the first of which stands behind " b="."""
    lines = [text[place : place + _LINE - 4] for place in range(0, len(text), _LINE - 4)]
    return b"\r\n ".join(lines) + b"\r\n"
