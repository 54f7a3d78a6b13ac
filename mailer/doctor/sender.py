"""What DNS says about us as a sender: SPF, DKIM, DMARC."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailer.config import ConfigError
from mailer.delivery.smtp import dkim
from mailer.doctor import dmarc, spf
from mailer.doctor.dns import NoAnswer
from mailer.doctor.egress import Leaving, leaving
from mailer.doctor.records import Finding, Record, World

_CLOSED = ("-all", "~all")


def envelope_spf(world: World) -> Iterator[Finding]:
    """SPF of the domains that receivers look it up for: those of the envelope senders."""
    if not world.bounce_domains:
        yield Finding("spf", "", "skipped", "There is no [bounces] domain and no sender yet.")
        return
    place = leaving(world.config, world.names)
    for domain in world.bounce_domains:
        yield from _spf(world, domain, place, "the envelope sender")


def header_spf(world: World) -> Iterator[Finding]:
    """SPF of domains in From alone, which only few receivers look at."""
    place = leaving(world.config, world.names)
    for domain in world.domains:
        if domain not in world.bounce_domains:
            yield from _spf(world, domain, place, "From")


def _spf(world: World, domain: str, place: Leaving, role: str) -> Iterator[Finding]:
    found = spf.look(world.names, domain, place.addresses)
    of_envelope = role != "From"
    if not found.record:
        yield Finding(
            "spf",
            domain,
            "problem" if of_envelope else "warning",
            f"The domain of {role} has no SPF record.",
            _publish(world, place),
            (Record(domain, "TXT", f"v=spf1 {_terms(world, place)} -all"),),
        )
        return
    for problem in found.problems:
        yield Finding("spf", domain, "problem", problem, f"Mend its record: {found.record}")
    outside = [str(address) for address, result in found.results.items() if result != "pass"]
    if outside and of_envelope:
        yield Finding(
            "spf",
            domain,
            "warning",
            f"Its record does not allow {', '.join(outside)}; {place.because}.",
            "If mail leaves from there, publish instead:",
            (Record(domain, "TXT", _extended(found.record, place)),),
        )
    if found.ending and found.ending not in _CLOSED:
        yield Finding(
            "spf",
            domain,
            "problem" if found.ending == "+all" else "warning",
            f"Its record ends in {found.ending}: it allows everybody, or says nothing about them.",
            "End it in -all (or ~all while you are not sure of it).",
        )
    elif not found.ending:
        yield Finding("spf", domain, "warning", "Its record has no “all” at its end.", "End it in -all.")
    elif not found.problems and not (outside and of_envelope):
        yield Finding("spf", domain, "ok", f"{found.record} ({found.lookups} of {spf.MOST_LOOKUPS} lookups)")


def _publish(world: World, place: Leaving) -> str:
    if place.addresses:
        return f"Publish this; {place.because}:"
    if world.config.service.name:
        return f"Publish what {world.config.service.name} tells you in place of include:… below:"
    return "Publish this, with the addresses that your relay sends from:"


def _terms(world: World, place: Leaving) -> str:
    if place.addresses:
        return " ".join(f"ip{address.version}:{address}" for address in place.addresses)
    return "include:…" if world.config.service.name else "ip4:…"


def _extended(record: str, place: Leaving) -> str:
    """The record, with what is missing right behind its version: what stands first decides."""
    missing = " ".join(f"ip{address.version}:{address}" for address in place.addresses)
    version, _, rest = record.partition(" ")
    return f"{version} {missing} {rest}".strip()


def keys(world: World) -> Iterator[Finding]:
    """Each of our keys against what DNS says of it."""
    if service := world.config.service.name:
        unused = bool(world.config.dkim.domain)
        seen = f"{service} signs what it sends" + (", and [dkim] is not used." if unused else ".")
        advice = "Publish the keys that it shows for your domain."
        yield Finding("dkim", "", "warning" if unused else "skipped", seen, advice)
        return
    try:
        signer = dkim.signer(world.config.dkim)
    except ConfigError:
        # Told with the configuration.
        return
    if signer is None:
        yield Finding(
            "dkim",
            "",
            "skipped",
            "We do not sign ([dkim] is empty), so the relay or service must.",
            "Send a test copy to a large provider and look for dkim=pass in its Authentication-Results.",
        )
        return
    for key in signer.keys:
        try:
            yield _key(key, world.names.texts(key.name))
        except NoAnswer as error:
            yield Finding(
                "dkim", key.name, "warning", str(error), "Receivers who get no answer put mail off."
            )


def _key(key: dkim.Key, texts: list[str]) -> Finding:
    record = (Record(key.name, "TXT", key.record),)
    wrong = _wrong(key, texts)
    if wrong:
        return Finding("dkim", key.name, "problem", wrong, "Publish this there, and nothing else:", record)
    if "y" in _tags(texts[0]).get("t", "").split(":"):
        seen = "Its record says t=y, so receivers may ignore our signature."
        return Finding("dkim", key.name, "warning", seen, "Publish it without t=y:", record)
    return Finding("dkim", key.name, "ok", "A test signature verifies with the key in DNS.")


def _wrong(key: dkim.Key, texts: list[str]) -> str:
    if not texts:
        return "DNS has no key there, so receivers cannot verify our signature."
    if len(texts) > 1:
        return f"DNS has {len(texts)} records there; receivers want one."
    tags = _tags(texts[0])
    if tags.get("v", "DKIM1") != "DKIM1" or "p" not in tags:
        return f"What DNS has there is no DKIM key: {texts[0][:60]}"
    if not tags["p"]:
        return "The key in DNS is revoked (its p= is empty)."
    if tags.get("k", "rsa") != key.kind:
        return f"The key in DNS is for {tags.get('k', 'rsa')}, ours for {key.kind}."
    if "sha256" not in tags.get("h", "sha256").split(":"):
        return "The key in DNS does not allow SHA-256."
    if not {"*", "email"} & set(tags.get("s", "*").split(":")):
        return "The key in DNS is not meant for mail (its s=)."
    return "" if _verifies(key, tags["p"]) else "The key in DNS is not the public half of ours."


def _verifies(key: dkim.Key, published: str) -> bool:
    """Whether a signature of ours verifies with the key that was published."""
    digest = hashlib.sha256(b"a test").digest()
    signature = key.sign(digest)
    try:
        octets = base64.b64decode("".join(published.split()), validate=True)
        if key.kind == "ed25519":
            Ed25519PublicKey.from_public_bytes(octets).verify(signature, digest)
            return True
        public = load_der_public_key(octets)
        if not isinstance(public, RSAPublicKey):
            return False
        public.verify(signature, digest, PKCS1v15(), Prehashed(hashes.SHA256()))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    return {name.strip(): value.strip() for name, _, value in pairs}


def policies(world: World) -> Iterator[Finding]:
    """DMARC of each domain in From, and whether what we verify as speaks for it."""
    if not world.domains:
        seen = "No newsletter has a sender yet, and [site] email has no domain of its own."
        yield Finding("dmarc", "", "skipped", seen)
    for domain in world.domains:
        found = dmarc.policy(world.names, domain)
        if found is None:
            top = dmarc.organisation(world.names, domain)
            value = f"v=DMARC1; p=none; rua=mailto:dmarc@{top}"
            yield Finding(
                "dmarc",
                domain,
                "problem",
                "It has no DMARC record; large providers want one from whoever sends to many.",
                "Publish this, with a mailbox of yours for the reports:",
                (Record(f"_dmarc.{top}", "TXT", value),),
            )
            continue
        yield _alignment(world, domain, found)


def _alignment(world: World, domain: str, found: dmarc.Policy) -> Finding:
    asked = found.of(domain)
    seen = f"p={asked} (_dmarc.{found.domain})."
    signed = world.config.dkim.domain.lower()
    by_signature = bool(signed) and dmarc.aligned(world.names, signed, domain, found.strict("adkim"))
    envelope = world.config.bounces.domain.lower() or domain
    by_envelope = dmarc.aligned(world.names, envelope, domain, found.strict("aspf"))
    if by_signature:
        both = " SPF is aligned as well." if by_envelope else ""
        return Finding("dmarc", domain, "ok", f"{seen} Our signature is aligned with it.{both}")
    if signed:
        return Finding(
            "dmarc",
            domain,
            "warning" if by_envelope else "problem",
            f"{seen} Our signature is by {signed}, which does not speak for {domain}.",
            f"Sign as {domain} in [dkim], or let the newsletter come from {signed}.",
        )
    if by_envelope:
        return Finding("dmarc", domain, "ok", f"{seen} SPF is aligned; a signature would be the relay's.")
    return Finding(
        "dmarc",
        domain,
        "warning",
        f"{seen} SPF is by {envelope}, which does not speak for {domain}.",
        f"Use a subdomain of {domain} in [bounces], or sign as {domain} in [dkim].",
    )
