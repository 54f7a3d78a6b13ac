"""Checks of sender authentication in DNS: SPF, DKIM and DMARC."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from functools import partial

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailer.config import ConfigError
from mailer.delivery.smtp import dkim
from mailer.doctor.check_types import CheckResult, Context, DnsRecord, check_each
from mailer.doctor.dns_client import DnsError, ascii_name
from mailer.doctor.outbound_mail_checks import Egress, egress_addresses
from mailer.doctor.spf_dmarc_evaluation import (
    MAX_SPF_LOOKUPS,
    DmarcRecord,
    duplicate_dmarc_domain,
    evaluate_spf,
    find_dmarc,
    is_aligned,
    organizational_domain,
)

_RESTRICTIVE = ("-all", "~all")


def check_spf(context: Context) -> Iterator[CheckResult]:
    """SPF of all domains of ours. Raises DnsError if the sending addresses cannot be looked up."""
    yield from check_envelope_spf(context)
    yield from check_header_spf(context)


def check_envelope_spf(context: Context) -> Iterator[CheckResult]:
    """SPF of the envelope senders' domains, which receivers evaluate."""
    if service := context.esp_with_own_envelope_sender:
        message = f"{service} sends with an envelope sender of its own, and publishes its SPF record."
        yield CheckResult("spf", "", "skipped", message)
        return
    if not context.bounce_domains:
        yield CheckResult(
            "spf",
            "",
            "skipped",
            (
                "The configuration has no bounce domain ([bounces] domain), and no newsletter has a "
                "sender yet."
            ),
        )
        return
    source = egress_addresses(context.config, context.dns)
    of_domain = partial(_spf, context, source=source, of_envelope=True)
    yield from check_each("spf", context.bounce_domains, of_domain)


def check_header_spf(context: Context) -> Iterator[CheckResult]:
    """SPF of domains that occur only in From, which few receivers evaluate."""
    source = egress_addresses(context.config, context.dns)
    of_domain = partial(_spf, context, source=source, of_envelope=False)
    of_envelope = () if context.esp_with_own_envelope_sender else context.bounce_domains
    others = (domain for domain in context.domains if domain not in of_envelope)
    yield from check_each("spf", others, of_domain)


def _spf(context: Context, domain: str, *, source: Egress, of_envelope: bool) -> Iterator[CheckResult]:
    result = partial(CheckResult, "spf", domain)
    found = evaluate_spf(context.dns, domain, source.addresses)
    if not found.record:
        yield result(
            "problem" if of_envelope else "warning",
            "DNS has no SPF record for this domain, to which bounces are returned. Mail servers look it up."
            if of_envelope
            else "DNS has no SPF record for this domain of a sender’s address.",
            _spf_advice(context, source),
            (DnsRecord(domain, "TXT", f"v=spf1 {_spf_terms(context, source)} -all"),),
        )
        return
    for error in found.errors:
        yield result("problem", error, f"Fix the domain's SPF record: {found.record}")
    outside = [
        str(address) for address, spf_result in found.results.items() if spf_result not in ("pass", "unknown")
    ]
    if outside and of_envelope:
        yield result(
            "warning",
            f"The domain's SPF record does not allow {', '.join(outside)} to send its mail; {source.reason}.",
            "If mail is sent from these addresses, publish this SPF record instead:",
            (DnsRecord(domain, "TXT", _with_addresses(found.record, source)),),
        )
    if found.all_term and found.all_term not in _RESTRICTIVE:
        yield result(
            "problem" if found.all_term == "+all" else "warning",
            f"The SPF record ends in {found.all_term}: it allows other senders, or does not "
            "decide about them.",
            "End the SPF record in -all (or in ~all while you test it).",
        )
    elif not found.all_term:
        yield result("warning", "The SPF record does not end in “all”.", "End the SPF record with -all.")
    elif not found.errors and not (outside and of_envelope):
        yield result("ok", f"{found.record} ({found.lookups} of {MAX_SPF_LOOKUPS} lookups)")


