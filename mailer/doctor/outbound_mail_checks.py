"""Checks of outbound mail: the relays or the ESP, and the reverse DNS of the sending address. No mail is
sent."""

from __future__ import annotations

import asyncio
import dataclasses
import smtplib
import ssl
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

import dns.reversename
from cryptography import x509

from mailer.config import Config
from mailer.delivery.smtp.relays import Relay, SmtpError, Timeouts, configured_relays
from mailer.delivery.smtp.session_setup import open_session, unverified_context
from mailer.doctor.check_types import CheckResult, Context, DnsRecord, check_each
from mailer.doctor.dns_client import Address, Dns, is_loopback_or_empty, is_public

# Days before a certificate's end from which it is a warning.
_EXPIRES_SOON = 14
# Bytes of the largest message that is likely, images included.
_LARGE_MESSAGE = 1_000_000


class Egress(NamedTuple):
    """Where mail is sent from, as far as that can be known."""

    # Public addresses; none: unknown.
    addresses: tuple[Address, ...]
    # Why these, or why none.
    reason: str
    # Whether they are this machine's own.
    ours: bool = False


def egress_addresses(config: Config, dns: Dns) -> Egress:
    """The relays' addresses; of a relay on this machine, those of the site. Raises DnsError."""
    if config.service.name:
        return Egress((), f"mail is sent from the addresses of {config.service.name}")
    found: list[Address] = []
    ours = False
    for smtp in (config.smtp, *config.relays):
        if not is_loopback_or_empty(smtp.host):
            found += dns.addresses(smtp.host)
            continue
        site = urlsplit(config.site.url).hostname or ""
        if not is_loopback_or_empty(site):
            ours = True
            found += dns.addresses(site)
    public = tuple(dict.fromkeys(address for address in found if is_public(address)))
    if not public:
        return Egress((), "it is not known from which address the mail is sent")
    host = "this machine, where the relay runs" if ours else "the relay"
    return Egress(public, f"{', '.join(map(str, public))} is the address of {host}", ours)


def relays_to_check(context: Context) -> list[Relay]:
    """The configured relays; none if an ESP sends the mail."""
    return [] if context.config.service.name else configured_relays()


def check_relay(context: Context, relay: Relay, now: datetime) -> Iterator[CheckResult]:
    """Connect to a relay, authenticate as for sending, and quit."""
    subject = f"{relay.host}:{relay.port}"
    result = partial(CheckResult, "relay", subject)
    try:
        asyncio.run(_sign_in(dataclasses.replace(relay, timeouts=Timeouts(*[context.timeout] * 5))))
        extensions, tls_version, certificate = _inspect(relay, context.timeout)
    except (SmtpError, OSError, smtplib.SMTPException) as error:
        if context.config.demo.enabled and is_loopback_or_empty(relay.host):
            yield result("skipped", "The demo's mail server is not running.")
            return
        yield result("problem", str(error), "Fix [smtp] in the configuration, or the relay.")
        return
    signed_in = f" This system signed in as {relay.username}." if relay.username else ""
    offers = ", ".join(sorted(extensions)) or "nothing"
    yield result("ok", f"The relay answers, and offers {offers}.{signed_in}")
    limit = extensions.get("SIZE", "")
    if limit.isdigit() and 0 < int(limit) < _LARGE_MESSAGE:
        yield result(
            "warning",
            f"The relay accepts messages of at most {int(limit) // 1000} KB.",
            "Raise the relay's limit to a megabyte or more, or keep editions short.",
        )
    if tls_version:
        yield _certificate(relay, tls_version, certificate, now)
    elif not is_loopback_or_empty(relay.host):
        has_starttls = "STARTTLS" in extensions
        advice = (
            'Set [smtp] security = "starttls" in the configuration.'
            if has_starttls
            else "Ask the relay's operator to offer TLS encryption."
        )
        yield CheckResult("tls", subject, "warning", "Mail is sent to the relay without encryption.", advice)


