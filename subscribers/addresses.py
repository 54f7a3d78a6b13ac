"""Email addresses: their stored form, and the keyed hash that stands for them after erasure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from subscribers.translate_stored_texts import stored

_validate = EmailValidator()
_HASH_BYTES = 16
# What divides the labels of a domain (RFC 3490), and letters that only IDNA 2003 replaced.
_DOTS, _KEPT = re.compile("[.。．｡]"), re.compile("[ßς]")
# Scripts of which a label has letters of one only.
_NEVER_TOGETHER = frozenset({"LATIN", "CYRILLIC", "GREEK"})
# Characters without a width, such as soft hyphens, which come along when people copy a text.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0020-\U000e007f]"
)
# Nearly all local parts match this, and then need no further validation.
_PLAIN = re.compile(r"[a-z0-9]+(?:[._+-][a-z0-9]+)*")


def normalise(address: str) -> str:
    """The address as it is stored: trimmed, lower case, its domain as A-labels (RFC 5890).

    Raises ValueError with a reason for the user who typed it.
    """
    text = address.strip()
    local, at, domain = text.lower().rpartition("@")
    if at and len(local) <= 64 and _PLAIN.fullmatch(local) and _is_plain_domain(domain):
        return f"{local}@{domain}"
    text = without_invisible(text).strip()
    if any(letter < " " or letter == "\x7f" for letter in text):
        raise ValueError(stored("contains a line break or another control character"))
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise ValueError(stored("has no @ with text before and after it"))
    try:
        domain = to_ascii_domain(domain)
    except UnicodeError as error:
        mixed = filter(re.compile("[A-Za-z]").search, _DOTS.split(domain))
        if letter := next(filter(None, map(_foreign_letter, mixed)), ""):
            raise ValueError(
                stored(
                    "has the domain “%(domain)s”, which cannot exist: its letter “%(letter)s” is of another "
                    "alphabet than the letters beside it",
                    domain=domain,
                    letter=letter,
                )
            ) from error
        raise ValueError(stored("has the domain “%(domain)s”, which cannot exist", domain=domain)) from error
    if domain.startswith("["):
        raise ValueError(stored("has an IP address instead of a domain"))
    normalised = f"{local}@{domain}".lower()
    if letter := _foreign_letter(local):
        raise ValueError(
            stored(
                "has the letter “%(letter)s” before the @, which is of another alphabet than the Latin one, "
                "even if it looks the same; type the address again in Latin letters",
                letter=letter,
            )
        )
    if not local.isascii():
        raise ValueError(
            stored(
                "has the character “%(character)s” before the @, where only the letters a to z, digits and "
                "signs such as . _ + - can be",
                character=next(one for one in local if not one.isascii()),
            )
        )
    if '"' in local:
        raise ValueError(stored("has quotation marks before the @, which many mail systems refuse"))
    if len(local) > 64:
        raise ValueError(stored("has more than 64 characters before the @ (RFC 5321)"))
    if len(normalised) > 254:
        raise ValueError(stored("is longer than 254 characters (RFC 5321)"))
    try:
        _validate(normalised)
    except ValidationError as error:
        raise ValueError(stored("is not a valid email address")) from error
    return normalised


def _foreign_letter(text: str) -> str:
    """The first letter of an alphabet that is not the Latin one; "" where there is none."""
    return next(
        (
            one
            for one in text
            if not one.isascii() and one.isalpha() and not unicodedata.name(one, "").startswith("LATIN ")
        ),
        "",
    )


def without_invisible(text: str) -> str:
    """The text without characters that have no width: they divide no word, and belong to no address."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def to_ascii_domain(domain: str) -> str:
    """The domain with A-labels (RFC 5890). Raises UnicodeError for one that cannot exist."""
    return domain if domain.isascii() else ".".join(map(_to_a_label, _DOTS.split(domain)))


def _to_a_label(label: str) -> str:
    """The A-label of a label (RFC 5890). Raises UnicodeError for one that no registry has.

    Letters of two scripts in a label are how "gmail" with one Cyrillic letter passes for gmail.
    """
    if label.isascii():
        return label
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in label if letter.isalpha()}
    if len(scripts & _NEVER_TOGETHER) > 1:
        raise UnicodeError("letters of two scripts")
    lower = unicodedata.normalize("NFKC", label.lower())
    if _KEPT.search(lower):
        # The codec would make another domain of it, that of "ss" and "σ" (RFC 5891, IDNA 2003).
        return f"xn--{lower.encode('punycode').decode()}"
    return label.encode("idna").decode("ascii")


def mentions_address(text: str, address: str) -> bool:
    """Whether a text contains this address, and not only as a part of a longer one."""
    return address_pattern(address).search(text) is not None


def address_pattern(address: str) -> re.Pattern[str]:
    """A pattern that matches this address in a text, where it is no part of a longer one."""
    return re.compile(rf"(?<![\w.+%'-]){re.escape(address)}(?![\w-]|\.\w)", re.IGNORECASE)


def address_hash(address: str) -> bytes:
    """A keyed hash of the normalised address, 16 bytes; the same address always gives the same."""
    return address_hasher()(address.strip().lower())


def address_hasher() -> Callable[[str], bytes]:
    """`address_hash` for millions of addresses, which must be normalised."""
    keyed = _keyed(settings.ADDRESS_HASH_KEY)

    def hash_of(address: str) -> bytes:
        digest = keyed.copy()
        digest.update(address.encode())
        return digest.digest()

    return hash_of


def mask_address(email: str) -> str:
    """The address as “a…@example.org”: enough for its owner, too little for others who see the screen."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}…@{domain}"


@lru_cache(maxsize=8)
def _keyed(secret: str) -> hashlib.blake2b:
    key = hashlib.blake2b(secret.encode(), digest_size=32, person=b"address").digest()
    return hashlib.blake2b(key=key, digest_size=_HASH_BYTES)


@lru_cache(maxsize=65_536)
def _is_plain_domain(domain: str) -> bool:
    """Whether the domain is ASCII, short enough for any local part, and valid."""
    if not domain.isascii() or len(domain) > 254 - 65 or domain.startswith("["):
        return False
    try:
        _validate(f"a@{domain}")
    except ValidationError:
        return False
    return True
