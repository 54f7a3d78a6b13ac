"""The relay or service that takes our mail: reached, encrypted, signed in; nothing is sent."""

from __future__ import annotations

import asyncio
import dataclasses
import smtplib
import ssl
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

import dns.reversename
from cryptography import x509

from mailer.delivery import esp
from mailer.delivery.smtp import relays
from mailer.delivery.smtp.base import Relay, SmtpError
from mailer.delivery.smtp.connect import open_session
from mailer.delivery.smtp.transport import Timeouts
from mailer.doctor.dns import Address
from mailer.doctor.egress import is_loopback, leaving
from mailer.doctor.records import Finding, Record, World

# Days before a certificate's end that are worth a word.
_SOON = 14
# Octets of the largest mail that is likely, pictures included.
_LARGE = 1_000_000


def ways(world: World) -> list[Relay]:
    """The configured relays; none where a service takes their place."""
    return [] if world.config.service.name else relays.configured()


def relay(world: World, one: Relay, now: datetime) -> Iterator[Finding]:
    """Greet a relay, sign in as sending does, and take leave."""
    subject = f"{one.host}:{one.port}"
    try:
        asyncio.run(_signed_in(dataclasses.replace(one, timeouts=Timeouts(*[world.patience] * 5))))
        offers, tls, certificate = _looked_at(one, world.patience)
    except (SmtpError, OSError, smtplib.SMTPException) as error:
        if world.config.demo.enabled and is_loopback(one.host):
            yield Finding("relay", subject, "skipped", "The demo's mail catcher is not running.")
            return
        yield Finding("relay", subject, "problem", str(error), "Mend [smtp], or the relay.")
        return
    signed_in = f" We signed in as {one.username}." if one.username else ""
    yield Finding(
        "relay",
        subject,
        "ok",
        f"It answers, and offers {', '.join(sorted(offers)) or 'nothing'}.{signed_in}",
    )
    yield from _size(subject, offers)
    if tls:
        yield _certificate(one, tls, certificate, now)
    elif not is_loopback(one.host):
        yield Finding(
            "tls",
            subject,
            "warning",
            "Mail goes to it unencrypted.",
            'Set [smtp] security = "starttls".' if "STARTTLS" in offers else "Ask whoever runs it for TLS.",
        )


async def _signed_in(one: Relay) -> None:
    """Raises SmtpError."""
    session = await open_session(one)
    await session.quit()


def _looked_at(one: Relay, patience: float) -> tuple[dict[str, str], str, bytes]:
    """What it offers, the version of TLS (empty: not used), and its certificate, trusted or not."""
    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    line: smtplib.SMTP
    if one.security == "tls":
        line = smtplib.SMTP_SSL(one.host, one.port, one.ehlo, timeout=patience, context=anybody)
    else:
        line = smtplib.SMTP(one.host, one.port, one.ehlo, timeout=patience)
    with line:
        line.ehlo_or_helo_if_needed()
        if one.security in ("starttls", "opportunistic") and line.has_extn("starttls"):
            line.starttls(context=anybody)
            line.ehlo()
        offers = {name.upper(): value for name, value in line.esmtp_features.items()}
        if not isinstance(line.sock, ssl.SSLSocket):
            return offers, "", b""
        return offers, line.sock.version() or "TLS", line.sock.getpeercert(binary_form=True) or b""


def _size(subject: str, offers: dict[str, str]) -> Iterator[Finding]:
    limit = offers.get("SIZE", "")
    if limit.isdigit() and 0 < int(limit) < _LARGE:
        yield Finding(
            "relay",
            subject,
            "warning",
            f"It takes messages of at most {int(limit) // 1000} KB.",
            "Have the limit raised to a megabyte or more, or keep editions short.",
        )


def _certificate(one: Relay, tls: str, certificate: bytes, now: datetime) -> Finding:
    ends = x509.load_der_x509_certificate(certificate).not_valid_after_utc
    days = (ends - now).days
    until = f"Encrypted with {tls}; its certificate {'ends' if ends > now else 'ended'} on {ends:%-d %B %Y}."
    if days >= _SOON:
        return Finding("tls", one.host, "ok", until)
    return Finding("tls", one.host, "warning", until, "Whoever runs the relay must renew it.")


def service(world: World) -> Iterator[Finding]:
    """Ask a service whether it knows our credentials."""
    name = world.config.service.name
    trouble = esp.check()
    if trouble:
        yield Finding("service", name, "problem", trouble, "Mend [service], or the account.")
    else:
        yield Finding("service", name, "ok", "It answers, and knows our key.")


def reverse_dns(world: World) -> Iterator[Finding]:
    """PTR of the address that mail leaves from, and whether its name leads back (FCrDNS)."""
    place = leaving(world.config, world.names)
    if not place.addresses:
        yield Finding("reverse_dns", "", "skipped", f"Not looked at: {place.because}.")
        return
    for address in place.addresses:
        yield _pointed(world, address, place.ours)


def _pointed(world: World, address: Address, ours: bool) -> Finding:
    pointers = world.names.pointers(address)
    back = [name for name in pointers if address in world.names.addresses(name)]
    if back:
        return Finding("reverse_dns", str(address), "ok", f"Its name is {back[0]}, which leads back to it.")
    seen = f"It is named {pointers[0]}, which does not lead back." if pointers else "It has no name (PTR)."
    if not ours:
        advice = "If the relay sends from this address, whoever runs it must give it one name both ways."
        return Finding("reverse_dns", str(address), "warning", seen, advice)
    host = urlsplit(world.config.site.url).hostname or ""
    return Finding(
        "reverse_dns",
        str(address),
        "problem",
        f"{seen} Large providers refuse mail from such addresses.",
        "Ask whoever gave you the address to publish its name:",
        (Record(dns.reversename.from_address(str(address)).to_text(omit_final_dot=True), "PTR", f"{host}."),),
    )