async def _sign_in(relay: Relay) -> None:
    """Raises SmtpError."""
    session = await open_session(relay)
    await session.quit()


def _inspect(relay: Relay, timeout: float) -> tuple[dict[str, str], str, bytes]:
    """The relay's extensions, its TLS version (empty: no TLS), and its certificate, trusted or not."""
    context = unverified_context()
    client: smtplib.SMTP
    if relay.security == "tls":
        client = smtplib.SMTP_SSL(relay.host, relay.port, relay.ehlo, timeout=timeout, context=context)
    else:
        client = smtplib.SMTP(relay.host, relay.port, relay.ehlo, timeout=timeout)
    with client:
        client.ehlo_or_helo_if_needed()
        if relay.security in ("starttls", "opportunistic") and client.has_extn("starttls"):
            client.starttls(context=context)
            client.ehlo()
        extensions = {name.upper(): value for name, value in client.esmtp_features.items()}
        if not isinstance(client.sock, ssl.SSLSocket):
            return extensions, "", b""
        certificate = client.sock.getpeercert(binary_form=True) or b""
        return extensions, client.sock.version() or "TLS", certificate


def _certificate(relay: Relay, tls_version: str, certificate: bytes, now: datetime) -> CheckResult:
    expires = x509.load_der_x509_certificate(certificate).not_valid_after_utc
    message = (
        f"Mail to the relay is encrypted with {tls_version}; the relay's certificate expires on "
        f"{expires:%-d %B %Y}."
    )
    if expires <= now:
        message = (
            f"Mail to the relay is encrypted with {tls_version}; the relay's certificate expired on "
            f"{expires:%-d %B %Y}."
        )
    if (expires - now).days >= _EXPIRES_SOON:
        return CheckResult("tls", relay.host, "ok", message)
    return CheckResult(
        "tls", relay.host, "warning", message, "The relay's operator must renew the certificate."
    )


def check_esp(context: Context) -> Iterator[CheckResult]:
    """Whether the ESP accepts our credentials."""
    # Slow to load (requests, anymail), and needed only where an ESP is configured.
    from mailer.delivery.esp.configured_client import check_credentials

    result = partial(CheckResult, "service", context.config.service.name)
    if error := check_credentials():
        yield result(
            "problem", error, "Correct [service] in the configuration, or the account at the email service."
        )
    else:
        yield result("ok", "The email service answers and accepts the API key.")


def check_reverse_dns(context: Context) -> Iterator[CheckResult]:
    """PTR of the sending address, and whether its name resolves to the address again (FCrDNS)."""
    source = egress_addresses(context.config, context.dns)
    if not source.addresses:
        yield CheckResult("reverse_dns", "", "skipped", f"Reverse DNS was not checked: {source.reason}.")
        return
    by_text = {str(address): address for address in source.addresses}
    yield from check_each(
        "reverse_dns", by_text, lambda text: [_reverse_dns(context, by_text[text], source.ours)]
    )


def _reverse_dns(context: Context, address: Address, ours: bool) -> CheckResult:
    result = partial(CheckResult, "reverse_dns", str(address))
    names = context.dns.ptr(address)
    confirmed = [name for name in names if address in context.dns.addresses(name)]
    if confirmed:
        return result("ok", f"The sending address has the name {confirmed[0]}, which resolves to it.")
    message = (
        f"The name of the sending address, {names[0]}, does not resolve to it."
        if names
        else "The sending address has no name in DNS (PTR record)."
    )
    if not ours:
        advice = "If the relay sends from this address, its operator must publish matching PTR and A records."
        return result("warning", message, advice)
    host = urlsplit(context.config.site.url).hostname or ""
    name = dns.reversename.from_address(str(address)).to_text(omit_final_dot=True)
    return result(
        "problem",
        f"{message} Large mailbox providers refuse mail from such addresses.",
        "Ask the provider of this IP address to publish its name:",
        (DnsRecord(name, "PTR", f"{host}."),),
    )