def _spf_advice(context: Context, source: Egress) -> str:
    if source.addresses:
        return f"Publish this DNS record; {source.reason}:"
    if context.config.service.name:
        return (
            f"Publish this SPF record, with the value that {context.config.service.name} gives in "
            "place of include:…:"
        )
    return "Publish this SPF record, with the addresses from which your relay sends:"


def _spf_terms(context: Context, source: Egress) -> str:
    if source.addresses:
        return " ".join(f"ip{address.version}:{address}" for address in source.addresses)
    return "include:…" if context.config.service.name else "ip4:…"


def _with_addresses(record: str, source: Egress) -> str:
    """The record with the missing addresses directly after its version: the first match decides."""
    missing = " ".join(f"ip{address.version}:{address}" for address in source.addresses)
    version, _, rest = record.partition(" ")
    return f"{version} {missing} {rest}".strip()


def check_dkim_keys(context: Context) -> Iterator[CheckResult]:
    """Each of our keys against its record in DNS."""
    result = partial(CheckResult, "dkim", "")
    if service := context.config.service.name:
        unused = bool(context.config.dkim.domain)
        message = f"The email service {service} signs the messages with DKIM."
        if unused:
            message = (
                f"The email service {service} signs the messages with DKIM, so [dkim] of the "
                "configuration is not used."
            )
        advice = "Publish in DNS the DKIM keys that the email service shows for your domain."
        yield result("warning" if unused else "skipped", message, advice)
        return
    try:
        signer = dkim.signer_for(context.config.dkim)
    except ConfigError:
        # The configuration check reports this.
        return
    if signer is None:
        yield result(
            "skipped",
            "This system does not sign the emails with DKIM, so the mail relay has to sign them.",
            "Ask the person who runs the relay whether it signs for your domain. If it does not, set "
            "[dkim] in the configuration. To find out, send a test email to a large provider and look "
            "for dkim=pass in its header Authentication-Results.",
        )
        return
    for key in signer.keys:
        try:
            yield _dkim_key(key, context.dns.txt(key.dns_name))
        except DnsError as error:
            advice = "Mail servers that get no answer from DNS defer the messages."
            yield CheckResult("dkim", key.dns_name, "warning", str(error), advice)


def _dkim_key(key: dkim.Key, texts: list[str]) -> CheckResult:
    result = partial(CheckResult, "dkim", key.dns_name)
    record = (DnsRecord(key.dns_name, "TXT", key.dns_record),)
    if error := _dkim_error(key, texts):
        return result("problem", error, "Publish only this DNS record under the name shown:", record)
    if "y" in _values(_tags(texts[0]), "t"):
        message = "The DKIM record contains t=y (testing), so receivers may ignore the signatures."
        return result("warning", message, "Publish the DKIM record without t=y:", record)
    return result(
        "ok", "A test message was signed with DKIM, and its signature is valid with the key in DNS."
    )


def _dkim_error(key: dkim.Key, texts: list[str]) -> str:
    """Why receivers would not accept our signature; empty if they would (RFC 6376 §3.6.1)."""
    if not texts:
        return "DNS has no DKIM key under this name, so receivers cannot verify the signatures."
    if len(texts) > 1:
        return f"DNS has {len(texts)} DKIM records under this name; only one is allowed."
    tags = _tags(texts[0])
    if tags.get("v", "DKIM1") != "DKIM1" or "p" not in tags:
        return f"The DNS record under this name is not a DKIM key: {texts[0][:60]}"
    if not tags["p"]:
        return "The DKIM key in DNS is revoked (its p= is empty)."
    if tags.get("k", "rsa") != key.algorithm:
        return (
            f"The DKIM key in DNS is for {tags.get('k', 'rsa')}, but the private key in the "
            "configuration is for "
            f"{key.algorithm}."
        )
    if "sha256" not in _values(tags, "h", "sha256"):
        return "The DKIM key in DNS does not allow SHA-256."
    if not {"*", "email"} & _values(tags, "s", "*"):
        return "The DKIM key in DNS is not for email: its s= tag does not include email."
    return (
        ""
        if _verifies(key, tags["p"])
        else "The DKIM key in DNS does not match the private key in the configuration."
    )


