"""The way back: the bounce domain's mail server, and the mailbox behind it."""

from __future__ import annotations

import os
import smtplib
from collections.abc import Iterator
from pathlib import Path

from django.utils import timezone

from mailer.config import Config
from mailer.config.bounces import TOKEN
from mailer.doctor.egress import leaving
from mailer.doctor.records import Finding, Record, World
from mailer.feedback.sources.mailbox import MailboxError
from mailer.feedback.sources.sources import Way, mailboxes

# Where Maildir keeps what has arrived, what was seen, and what is being written.
_PARTS = ("new", "cur", "tmp")
# RFC 5321 §4.3.2: what a server says that takes a sender or a recipient.
_TAKEN = 250


def exchanger(world: World) -> Iterator[Finding]:
    """MX of the bounce domain, and whether one of its servers takes a bounce; none is sent."""
    if not world.bounce_domains:
        yield Finding("bounce_mx", "", "skipped", "There is no [bounces] domain and no sender yet.")
    for domain in world.bounce_domains:
        yield _exchanger(world, domain)


def _exchanger(world: World, domain: str) -> Finding:
    hosts = world.names.exchangers(domain)
    if hosts == [""]:
        seen = "It says that it takes no mail at all (null MX), so no bounce can come back."
        return Finding("bounce_mx", domain, "problem", seen, "Publish an MX that names your mail server.")
    if not hosts and not world.names.addresses(domain):
        place = leaving(world.config, world.names)
        host = f"mail.{domain}." if not place.ours else f"{_site_host(world)}."
        return Finding(
            "bounce_mx",
            domain,
            "problem",
            "It has no MX record, so bounces cannot come back; some providers refuse such senders.",
            "Publish one that names the mail server with the bounce mailbox:",
            (Record(domain, "MX", f"10 {host}"),),
        )
    return _taken(world, domain, hosts or [domain])


def _site_host(world: World) -> str:
    return world.config.site.url.partition("://")[2].partition(":")[0]


def _taken(world: World, domain: str, hosts: list[str]) -> Finding:
    """Ask the first server that answers whether it would take a bounce."""
    address = f"{world.config.bounces.address.replace(TOKEN, 'doctor')}@{domain}"
    silent = ""
    for host in hosts[:3]:
        addresses = world.names.addresses(host)
        if not addresses:
            silent = silent or f"The mail server {host} has no address in DNS."
            continue
        try:
            with smtplib.SMTP(str(addresses[0]), world.mx_port, timeout=world.patience) as line:
                line.ehlo_or_helo_if_needed()
                code, said = line.mail("")
                if code == _TAKEN:
                    code, said = line.rcpt(address)
        except (OSError, smtplib.SMTPException) as error:
            why = getattr(error, "strerror", "") or str(error) or type(error).__name__
            silent = silent or f"{host} could not be asked: {why.lower()}."
            continue
        words = f"{host} answers {code} {said.decode('utf-8', 'replace')}".replace("\n", " ")
        if code == _TAKEN:
            return Finding("bounce_mx", domain, "ok", f"{host} takes mail to it.")
        if code >= 500:
            advice = f"Let that server take all mail to {domain}, for every address."
            return Finding("bounce_mx", domain, "problem", f"A bounce would be refused: {words}", advice)
        return Finding(
            "bounce_mx", domain, "warning", f"A bounce would be put off: {words}", "Try again later."
        )
    advice = "Many networks block port 25 outwards: then ask from another machine. Else see to that server."
    return Finding("bounce_mx", domain, "warning", silent, advice)


def ways_in(config: Config, patience: float) -> Iterator[Finding]:
    """By which ways returned mail reaches us: one finding for each that is configured."""
    bounces = config.bounces
    if bounces.maildir:
        yield _maildir(config.path(bounces.maildir))
    yield from (_mailbox(way) for way in mailboxes(config) if way.kind != "maildir")
    if bounces.lmtp_port:
        yield _lmtp(bounces.lmtp_host, bounces.lmtp_port, patience)
    if not bounces.comes_back and config.service.hears:
        seen = f"No mailbox is read; {config.service.name} tells of what comes back."
        yield Finding("bounce_mailbox", "", "skipped", seen)
    elif not bounces.comes_back:
        yield Finding(
            "bounce_mailbox",
            "",
            "warning",
            "No mailbox is read for bounces, so dead addresses go on being written to.",
            "Set [bounces] imap_host, pop3_host, maildir or lmtp_port; or let the mail server run "
            "`mailer bounces receive`: then all is well.",
        )


def _mailbox(way: Way) -> Finding:
    """Sign in to it and look; nothing in it is touched."""
    try:
        with way.open(timezone.now()) as mailbox:
            waiting = len(mailbox.arrived())
    except MailboxError as error:
        return Finding(
            "bounce_mailbox",
            way.address,
            "problem",
            str(error),
            "Until then, nothing that comes back is read.",
        )
    seen = f"It can be read; messages waiting in it: {waiting}."
    return Finding("bounce_mailbox", way.address, "ok", seen)


def _lmtp(host: str, port: int, patience: float) -> Finding:
    """Whether our server answers there."""
    address = f"lmtp://{host}:{port}"
    try:
        with smtplib.LMTP(host, port, timeout=patience) as line:
            code, _ = line.ehlo()
    except (OSError, smtplib.SMTPException) as error:
        seen = f"The worker does not answer on {host}:{port}: {str(error).lower()}."
        return Finding("bounce_mailbox", address, "problem", seen, "Start the worker; it says what keeps it.")
    if code != _TAKEN:
        seen = f"Something else than the worker answers on {host}:{port}."
        return Finding("bounce_mailbox", address, "problem", seen, "Set another [bounces] lmtp_port.")
    return Finding("bounce_mailbox", address, "ok", "The worker takes mail there.")


def _maildir(path: Path) -> Finding:
    missing = [part for part in _PARTS if not (path / part).is_dir()]
    if missing:
        return Finding(
            "bounce_mailbox",
            str(path),
            "problem",
            f"It is no Maildir: {', '.join(missing)} is missing.",
            f"mkdir -p {path}/{{new,cur,tmp}}, owned by the mail server, writable for the worker.",
        )
    closed = [part for part in _PARTS if not os.access(path / part, os.R_OK | os.W_OK | os.X_OK)]
    if closed:
        return Finding(
            "bounce_mailbox",
            str(path),
            "problem",
            f"We may not read and write in {', '.join(closed)}.",
            "Give the user that runs the worker leave to: messages move from new to cur when they are read.",
        )
    waiting = sum(1 for _ in (path / "new").iterdir())
    return Finding("bounce_mailbox", str(path), "ok", f"It can be read; messages waiting in it: {waiting}.")