def _verifies(key: dkim.Key, published: str) -> bool:
    """Whether the published key verifies a signature of ours."""
    digest = hashlib.sha256(b"a test").digest()
    signature = key.sign(digest)
    try:
        octets = base64.b64decode("".join(published.split()), validate=True)
        if key.algorithm == "ed25519":
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


def _values(tags: dict[str, str], name: str, default: str = "") -> set[str]:
    """The values of a tag, between which there may be spaces (RFC 6376 §3.6.1)."""
    return {value.strip() for value in tags.get(name, default).split(":")}


def check_dmarc(context: Context) -> Iterator[CheckResult]:
    """DMARC of each domain in From, and whether our DKIM or SPF domain is aligned with it."""
    if not context.domains:
        message = (
            "No newsletter has a sender yet, and [site] email in the configuration has no domain of its own."
        )
        yield CheckResult("dmarc", "", "skipped", message)
    yield from check_each("dmarc", context.domains, partial(_dmarc, context))


def _dmarc(context: Context, domain: str) -> Iterator[CheckResult]:
    record = find_dmarc(context.dns, domain)
    if record is not None:
        yield _invalid_policy(domain, record) or _alignment(context, domain, record)
        return
    if several := duplicate_dmarc_domain(context.dns, domain):
        message = f"DNS has several DMARC records for {several}, so receivers ignore all of them."
        yield CheckResult("dmarc", domain, "problem", message, f"Delete all but one at _dmarc.{several}.")
        return
    top = organizational_domain(context.dns, domain)
    value = f"v=DMARC1; p=none; rua=mailto:dmarc@{top}"
    yield CheckResult(
        "dmarc",
        domain,
        "problem",
        "The domain has no DMARC record; large mailbox providers require one from bulk senders.",
        "Publish this DMARC record, with a mailbox of yours for the reports:",
        (DnsRecord(f"_dmarc.{top}", "TXT", value),),
    )


def _invalid_policy(domain: str, record: DmarcRecord) -> CheckResult | None:
    if not record.invalid_policies:
        return None
    tags = ", ".join(f"{name}={record.tags.get(name, '')}" for name in record.invalid_policies)
    message = f"The DMARC record has no valid policy ({tags}), so receivers may ignore it: {record.text}"
    advice = f"Correct the record at _dmarc.{record.domain}: a policy is none, quarantine or reject."
    return CheckResult("dmarc", domain, "problem", message, advice)


def _alignment(context: Context, domain: str, record: DmarcRecord) -> CheckResult:
    result = partial(CheckResult, "dmarc", domain)
    policy = f"p={record.policy_for(domain)} (_dmarc.{record.domain})."
    signed = context.config.dkim.domain.lower()
    dkim_aligned = bool(signed) and is_aligned(context.dns, signed, domain, record.is_strict("adkim"))
    envelope = ascii_name(context.config.bounces.domain) or domain
    spf_aligned = is_aligned(context.dns, envelope, domain, record.is_strict("aspf"))
    if dkim_aligned:
        spf = " The SPF domain is aligned as well." if spf_aligned else ""
        return result("ok", f"{policy} The DKIM signature is aligned with the sender's domain.{spf}")
    if signed:
        return result(
            "warning" if spf_aligned else "problem",
            f"{policy} The DKIM signature is by {signed}, which is not aligned with {domain}.",
            f"Set {domain} as the domain in [dkim], or use a sender address of {signed}.",
        )
    if spf_aligned:
        return result("ok", f"{policy} The SPF domain is aligned; only the relay could add a DKIM signature.")
    return result(
        "warning",
        f"{policy} The SPF domain {envelope} is not aligned with {domain}.",
        f"Use a subdomain of {domain} in [bounces], or sign as {domain} in [dkim].",
    )
